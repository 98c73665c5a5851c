/*
 * Rules of the TLB alone: what matches, what is evicted, what each form of SFENCE.VMA drops and
 * what it must not.
 *
 * Pages are named by number; page n is mapped to frame n. After each test the checker must find
 * nothing.
 */
#include "unit/hw/tables.h"

#define FRAMES (WORLD_BASE + ((uint64_t)1 << 30))
#define LOCAL  LEAF_RW
#define GLOBAL (LEAF_RW | PTE_G)

struct fixture {
    struct world w;
    struct tlb tlb;
};

static void start(struct fixture *f, uint32_t sets, uint32_t ways)
{
    world_init(&f->w);
    assert_int_equal(tlb_init(&f->tlb, &f->w.alloc, sets, ways), 0);
}

static void finish(struct fixture *f)
{
    assert_true(tlb_check(&f->tlb, &f->w.ram));
    tlb_destroy(&f->tlb);
    world_destroy(&f->w);
}

static vaddr_t page(uint64_t n)
{
    return n << PAGE_SHIFT;
}

static struct tlb_entry *fill(struct fixture *f, vaddr_t va, uint16_t asid, unsigned level,
                              uint64_t flags)
{
    uint64_t frame = FRAMES + ((va >> level_shift(level) & 7) << level_shift(level));
    pte_t pte = pte_make(paddr(level < 3 ? frame : 0), flags);

    return tlb_fill(&f->tlb, &f->w.bus, &f->w.ram, va, asid, level, pte, paddr(WORLD_BASE + 8));
}

static void flush(struct fixture *f, bool has_va, vaddr_t va, bool has_asid, uint16_t asid)
{
    tlb_flush(&f->tlb, &f->w.bus, has_va, va, has_asid, asid);
}

static bool has(struct fixture *f, vaddr_t va, uint16_t asid)
{
    return tlb_find(&f->tlb, va, asid) != NULL;
}

static uint32_t live(const struct fixture *f)
{
    uint32_t count = 0;

    for (unsigned form = 0; form < TLB_FORMS; form++)
        count += f->tlb.form_count[form];
    return count;
}

static void a_geometry_that_makes_no_sense_is_refused(void **state)
{
    struct alloc alloc = {0};
    struct tlb tlb = {.stamp = 42};

    (void)state;
    assert_int_equal(tlb_init(&tlb, &alloc, 0, 4), -EINVAL);
    assert_int_equal(tlb_init(&tlb, &alloc, 3, 4), -EINVAL);
    assert_int_equal(tlb_init(&tlb, &alloc, 4, 0), -EINVAL);
    assert_int_equal(tlb_init(&tlb, &alloc, 1u << 31, 4), -ENOMEM);
    assert_int_equal(tlb.stamp, 42);
    assert_int_equal(alloc.live_blocks, 0);
}

static void a_failed_allocation_leaves_the_struct_alone(void **state)
{
    struct alloc alloc = {.fail_at = 1};
    struct tlb tlb = {.stamp = 42};

    (void)state;
    assert_int_equal(tlb_init(&tlb, &alloc, 64, 4), -ENOMEM);
    assert_int_equal(tlb.stamp, 42);
    assert_int_equal(alloc.live_blocks, 0);
}

static void an_empty_tlb_matches_nothing(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 4, 2);
    assert_false(has(&f, 0, 0));
    assert_false(has(&f, UINT64_MAX, UINT16_MAX)); /* not even what looks like TLB_EMPTY */
    assert_null(tlb_probe_page(&f.tlb, UINT64_MAX, UINT16_MAX));
    finish(&f);
}

