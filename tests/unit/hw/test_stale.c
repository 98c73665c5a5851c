/*
 * The stale-translation detector: what it reports, and what it must not report.
 *
 * Tables are plain memory here, changed behind the hart's back as a kernel does that forgets its
 * fences. Which fence of the simulated kernel is missing is the business of unit.pt.fences; how a
 * finding is told, that of unit.hw.stale_telling.
 */
#include "stale_world.h"

/* ---- what is reported ---- */

struct difference {
    uint64_t flags; /* of the first PTE */
    uint64_t frame; /* of the second; 0: none */
    uint64_t then;  /* its flags */
    enum mw_access access;
    enum mw_stale kind;
    enum mw_loss loss;
};

static const struct difference differences[] = {
    {LEAF_RW, 0, 0, MW_STORE, MW_STALE_UNMAPPED, MW_LOSS_WRITE},
    {LEAF_RW, 0, 0, MW_LOAD, MW_STALE_UNMAPPED, MW_LOSS_READ},
    {LEAF_RWX, 0, 0, MW_FETCH, MW_STALE_UNMAPPED, MW_LOSS_READ},
    {LEAF_RW, 0, 0, MW_AMO, MW_STALE_UNMAPPED, MW_LOSS_WRITE},
    {LEAF_RW, OTHER, LEAF_RW, MW_STORE, MW_STALE_FRAME, MW_LOSS_WRITE},
    {LEAF_RW, OTHER, LEAF_RW, MW_LOAD, MW_STALE_FRAME, MW_LOSS_READ},
    {LEAF_RW, FRAME, LEAF_RW & ~PTE_W, MW_STORE, MW_STALE_RIGHTS, MW_LOSS_PROTECTION},
    {LEAF_RW, FRAME, LEAF_RW & ~PTE_W, MW_LOAD, MW_STALE_RIGHTS, MW_LOSS_NONE},
    {LEAF_RWX, FRAME, LEAF_RW, MW_FETCH, MW_STALE_RIGHTS, MW_LOSS_PROTECTION},
    {LEAF_RW, FRAME, LEAF_RW | PTE_U, MW_LOAD, MW_STALE_RIGHTS, MW_LOSS_PROTECTION},
    {LEAF_RW, FRAME, (LEAF_RW & ~PTE_R & ~PTE_W) | PTE_X, MW_LOAD, MW_STALE_RIGHTS,
     MW_LOSS_PROTECTION},
    {LEAF_RW | PTE_G, FRAME, LEAF_RW, MW_LOAD, MW_STALE_RIGHTS, MW_LOSS_NONE},
    {LEAF_RW, FRAME, LEAF_RW & ~PTE_D, MW_STORE, MW_STALE_DIRTY, MW_LOSS_DIRTY},
    {LEAF_RW, FRAME, LEAF_RW & ~PTE_D & ~PTE_A, MW_STORE, MW_STALE_DIRTY, MW_LOSS_DIRTY},
    {LEAF_RW, FRAME, LEAF_RW & ~PTE_A, MW_LOAD, MW_STALE_ACCESSED, MW_LOSS_ACCESSED},
    {LEAF_RW, FRAME, LEAF_RW | (PTE_PBMT & (PTE_PBMT >> 1)), MW_LOAD, MW_STALE_MEMORY_TYPE,
     MW_LOSS_TYPE},
    {LEAF_RW, FRAME, LEAF_RW | PTE_RESERVED, MW_LOAD, MW_STALE_UNMAPPED, MW_LOSS_READ},
};

static void check_difference(const struct difference *d, bool hardware_ad)
{
    pte_t then = d->frame == 0 ? pte_none() : pte_make(paddr(d->frame), d->then);
    const struct mw_stale_finding *f;
    struct stale_world s;

    start(&s, world_tlbs(4, 2), 0, hardware_ad);
    map(&s, 0, FRAME, d->flags);
    assert_true(use(&s, 0, d->access));
    change(&s, then);
    assert_true(use(&s, 8, d->access));
    f = only_finding(&s);
    assert_int_equal(f->kind, d->kind);
    assert_int_equal(f->loss, d->loss);
    assert_int_equal(f->access, d->access);
    assert_int_equal(f->va, VA + 8);
    assert_int_equal(f->asid, 1);
    assert_int_equal(f->tlb, MW_TLB_L1D);
    assert_int_equal(f->cached_pte, s.pte.raw);
    assert_int_equal(f->present_pte, then.raw);
    assert_int_equal(world_read_pte(&s.w, s.slot).raw, then.raw); /* looking writes no A and D */
    assert_true(f->known);
    assert_int_equal(f->pte_address, s.slot.raw);
    assert_int_equal(f->site, MW_FENCE_PROTECT);
    assert_true(f->fence_has_va);
    assert_int_equal(f->fence_va, VA);
    assert_int_equal(f->fence_has_asid, (d->flags & PTE_G) == 0);
    assert_int_equal(counters(&s).by_loss[d->loss], 1);
    stop(&s);
}

