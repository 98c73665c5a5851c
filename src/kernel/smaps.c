/*
 * What areas and pages are made of: smaps and pagemap. Layer 7.
 *
 * Counts as fs/proc/task_mmu.c of Linux 6.18 does: pages that are present, each by what its frame is
 * used for and by how many page-table entries show it. The shared page of zeros belongs to nobody
 * and is not counted. Looking changes nothing.
 */
#include <inttypes.h>
#include <mapwalk/machine.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel/calls.h"
#include "mm/uffd.h"

#define PSS_SHIFT  12 /* fractions of a byte that are carried along */
#define HUGE_BYTES ((uint64_t)2 << 20)

/* ---- one page ---- */

/* Entries that show the frame: all its references but the page cache's own. */
static uint32_t page_mappings(const struct frame *frame)
{
    return frame->refs - (frame->owner == MW_OWNER_CACHE ? 1 : 0);
}

/*
 * A page of the process's own has no other home, so it is dirty from its birth: Linux sets D when
 * it makes one. Only MADV_FREE takes that away, until it is written again.
 */
static void page_describe(const struct mw_machine *m, pte_t pte, struct mw_page *out)
{
    const struct frame *frame = frame_of(&m->frames, pte_paddr(pte));

    out->present = true;
    out->writable = pte_has(pte, PTE_V | PTE_W);
    out->accessed = pte_has(pte, PTE_A);
    out->frame = pte_paddr(pte).raw >> PAGE_SHIFT;
    out->zero = frame == m->mm_env.zero;
    out->anonymous = !out->zero && frame->owner == MW_OWNER_ANONYMOUS;
    out->file = frame->owner == MW_OWNER_CACHE;
    out->dirty = (out->anonymous && !frame->lazy) || pte_has(pte, PTE_D);
    out->shared = page_mappings(frame);
    if (out->zero)
        out->shared--; /* the machine's own reference */
}

int mw_page_look(struct mw_machine *m, int pid, uint64_t va, struct mw_page *out)
{
    const struct process *p = machine_process(m, pid);
    pte_t pte;

    memset(out, 0, sizeof(*out));
    if (p == NULL)
        return -ESRCH;
    if (va >= p->mm->user_end)
        return 0;
    out->mapped = vma_set_find(&p->mm->vmas, va) != NULL;
    out->uffd_wp = mm_uffd_is_marked(p->mm, page_floor(va));
    pte = pt_lookup(&p->mm->pt, page_floor(va), NULL);
    if (pte_present(pte))
        page_describe(m, pte, out);
    return 0;
}

/* ---- one area ---- */

struct smaps_count {
    const struct mw_machine *machine;
    const struct vma *vma;
    struct mw_smaps *out;
    uint64_t pss; /* in fractions */
    uint64_t pss_dirty;
    uint64_t pss_locked;
};

/* Is the page's content newer than its file? The cache knows it even where D is not set. */
static bool smaps_page_dirty(const struct smaps_count *c, vaddr_t va, const struct mw_page *page)
{
    const struct file_map *map;
    uint64_t index = vma_index(c->vma, va);

    if (page->dirty || !page->file)
        return page->dirty;
    map = c->vma->file->map;
    if (map->inode == NULL)
        return !frame_of(&c->machine->frames, paddr(page->frame << PAGE_SHIFT))->zero;
    return radix_get(&map->pages, index) != NULL &&
           radix_tag_get(&map->pages, index, CACHE_TAG_DIRTY);
}

static void smaps_add(struct mw_smaps *out, bool shared, bool dirty)
{
    if (shared)
        *(dirty ? &out->shared_dirty_bytes : &out->shared_clean_bytes) += PAGE_BYTES;
    else
        *(dirty ? &out->private_dirty_bytes : &out->private_clean_bytes) += PAGE_BYTES;
}

/* smaps_account */
static void smaps_count_leaf(void *context, vaddr_t va, pte_t pte)
{
    struct smaps_count *c = context;
    struct mw_page page = {0};
    uint64_t pss = PAGE_BYTES << PSS_SHIFT;
    bool dirty;

    page_describe(c->machine, pte, &page);
    if (page.zero)
        return;
    dirty = smaps_page_dirty(c, va, &page);
    pss /= page.shared > 1 ? page.shared : 1;
    c->out->rss_bytes += PAGE_BYTES;
    c->out->anonymous_bytes += page.anonymous ? PAGE_BYTES : 0;
    c->out->lazy_free_bytes += page.anonymous && !dirty ? PAGE_BYTES : 0;
    c->out->referenced_bytes += page.accessed ? PAGE_BYTES : 0;
    smaps_add(c->out, page.shared > 1, dirty);
    c->pss += pss;
    c->pss_dirty += dirty ? pss : 0;
    c->pss_locked += c->vma->flags & VMA_LOCKED ? pss : 0;
}

/* ---- VmFlags ---- */

/* VM_SHARED: goes when the file was not opened for writing, stays when a seal forbids it. */
static bool smaps_shares(const struct vma *v)
{
    return (v->flags & VMA_SHARED) && (v->file == NULL || v->file->writable);
}

struct smaps_flag {
    const char *name;
    bool set;
};

