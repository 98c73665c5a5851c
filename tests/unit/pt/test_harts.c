/*
 * Many harts, one truth: ASIDs over rollovers and without any, who is told of a change and what that
 * costs, and what a freed table takes. A random test lets twenty address spaces run on four harts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "pt/tlb_batch.h"

#define HARTS      4u
#define RAM_FRAMES 2000u
#define FLUSH_NS   30u
#define IPI_NS     1000u
#define USER_RW    (PTE_V | PTE_R | PTE_W | PTE_U)
#define VA         ((vaddr_t)0x3f00000000)

struct fixture {
    struct alloc alloc;
    struct ram ram;
    struct clock clock;
    struct event_bus bus;
    struct frame_table frames;
    struct hart *harts;
    struct hart_set set;
};

static struct fixture *begin(unsigned asid_bits)
{
    struct hart_setup setup = {.asid_bits = asid_bits, .hardware_ad = true, .seed = 1};
    struct fixture *f = test_calloc(1, sizeof(*f));

    assert_int_equal(mw_tlb_parse("8x2", 0, &setup.tlbs.l1d), 0);
    assert_int_equal(mw_tlb_parse("1x4", 0, &setup.tlbs.l1i), 0);
    assert_int_equal(mw_tlb_parse("16x4", 0, &setup.tlbs.l2), 0);
    assert_int_equal(mw_tlb_parse("1x8", 1, &setup.tlbs.walk_cache), 0);
    setup.tlbs.prefetch = 1;
    event_bus_init(&f->bus, &f->clock);
    assert_int_equal(ram_init(&f->ram, paddr(0x80000000), RAM_FRAMES * PAGE_BYTES, 0), 0);
    assert_int_equal(frame_table_init(&f->frames, &f->ram, &f->bus, &f->clock, 0, 0), 0);
    assert_int_equal(hart_new_all(&f->harts, HARTS, &setup, &f->alloc, &f->ram, &f->bus, &f->clock),
                     0);
    for (unsigned i = 0; i < HARTS; i++)
        hart_set_privilege(&f->harts[i], true, false, false);
    hart_set_init(&f->set, f->harts, HARTS, asid_bits, &f->clock, FLUSH_NS, IPI_NS);
    return f;
}

static void end(struct fixture *f)
{
    assert_int_equal(f->frames.used, 0);
    hart_free_all(f->harts, HARTS, &f->alloc);
    frame_table_destroy(&f->frames);
    ram_destroy(&f->ram);
    assert_int_equal(f->alloc.live_blocks, 0);
    test_free(f);
}

static void space_begin(struct fixture *f, struct pt *pt)
{
    assert_int_equal(pt_init(pt, &f->frames, &f->set, MW_MODE_SV39), 0);
}

static void unmap(struct pt *pt, vaddr_t start, vaddr_t last)
{
    struct tlb_batch batch;

    tlb_batch_begin(&batch, pt, MW_FENCE_UNMAP);
    pt_unmap_range(pt, (struct range){start, last}, &batch, NULL, NULL);
    tlb_batch_finish(&batch);
}

static void space_end(struct pt *pt)
{
    unmap(pt, 0, (vaddr_t)1 << 38);
    pt_destroy(pt);
}

/* A page whose first byte is `mark`. */
static void map(struct fixture *f, struct pt *pt, vaddr_t va, uint8_t mark)
{
    struct frame *frame = frame_alloc(&f->frames, MW_OWNER_ANONYMOUS, true);
    struct tlb_batch batch;

    assert_non_null(frame);
    frame_soil(frame);
    *frame_bytes(&f->frames, frame) = mark;
    tlb_batch_begin(&batch, pt, MW_FENCE_REPLACE);
    assert_int_equal(pt_install(pt, va, pte_make(frame_paddr(&f->frames, frame), USER_RW), &batch),
                     0);
    tlb_batch_finish(&batch);
}

/* The first byte of the page as the hart reads it; -1: it traps. */
static int byte_at(struct fixture *f, unsigned hart, vaddr_t va)
{
    struct trap trap;
    const uint8_t *host = hart_translate(&f->harts[hart], va, MW_LOAD, &trap);

    if (host != NULL)
        return *host;
    event_op_end(&f->bus, trap.opened_op);
    return -1;
}

static int run_byte_at(struct fixture *f, struct pt *pt, unsigned hart, vaddr_t va)
{
    pt_activate(pt, &f->harts[hart]);
    return byte_at(f, hart, va);
}

/* ---- ASIDs ---- */

