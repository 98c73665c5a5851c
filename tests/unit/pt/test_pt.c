/* The page-table editor and the shootdown batch, with one real hart to see what hardware sees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pt/tlb_batch.h"

#define RAM_FRAMES 600u
#define USER_RW    (PTE_V | PTE_R | PTE_W | PTE_U)
#define USER_RO    (PTE_V | PTE_R | PTE_U)
#define VA         ((vaddr_t)0x3f00000000)

struct fixture {
    struct alloc alloc;
    struct ram ram;
    struct clock clock;
    struct event_bus bus;
    struct frame_table frames;
    struct hart harts[2];
    struct hart_set set;
    struct pt pt;
};

static int set_up(void **state)
{
    struct hart_setup setup = {.asid_bits = 4, .hardware_ad = true};
    struct fixture *f = test_calloc(1, sizeof(*f));

    assert_int_equal(mw_tlb_parse("16x2", 0, &setup.tlbs.l1d), 0);
    event_bus_init(&f->bus, &f->clock);
    assert_int_equal(ram_init(&f->ram, paddr(0x80000000), RAM_FRAMES * PAGE_BYTES, 0), 0);
    assert_int_equal(frame_table_init(&f->frames, &f->ram, &f->bus, &f->clock, 0, 0), 0);
    for (unsigned i = 0; i < 2; i++) {
        struct hart_setup mine = setup;

        mine.id = (uint16_t)i;
        assert_int_equal(hart_init(&f->harts[i], &mine, &f->alloc, &f->ram, &f->bus, &f->clock), 0);
        hart_set_privilege(&f->harts[i], true, false, false);
    }
    hart_set_init(&f->set, f->harts, 2, 4, &f->clock, 30, 1000);
    assert_int_equal(pt_init(&f->pt, &f->frames, &f->set, MW_MODE_SV39), 0);
    *state = f;
    return 0;
}

static void unmap_all(struct fixture *f, struct pt *pt)
{
    struct tlb_batch batch;

    (void)f;
    tlb_batch_begin(&batch, pt, MW_FENCE_UNMAP);
    pt_unmap_range(pt, (struct range){0, (vaddr_t)1 << 38}, &batch, NULL, NULL);
    tlb_batch_finish(&batch);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    assert_true(pt_check(&f->pt));
    unmap_all(f, &f->pt);
    assert_true(pt_check(&f->pt));
    pt_destroy(&f->pt);
    assert_true(frame_check(&f->frames, true));
    assert_int_equal(f->frames.used, 0);
    hart_destroy(&f->harts[0]);
    hart_destroy(&f->harts[1]);
    frame_table_destroy(&f->frames);
    ram_destroy(&f->ram);
    assert_int_equal(f->alloc.live_blocks, 0);
    test_free(f);
    return 0;
}

/* Maps a new frame at va; returns it. */
static struct frame *map_page(struct fixture *f, struct pt *pt, vaddr_t va, uint64_t flags)
{
    struct frame *frame = frame_alloc(&f->frames, MW_OWNER_ANONYMOUS, true);
    struct tlb_batch batch;

    frame_soil(frame);
    tlb_batch_begin(&batch, pt, MW_FENCE_REPLACE);
    assert_int_equal(pt_install(pt, va, pte_make(frame_paddr(&f->frames, frame), flags), &batch),
                     0);
    tlb_batch_finish(&batch);
    return frame;
}

static bool can(struct fixture *f, unsigned hart, vaddr_t va, enum mw_access access)
{
    struct trap trap;
    bool ok = hart_translate(&f->harts[hart], va, access, &trap) != NULL;

    if (!ok)
        event_op_end(&f->bus, trap.opened_op);
    return ok;
}

static void an_installed_page_is_what_hardware_translates(void **state)
{
    struct fixture *f = *state;
    struct frame *frame = map_page(f, &f->pt, VA, USER_RW);
    struct trap trap;

    pt_activate(&f->pt, &f->harts[0]);
    assert_ptr_equal(hart_translate(&f->harts[0], VA + 5, MW_STORE, &trap),
                     frame_bytes(&f->frames, frame) + 5);
    assert_int_equal(f->pt.leaves, 1);
    assert_int_equal(f->pt.tables, 3);
    assert_true(pte_has(pt_lookup(&f->pt, VA, NULL), PTE_A | PTE_D));
}

