/*
 * The page-table editor on ranges: cleaning on all harts, filling in what is absent, taking out what
 * is chosen. Two harts with real TLBs see what hardware sees.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pt/tlb_batch.h"

#define RAM_FRAMES 600u
#define HARTS      4u
#define USER_RW    (PTE_V | PTE_R | PTE_W | PTE_U)
#define USER_RO    (PTE_V | PTE_R | PTE_U)
#define VA         ((vaddr_t)0x3f00000000)
#define PAGES      ((uint64_t)1040) /* more than two leaf tables */

struct fixture {
    struct alloc alloc;
    struct ram ram;
    struct clock clock;
    struct event_bus bus;
    struct frame_table frames;
    struct hart harts[HARTS];
    struct hart_set set;
    struct pt pt;
};

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    event_bus_init(&f->bus, &f->clock);
    assert_int_equal(ram_init(&f->ram, paddr(0x80000000), RAM_FRAMES * PAGE_BYTES, 0), 0);
    assert_int_equal(frame_table_init(&f->frames, &f->ram, &f->bus, &f->clock, 0, 0), 0);
    for (unsigned i = 0; i < HARTS; i++) {
        struct hart_setup setup = {.id = (uint16_t)i, .asid_bits = 4, .hardware_ad = true};

        assert_int_equal(mw_tlb_parse("16x4", 0, &setup.tlbs.l1d), 0);
        assert_int_equal(hart_init(&f->harts[i], &setup, &f->alloc, &f->ram, &f->bus, &f->clock),
                         0);
        hart_set_privilege(&f->harts[i], true, false, false);
    }
    hart_set_init(&f->set, f->harts, HARTS, 4, &f->clock, 30, 1000);
    assert_int_equal(pt_init(&f->pt, &f->frames, &f->set, MW_MODE_SV39), 0);
    for (unsigned i = 0; i < HARTS; i++)
        pt_activate(&f->pt, &f->harts[i]);
    *state = f;
    return 0;
}

static struct range pages(uint64_t first, uint64_t end)
{
    return (struct range){VA + first * PAGE_BYTES, VA + end * PAGE_BYTES};
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    struct tlb_batch batch;

    assert_true(pt_check(&f->pt));
    tlb_batch_begin(&batch, &f->pt, MW_FENCE_UNMAP);
    pt_unmap_range(&f->pt, (struct range){0, (vaddr_t)1 << 38}, &batch, NULL, NULL);
    tlb_batch_finish(&batch);
    pt_destroy(&f->pt);
    assert_true(frame_check(&f->frames, true));
    assert_int_equal(f->frames.used, 0);
    for (unsigned i = 0; i < HARTS; i++)
        hart_destroy(&f->harts[i]);
    frame_table_destroy(&f->frames);
    ram_destroy(&f->ram);
    assert_int_equal(f->alloc.live_blocks, 0);
    test_free(f);
    return 0;
}

static void map_page(struct fixture *f, uint64_t page, uint64_t flags)
{
    struct frame *frame = frame_alloc(&f->frames, MW_OWNER_ANONYMOUS, true);
    struct tlb_batch batch;

    frame_soil(frame);
    tlb_batch_begin(&batch, &f->pt, MW_FENCE_REPLACE);
    assert_int_equal(pt_install(&f->pt, VA + page * PAGE_BYTES,
                                pte_make(frame_paddr(&f->frames, frame), flags), &batch),
                     0);
    tlb_batch_finish(&batch);
}

static pte_t leaf(const struct fixture *f, uint64_t page)
{
    return pt_lookup(&f->pt, VA + page * PAGE_BYTES, NULL);
}

static bool can(struct fixture *f, unsigned hart, uint64_t page, enum mw_access access)
{
    struct trap trap;
    bool ok = hart_translate(&f->harts[hart], VA + page * PAGE_BYTES, access, &trap) != NULL;

    if (!ok)
        event_op_end(&f->bus, trap.opened_op);
    return ok;
}