static void an_address_space_that_a_hart_runs_keeps_its_asid_over_a_rollover(void **state)
{
    struct fixture *f = begin(2);
    struct pt kept, others[4];

    (void)state;
    space_begin(f, &kept);
    map(f, &kept, VA, 77);
    assert_int_equal(run_byte_at(f, &kept, 1, VA), 77);
    assert_int_equal(run_byte_at(f, &kept, 3, VA), 77);
    for (unsigned i = 0; i < 4; i++) { /* the first of them takes hart 1 over */
        space_begin(f, &others[i]);
        pt_activate(&others[i], &f->harts[i == 0]);
    }
    assert_int_equal(f->set.rollovers, 1);
    assert_int_equal(kept.asid, 0);
    assert_int_equal(others[0].asid, 1);
    assert_int_equal(others[3].asid, 2); /* 0 and 1 are reserved */
    assert_int_equal(kept.ran_on, 8); /* what hart 1 has of it, nobody can use before it flushes */
    assert_int_equal(kept.asid_generation, f->set.asid_generation);
    assert_int_equal(f->harts[3].flushes, 0);
    assert_int_equal(byte_at(f, 3, VA), 77);
    assert_int_equal(hart_hits(&f->harts[3], MW_LOAD), 1); /* from its TLB, as before */
    unmap(&kept, VA, VA + PAGE_BYTES);
    assert_int_equal(byte_at(f, 3, VA), -1); /* and shootdowns still find it there */
    assert_int_equal(f->harts[1].flushes, 0);
    assert_int_equal(run_byte_at(f, &kept, 1, VA), -1);
    for (unsigned i = 0; i < 4; i++)
        space_end(&others[i]);
    space_end(&kept);
    end(f);
}

static void after_a_rollover_each_hart_flushes_when_it_turns_to_another_space(void **state)
{
    struct fixture *f = begin(2);
    struct pt space[5];

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        space_begin(f, &space[i]);
        map(f, &space[i], VA, (uint8_t)(i + 1));
    }
    for (unsigned i = 0; i < 3; i++) /* hart 1 knows all three, and runs the last */
        assert_int_equal(run_byte_at(f, &space[i], 1, VA), i + 1);
    assert_int_equal(run_byte_at(f, &space[3], 0, VA), 4);
    assert_int_equal(run_byte_at(f, &space[4], 0, VA), 5);
    assert_int_equal(f->set.rollovers, 1);
    assert_int_equal(f->harts[0].flushes, 1);
    assert_int_equal(f->harts[1].flushes, 0);
    /* The new owner of the first one's ASID must not see what hart 1 has cached under it. */
    assert_int_equal(space[4].asid, space[0].asid);
    assert_int_equal(run_byte_at(f, &space[4], 1, VA), 5);
    assert_int_equal(f->harts[1].flushes, 1);
    assert_int_equal(run_byte_at(f, &space[2], 1, VA), 3);
    assert_int_equal(f->harts[1].flushes, 1); /* once for a rollover */
    for (unsigned i = 0; i < 5; i++)
        space_end(&space[i]);
    end(f);
}

static void with_fewer_asids_than_harts_each_turn_flushes_that_hart_alone(void **state)
{
    (void)state;
    for (unsigned asid_bits = 0; asid_bits < 2; asid_bits++) {
        struct fixture *f = begin(asid_bits);
        struct pt space[3];

        for (unsigned i = 0; i < 3; i++) {
            space_begin(f, &space[i]);
            map(f, &space[i], VA, (uint8_t)(i + 1));
        }
        assert_int_equal(run_byte_at(f, &space[0], 0, VA), 1);
        assert_int_equal(run_byte_at(f, &space[1], 1, VA), 2);
        assert_int_equal(byte_at(f, 0, VA), 1); /* the same ASID on two harts is two spaces */
        assert_int_equal(run_byte_at(f, &space[2], 0, VA), 3);
        assert_int_equal(f->harts[0].flushes, 1);
        assert_int_equal(f->harts[1].flushes, 0);
        assert_int_equal(byte_at(f, 1, VA), 2);
        assert_int_equal(hart_hits(&f->harts[1], MW_LOAD), 1);
        assert_int_equal(space[0].ran_on, 0); /* nobody need be told of it any more */
        assert_int_equal(f->set.rollovers, 0);
        for (unsigned i = 0; i < 3; i++)
            space_end(&space[i]);
        end(f);
    }
}

static void running_the_same_space_again_writes_no_satp_and_flushes_nothing(void **state)
{
    struct fixture *f = begin(0);
    struct pt space;

    (void)state;
    space_begin(f, &space);
    map(f, &space, VA, 1);
    assert_int_equal(run_byte_at(f, &space, 0, VA), 1);
    assert_int_equal(run_byte_at(f, &space, 0, VA), 1);
    assert_int_equal(f->harts[0].flushes, 0);
    assert_int_equal(hart_hits(&f->harts[0], MW_LOAD), 1);
    space_end(&space);
    end(f);
}