static void an_entry_keeps_what_the_walk_returned(void **state)
{
    pte_t pte = pte_make(paddr(FRAMES), LOCAL | PTE_U);
    struct tlb_entry *entry;
    struct fixture f;

    (void)state;
    start(&f, 4, 2);
    entry = tlb_fill(&f.tlb, &f.w.bus, &f.w.ram, page(9) + 123, 7, 0, pte, paddr(WORLD_BASE + 72));
    assert_ptr_equal(tlb_find(&f.tlb, page(9) + 4095, 7), entry);
    assert_ptr_equal(tlb_probe_page(&f.tlb, page(9), 7), entry);
    assert_int_equal(entry->pte.raw, pte.raw);
    assert_int_equal(entry->pte_address.raw, WORLD_BASE + 72);
    assert_int_equal(entry->allowed, walk_allowed(pte));
    assert_ptr_equal(entry->host, ram_host(&f.w.ram, paddr(FRAMES)));
    assert_int_equal(tlb_entry_va(entry), page(9));
    assert_int_equal(f.tlb.fills, 1);
    assert_false(has(&f, page(8), 7));
    assert_false(has(&f, page(10), 7));
    finish(&f);
}

static void the_address_of_an_entry_is_canonical_again(void **state)
{
    const vaddr_t va[] = {~(vaddr_t)0 << 56, ~(vaddr_t)0 << 38, ~(vaddr_t)0 << 12,
                          ((vaddr_t)1 << 56) - PAGE_BYTES};
    struct fixture f;

    (void)state;
    start(&f, 4, 2);
    for (size_t i = 0; i < sizeof(va) / sizeof(va[0]); i++)
        assert_int_equal(tlb_entry_va(fill(&f, va[i], 1, 0, LOCAL)), va[i]);
    assert_int_equal(tlb_entry_va(fill(&f, ~(vaddr_t)0, 1, 3, LOCAL)), ~(vaddr_t)0 << 39);
    finish(&f);
}

static void address_spaces_do_not_see_each_others_entries(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 4, 4);
    fill(&f, page(1), 1, 0, LOCAL);
    assert_false(has(&f, page(1), 2));
    fill(&f, page(1), 2, 0, LOCAL);
    assert_ptr_not_equal(tlb_find(&f.tlb, page(1), 1), tlb_find(&f.tlb, page(1), 2));
    assert_int_equal(live(&f), 2);
    finish(&f);
}

static void a_global_entry_serves_every_address_space(void **state)
{
    struct fixture f;
    struct tlb_entry *entry;

    (void)state;
    start(&f, 4, 4);
    entry = fill(&f, page(1), 1, 0, GLOBAL);
    assert_ptr_equal(tlb_find(&f.tlb, page(1), 0), entry);
    assert_ptr_equal(tlb_find(&f.tlb, page(1), UINT16_MAX), entry);
    assert_true(tlb_entry_serves(entry, 99));
    assert_null(tlb_probe_page(&f.tlb, page(1), 1)); /* the hot path knows local pages only */
    finish(&f);
}

static void a_superpage_matches_its_whole_range_and_nothing_beside(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 4, 4);
    for (unsigned level = 1; level < TLB_LEVELS; level++) {
        vaddr_t va = level_bytes(level) * 6;
        struct tlb_entry *entry = fill(&f, va + level_bytes(level) / 2, 1, level, LOCAL);

        assert_ptr_equal(tlb_find(&f.tlb, va, 1), entry);
        assert_ptr_equal(tlb_find(&f.tlb, va + level_bytes(level) - 1, 1), entry);
        assert_false(has(&f, va - 1, 1));
        assert_false(has(&f, va + level_bytes(level), 1));
        assert_int_equal(tlb_entry_va(entry), va);
        assert_int_equal(entry->form, level * 2);
        flush(&f, false, 0, false, 0);
    }
    finish(&f);
}

static void the_least_recently_used_way_is_evicted(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 2, 4);
    for (uint64_t n = 0; n < 8; n += 2) /* set 0 */
        fill(&f, page(n), 1, 0, LOCAL);
    fill(&f, page(1), 1, 0, LOCAL); /* set 1 takes no part */
    tlb_touch(&f.tlb, tlb_find(&f.tlb, page(0), 1));
    tlb_touch(&f.tlb, tlb_find(&f.tlb, page(4), 1));
    fill(&f, page(8), 1, 0, LOCAL); /* order of use now: 2 6 0 4 */
    assert_false(has(&f, page(2), 1));
    fill(&f, page(10), 1, 0, LOCAL);
    assert_false(has(&f, page(6), 1));
    fill(&f, page(12), 1, 0, LOCAL);
    assert_false(has(&f, page(0), 1));
    assert_true(has(&f, page(4), 1) && has(&f, page(8), 1) && has(&f, page(10), 1) &&
                has(&f, page(12), 1) && has(&f, page(1), 1));
    assert_int_equal(f.tlb.evictions, 3);
    finish(&f);
}