/* ---- cleaning ---- */

/* Every third page of three leaf tables, each stored to by another hart. */
static void dirty_pages(struct fixture *f)
{
    for (uint64_t page = 0; page < PAGES; page += 3) {
        map_page(f, page, USER_RW);
        assert_true(can(f, (unsigned)(page % HARTS), page, MW_STORE));
    }
}

static void cleaning_a_range_reaches_all_its_tables_and_no_page_beside_it(void **state)
{
    struct fixture *f = *state;
    struct tlb_batch batch;

    dirty_pages(f);
    tlb_batch_begin(&batch, &f->pt, MW_FENCE_CLEAN);
    assert_true(pt_clean(&f->pt, pages(3, PAGES - 5), &batch));
    assert_false(pt_clean(&f->pt, pages(3, PAGES - 5), &batch)); /* none is dirty any more */
    tlb_batch_finish(&batch);
    for (uint64_t page = 0; page < PAGES; page += 3) {
        bool inside = page >= 3 && page < PAGES - 5;

        assert_int_equal(pte_has(leaf(f, page), PTE_D), !inside);
        assert_int_equal(pte_has(leaf(f, page), PTE_W), !inside);
        assert_true(pte_has(leaf(f, page), PTE_A));
    }
}

static void after_cleaning_no_hart_stores_without_a_walk(void **state)
{
    static const uint64_t counts[] = {1, TLB_BATCH_PAGES, TLB_BATCH_PAGES + 1};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct tlb_batch batch;

        for (uint64_t page = 0; page < counts[i]; page++) {
            map_page(f, page, USER_RW);
            for (unsigned hart = 0; hart < HARTS; hart++) /* each has W and D cached */
                assert_true(can(f, hart, page, MW_STORE));
        }
        tlb_batch_begin(&batch, &f->pt, MW_FENCE_CLEAN);
        assert_true(pt_clean(&f->pt, pages(0, counts[i]), &batch));
        tlb_batch_finish(&batch);
        for (uint64_t page = 0; page < counts[i]; page++) {
            for (unsigned hart = 0; hart < HARTS; hart++) {
                assert_false(can(f, hart, page, MW_STORE));
                assert_true(can(f, hart, page, MW_LOAD));
            }
            assert_false(pte_has(leaf(f, page), PTE_D));
        }
    }
}

static void pages_that_nobody_can_store_to_are_not_fenced(void **state)
{
    struct fixture *f = *state;
    struct tlb_batch batch;

    map_page(f, 0, USER_RO);
    map_page(f, 2, USER_RO);
    assert_true(can(f, 0, 0, MW_LOAD));
    tlb_batch_begin(&batch, &f->pt, MW_FENCE_CLEAN);
    assert_false(pt_clean(&f->pt, pages(0, 4), &batch));
    assert_int_equal(batch.pages, 0);
    tlb_batch_finish(&batch);
    assert_int_equal(f->set.shootdowns, 0);
}

static void a_parked_page_loses_its_dirt_too(void **state)
{
    struct fixture *f = *state;
    struct tlb_batch batch;

    map_page(f, 0, USER_RW);
    assert_true(can(f, 0, 0, MW_STORE));
    tlb_batch_begin(&batch, &f->pt, MW_FENCE_PROTECT);
    pt_protect_range(&f->pt, pages(0, 1), PTE_U, &batch, NULL, NULL);
    assert_true(pt_clean(&f->pt, pages(0, 1), &batch));
    assert_false(pt_clean(&f->pt, pages(0, 1), &batch));
    tlb_batch_finish(&batch);
    assert_true(pte_parked(leaf(f, 0)));
}

/* ---- filling in ---- */

struct source {
    struct fixture *f;
    uint64_t asked;
    uint64_t step; /* of the pages asked for, each step-th is there */
};