/* ---- shootdowns ---- */

static void
a_shootdown_goes_to_the_harts_that_ran_the_space_and_interrupts_all_but_one(void **state)
{
    struct fixture *f = begin(8);
    struct pt space, other;
    uint64_t before;

    (void)state;
    space_begin(f, &space);
    space_begin(f, &other);
    for (unsigned i = 0; i < 3; i++)
        map(f, &space, VA + i * PAGE_BYTES, 1);
    pt_activate(&other, &f->harts[3]);
    for (unsigned hart = 0; hart < 3; hart++)
        assert_int_equal(run_byte_at(f, &space, hart, VA), 1);
    before = f->clock.now_ns;
    unmap(&space, VA, VA + 2 * PAGE_BYTES); /* hart 2 asks: it did something last */
    assert_int_equal(f->clock.now_ns - before, 3 * 2 * FLUSH_NS + 2 * IPI_NS);
    assert_int_equal(f->set.ipis, 2);
    assert_int_equal(f->harts[3].flushes, 0);
    /* Asked for by a hart that never ran the space, all three are interrupted. */
    f->bus.hart = 3;
    unmap(&space, VA + 2 * PAGE_BYTES, VA + 3 * PAGE_BYTES);
    assert_int_equal(f->set.ipis, 5);
    space_end(&space);
    space_end(&other);
    end(f);
}

static void a_hart_that_has_forgotten_a_space_is_not_told_of_it_again(void **state)
{
    struct fixture *f = begin(8);
    struct pt space, other;

    (void)state;
    space_begin(f, &space);
    space_begin(f, &other);
    for (unsigned i = 0; i < 40; i++)
        map(f, &space, VA + i * PAGE_BYTES, 1);
    for (unsigned hart = 0; hart < 2; hart++)
        assert_int_equal(run_byte_at(f, &space, hart, VA), 1);
    pt_activate(&other, &f->harts[0]);
    unmap(&space, VA, VA + 35 * PAGE_BYTES); /* more than a batch names: the whole space goes */
    assert_int_equal(space.ran_on, 2);       /* hart 1 runs it and may cache it again at once */
    assert_int_equal(f->harts[0].flushes, 1);
    unmap(&space, VA + 35 * PAGE_BYTES, VA + 36 * PAGE_BYTES);
    assert_int_equal(f->harts[0].flushes, 1);
    assert_int_equal(f->harts[1].flushes, 2);
    assert_int_equal(run_byte_at(f, &space, 0, VA + 36 * PAGE_BYTES), 1);
    assert_int_equal(space.ran_on, 3);
    space_end(&space);
    space_end(&other);
    end(f);
}

static void a_space_that_never_ran_tells_nobody(void **state)
{
    struct fixture *f = begin(8);
    struct pt space;

    (void)state;
    space_begin(f, &space);
    map(f, &space, VA, 1);
    space_end(&space);
    assert_int_equal(f->set.shootdowns, 0);
    assert_int_equal(f->clock.now_ns, 0);
    end(f);
}

/* ---- tables ---- */

struct fences {
    unsigned with_address;
    unsigned without;
};

static void count_fence(void *context, const struct mw_event *event)
{
    struct fences *fences = context;

    if (event->arg[0] != 0)
        fences->with_address++;
    else
        fences->without++;
}

static void a_freed_table_takes_a_fence_without_an_address(void **state)
{
    struct fixture *f = begin(8);
    struct fences fences = {0};
    struct pt space;
    uint32_t tables;

    (void)state;
    space_begin(f, &space);
    map(f, &space, VA, 1);
    map(f, &space, VA + PAGE_BYTES, 2);
    assert_int_equal(run_byte_at(f, &space, 0, VA), 1);
    assert_int_equal(f->harts[0].walk_cache.counters.cache_fills, 2);
    assert_int_equal(
        event_subscribe(&f->bus, MW_EVENT_BIT(MW_EVENT_TLB_FLUSH), count_fence, &fences), 0);
    unmap(&space, VA, VA + PAGE_BYTES); /* its table has a page left */
    assert_int_equal(fences.with_address, 1);
    assert_int_equal(fences.without, 0);
    tables = (uint32_t)space.tables;
    unmap(&space, VA + PAGE_BYTES, VA + 2 * PAGE_BYTES);
    assert_int_equal(space.tables, tables - 2);
    assert_int_equal(fences.with_address, 1);
    assert_int_equal(fences.without, 1);
    assert_int_equal(f->harts[0].walk_cache.counters.cache_dropped, 2);
    /* New tables, in other frames: the walk must not begin in the old ones. */
    assert_int_equal(byte_at(f, 0, VA), -1);
    map(f, &space, VA, 3);
    assert_int_equal(byte_at(f, 0, VA), 3);
    space_end(&space);
    end(f);
}

