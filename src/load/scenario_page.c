/*
 * The bytes of a page, on either side, without touching it.
 *
 * Layer 8. What a process would find there if it had the right to look. The simulator is looked at
 * from inside, below its fault handler, so that looking changes no page table.
 */
#include <string.h>

#include "base/addr.h"
#include "base/err.h"
#include "kernel/machine.h"
#include "load/native.h"
#include "load/scenario_call.h"

/* A page that no process has touched: what the fault would find. */
static int page_untouched(struct mw_machine *m, const struct vma *v, vaddr_t va, uint8_t *out)
{
    uint64_t index = v->off_pages + ((va - v->start) >> PAGE_SHIFT);
    struct file_map *map = v->file == NULL ? NULL : v->file->map;
    struct frame *frame;
    int err;

    memset(out, 0, PAGE_BYTES);
    if (map == NULL)
        return 0;
    if (index >= (file_map_bytes(map) + PAGE_MASK) >> PAGE_SHIFT)
        return -EFAULT;
    frame = radix_get(&map->pages, index);
    if (frame == NULL && map->inode == NULL)
        return 0;
    err = frame != NULL ? 0 : cache_page(map, index, &frame, NULL);
    if (err == 0)
        memcpy(out, frame_bytes(&m->frames, frame), PAGE_BYTES);
    return err;
}

static int page_of_simulator(struct mw_machine *m, int pid, uint64_t va, uint8_t *out)
{
    struct process *p = machine_process(m, pid);
    const struct vma *v = p == NULL ? NULL : vma_set_find(&p->mm->vmas, va);
    pte_t pte;

    if (v == NULL)
        return -EFAULT;
    va = page_floor(va);
    if (mm_is_guarded(p->mm, va) || vma_huge_bytes(v) != 0)
        return -EFAULT;
    pte = pt_lookup(&p->mm->pt, va, NULL);
    if (!pte_present(pte))
        return page_untouched(m, v, va, out);
    memcpy(out, ram_host(&m->ram, pte_paddr(pte)), PAGE_BYTES);
    return 0;
}

/* Files in memory have a name and no inode; memory of /dev/zero is anonymous though it has both. */
static bool is_private_anonymous(const struct mw_vma *area)
{
    if (area->shared)
        return false;
    return strcmp(area->name, "/dev/zero") == 0 || (area->inode == 0 && area->name[0] != '/');
}

/* Private anonymous memory that was never touched is zero; reading it would touch it. */
static int page_of_linux(struct scenario *s, const struct mw_vma *area, uint64_t va, uint8_t *out)
{
    if (native_guarded(s->native, s->pid, va) == 1)
        return -EFAULT;
    if (is_private_anonymous(area) && native_present(s->native, s->pid, va) == 0) {
        memset(out, 0, PAGE_BYTES);
        return 0;
    }
    return native_page(s->native, s->pid, va, out);
}

int scenario_page(struct scenario *s, const struct mw_vma *area, uint64_t va, uint8_t *out)
{
    if (s->side == SIDE_LINUX)
        return page_of_linux(s, area, va, out);
    return page_of_simulator(s->machine, s->pid, va, out);
}
