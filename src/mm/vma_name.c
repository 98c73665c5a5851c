/*
 * Names of areas: shared, counted text. Layer 6.
 */
#include "mm/vma_name.h"

#include <string.h>

/* As the kernel has it: what would confuse a reader of /proc/PID/maps or a shell is refused. */
static bool vma_name_char_fits(char c)
{
    return c > 0x1f && c < 0x7f && strchr("\\`$[]", c) == NULL;
}

int vma_name_new(struct alloc *a, const char *text, struct vma_name **out)
{
    size_t length = strnlen(text, VMA_NAME_BYTES);
    struct vma_name *name;

    if (length == VMA_NAME_BYTES)
        return -EINVAL;
    for (size_t i = 0; i < length; i++)
        if (!vma_name_char_fits(text[i]))
            return -EINVAL;
    name = alloc_zeroed(a, sizeof(*name));
    if (name == NULL)
        return -ENOMEM;
    name->alloc = a;
    name->refs = 1;
    memcpy(name->text, text, length);
    *out = name;
    return 0;
}

struct vma_name *vma_name_get(struct vma_name *name)
{
    if (name != NULL)
        name->refs++;
    return name;
}

void vma_name_put(struct vma_name *name)
{
    if (name != NULL && --name->refs == 0)
        alloc_release(name->alloc, name);
}

bool vma_name_equal(const struct vma_name *a, const struct vma_name *b)
{
    if (a == b || a == NULL || b == NULL)
        return a == b;
    return strcmp(a->text, b->text) == 0;
}