static void a_table_of_parked_pages_takes_that_fence_too(void **state)
{
    struct fixture *f = begin(8);
    const struct range page = {VA, VA + PAGE_BYTES};
    struct tlb_batch batch;
    struct pt space;

    (void)state;
    space_begin(f, &space);
    map(f, &space, VA, 1);
    assert_int_equal(run_byte_at(f, &space, 0, VA), 1);
    tlb_batch_begin(&batch, &space, MW_FENCE_PROTECT);
    pt_protect_range(&space, page, 0, &batch, NULL, NULL);
    tlb_batch_finish(&batch);
    assert_int_equal(f->harts[0].walk_cache.counters.cache_dropped, 0);
    unmap(&space, page.start, page.end); /* no valid leaf goes, but pointers do */
    assert_int_equal(f->harts[0].walk_cache.counters.cache_dropped, 2);
    space_end(&space);
    end(f);
}

/* ---- the checkers ---- */

static void the_checkers_see_a_wrong_register_a_lost_bit_and_a_foreign_entry(void **state)
{
    struct fixture *f = begin(8);
    struct pt space;

    (void)state;
    space_begin(f, &space);
    map(f, &space, VA, 1);
    assert_int_equal(run_byte_at(f, &space, 1, VA), 1);
    assert_true(hart_set_check(&f->set) && hart_set_check_space(&f->set, &space));
    space.ran_on = 0;
    assert_false(hart_set_check(&f->set));
    assert_false(hart_set_check_space(&f->set, &space));
    f->set.must_flush = 2; /* what the hart holds is not to be used any more */
    assert_true(hart_set_check_space(&f->set, &space));
    f->set.must_flush = 0;
    space.ran_on = 2;
    f->harts[1].asid++;
    assert_false(hart_set_check(&f->set));
    f->harts[1].asid--;
    space.asid_generation++;
    assert_false(hart_set_check(&f->set));
    space.asid_generation--;
    assert_true(hart_set_check(&f->set));
    space_end(&space);
    end(f);
}

/* ---- random ---- */

#define SPACES 20u
#define PAGES  6u /* of each space, in three tables */
#define STEPS  2500u

struct world {
    struct fixture *f;
    struct prng prng;
    struct pt space[SPACES];
    uint8_t mark[SPACES][PAGES]; /* what each page holds; 0: it is not mapped */
    bool writable[SPACES][PAGES];
};

static vaddr_t page_address(unsigned page)
{
    return VA + (uint64_t)(page / 2) * level_bytes(1) + page % 2 * PAGE_BYTES;
}

static void world_check(struct world *w)
{
    const struct hart_set *set = &w->f->set;

    assert_true(hart_set_check(set));
    for (unsigned i = 0; i < SPACES; i++) {
        struct pt *pt = &w->space[i];

        assert_true(hart_set_check_space(set, pt));
        if (pt->asid_generation != set->asid_generation)
            continue;
        for (unsigned hart = 0; hart < HARTS; hart++)
            if (pt->ran_on >> hart & 1)
                assert_true(hart_check_tlb(&w->f->harts[hart], pt->mode,
                                           frame_paddr(&w->f->frames, pt->root), pt->asid));
        for (unsigned k = i + 1; k < SPACES && hart_set_has_asids(set); k++)
            assert_false(w->space[k].asid_generation == set->asid_generation &&
                         w->space[k].asid == pt->asid);
    }
}

/* A page is read where its space runs now, or where it is made to run. */
static void world_read(struct world *w, unsigned space, unsigned page)
{
    unsigned hart = (unsigned)prng_below(&w->prng, HARTS);
    int expected = w->mark[space][page] == 0 ? -1 : w->mark[space][page];

    assert_int_equal(run_byte_at(w->f, &w->space[space], hart, page_address(page)), expected);
}