static void an_empty_way_is_taken_before_anything_is_evicted(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 1, 3);
    fill(&f, page(0), 1, 0, LOCAL);
    fill(&f, page(1), 1, 0, LOCAL);
    fill(&f, page(2), 1, 0, LOCAL);
    flush(&f, true, page(1), true, 1);
    fill(&f, page(3), 1, 0, LOCAL);
    assert_int_equal(f.tlb.evictions, 0);
    assert_true(has(&f, page(0), 1) && has(&f, page(2), 1) && has(&f, page(3), 1));
    finish(&f);
}

static void a_fill_for_the_same_page_replaces_its_entry(void **state)
{
    struct tlb_entry *first, *second;
    struct fixture f;

    (void)state;
    start(&f, 2, 4);
    first = fill(&f, page(0), 1, 0, LOCAL & ~PTE_D);
    fill(&f, page(2), 1, 0, LOCAL);
    second = fill(&f, page(0), 1, 0, LOCAL);
    assert_ptr_equal(first, second);
    assert_true(pte_has(second->pte, PTE_D));
    assert_int_equal(second->allowed, walk_allowed(second->pte));
    assert_int_equal(live(&f), 2);
    assert_int_equal(f.tlb.evictions, 0);
    assert_int_equal(f.tlb.fills, 3);
    assert_true(second->stamp > tlb_find(&f.tlb, page(2), 1)->stamp); /* a fill is a use */
    finish(&f);
}

static void a_new_superpage_evicts_the_smaller_entries_inside_it_and_no_others(void **state)
{
    vaddr_t va = level_bytes(2) * 3;
    struct fixture f;

    (void)state;
    start(&f, 16, 4);
    fill(&f, va, 1, 0, LOCAL);
    fill(&f, va + page(77), 1, 0, GLOBAL);
    fill(&f, va + level_bytes(1) * 5, 1, 1, LOCAL);
    fill(&f, va - PAGE_BYTES, 1, 0, LOCAL);
    fill(&f, va + level_bytes(2), 1, 0, LOCAL);
    fill(&f, va + page(5), 2, 0, LOCAL); /* of another address space */
    fill(&f, va, 1, 2, LOCAL);
    assert_int_equal(f.tlb.evictions, 3);
    assert_int_equal(tlb_find(&f.tlb, va + page(77), 1)->form, 4);
    assert_false(has(&f, va + page(77), 2));
    assert_true(has(&f, va - PAGE_BYTES, 1));
    assert_true(has(&f, va + level_bytes(2), 1));
    assert_true(has(&f, va + page(5), 2));
    finish(&f);
}

static void a_new_page_evicts_the_superpages_around_it(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 16, 4);
    for (unsigned level = 1; level < TLB_LEVELS; level++) {
        flush(&f, false, 0, false, 0);
        fill(&f, page(3), 1, level, LOCAL);
        fill(&f, page(3), 2, level, LOCAL);
        fill(&f, page(5), 1, 0, LOCAL);
        assert_int_equal(tlb_find(&f.tlb, page(5), 1)->form, 0);
        assert_false(has(&f, page(3), 1));
        assert_true(has(&f, page(3), 2));
        assert_true(tlb_check(&f.tlb, &f.w.ram));
    }
    finish(&f);
}

static void a_page_that_becomes_global_replaces_the_entries_of_all_address_spaces(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 4, 4);
    fill(&f, page(1), 1, 0, LOCAL);
    fill(&f, page(1), 2, 0, LOCAL);
    fill(&f, page(2), 2, 0, LOCAL);
    fill(&f, page(1), 3, 0, GLOBAL);
    assert_int_equal(live(&f), 2);
    assert_int_equal(tlb_find(&f.tlb, page(1), 1)->form, 1);
    fill(&f, page(1), 2, 0, LOCAL); /* and back again */
    assert_int_equal(tlb_find(&f.tlb, page(1), 2)->form, 0);
    assert_false(has(&f, page(1), 1));
    finish(&f);
}