static void replacing_a_page_drops_the_old_frame_and_its_translation(void **state)
{
    struct fixture *f = *state;
    struct frame *old = map_page(f, &f->pt, VA, USER_RW);
    struct frame *new;
    struct trap trap;

    pt_activate(&f->pt, &f->harts[0]);
    assert_true(can(f, 0, VA, MW_STORE));
    frame_get(old); /* so that the allocator does not give it out again */
    new = map_page(f, &f->pt, VA, USER_RW);
    assert_int_equal(old->refs, 1);
    frame_put(&f->frames, old);
    assert_ptr_equal(hart_translate(&f->harts[0], VA, MW_STORE, &trap),
                     frame_bytes(&f->frames, new));
}

static void unmapping_frees_frames_and_empty_tables_and_stops_every_hart(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < 5; i++)
        map_page(f, &f->pt, VA + i * PAGE_BYTES, USER_RW);
    for (unsigned hart = 0; hart < 2; hart++) {
        pt_activate(&f->pt, &f->harts[hart]);
        assert_true(can(f, hart, VA, MW_STORE));
    }
    unmap_all(f, &f->pt);
    assert_false(can(f, 0, VA, MW_LOAD));
    assert_false(can(f, 1, VA, MW_LOAD));
    assert_int_equal(f->pt.tables, 1);
    assert_int_equal(f->frames.by_owner[MW_OWNER_ANONYMOUS], 0);
    assert_int_equal(f->set.ipis, 1);
}

static void a_large_unmap_flushes_the_whole_address_space(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < 500; i++)
        map_page(f, &f->pt, VA + i * PAGE_BYTES, USER_RW);
    pt_activate(&f->pt, &f->harts[0]);
    for (unsigned i = 0; i < 500; i++)
        assert_true(can(f, 0, VA + i * PAGE_BYTES, MW_LOAD));
    unmap_all(f, &f->pt);
    for (unsigned i = 0; i < 500; i++)
        assert_false(can(f, 0, VA + i * PAGE_BYTES, MW_LOAD));
}

static void protecting_removes_rights_but_never_gives_write(void **state)
{
    struct fixture *f = *state;
    struct tlb_batch batch;
    const struct range page = {VA, VA + PAGE_BYTES};

    map_page(f, &f->pt, VA, USER_RW);
    pt_activate(&f->pt, &f->harts[0]);
    assert_true(can(f, 0, VA, MW_STORE));
    tlb_batch_begin(&batch, &f->pt, MW_FENCE_PROTECT);
    pt_protect_range(&f->pt, page, PTE_R | PTE_U, &batch, NULL, NULL);
    tlb_batch_flush(&batch);
    assert_false(can(f, 0, VA, MW_STORE));
    assert_true(can(f, 0, VA, MW_LOAD));
    pt_protect_range(&f->pt, page, PTE_R | PTE_W | PTE_U, &batch, NULL, NULL);
    tlb_batch_finish(&batch);
    assert_false(can(f, 0, VA, MW_STORE));
}

static void a_parked_page_is_inaccessible_and_keeps_its_frame_and_dirt(void **state)
{
    struct fixture *f = *state;
    struct frame *frame = map_page(f, &f->pt, VA, USER_RW);
    const struct range page = {VA, VA + PAGE_BYTES};
    struct tlb_batch batch;

    pt_activate(&f->pt, &f->harts[0]);
    assert_true(can(f, 0, VA, MW_STORE));
    tlb_batch_begin(&batch, &f->pt, MW_FENCE_PROTECT);
    pt_protect_range(&f->pt, page, 0, &batch, NULL, NULL);
    tlb_batch_flush(&batch);
    assert_false(can(f, 0, VA, MW_LOAD));
    assert_true(pte_parked(pt_lookup(&f->pt, VA, NULL)));
    pt_protect_range(&f->pt, page, PTE_R | PTE_U, &batch, NULL, NULL);
    tlb_batch_finish(&batch);
    assert_true(can(f, 0, VA, MW_LOAD));
    assert_ptr_equal(frame_of(&f->frames, pte_paddr(pt_lookup(&f->pt, VA, NULL))), frame);
    assert_true(pte_has(pt_lookup(&f->pt, VA, NULL), PTE_D));
}