static void each_difference_is_told_with_what_the_access_lost(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(differences) / sizeof(differences[0]); i++) {
        check_difference(&differences[i], false);
        check_difference(&differences[i], true);
    }
}

static void a_page_of_a_superpage_and_of_a_napot_region_is_compared_as_such(void **state)
{
    struct stale_world s;

    (void)state;
    start(&s, world_tlbs(4, 2), 0, false);
    map(&s, 1, FRAME & ~(((uint64_t)1 << 21) - 1), LEAF_RW);
    assert_true(use(&s, 5 * PAGE_BYTES, MW_LOAD));
    change(&s, pte_none());
    assert_true(use(&s, 9 * PAGE_BYTES, MW_STORE));
    assert_int_equal(only_finding(&s)->loss, MW_LOSS_WRITE);
    stop(&s);

    start(&s, world_tlbs(4, 2), 0, false);
    map(&s, 0, FRAME + 8 * PAGE_BYTES, LEAF_RW | PTE_N);
    for (unsigned i = 1; i < PTE_NAPOT_PAGES; i++)
        world_map(&s.w, MW_MODE_SV39, VA + i * PAGE_BYTES, 0, s.pte);
    assert_true(use(&s, 0, MW_LOAD));
    assert_true(use(&s, 3 * PAGE_BYTES, MW_LOAD));
    assert_int_equal(counters(&s).uses, 0);
    world_map(&s.w, MW_MODE_SV39, VA + 3 * PAGE_BYTES, 0, pte_none());
    assert_true(use(&s, 2 * PAGE_BYTES, MW_LOAD)); /* of the region, but not the page that went */
    assert_int_equal(counters(&s).uses, 0);
    assert_true(use(&s, 3 * PAGE_BYTES, MW_LOAD));
    assert_int_equal(counters(&s).uses, 1);
    stop(&s);
}

static void a_cached_pointer_that_was_changed_takes_a_fence_without_address(void **state)
{
    const struct mw_stale_finding *f;
    struct stale_world s;
    pte_t pointer;

    (void)state;
    start(&s, with_walk_cache(), 0, false);
    map(&s, 0, FRAME, LEAF_RW);
    world_map(&s.w, MW_MODE_SV39, VA + PAGE_BYTES, 0, s.pte);
    assert_true(use(&s, 0, MW_LOAD));
    /* Another table with the same leaves takes the place of the one that the walk cache knows. */
    s.slot = world_slot(pte_paddr(world_read_pte(&s.w, world_slot(s.w.root, VA, 2))), VA, 1);
    pointer = world_read_pte(&s.w, s.slot);
    change(&s, pte_none());
    world_map(&s.w, MW_MODE_SV39, VA + PAGE_BYTES, 0, s.pte);
    assert_true(use(&s, PAGE_BYTES, MW_LOAD));
    f = only_finding(&s);
    assert_int_equal(f->kind, MW_STALE_POINTER);
    assert_int_equal(f->loss, MW_LOSS_WALK);
    assert_int_equal(f->tlb, MW_TLB_COUNT);
    assert_int_equal(f->cached_pte, pointer.raw);
    assert_int_equal(f->pte_address, s.slot.raw);
    assert_false(f->fence_has_va);
    assert_true(f->fence_has_asid);
    assert_int_equal(f->fence_asid, 1);
    stop(&s);

    start(&s, with_walk_cache(), 0, false);
    map(&s, 0, FRAME, LEAF_RW);
    world_map(&s.w, MW_MODE_SV39, VA + PAGE_BYTES, 0, s.pte);
    assert_true(use(&s, 0, MW_LOAD));
    s.slot = world_slot(s.w.root, VA, 2); /* walks do not even come to where the pointer is */
    change(&s, pte_none());
    assert_true(use(&s, PAGE_BYTES, MW_LOAD));
    f = only_finding(&s);
    assert_int_equal(f->kind, MW_STALE_POINTER);
    assert_int_equal(f->present_pte, 0);
    assert_int_equal(f->pte_address, s.slot.raw);
    stop(&s);
}