static void an_evicted_entry_is_gone_and_counted(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 4, 4);
    fill(&f, page(1), 1, 0, LOCAL);
    fill(&f, page(2), 1, 0, LOCAL);
    tlb_evict(&f.tlb, &f.w.bus, tlb_find(&f.tlb, page(1), 1));
    assert_false(has(&f, page(1), 1));
    assert_null(tlb_probe_page(&f.tlb, page(1), 1));
    assert_true(has(&f, page(2), 1));
    assert_int_equal(f.tlb.evictions, 1);
    finish(&f);
}

/* ---- SFENCE.VMA: for each form, every kind of entry that it may or may not drop ---- */

#define HERE  page(513)                    /* an address inside the second superpage of level 1 */
#define THERE (page(513) + level_bytes(4)) /* shares no page of any size with HERE */

/* What the entries are: two address spaces, here and there, one size, local or global. */
static void fill_all(struct fixture *f, unsigned level)
{
    fill(f, HERE, 1, level, LOCAL);
    fill(f, HERE, 2, level, LOCAL);
    fill(f, THERE, 1, level, LOCAL);
    fill(f, THERE, 2, level, LOCAL);
}

static void fence_without_operands_drops_everything(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 16, 8);
    for (unsigned level = 0; level < TLB_LEVELS; level++) {
        uint64_t before = f.tlb.dropped;

        fill_all(&f, level);
        fill(&f, HERE + 2 * level_bytes(4), 1, level, GLOBAL);
        flush(&f, false, 0, false, 0);
        assert_int_equal(live(&f), 0);
        assert_int_equal(f.tlb.dropped - before, 5);
    }
    assert_int_equal(f.tlb.flushes, TLB_LEVELS);
    finish(&f);
}

static void fence_of_an_asid_drops_all_of_it_but_global_entries(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 16, 8);
    for (unsigned level = 0; level < TLB_LEVELS; level++) {
        vaddr_t elsewhere = HERE + 2 * level_bytes(4);

        flush(&f, false, 0, false, 0);
        fill_all(&f, level);
        fill(&f, elsewhere, 1, level, GLOBAL);
        flush(&f, false, 0, true, 1);
        assert_false(has(&f, HERE, 1));
        assert_false(has(&f, THERE, 1));
        assert_true(has(&f, HERE, 2));
        assert_true(has(&f, THERE, 2));
        assert_true(has(&f, elsewhere, 1));
        assert_int_equal(live(&f), 3);
    }
    finish(&f);
}

static void fence_of_asid_zero_leaves_global_entries_whose_tag_says_zero(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 4, 4);
    fill(&f, page(1), 0, 0, GLOBAL);
    fill(&f, page(2), 0, 0, LOCAL);
    flush(&f, false, 0, true, 0);
    assert_true(has(&f, page(1), 0));
    assert_false(has(&f, page(2), 0));
    fill(&f, page(2), 0, 0, LOCAL);
    flush(&f, true, page(1), true, 0);
    assert_true(has(&f, page(1), 0));
    assert_true(has(&f, page(2), 0));
    finish(&f);
}

static void fence_of_an_address_drops_what_translates_it_in_every_address_space(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 16, 8);
    for (unsigned level = 0; level < TLB_LEVELS; level++) {
        flush(&f, false, 0, false, 0);
        fill_all(&f, level);
        flush(&f, true, HERE, false, 0);
        assert_false(has(&f, HERE, 1));
        assert_false(has(&f, HERE, 2));
        assert_true(has(&f, THERE, 1));
        assert_true(has(&f, THERE, 2));
        fill(&f, HERE, 1, level, GLOBAL);
        flush(&f, true, THERE, false, 0);
        assert_true(has(&f, HERE, 1));
        flush(&f, true, HERE, false, 0);
        assert_int_equal(live(&f), 0);
    }
    finish(&f);
}