static void a_cow_copy_shares_frames_and_takes_write_from_both(void **state)
{
    struct fixture *f = *state;
    struct frame *frame = map_page(f, &f->pt, VA, USER_RW);
    struct pt child;
    struct tlb_batch batch;

    pt_activate(&f->pt, &f->harts[0]);
    assert_true(can(f, 0, VA, MW_STORE));
    assert_int_equal(pt_init(&child, &f->frames, &f->set, MW_MODE_SV39), 0);
    tlb_batch_begin(&batch, &f->pt, MW_FENCE_FORK);
    assert_int_equal(
        pt_copy_range(&child, &f->pt, (struct range){0, (vaddr_t)1 << 38}, true, &batch), 0);
    tlb_batch_finish(&batch);
    assert_int_equal(frame->refs, 2);
    assert_false(can(f, 0, VA, MW_STORE));
    pt_activate(&child, &f->harts[0]);
    assert_false(can(f, 0, VA, MW_STORE));
    assert_true(can(f, 0, VA, MW_LOAD));
    assert_true(pt_check(&child));
    unmap_all(f, &child);
    pt_destroy(&child);
    assert_int_equal(frame->refs, 1);
}

static void copying_a_range_that_shows_nothing_leaves_no_table(void **state)
{
    struct fixture *f = *state;
    struct pt child;
    struct tlb_batch batch;

    map_page(f, &f->pt, VA, USER_RW);
    assert_int_equal(pt_init(&child, &f->frames, &f->set, MW_MODE_SV39), 0);
    tlb_batch_begin(&batch, &f->pt, MW_FENCE_FORK);
    assert_int_equal(pt_copy_range(&child, &f->pt,
                                   (struct range){VA + PAGE_BYTES, VA + 3 * PAGE_BYTES}, true,
                                   &batch),
                     0);
    tlb_batch_finish(&batch);
    assert_int_equal(child.tables, 1);
    pt_destroy(&child);
}

static void cleaning_takes_write_and_dirty_and_tells_whether_it_was_dirty(void **state)
{
    struct fixture *f = *state;
    struct tlb_batch batch;

    map_page(f, &f->pt, VA, USER_RW);
    pt_activate(&f->pt, &f->harts[0]);
    assert_true(can(f, 0, VA, MW_STORE));
    tlb_batch_begin(&batch, &f->pt, MW_FENCE_CLEAN);
    assert_true(pt_clean(&f->pt, (struct range){VA, VA + PAGE_BYTES}, &batch));
    tlb_batch_flush(&batch);
    assert_false(can(f, 0, VA, MW_STORE));
    assert_false(pt_clean(&f->pt, (struct range){VA, VA + PAGE_BYTES}, &batch));
    assert_false(pt_clean(&f->pt, (struct range){VA + PAGE_BYTES, VA + 3 * PAGE_BYTES}, &batch));
    tlb_batch_finish(&batch);
}

static void a_frame_is_freed_only_after_its_translation_is_gone(void **state)
{
    struct fixture *f = *state;
    struct frame *frame = map_page(f, &f->pt, VA, USER_RW);
    struct tlb_batch batch;

    pt_activate(&f->pt, &f->harts[0]);
    assert_true(can(f, 0, VA, MW_STORE));
    tlb_batch_begin(&batch, &f->pt, MW_FENCE_UNMAP);
    pt_unmap_range(&f->pt, (struct range){VA, VA + PAGE_BYTES}, &batch, NULL, NULL);
    assert_int_equal(frame->refs, 1); /* unhooked, not yet invalidated: still held */
    tlb_batch_finish(&batch);
    assert_int_equal(frame->refs, 0);
    assert_null(tlb_find(&f->harts[0].tlb[MW_TLB_L1D], VA, f->pt.asid).array);
}

static void without_frames_for_tables_nothing_changes(void **state)
{
    struct fixture *f = *state;
    struct frame *frame = frame_alloc(&f->frames, MW_OWNER_ANONYMOUS, true);
    struct frame *all[RAM_FRAMES];
    unsigned count = 0;
    struct tlb_batch batch;
    pte_t pte = pte_make(frame_paddr(&f->frames, frame), USER_RO);

    while ((all[count] = frame_alloc(&f->frames, MW_OWNER_USER, false)) != NULL)
        count++;
    tlb_batch_begin(&batch, &f->pt, MW_FENCE_REPLACE);
    for (unsigned free = 0; free < 2;
         free++) { /* a leaf takes two tables: with none and with one it must fail */
        assert_int_equal(pt_install(&f->pt, VA, pte, &batch), -ENOMEM);
        assert_int_equal(f->pt.tables, 1);
        assert_true(pt_check(&f->pt));
        frame_put(&f->frames, all[--count]);
    }
    assert_int_equal(pt_install(&f->pt, VA, pte, &batch), 0);
    tlb_batch_finish(&batch);
    while (count > 0)
        frame_put(&f->frames, all[--count]);
}