static void a_pointer_that_changed_is_to_blame_for_a_leaf_that_walks_no_longer_reach(void **state)
{
    const struct mw_stale_finding *f;
    struct stale_world s;

    (void)state;
    start(&s, world_tlbs(4, 2), 0, false);
    map(&s, 0, FRAME, LEAF_RW);
    assert_true(use(&s, 0, MW_LOAD));
    s.slot = world_slot(s.w.root, VA, 2);
    change(&s, pte_none());
    assert_true(use(&s, 0, MW_STORE));
    f = only_finding(&s);
    assert_int_equal(f->kind, MW_STALE_UNMAPPED);
    assert_int_equal(f->pte_address, s.slot.raw);
    assert_false(f->fence_has_va);
    stop(&s);
}

/* Of several changes on the way, the last; but its own PTE comes first, if that was changed. */
static void the_change_that_is_blamed_is_the_one_that_the_entry_needed(void **state)
{
    struct stale_world s;
    paddr_t own;

    (void)state;
    start(&s, world_tlbs(4, 2), 0, false);
    stale_note_root(s.stale, &s.w.hart, MW_FENCE_NONE);
    hart_set_satp(&s.w.hart, MW_MODE_SV39, world_take_table(&s.w), 1);
    stale_note_root(s.stale, &s.w.hart, MW_FENCE_NONE);
    hart_set_satp(&s.w.hart, MW_MODE_SV39, s.w.root, 1);
    stale_note_root(s.stale, &s.w.hart, MW_FENCE_NONE); /* nothing was cached by then */
    map(&s, 0, FRAME, LEAF_RW);
    assert_true(use(&s, 0, MW_LOAD));
    s.slot = world_slot(s.w.root, VA, 2);
    change(&s, pte_none());
    assert_true(use(&s, 0, MW_LOAD));
    assert_int_equal(only_finding(&s)->pte_address, s.slot.raw);
    stop(&s);

    start(&s, world_tlbs(4, 2), 0, false);
    map(&s, 0, FRAME, LEAF_RW);
    own = s.slot;
    assert_true(use(&s, 0, MW_LOAD));
    change(&s, pte_none());
    change(&s, pte_make(paddr(OTHER), LEAF_RW)); /* newly valid: the first one is still to blame */
    s.slot = world_slot(s.w.root, VA, 2);
    change(&s, pte_none());
    assert_true(use(&s, 0, MW_LOAD));
    assert_int_equal(only_finding(&s)->pte_address, own.raw);
    assert_int_equal(only_finding(&s)->old_value, pte_make(paddr(FRAME), LEAF_RW).raw);
    assert_int_equal(only_finding(&s)->new_value, 0);
    assert_true(only_finding(&s)->fence_has_va);
    stop(&s);
}

static void an_asid_that_gets_another_root_is_told_as_such(void **state)
{
    const struct mw_stale_finding *f;
    struct stale_world s;
    paddr_t first;

    (void)state;
    start(&s, world_tlbs(4, 2), 0, false);
    map(&s, 0, FRAME, LEAF_RW);
    stale_note_root(s.stale, &s.w.hart, MW_FENCE_NONE);
    assert_true(use(&s, 0, MW_LOAD));
    first = s.w.root;
    hart_set_satp(&s.w.hart, MW_MODE_BARE, paddr(0), 1); /* on the way, and no space of its own */
    stale_note_root(s.stale, &s.w.hart, MW_FENCE_NONE);
    s.w.root = world_take_table(&s.w);
    for (unsigned times = 0; times < 2; times++) { /* the same root again is no change */
        hart_set_satp(&s.w.hart, MW_MODE_SV39, s.w.root, 1);
        stale_note_root(s.stale, &s.w.hart, MW_FENCE_NONE);
    }
    assert_true(use(&s, 0, MW_LOAD));
    f = only_finding(&s);
    assert_true(f->known && f->by_satp);
    assert_int_equal(f->old_value, first.raw);
    assert_int_equal(f->new_value, s.w.root.raw);
    assert_false(f->fence_has_va);

    first = s.w.root;
    s.w.root = world_take_table(&s.w);
    hart_set_satp(&s.w.hart, MW_MODE_SV39, s.w.root, 1);
    stale_note_root(s.stale, &s.w.hart, MW_FENCE_NONE);
    assert_true(use(&s, 0, MW_LOAD));
    assert_int_equal(counters(&s).findings, 2);
    assert_int_equal(stale_finding(s.stale, 1)->old_value, first.raw);
    stop(&s);
}

