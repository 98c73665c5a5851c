/*
 * The address space's checker and its hash: both look at everything again. Layer 6.
 */
#include "base/prng.h"
#include "mm/mm.h"
#include "mm/mm_private.h"
#include "mm/uffd.h"

struct mm_scan {
    const struct mm *mm;
    uint64_t hash;
    uint64_t present;
    bool ok;
};

/* I-MM-3, I-MM-5 and the private half of I-MM-2: what a page of a private area may be. */
static bool mm_check_private(const struct vma *v, const struct frame *f, pte_t pte, uint64_t index)
{
    if (pte_has(pte, PTE_V | PTE_W))
        return f->owner == MW_OWNER_ANONYMOUS && f->refs == 1 && v->history != 0;
    if (f->owner == MW_OWNER_CACHE)
        return !vma_is_anonymous(v) && f->home == v->file->map && f->index == index;
    if (f->owner == MW_OWNER_ANONYMOUS)
        return v->history != 0; /* I-MM-5 */
    return f->owner == MW_OWNER_ZERO && vma_is_anonymous(v);
}

/* The shared half of I-MM-2, and I-CACHE-2: a writable entry's page is tagged dirty. */
static bool mm_check_shared(const struct vma *v, const struct frame *f, pte_t pte, uint64_t index)
{
    struct file_map *map = v->file->map;

    if (radix_get(&map->pages, index) != f)
        return false;
    if (map->inode == NULL || !(pte_has(pte, PTE_V | PTE_W) || pte_has(pte, PTE_D)))
        return true;
    return radix_tag_get(&map->pages, index, CACHE_TAG_DIRTY);
}

static void mm_check_leaf(void *context, vaddr_t va, pte_t pte)
{
    struct mm_scan *scan = context;
    const struct vma *v = vma_set_find(&scan->mm->vmas, va);
    const struct frame *f = frame_of(scan->mm->env->frames, pte_paddr(pte));
    uint64_t index;

    scan->present++;
    if (v == NULL) {
        scan->ok = false;
        return;
    }
    index = vma_index(v, va);
    if ((pte_grants(pte) & ~mm_rights(scan->mm, v->prot)) != 0)
        scan->ok = false; /* I-MM-1 */
    if ((v->flags & VMA_SHARED) && !vma_is_anonymous(v))
        scan->ok &= mm_check_shared(v, f, pte, index);
    else
        scan->ok &= mm_check_private(v, f, pte, index);
}

bool mm_check(const struct mm *mm)
{
    struct mm_scan scan = {.mm = mm, .ok = true};

    if (!vma_set_check(&mm->vmas) || !pt_check(&mm->pt))
        return false;
    pt_visit_range(&mm->pt, (struct range){0, mm->user_end}, mm_check_leaf, &scan);
    if (!scan.ok || scan.present != mm->pt.leaves || !mm_uffd_check(mm) || !mm_guard_check(mm))
        return false;
    for (unsigned i = 0; i < mm->env->harts->count; i++) {
        struct hart *hart = &mm->env->harts->harts[i];

        if (mm->pt.asid_generation != mm->env->harts->asid_generation || !(mm->pt.ran_on >> i & 1))
            continue;
        if (!hart_check_tlb(hart, mm->pt.mode, frame_paddr(mm->env->frames, mm->pt.root),
                            mm->pt.asid))
            return false;
    }
    return true;
}

static uint64_t mm_hash_word(uint64_t hash, uint64_t word)
{
    return prng_mix(hash ^ word);
}

/* Address, rights and bytes. Which frame holds them is not observable, so it stays out. */
static void mm_hash_leaf(void *context, vaddr_t va, pte_t pte)
{
    struct mm_scan *scan = context;
    const uint64_t *words = ram_host(scan->mm->env->frames->ram, pte_paddr(pte));

    scan->hash = mm_hash_word(scan->hash, va);
    scan->hash = mm_hash_word(scan->hash, pte_grants(pte));
    for (unsigned i = 0; i < PAGE_BYTES / sizeof(*words); i++)
        scan->hash = mm_hash_word(scan->hash, words[i]);
}

uint64_t mm_hash(const struct mm *mm)
{
    struct mm_scan scan = {.mm = mm, .hash = mm->brk_end};
    struct imap_entry entry;

    for (bool found = imap_find(&mm->vmas.index, 0, &entry); found;
         found = imap_next(&mm->vmas.index, &entry)) {
        const struct vma *v = entry.value;

        scan.hash = mm_hash_word(scan.hash, v->start);
        scan.hash = mm_hash_word(scan.hash, v->end);
        scan.hash = mm_hash_word(scan.hash, (uint64_t)v->prot << 32 | v->flags);
        scan.hash = mm_hash_word(scan.hash, v->off_pages);
    }
    pt_visit_range(&mm->pt, (struct range){0, mm->user_end}, mm_hash_leaf, &scan);
    return scan.hash;
}
