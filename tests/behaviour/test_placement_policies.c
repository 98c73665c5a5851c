/*
 * Placement policies other than Linux's usual one: where un-hinted mappings land under each.
 */
#include "behaviour/world.h"

#define USER_END  ((uint64_t)1 << 38)
#define THIRD     ((USER_END / 3 + PAGE - 1) / PAGE * PAGE)
#define BRK_START UINT64_C(0x10000000)
#define HUGE      ((uint64_t)2 << 20)

static struct world open_with(enum mw_placement placement)
{
    struct mw_config config = world_config();

    config.placement = placement;
    return world_open_with(&config);
}

static uint64_t map(struct world *w, uint64_t pages)
{
    return world_map(w, pages * PAGE, RW, MAP_PRIVATE);
}

static void unmap(struct world *w, uint64_t addr, uint64_t pages)
{
    ck_assert_int_eq(mw_munmap(w->machine, w->pid, addr, pages * PAGE), 0);
}

START_TEST(bottom_up_takes_the_lowest_gap_from_a_third_of_user_space)
{
    struct world w = open_with(MW_PLACE_BOTTOM_UP);

    ck_assert_uint_eq(map(&w, 2), THIRD);
    ck_assert_uint_eq(map(&w, 1), THIRD + 2 * PAGE);
    unmap(&w, THIRD, 2);
    ck_assert_uint_eq(map(&w, 3), THIRD + 3 * PAGE);
    ck_assert_uint_eq(map(&w, 2), THIRD);
    world_close(&w);
}
END_TEST

/* There is no second try from the top: what lies below is never searched. */
START_TEST(bottom_up_never_goes_below_its_base)
{
    struct world w = open_with(MW_PLACE_BOTTOM_UP);
    uint64_t rest = USER_END - THIRD;

    ck_assert_int_eq(mw_mmap(w.machine, w.pid, 0, rest + PAGE, PROT_NONE, ANON, -1, 0), -ENOMEM);
    ck_assert_int_eq(mw_mmap(w.machine, w.pid, 0, rest, PROT_NONE, ANON, -1, 0), (int64_t)THIRD);
    ck_assert_int_eq(mw_mmap(w.machine, w.pid, 0, PAGE, PROT_NONE, ANON, -1, 0), -ENOMEM);
    world_close(&w);
}
END_TEST

/* As in the legacy layout of Linux, large anonymous mappings begin at the next superpage. */
START_TEST(bottom_up_aligns_large_mappings_upwards)
{
    struct world w = open_with(MW_PLACE_BOTTOM_UP);

    ck_assert_uint_eq(map(&w, HUGE / PAGE), (THIRD + HUGE - 1) / HUGE * HUGE);
    ck_assert_uint_eq(map(&w, 1), THIRD);
    world_close(&w);
}
END_TEST

START_TEST(unlimited_stacks_choose_bottom_up)
{
    struct mw_config config = world_config();
    struct world w;

    ck_assert_int_eq(mw_config_set(&config, "stack-limit", "unlimited"), 0);
    w = world_open_with(&config);
    ck_assert_uint_eq(map(&w, 1), THIRD);
    world_close(&w);
}
END_TEST

START_TEST(down_only_never_uses_what_was_unmapped)
{
    struct world w = open_with(MW_PLACE_DOWN_ONLY);
    uint64_t top = USER_END - 2 * PAGE; /* trampoline and trapframe are above */

    ck_assert_uint_eq(map(&w, 1), top - PAGE);
    ck_assert_uint_eq(map(&w, 2), top - 3 * PAGE);
    unmap(&w, top - 3 * PAGE, 3);
    ck_assert_uint_eq(map(&w, 1), top - 4 * PAGE);
    world_close(&w);
}
END_TEST

/* What is put somewhere by name does not move the place of the next one, but is gone round. */
START_TEST(down_only_does_not_count_named_places)
{
    struct world w = open_with(MW_PLACE_DOWN_ONLY);
    uint64_t top = USER_END - 2 * PAGE;

    world_map_at(&w, top - 2 * PAGE, PAGE, RW, MAP_PRIVATE);
    ck_assert_int_eq(mw_mmap(w.machine, w.pid, BASE, PAGE, RW, ANON, -1, 0), (int64_t)BASE);
    ck_assert_uint_eq(map(&w, 1), top - PAGE);
    ck_assert_uint_eq(map(&w, 1), top - 3 * PAGE);
    world_close(&w);
}
END_TEST