static void asids_of_one_generation_differ_and_a_rollover_flushes(void **state)
{
    struct fixture *f = *state;
    struct pt other[16];

    pt_activate(&f->pt, &f->harts[0]);
    map_page(f, &f->pt, VA, USER_RW);
    assert_true(can(f, 0, VA, MW_LOAD));
    for (unsigned i = 0; i < 16; i++) { /* 4 bits: the sixteenth other rolls over */
        assert_int_equal(pt_init(&other[i], &f->frames, &f->set, MW_MODE_SV39), 0);
        pt_activate(&other[i], &f->harts[0]);
    }
    assert_int_equal(f->set.rollovers, 1);
    assert_null(tlb_find(&f->harts[0].tlb[MW_TLB_L1D], VA, f->pt.asid).array);
    assert_int_equal(other[15].asid, 0);
    pt_activate(&f->pt, &f->harts[0]);
    assert_int_equal(f->pt.asid, 1);
    assert_true(can(f, 0, VA, MW_LOAD));
    for (unsigned i = 0; i < 16; i++)
        pt_destroy(&other[i]);
}

static void without_asid_bits_every_switch_forgets_all(void **state)
{
    struct fixture *f = *state;
    struct pt other;

    hart_set_init(&f->set, f->harts, 2, 0, &f->clock, 30, 1000);
    map_page(f, &f->pt, VA, USER_RW);
    assert_int_equal(pt_init(&other, &f->frames, &f->set, MW_MODE_SV39), 0);
    pt_activate(&f->pt, &f->harts[0]);
    assert_true(can(f, 0, VA, MW_LOAD));
    pt_activate(&other, &f->harts[0]);
    assert_false(can(f, 0, VA, MW_LOAD));
    pt_activate(&f->pt, &f->harts[0]);
    assert_true(can(f, 0, VA, MW_LOAD));
    pt_destroy(&other);
}

static void the_checker_sees_a_wrong_count_and_a_freed_frame(void **state)
{
    struct fixture *f = *state;
    struct frame *frame = map_page(f, &f->pt, VA, USER_RW);

    f->pt.leaves++;
    assert_false(pt_check(&f->pt));
    f->pt.leaves--;
    frame->refs = 0;
    assert_false(pt_check(&f->pt));
    frame->refs = 1;
}

/* Harvesting dirty bits looks at leaves of 4 KiB only; so there may be no others. */
static void the_checker_sees_a_superpage(void **state)
{
    struct fixture *f = *state;
    pte_t *root = (pte_t *)(void *)frame_bytes(&f->frames, f->pt.root);
    pte_t *entry = &root[level_index(VA, 2)];
    pte_t pointer;

    map_page(f, &f->pt, VA, USER_RW);
    pointer = *entry;
    assert_true(pt_check(&f->pt));
    *entry = pte_make(pte_paddr(pointer), USER_RW);
    assert_false(pt_check(&f->pt));
    *entry = pointer;
    assert_true(pt_check(&f->pt));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_installed_page_is_what_hardware_translates),
        TEST(replacing_a_page_drops_the_old_frame_and_its_translation),
        TEST(unmapping_frees_frames_and_empty_tables_and_stops_every_hart),
        TEST(a_large_unmap_flushes_the_whole_address_space),
        TEST(protecting_removes_rights_but_never_gives_write),
        TEST(a_parked_page_is_inaccessible_and_keeps_its_frame_and_dirt),
        TEST(a_cow_copy_shares_frames_and_takes_write_from_both),
        TEST(copying_a_range_that_shows_nothing_leaves_no_table),
        TEST(cleaning_takes_write_and_dirty_and_tells_whether_it_was_dirty),
        TEST(a_frame_is_freed_only_after_its_translation_is_gone),
        TEST(without_frames_for_tables_nothing_changes),
        TEST(asids_of_one_generation_differ_and_a_rollover_flushes),
        TEST(without_asid_bits_every_switch_forgets_all),
        TEST(the_checker_sees_a_wrong_count_and_a_freed_frame),
        TEST(the_checker_sees_a_superpage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