static void an_entry_of_the_second_level_is_looked_at_too(void **state)
{
    struct mw_tlbs tlbs = world_tlbs(1, 1);
    struct stale_world s;

    (void)state;
    tlbs.l2 = world_tlbs(4, 2).l1d;
    start(&s, tlbs, 0, false);
    map(&s, 0, FRAME, LEAF_RW);
    world_map(&s.w, MW_MODE_SV39, VA + PAGE_BYTES, 0, pte_make(paddr(OTHER), LEAF_RW));
    assert_true(use(&s, 0, MW_LOAD));
    assert_true(use(&s, PAGE_BYTES, MW_LOAD)); /* takes the only place in the first level */
    change(&s, pte_none());
    assert_true(use(&s, 0, MW_LOAD));
    assert_int_equal(only_finding(&s)->tlb, MW_TLB_L2);
    stop(&s);
}

/* ---- what is no finding ---- */

static void more_rights_and_newly_valid_ptes_need_no_fence(void **state)
{
    struct stale_world s;

    (void)state;
    start(&s, world_tlbs(4, 2), 0, false);
    map(&s, 0, FRAME, PTE_V | PTE_R | PTE_A);
    assert_true(use(&s, 0, MW_LOAD));
    change(&s, pte_make(paddr(FRAME), LEAF_RWX));
    assert_true(use(&s, 0, MW_LOAD));
    assert_true(use(&s, 0, MW_STORE));
    assert_false(use(&s, PAGE_BYTES, MW_LOAD));
    world_map(&s.w, MW_MODE_SV39, VA + PAGE_BYTES, 0, s.pte);
    assert_true(use(&s, PAGE_BYTES, MW_LOAD));
    assert_int_equal(counters(&s).uses, 0);
    stop(&s);
}

static void a_load_loses_nothing_when_d_was_cleared(void **state)
{
    struct stale_world s;

    (void)state;
    start(&s, world_tlbs(4, 2), 0, true);
    map(&s, 0, FRAME, LEAF_RW);
    assert_true(use(&s, 0, MW_STORE));
    change(&s, pte_without(s.pte, PTE_D));
    assert_true(use(&s, 0, MW_LOAD));
    assert_int_equal(counters(&s).uses, 0);
    assert_true(use(&s, 0, MW_STORE));
    assert_int_equal(only_finding(&s)->kind, MW_STALE_DIRTY);
    stop(&s);
}

static void a_superpage_that_was_split_into_the_same_pages_is_still_right(void **state)
{
    const uint64_t frame = FRAME & ~(((uint64_t)1 << 21) - 1);
    struct stale_world s;

    (void)state;
    start(&s, world_tlbs(4, 2), 0, false);
    map(&s, 1, frame, LEAF_RW);
    assert_true(use(&s, 0, MW_LOAD));
    change(&s, pte_none());
    world_map(&s.w, MW_MODE_SV39, VA, 0, pte_make(paddr(frame), LEAF_RW));
    assert_true(use(&s, 0, MW_STORE));
    assert_int_equal(counters(&s).uses, 0);
    stop(&s);
}

static void a_fence_before_the_use_clears_the_matter(void **state)
{
    struct stale_world s;

    (void)state;
    start(&s, world_tlbs(4, 2), 0, false);
    map(&s, 0, FRAME, LEAF_RW);
    assert_true(use(&s, 0, MW_STORE));
    change(&s, pte_make(paddr(OTHER), LEAF_RW));
    hart_sfence(&s.w.hart, true, VA, true, 1);
    assert_true(use(&s, 0, MW_STORE));
    assert_int_equal(counters(&s).uses, 0);
    stop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_difference_is_told_with_what_the_access_lost),
        cmocka_unit_test(a_page_of_a_superpage_and_of_a_napot_region_is_compared_as_such),
        cmocka_unit_test(a_cached_pointer_that_was_changed_takes_a_fence_without_address),
        cmocka_unit_test(a_pointer_that_changed_is_to_blame_for_a_leaf_that_walks_no_longer_reach),
        cmocka_unit_test(the_change_that_is_blamed_is_the_one_that_the_entry_needed),
        cmocka_unit_test(an_asid_that_gets_another_root_is_told_as_such),
        cmocka_unit_test(an_entry_of_the_second_level_is_looked_at_too),
        cmocka_unit_test(more_rights_and_newly_valid_ptes_need_no_fence),
        cmocka_unit_test(a_load_loses_nothing_when_d_was_cleared),
        cmocka_unit_test(a_superpage_that_was_split_into_the_same_pages_is_still_right),
        cmocka_unit_test(a_fence_before_the_use_clears_the_matter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