static pte_t source_leaf(void *context, vaddr_t va)
{
    struct source *s = context;
    struct frame *frame;

    (void)va;
    if (s->asked++ % s->step != 0)
        return pte_none();
    frame = frame_alloc(&s->f->frames, MW_OWNER_CACHE, true);
    return pte_make(frame_paddr(&s->f->frames, frame), USER_RO);
}

static uint64_t fill(struct fixture *f, struct source *s, struct range r)
{
    struct tlb_batch batch;
    uint64_t made;

    tlb_batch_begin(&batch, &f->pt, MW_FENCE_REPLACE);
    made = pt_install_absent(&f->pt, r, source_leaf, s, &batch);
    assert_int_equal(batch.pages, 0); /* what was not there need not be invalidated */
    tlb_batch_finish(&batch);
    assert_true(pt_check(&f->pt));
    return made;
}

static void absent_pages_get_what_the_source_has_and_others_stay(void **state)
{
    struct fixture *f = *state;
    struct source s = {.f = f, .step = 1};
    pte_t before;

    map_page(f, 2, USER_RW);
    before = leaf(f, 2);
    assert_int_equal(fill(f, &s, pages(0, 8)), 7);
    assert_int_equal(s.asked, 7);
    assert_int_equal(f->pt.leaves, 8);
    assert_true(pte_equal(leaf(f, 2), before));
    assert_true(can(f, 1, 7, MW_LOAD));
    assert_int_equal(fill(f, &s, pages(0, 8)), 0);
    assert_int_equal(s.asked, 7);
}

static void a_missing_table_is_made_only_to_stay(void **state)
{
    struct fixture *f = *state;
    struct source s = {.f = f, .step = 4};

    assert_int_equal(fill(f, &s, pages(0, 8)), 2);
    assert_int_equal(f->pt.tables, 3);
    s = (struct source){.f = f, .step = 8, .asked = 1};
    assert_int_equal(fill(f, &s, pages(512, 516)), 0);
    assert_int_equal(f->pt.tables, 3);
    assert_int_equal(fill(f, &s, pages(512, 516)), 1);
    assert_int_equal(f->pt.tables, 4);
}

/* ---- taking out ---- */

static bool is_read_only(void *context, pte_t pte)
{
    unsigned *asked = context;

    (*asked)++;
    return !pte_has(pte, PTE_W);
}

static void only_chosen_pages_go_and_tables_with_the_last_of_them(void **state)
{
    struct fixture *f = *state;
    struct tlb_batch batch;
    unsigned asked = 0;

    for (uint64_t page = 0; page < 8; page++)
        map_page(f, page, page % 2 == 0 ? USER_RO : USER_RW);
    map_page(f, 600, USER_RO);
    assert_true(can(f, 3, 0, MW_LOAD));
    assert_int_equal(f->pt.tables, 4);
    tlb_batch_begin(&batch, &f->pt, MW_FENCE_TRUNCATE);
    pt_unmap_chosen(&f->pt, pages(0, PAGES), &batch, is_read_only, &asked);
    tlb_batch_finish(&batch);
    assert_int_equal(asked, 9);
    assert_int_equal(f->pt.leaves, 4);
    assert_int_equal(f->pt.tables, 3);
    for (uint64_t page = 0; page < 8; page++)
        assert_int_equal(pte_present(leaf(f, page)), page % 2 != 0);
    assert_false(can(f, 3, 0, MW_LOAD));
    assert_int_equal(f->frames.by_owner[MW_OWNER_ANONYMOUS], 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(cleaning_a_range_reaches_all_its_tables_and_no_page_beside_it),
        TEST(after_cleaning_no_hart_stores_without_a_walk),
        TEST(pages_that_nobody_can_store_to_are_not_fenced),
        TEST(a_parked_page_loses_its_dirt_too),
        TEST(absent_pages_get_what_the_source_has_and_others_stay),
        TEST(a_missing_table_is_made_only_to_stay),
        TEST(only_chosen_pages_go_and_tables_with_the_last_of_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