static void fence_of_an_address_in_an_asid_drops_exactly_that(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 16, 8);
    for (unsigned level = 0; level < TLB_LEVELS; level++) {
        flush(&f, false, 0, false, 0);
        fill_all(&f, level);
        flush(&f, true, HERE, true, 1);
        assert_false(has(&f, HERE, 1));
        assert_int_equal(live(&f), 3);
        flush(&f, true, HERE, true, 3);
        assert_int_equal(live(&f), 3);
        fill(&f, HERE, 1, level, GLOBAL); /* replaces what 2 had there */
        flush(&f, true, HERE, true, 1);
        assert_true(has(&f, HERE, 1));
        assert_int_equal(live(&f), 3);
    }
    finish(&f);
}

static void fence_of_any_address_in_a_superpage_drops_it_and_not_its_neighbours(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 4, 4);
    for (unsigned level = 1; level < TLB_LEVELS; level++) {
        uint64_t bytes = level_bytes(level);

        flush(&f, false, 0, false, 0);
        fill(&f, bytes, 1, level, LOCAL);
        fill(&f, bytes * 2, 1, level, LOCAL);
        fill(&f, bytes * 3, 1, level, LOCAL);
        flush(&f, true, bytes * 3 - 1, true, 1);
        assert_true(has(&f, bytes, 1) && !has(&f, bytes * 2, 1) && has(&f, bytes * 3, 1));
        flush(&f, true, bytes * 3 + bytes / 2, false, 0);
        assert_true(has(&f, bytes, 1) && !has(&f, bytes * 3, 1));
    }
    finish(&f);
}

static void fence_of_a_page_leaves_its_neighbours_in_the_same_set(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 1, 8);
    for (uint64_t n = 0; n < 8; n++)
        fill(&f, page(n), 1, 0, LOCAL);
    flush(&f, true, page(3), false, 0);
    flush(&f, true, page(4), true, 1);
    assert_int_equal(live(&f), 6);
    assert_false(has(&f, page(3), 1) || has(&f, page(4), 1));
    finish(&f);
}

/* ---- events ---- */

static void fills_evictions_and_flushes_are_told(void **state)
{
    const struct mw_event *e;
    struct fixture f;

    (void)state;
    start(&f, 2, 1);
    world_listen(&f.w);
    fill(&f, page(1), 5, 0, LOCAL);
    fill(&f, page(3), 5, 0, LOCAL);
    flush(&f, true, page(3), true, 5);
    assert_int_equal(f.w.events, 4);
    e = &f.w.event[0];
    assert_int_equal(e->kind, MW_EVENT_TLB_FILL);
    assert_int_equal(e->arg[0], page(1));
    assert_int_equal(e->arg[1], pte_make(paddr(FRAMES + PAGE_BYTES), LOCAL).raw);
    assert_int_equal(e->arg[2], 0);
    assert_int_equal(e->arg[3], 1);
    assert_int_equal(e->arg[4], 0);
    assert_int_equal(e->arg[5], 5);
    e = &f.w.event[1];
    assert_int_equal(e->kind, MW_EVENT_TLB_EVICT);
    assert_int_equal(e->arg[0], page(1));
    assert_int_equal(e->arg[1], 5);
    assert_int_equal(e->arg[2], 1);
    assert_int_equal(f.w.event[2].kind, MW_EVENT_TLB_FILL);
    e = &f.w.event[3];
    assert_int_equal(e->kind, MW_EVENT_TLB_FLUSH);
    assert_int_equal(e->arg[0], 1);
    assert_int_equal(e->arg[1], page(3));
    assert_int_equal(e->arg[2], 1);
    assert_int_equal(e->arg[3], 5);
    assert_int_equal(e->arg[4], 1);
    finish(&f);
}

/* ---- the checker ---- */

/* The checker finds `change` and is content again once it is undone. */
#define FOUND(f, field, wrong)                           \
    do {                                                 \
        __typeof__(field) right = (field);               \
        assert_true(tlb_check(&(f)->tlb, &(f)->w.ram));  \
        (field) = (wrong);                               \
        assert_false(tlb_check(&(f)->tlb, &(f)->w.ram)); \
        (field) = right;                                 \
    } while (0)

