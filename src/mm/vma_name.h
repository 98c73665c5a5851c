/*
 * The name of an area of anonymous memory (prctl(2), PR_SET_VMA_ANON_NAME): text that several areas
 * share. Layer 6; knows nothing of areas.
 *
 * Areas merge when their names are equal as text, whoever owns them.
 */
#ifndef MAPWALK_MM_VMA_NAME_H
#define MAPWALK_MM_VMA_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/err.h"

#define VMA_NAME_BYTES 80 /* with the terminator (ANON_VMA_NAME_MAX_LEN) */

struct vma_name {
    struct alloc *alloc;
    uint32_t refs;
    char text[VMA_NAME_BYTES];
};

/*
 * A name with one reference. -EINVAL: too long, or it has a character that is not printable or one
 * of \ ` $ [ ]; -ENOMEM.
 */
MUST_CHECK int vma_name_new(struct alloc *a, const char *text, struct vma_name **out);

/* NULL is no name, and stays NULL. */
struct vma_name *vma_name_get(struct vma_name *name);
void vma_name_put(struct vma_name *name);

bool vma_name_equal(const struct vma_name *a, const struct vma_name *b);

#endif