START_TEST(a_refused_mapping_uses_no_place_up)
{
    struct world w = open_with(MW_PLACE_DOWN_ONLY);
    uint64_t top = USER_END - 2 * PAGE;

    ck_assert_int_eq(mw_mmap(w.machine, w.pid, 0, PAGE, RW, MAP_ANONYMOUS, -1, 0), -EINVAL);
    mw_fail_allocation(w.machine, 1);
    ck_assert_int_eq(mw_mmap(w.machine, w.pid, 0, PAGE, RW, ANON, -1, 0), -ENOMEM);
    mw_fail_allocation(w.machine, 0);
    ck_assert_uint_eq(map(&w, 1), top - PAGE);
    world_close(&w);
}
END_TEST

START_TEST(children_go_on_where_their_parent_was)
{
    struct world w = open_with(MW_PLACE_DOWN_ONLY);
    uint64_t top = USER_END - 2 * PAGE;
    int child;

    ck_assert_uint_eq(map(&w, 1), top - PAGE);
    unmap(&w, top - PAGE, 1);
    child = mw_fork(w.machine, w.pid);
    ck_assert_int_eq(mw_mmap(w.machine, child, 0, PAGE, RW, ANON, -1, 0),
                     (int64_t)(top - 2 * PAGE));
    ck_assert_int_eq(mw_exec(w.machine, child), 0);
    ck_assert_int_eq(mw_mmap(w.machine, child, 0, PAGE, RW, ANON, -1, 0), (int64_t)(top - PAGE));
    world_close(&w);
}
END_TEST

START_TEST(heap_end_places_behind_the_heap)
{
    struct world w = open_with(MW_PLACE_HEAP_END);

    ck_assert_int_eq(mw_brk(w.machine, w.pid, BRK_START + 5000), (int64_t)BRK_START + 5000);
    ck_assert_uint_eq(map(&w, 1), BRK_START + 2 * PAGE);
    ck_assert_uint_eq(map(&w, 3), BRK_START + 3 * PAGE);
    unmap(&w, BRK_START + 3 * PAGE, 3);
    ck_assert_uint_eq(map(&w, 1), BRK_START + 6 * PAGE);
    world_close(&w);
}
END_TEST

START_TEST(a_moved_area_is_placed_by_the_policy_too)
{
    struct world w = open_with(MW_PLACE_HEAP_END);
    uint64_t p = map(&w, 1);
    uint64_t q = map(&w, 1);

    ck_assert_uint_eq(p, BRK_START);
    ck_assert_int_eq(mw_mremap(w.machine, w.pid, p, PAGE, 3 * PAGE, MREMAP_MAYMOVE, 0),
                     (int64_t)(q + PAGE));
    ck_assert_uint_eq(map(&w, 1), q + 4 * PAGE);
    world_close(&w);
}
END_TEST

START_TEST(a_base_can_be_given_to_each)
{
    static const struct {
        enum mw_placement placement;
        uint64_t first;
    } cases[] = {{MW_PLACE_TOP_DOWN, BASE - PAGE},
                 {MW_PLACE_FIRST_FIT, BASE},
                 {MW_PLACE_BOTTOM_UP, BASE},
                 {MW_PLACE_DOWN_ONLY, BASE - PAGE},
                 {MW_PLACE_HEAP_END, BRK_START}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mw_config config = world_config();
        struct world w;

        config.placement = cases[i].placement;
        config.mmap_base = BASE;
        w = world_open_with(&config);
        ck_assert_uint_eq(map(&w, 1), cases[i].first);
        world_close(&w);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        bottom_up_takes_the_lowest_gap_from_a_third_of_user_space,
        bottom_up_never_goes_below_its_base,
        bottom_up_aligns_large_mappings_upwards,
        unlimited_stacks_choose_bottom_up,
        down_only_never_uses_what_was_unmapped,
        down_only_does_not_count_named_places,
        a_refused_mapping_uses_no_place_up,
        children_go_on_where_their_parent_was,
        heap_end_places_behind_the_heap,
        a_moved_area_is_placed_by_the_policy_too,
        a_base_can_be_given_to_each,
    };

    return world_run("placement_policies", tests, sizeof(tests) / sizeof(tests[0]));
}