static void the_checker_finds_each_broken_invariant(void **state)
{
    struct tlb_entry *a, *b;
    struct fixture f;

    (void)state;
    start(&f, 2, 4);
    a = fill(&f, page(2), 1, 0, LOCAL);
    b = fill(&f, page(4), 1, 0, LOCAL);
    FOUND(&f, f.tlb.form_count[0], 3);
    FOUND(&f, f.tlb.form_count[3], 1);
    FOUND(&f, a->stamp, b->stamp);
    FOUND(&f, a->stamp, f.tlb.stamp + 1);
    FOUND(&f, a->allowed, a->allowed ^ 1);
    FOUND(&f, a->host, a->host + PAGE_BYTES);
    FOUND(&f, a->form, 1);
    FOUND(&f, a->form, TLB_FORMS);
    FOUND(&f, a->tag, b->tag);                        /* two entries for one page */
    FOUND(&f, a->tag, tlb_tag(page(3), 0, false, 1)); /* of another set */
    FOUND(&f, a->tag, tlb_tag(page(2), 0, true, 1));  /* not what the PTE says */
    FOUND(&f, a->pte, pte_without(a->pte, PTE_V));
    FOUND(&f, f.tlb.guess[5], f.tlb.entries + 8);
    finish(&f);
}

static void the_checker_finds_a_page_inside_a_superpage(void **state)
{
    struct tlb_entry *page_entry, *super, saved;
    struct fixture f;

    (void)state;
    start(&f, 2, 4);
    super = fill(&f, page(0), 1, 1, LOCAL);
    saved = *super;
    page_entry = fill(&f, page(2), 1, 0, LOCAL); /* evicts the superpage */
    assert_true(super->tag == TLB_EMPTY || super == page_entry);
    super = super == page_entry ? super + 1 : super;
    *super = saved;
    super->stamp = 0;
    f.tlb.form_count[2]++;
    assert_false(tlb_check(&f.tlb, &f.w.ram));
    super->tag = TLB_EMPTY;
    f.tlb.form_count[2]--;
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_geometry_that_makes_no_sense_is_refused),
        cmocka_unit_test(a_failed_allocation_leaves_the_struct_alone),
        cmocka_unit_test(an_empty_tlb_matches_nothing),
        cmocka_unit_test(an_entry_keeps_what_the_walk_returned),
        cmocka_unit_test(the_address_of_an_entry_is_canonical_again),
        cmocka_unit_test(address_spaces_do_not_see_each_others_entries),
        cmocka_unit_test(a_global_entry_serves_every_address_space),
        cmocka_unit_test(a_superpage_matches_its_whole_range_and_nothing_beside),
        cmocka_unit_test(the_least_recently_used_way_is_evicted),
        cmocka_unit_test(an_empty_way_is_taken_before_anything_is_evicted),
        cmocka_unit_test(a_fill_for_the_same_page_replaces_its_entry),
        cmocka_unit_test(a_new_superpage_evicts_the_smaller_entries_inside_it_and_no_others),
        cmocka_unit_test(a_new_page_evicts_the_superpages_around_it),
        cmocka_unit_test(a_page_that_becomes_global_replaces_the_entries_of_all_address_spaces),
        cmocka_unit_test(an_evicted_entry_is_gone_and_counted),
        cmocka_unit_test(fence_without_operands_drops_everything),
        cmocka_unit_test(fence_of_an_asid_drops_all_of_it_but_global_entries),
        cmocka_unit_test(fence_of_asid_zero_leaves_global_entries_whose_tag_says_zero),
        cmocka_unit_test(fence_of_an_address_drops_what_translates_it_in_every_address_space),
        cmocka_unit_test(fence_of_an_address_in_an_asid_drops_exactly_that),
        cmocka_unit_test(fence_of_any_address_in_a_superpage_drops_it_and_not_its_neighbours),
        cmocka_unit_test(fence_of_a_page_leaves_its_neighbours_in_the_same_set),
        cmocka_unit_test(fills_evictions_and_flushes_are_told),
        cmocka_unit_test(the_checker_finds_each_broken_invariant),
        cmocka_unit_test(the_checker_finds_a_page_inside_a_superpage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