/* A store must be refused on every hart when the page is read-only. */
static void world_write(struct world *w, unsigned space, unsigned page)
{
    unsigned hart = (unsigned)prng_below(&w->prng, HARTS);
    struct trap trap;
    uint8_t *host;

    pt_activate(&w->space[space], &w->f->harts[hart]);
    host = hart_translate(&w->f->harts[hart], page_address(page), MW_STORE, &trap);
    if (host == NULL) {
        event_op_end(&w->f->bus, trap.opened_op);
        assert_false(w->mark[space][page] != 0 && w->writable[space][page]);
        return;
    }
    assert_true(w->mark[space][page] != 0 && w->writable[space][page]);
    w->mark[space][page] = (uint8_t)(1 + prng_below(&w->prng, 255));
    *host = w->mark[space][page];
}

static void world_map(struct world *w, unsigned space, unsigned page)
{
    w->mark[space][page] = (uint8_t)(1 + prng_below(&w->prng, 255));
    w->writable[space][page] = true;
    map(w->f, &w->space[space], page_address(page), w->mark[space][page]);
}

static void world_unmap(struct world *w, unsigned space, unsigned page)
{
    unmap(&w->space[space], page_address(page), page_address(page) + PAGE_BYTES);
    w->mark[space][page] = 0;
}

static void world_protect(struct world *w, unsigned space, unsigned page)
{
    const struct range r = {page_address(page), page_address(page) + PAGE_BYTES};
    struct tlb_batch batch;

    tlb_batch_begin(&batch, &w->space[space], MW_FENCE_PROTECT);
    pt_protect_range(&w->space[space], r, PTE_R | PTE_U, &batch, NULL, NULL);
    tlb_batch_finish(&batch);
    w->writable[space][page] = false;
}

static void world_renew(struct world *w, unsigned space)
{
    space_end(&w->space[space]);
    space_begin(w->f, &w->space[space]);
    memset(w->mark[space], 0, sizeof(w->mark[space]));
}

static void world_step(struct world *w)
{
    unsigned space = (unsigned)prng_below(&w->prng, SPACES);
    unsigned page = (unsigned)prng_below(&w->prng, PAGES);

    switch (prng_below(&w->prng, 16)) {
    case 0:
        world_protect(w, space, page);
        break;
    case 1:
        world_unmap(w, space, page);
        break;
    case 2:
    case 3:
    case 4:
        world_map(w, space, page);
        break;
    case 5:
        if (prng_below(&w->prng, 8) == 0)
            world_renew(w, space);
        break;
    case 6:
    case 7:
    case 8:
        world_write(w, space, page);
        break;
    default:
        world_read(w, space, page);
        break;
    }
}

/* Returns what the test wants to have happened. */
static struct hart_set run_world(unsigned asid_bits, uint64_t seed)
{
    struct world *w = test_calloc(1, sizeof(*w));
    struct hart_set set;

    w->f = begin(asid_bits);
    prng_seed(&w->prng, seed);
    for (unsigned i = 0; i < SPACES; i++)
        space_begin(w->f, &w->space[i]);
    for (unsigned i = 0; i < STEPS; i++) {
        world_step(w);
        world_check(w);
    }
    set = w->f->set;
    for (unsigned i = 0; i < SPACES; i++)
        space_end(&w->space[i]);
    end(w->f);
    test_free(w);
    return set;
}

static void twenty_spaces_on_four_harts_never_see_each_other_with_however_few_asids(void **state)
{
    static const unsigned bits[] = {0, 1, 2, 3, 4, 16};

    (void)state;
    for (unsigned i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
        struct hart_set set = run_world(bits[i], 100 + i);

        assert_true(set.shootdowns > 0 && set.ipis > 0);
        assert_int_equal(set.rollovers > 0, bits[i] >= 2 && bits[i] <= 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_space_that_a_hart_runs_keeps_its_asid_over_a_rollover),
        cmocka_unit_test(after_a_rollover_each_hart_flushes_when_it_turns_to_another_space),
        cmocka_unit_test(with_fewer_asids_than_harts_each_turn_flushes_that_hart_alone),
        cmocka_unit_test(running_the_same_space_again_writes_no_satp_and_flushes_nothing),
        cmocka_unit_test(
            a_shootdown_goes_to_the_harts_that_ran_the_space_and_interrupts_all_but_one),
        cmocka_unit_test(a_hart_that_has_forgotten_a_space_is_not_told_of_it_again),
        cmocka_unit_test(a_space_that_never_ran_tells_nobody),
        cmocka_unit_test(a_freed_table_takes_a_fence_without_an_address),
        cmocka_unit_test(a_table_of_parked_pages_takes_that_fence_too),
        cmocka_unit_test(the_checkers_see_a_wrong_register_a_lost_bit_and_a_foreign_entry),
        cmocka_unit_test(twenty_spaces_on_four_harts_never_see_each_other_with_however_few_asids),
    };

    return cmocka_run_group_tests_name("harts", tests, NULL, NULL);
}