/* Names of properties in the order of Linux's bits, which is the order in which it prints them. */
static void smaps_flags(const struct vma *v, char *out)
{
    const struct smaps_flag flags[] = {
        {"rd", (v->prot & PROT_READ) != 0},
        {"wr", (v->prot & PROT_WRITE) != 0},
        {"ex", (v->prot & PROT_EXEC) != 0},
        {"sh", smaps_shares(v)},
        {"mr", true},
        {"mw", (v->flags & VMA_MAYWRITE) != 0},
        {"me", true},
        {"ms", (v->flags & VMA_SHARED) != 0},
        {"gd", (v->flags & VMA_GROWSDOWN) != 0},
        {"gu", (v->flags & VMA_GUARDS) != 0},
        {"um", (v->flags & VMA_UFFD_MISSING) != 0},
        {"uw", (v->flags & VMA_UFFD_WP) != 0},
        {"lo", (v->flags & VMA_LOCKED) != 0},
        {"sr", (v->flags & VMA_SEQ_READ) != 0},
        {"rr", (v->flags & VMA_RAND_READ) != 0},
        {"dc", (v->flags & VMA_DONTCOPY) != 0},
        {"de", vma_huge_bytes(v) != 0},
        {"lf", (v->flags & VMA_LOCKONFAULT) != 0},
        {"ac", (v->flags & VMA_ACCOUNT) != 0},
        {"nr", (v->flags & VMA_NORESERVE) != 0},
        {"ht", vma_huge_bytes(v) != 0},
        {"wf", (v->flags & VMA_WIPEONFORK) != 0},
        {"dd", (v->flags & VMA_DONTDUMP) != 0},
        {"hg", (v->flags & VMA_HUGEPAGE) != 0},
        {"nh", (v->flags & VMA_NOHUGEPAGE) != 0},
        {"mg", (v->flags & VMA_MERGEABLE) != 0},
        {"ui", (v->flags & VMA_UFFD_MINOR) != 0},
        {"dp", (v->flags & VMA_DROPPABLE) != 0},
        {"sl", (v->flags & VMA_SEALED) != 0},
    };
    char *at = out;

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (flags[i].set)
            at += sprintf(at, at == out ? "%s" : " %s", flags[i].name);
}

/* THP is for madvised areas only; of files, only shared anonymous memory could have it. */
static bool smaps_thp_eligible(const struct vma *v)
{
    uint64_t first = (v->start + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);

    return (v->flags & VMA_HUGEPAGE) && vma_is_anonymous(v) && v->end >= first + HUGE_BYTES;
}

int mw_smaps_next(struct mw_machine *m, int pid, uint64_t va, struct mw_smaps *out)
{
    struct smaps_count count = {.machine = m, .out = out};
    const struct process *p = machine_process(m, pid);
    int err;

    memset(out, 0, sizeof(*out));
    err = mw_vma_next(m, pid, va, &out->vma);
    if (err != 0)
        return err;
    count.vma = vma_set_find(&p->mm->vmas, out->vma.start);
    pt_visit_range(&p->mm->pt, (struct range){out->vma.start, out->vma.end}, smaps_count_leaf,
                   &count);
    out->pss_bytes = count.pss >> PSS_SHIFT;
    out->pss_dirty_bytes = count.pss_dirty >> PSS_SHIFT;
    out->locked_bytes = count.pss_locked >> PSS_SHIFT;
    out->page_bytes = vma_huge_bytes(count.vma) != 0 ? vma_huge_bytes(count.vma) : PAGE_BYTES;
    out->thp_eligible = smaps_thp_eligible(count.vma);
    smaps_flags(count.vma, out->vm_flags);
    return 0;
}

void mw_smaps_format(const struct mw_smaps *s, char *out, size_t bytes)
{
    const struct {
        const char *name;
        uint64_t bytes;
    } rows[] = {
        {"Size", s->vma.end - s->vma.start},
        {"KernelPageSize", s->page_bytes},
        {"MMUPageSize", s->page_bytes},
        {"Rss", s->rss_bytes},
        {"Pss", s->pss_bytes},
        {"Pss_Dirty", s->pss_dirty_bytes},
        {"Shared_Clean", s->shared_clean_bytes},
        {"Shared_Dirty", s->shared_dirty_bytes},
        {"Private_Clean", s->private_clean_bytes},
        {"Private_Dirty", s->private_dirty_bytes},
        {"Referenced", s->referenced_bytes},
        {"Anonymous", s->anonymous_bytes},
        {"KSM", 0},
        {"LazyFree", s->lazy_free_bytes},
        {"AnonHugePages", 0},
        {"ShmemPmdMapped", 0},
        {"FilePmdMapped", 0},
        {"Shared_Hugetlb", 0},
        {"Private_Hugetlb", 0},
        {"Swap", 0},
        {"SwapPss", 0},
        {"Locked", s->locked_bytes},
    };
    size_t at = 0;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && at < bytes; i++)
        at += (size_t)snprintf(out + at, bytes - at, "%s:%*" PRIu64 " kB\n", rows[i].name,
                               (int)(23 - strlen(rows[i].name)), rows[i].bytes >> 10);
    if (at < bytes)
        snprintf(out + at, bytes - at, "THPeligible:    %8d\nVmFlags: %s \n", s->thp_eligible,
                 s->vm_flags);
}
