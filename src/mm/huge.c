/*
 * Memory mapped with MAP_HUGETLB, on a machine that has set no huge page aside. Layer 6.
 *
 * As in Linux, it is a file of its own that the area maps. Who asks for pages to be reserved is
 * refused, late: what MAP_FIXED was to replace is gone then. Who does not (MAP_NORESERVE) gets an
 * area in which nothing can ever be had: every access that its rights allow meets SIGBUS, and no
 * page is ever installed. All that is to be seen is therefore the area, whose bounds are multiples
 * of the huge page, and which never joins another (Linux: VM_DONTEXPAND).
 */
#include "mm/mm.h"
#include "mm/mm_private.h"

#define HUGE_2M ((uint64_t)1 << 21)
#define HUGE_1G ((uint64_t)1 << 30)

static int huge_map(struct mapped_file *file, bool shared, uint64_t bytes,
                    struct mapped_file **instead)
{
    (void)file;
    (void)shared;
    (void)bytes;
    (void)instead;
    return 0;
}

static const char *huge_name(const struct mapped_file *file)
{
    (void)file;
    return "/anon_hugepage";
}

static const struct mapped_ops huge_2m = {
    .map = huge_map, .name = huge_name, .huge_bytes = HUGE_2M};
static const struct mapped_ops huge_1g = {
    .map = huge_map, .name = huge_name, .huge_bytes = HUGE_1G};

/* The kind of huge pages that the flags of mmap name by the logarithm of their size; NULL: none. */
static const struct mapped_ops *huge_kind(int flags)
{
    switch (((unsigned)flags >> MAP_HUGE_SHIFT) & MAP_HUGE_MASK) {
    case 0: /* the usual one */
    case 21:
        return &huge_2m;
    case 30:
        return &huge_1g;
    default:
        return NULL;
    }
}

int mm_huge_refusal(const struct vma *model, int flags)
{
    if ((model->off_pages << PAGE_SHIFT) & (vma_huge_bytes(model) - 1))
        return -EINVAL;
    return flags & MAP_NORESERVE ? 0 : -ENOMEM;
}

int64_t mm_mmap_huge(struct mm *mm, vaddr_t hint, uint64_t bytes, int prot, int flags,
                     uint64_t off_bytes)
{
    const struct mapped_ops *kind = huge_kind(flags);
    struct mapped_file *file;
    uint64_t rounded;
    int64_t start;
    int err;

    if (kind == NULL)
        return -EINVAL;
    rounded = (bytes + kind->huge_bytes - 1) & ~(kind->huge_bytes - 1);
    err = mm_shared_new(mm->env, rounded, &file);
    if (err != 0)
        return err;
    file->ops = kind;
    start = mm_mmap(mm, hint, rounded, prot, flags, file, off_bytes);
    mapped_file_put(file); /* the area has its own reference */
    return start;
}
