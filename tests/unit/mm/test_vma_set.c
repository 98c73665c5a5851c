/*
 * The set of areas: finding, splitting, merging, reserving, and its checker. Maps in the comments:
 * one letter a page.
 */
#include "unit/mm/fixture.h"

#include <string.h>

struct set_fixture {
    struct alloc alloc;
    struct pool pool;
    struct vma_set set;
    struct file_map map; /* only its list of mappers is used */
    struct mapped_file file;
    struct mapped_file other; /* another open of the same file */
    unsigned released;
};

static void file_released(struct mapped_file *file)
{
    struct set_fixture *f = container_of(file, struct set_fixture, file);

    f->released++;
}

static int set_up(void **state)
{
    struct set_fixture *f = test_calloc(1, sizeof(*f));

    pool_init(&f->pool, &f->alloc, sizeof(struct vma));
    vma_set_init(&f->set, &f->alloc, &f->pool, NULL, NULL);
    list_init(&f->map.mappers);
    f->file = (struct mapped_file){.map = &f->map, .refs = 1, .release = file_released};
    f->other = (struct mapped_file){.map = &f->map, .refs = 1, .release = file_released};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct set_fixture *f = *state;
    struct vma *v;

    assert_true(vma_set_check(&f->set));
    while ((v = vma_set_find_above(&f->set, 0)) != NULL)
        vma_set_remove(&f->set, v);
    vma_set_destroy(&f->set);
    assert_true(list_empty(&f->map.mappers));
    assert_int_equal(f->file.refs, 1);
    assert_int_equal(f->other.refs, 1);
    pool_destroy(&f->pool);
    assert_int_equal(f->alloc.live_blocks, 0);
    test_free(f);
    return 0;
}

/* Pages [first, end) at BASE, anonymous, as mmap would make them. */
static struct vma model(unsigned first, unsigned end, uint32_t prot)
{
    return (struct vma){.start = BASE + first * PAGE,
                        .end = BASE + end * PAGE,
                        .off_pages = (BASE >> PAGE_SHIFT) + first,
                        .prot = prot};
}

static struct vma file_model(struct mapped_file *file, unsigned first, unsigned end,
                             uint64_t off_pages)
{
    struct vma v = model(first, end, PROT_READ);

    v.file = file;
    v.off_pages = off_pages;
    return v;
}

static struct vma *add(struct set_fixture *f, struct vma v)
{
    struct vma *added;

    assert_int_equal(vma_set_reserve(&f->set, 1), 0);
    added = vma_set_add(&f->set, &v, VMA_MERGE_BOTH);
    assert_true(vma_set_check(&f->set));
    return added;
}

static void assert_area(const struct vma *v, unsigned first, unsigned end)
{
    assert_non_null(v);
    assert_int_equal(v->start, BASE + first * PAGE);
    assert_int_equal(v->end, BASE + end * PAGE);
}

/* ---- finding ---- */

static void an_empty_set_finds_nothing(void **state)
{
    struct set_fixture *f = *state;

    assert_null(vma_set_find(&f->set, BASE));
    assert_null(vma_set_find_above(&f->set, 0));
    assert_int_equal(vma_set_count(&f->set), 0);
    assert_int_equal(vma_set_count_in(&f->set, (struct range){0, UINT64_MAX}, 10), 0);
    assert_int_equal(f->alloc.live_blocks, 0);
}

static void areas_are_found_by_every_address_in_them(void **state)
{
    struct set_fixture *f = *state;
    struct vma *a = add(f, model(0, 2, PROT_READ)); /* aa..bb */
    struct vma *b = add(f, model(4, 6, PROT_READ));

    assert_ptr_equal(vma_set_find(&f->set, BASE), a);
    assert_ptr_equal(vma_set_find(&f->set, BASE + 2 * PAGE - 1), a);
    assert_null(vma_set_find(&f->set, BASE + 2 * PAGE));
    assert_null(vma_set_find(&f->set, BASE - 1));
    assert_ptr_equal(vma_set_find_above(&f->set, BASE - 1), a);
    assert_ptr_equal(vma_set_find_above(&f->set, BASE + 2 * PAGE), b);
    assert_null(vma_set_find_above(&f->set, BASE + 6 * PAGE));
    assert_ptr_equal(vma_set_next(&f->set, a), b);
    assert_null(vma_set_next(&f->set, b));
    assert_ptr_equal(vma_set_prev(&f->set, b), a);
    assert_null(vma_set_prev(&f->set, a));
}

static void areas_of_a_range_are_counted_up_to_a_limit(void **state)
{
    struct set_fixture *f = *state;

    for (unsigned i = 0; i < 10; i++)
        add(f, model(2 * i, 2 * i + 1, PROT_READ)); /* a.b.c.d. ... */
    assert_int_equal(vma_set_count_in(&f->set, (struct range){BASE, BASE + 20 * PAGE}, 100), 10);
    assert_int_equal(vma_set_count_in(&f->set, (struct range){BASE, BASE + 20 * PAGE}, 3), 3);
    assert_int_equal(vma_set_count_in(&f->set, (struct range){BASE + PAGE, BASE + 4 * PAGE}, 100),
                     1);
    assert_int_equal(vma_set_count_in(&f->set, (struct range){BASE + PAGE, BASE + 2 * PAGE}, 100),
                     0);
    assert_int_equal(vma_set_count_in(&f->set, (struct range){BASE, BASE + 1}, 100), 1);
}

/* ---- merging ---- */

static void a_new_area_joins_the_neighbours_that_are_like_it(void **state)
{
    struct set_fixture *f = *state;

    add(f, model(0, 1, PROT_READ));
    assert_area(add(f, model(1, 2, PROT_READ)), 0, 2); /* aA    -> aa   */
    add(f, model(3, 4, PROT_READ));
    assert_area(add(f, model(2, 3, PROT_READ)), 0, 4); /* aaAb  -> aaaa */
    assert_int_equal(vma_set_count(&f->set), 1);
    add(f, model(6, 7, PROT_READ));
    assert_area(add(f, model(5, 6, PROT_READ)), 5, 7); /* aaaa.Bb -> aaaa.bb */
    assert_int_equal(vma_set_find(&f->set, BASE + 5 * PAGE)->off_pages, (BASE >> PAGE_SHIFT) + 5);
    assert_int_equal(vma_set_count(&f->set), 2);
}

static void areas_that_differ_in_anything_stay_apart(void **state)
{
    struct set_fixture *f = *state;
    struct vma v = model(1, 2, PROT_READ);

    add(f, model(0, 1, PROT_READ));
    v.prot = RW;
    assert_area(add(f, v), 1, 2);
    v = model(2, 3, RW);
    v.flags = VMA_NORESERVE;
    assert_area(add(f, v), 2, 3);
    v = model(3, 4, RW);
    v.flags = VMA_NORESERVE;
    v.off_pages++; /* moved here from elsewhere */
    assert_area(add(f, v), 3, 4);
    v = file_model(&f->file, 4, 5, (BASE >> PAGE_SHIFT) + 5);
    v.prot = RW;
    v.flags = VMA_NORESERVE;
    assert_area(add(f, v), 4, 5);
    assert_int_equal(vma_set_count(&f->set), 5);
}

static void file_areas_merge_by_open_file_and_offset(void **state)
{
    struct set_fixture *f = *state;

    add(f, file_model(&f->file, 0, 2, 10));
    assert_area(add(f, file_model(&f->file, 2, 3, 12)), 0, 3);
    assert_int_equal(f->file.refs, 2);                          /* one area, one reference */
    assert_area(add(f, file_model(&f->file, 3, 4, 14)), 3, 4);  /* a hole in the offsets */
    assert_area(add(f, file_model(&f->other, 4, 5, 15)), 4, 5); /* another open of the same file */
    assert_int_equal(f->file.refs, 3);
    assert_int_equal(f->other.refs, 2);
}

static struct vma *change(struct set_fixture *f, struct vma *v, unsigned first, unsigned end,
                          uint32_t prot, uint64_t max_areas)
{
    const struct vma_change c = {
        .range = {BASE + first * PAGE, BASE + end * PAGE}, .prot = prot, .flags = v->flags};
    struct vma *changed;

    assert_int_equal(vma_set_reserve(&f->set, 2), 0);
    changed = vma_set_change(&f->set, v, &c, max_areas);
    assert_true(vma_set_check(&f->set));
    return changed;
}

static void a_change_joins_both_neighbours(void **state)
{
    struct set_fixture *f = *state;
    struct vma writable = file_model(&f->file, 1, 2, 1);
    struct vma *v;

    writable.prot = RW;
    add(f, file_model(&f->file, 0, 1, 0)); /* rWr -> rrr */
    v = add(f, writable);
    add(f, file_model(&f->file, 2, 3, 2));
    assert_int_equal(vma_set_count(&f->set), 3);
    assert_area(change(f, v, 1, 2, PROT_READ, 0), 0, 3);
    assert_int_equal(vma_set_count(&f->set), 1);
    assert_int_equal(f->file.refs, 2);
}

static void a_change_of_a_part_moves_the_border_to_the_neighbour(void **state)
{
    struct set_fixture *f = *state;
    struct vma *v;

    add(f, model(0, 2, PROT_READ)); /* rrWWWWrr -> rrrWWrrr, needing no room for an area more */
    v = add(f, model(2, 6, RW));
    add(f, model(6, 8, PROT_READ));
    assert_area(change(f, v, 2, 3, PROT_READ, 0), 0, 3);
    assert_area(change(f, v, 5, 6, PROT_READ, 0), 5, 8);
    assert_area(v, 3, 5);
    assert_int_equal(v->off_pages, (BASE >> PAGE_SHIFT) + 3);
    assert_int_equal(vma_set_count(&f->set), 3);
}

static void a_change_inside_an_area_splits_it_in_three(void **state)
{
    struct set_fixture *f = *state;
    struct vma *v = add(f, model(0, 4, RW));

    assert_area(change(f, v, 1, 2, PROT_READ, 10), 1, 2);
    assert_int_equal(vma_set_count(&f->set), 3);
    assert_int_equal(vma_set_find(&f->set, BASE + PAGE)->prot, PROT_READ);
    assert_int_equal(vma_set_find(&f->set, BASE + 2 * PAGE)->prot, RW);
}

/* Linux makes the first split and then finds no room for the second. */
static void a_change_without_room_for_areas_may_leave_one_split(void **state)
{
    struct set_fixture *f = *state;
    struct vma *v = add(f, model(0, 4, RW));

    assert_null(change(f, v, 1, 2, PROT_READ, 1));
    assert_int_equal(vma_set_count(&f->set), 1);
    assert_null(change(f, v, 1, 2, PROT_READ, 2));
    assert_int_equal(vma_set_count(&f->set), 2);
    assert_area(vma_set_find(&f->set, BASE), 0, 1);
    assert_int_equal(vma_set_find(&f->set, BASE + PAGE)->prot, RW);
}

/* ---- histories ---- */

#define HISTORY_A 2u
#define HISTORY_B 4u

static struct vma with_history(struct vma v, uint64_t history)
{
    v.history = history;
    return v;
}

static void a_new_area_joins_one_with_a_history_unless_it_is_inherited(void **state)
{
    struct set_fixture *f = *state;

    add(f, with_history(model(0, 1, RW), HISTORY_A));
    assert_area(add(f, model(1, 2, RW)), 0, 2);
    add(f, with_history(model(4, 5, RW), HISTORY_A | VMA_HISTORY_INHERITED));
    assert_area(add(f, model(5, 6, RW)), 5, 6);
}

static void areas_of_two_histories_stay_two_and_what_fills_the_gap_joins_the_lower(void **state)
{
    struct set_fixture *f = *state;

    add(f, with_history(model(0, 1, RW), HISTORY_A));
    add(f, with_history(model(2, 3, RW), HISTORY_B));
    assert_area(add(f, model(1, 2, RW)), 0, 2); /* A.B -> AAB */
    assert_int_equal(vma_set_count(&f->set), 2);
    add(f, with_history(model(6, 7, RW), HISTORY_A));
    add(f, with_history(model(8, 9, RW), HISTORY_A));
    assert_area(add(f, model(7, 8, RW)), 6, 9); /* A.A -> AAA */
}

static void a_merge_keeps_the_one_history_there_is(void **state)
{
    struct set_fixture *f = *state;
    struct vma *v;

    add(f, model(0, 1, RW));
    add(f, with_history(model(2, 3, RW), HISTORY_B));
    v = add(f, model(1, 2, RW));
    assert_area(v, 0, 3);
    assert_int_equal(v->history, HISTORY_B);
}

static void a_moved_area_brings_its_history_along(void **state)
{
    struct set_fixture *f = *state;
    struct vma *v;

    add(f, model(0, 1, RW));
    v = add(f, with_history(model(1, 2, RW), HISTORY_A));
    assert_area(v, 0, 2);
    assert_int_equal(v->history, HISTORY_A);
    v = add(f, with_history(model(2, 3, RW), HISTORY_A | VMA_HISTORY_INHERITED));
    assert_area(v, 2, 3);
}

static void growing_in_place_joins_what_comes_next(void **state)
{
    struct set_fixture *f = *state;
    struct vma *v = add(f, with_history(model(0, 1, RW), HISTORY_A | VMA_HISTORY_INHERITED));

    add(f, model(3, 4, RW));
    assert_area(vma_set_grow(&f->set, v, BASE + 2 * PAGE), 0, 2);
    assert_area(vma_set_grow(&f->set, v, BASE + 3 * PAGE), 0, 4);
    assert_int_equal(vma_set_count(&f->set), 1);
}

static void a_first_write_reuses_the_history_of_the_area_after_then_before(void **state)
{
    struct set_fixture *f = *state;
    struct vma *v;

    add(f, with_history(model(0, 1, PROT_READ), HISTORY_A));
    v = add(f, model(1, 2, RW));
    assert_int_equal(vma_set_choose_history(&f->set, v, 6), HISTORY_A);
    add(f, with_history(model(2, 3, PROT_READ), HISTORY_B));
    assert_int_equal(vma_set_choose_history(&f->set, v, 6), HISTORY_B);
    vma_set_find(&f->set, BASE + 2 * PAGE)->history |= VMA_HISTORY_INHERITED;
    assert_int_equal(vma_set_choose_history(&f->set, v, 6), HISTORY_A);
    vma_set_find(&f->set, BASE)->history = 0;
    assert_int_equal(vma_set_choose_history(&f->set, v, 6), 6);
}

/* ---- splitting ---- */

static void a_split_makes_two_areas_of_one(void **state)
{
    struct set_fixture *f = *state;
    struct vma *lower = add(f, file_model(&f->file, 0, 5, 100));
    struct vma *upper;

    assert_int_equal(vma_set_reserve(&f->set, 1), 0);
    upper = vma_set_split(&f->set, lower, BASE + 2 * PAGE);
    assert_area(lower, 0, 2);
    assert_area(upper, 2, 5);
    assert_int_equal(lower->off_pages, 100);
    assert_int_equal(upper->off_pages, 102);
    assert_int_equal(f->file.refs, 3);
    assert_ptr_equal(vma_set_find(&f->set, BASE + 2 * PAGE), upper);
    assert_area(change(f, upper, 2, 5, upper->prot, 0), 0, 5); /* and back */
    assert_int_equal(f->file.refs, 2);
}

/* aabb..cc: b becomes one of a file and stays where it is; a model like `a` makes one of both. */
static void an_area_is_replaced_by_one_that_merges_as_a_new_one(void **state)
{
    struct set_fixture *f = *state;
    struct vma *a = add(f, model(0, 2, PROT_READ));
    struct vma *b = add(f, model(2, 4, RW));
    struct vma file = file_model(&f->file, 2, 4, 7);
    struct vma like = model(2, 4, PROT_READ);

    add(f, model(6, 8, PROT_READ));
    assert_int_equal(vma_set_reserve(&f->set, 1), 0);
    assert_ptr_equal(vma_set_replace(&f->set, b, &file), b);
    assert_area(b, 2, 4);
    assert_ptr_equal(b->file, &f->file);
    assert_int_equal(f->file.refs, 2);
    assert_true(vma_set_check(&f->set));
    assert_int_equal(f->set.totals.data, 0); /* b was the writable one */
    assert_ptr_equal(vma_set_replace(&f->set, b, &like), a);
    assert_area(a, 0, 4);
    assert_int_equal(f->file.refs, 1);
    assert_int_equal(vma_set_count(&f->set), 2);
}

/* aa..bb -> aaaaaa, whatever the two are: the caller knows that they go together. */
static void an_area_absorbs_the_next_and_the_hole_between(void **state)
{
    struct set_fixture *f = *state;
    struct vma *a = add(f, file_model(&f->file, 0, 2, 10));
    struct vma *b = add(f, file_model(&f->file, 4, 6, 14));

    vma_set_absorb(&f->set, a, b);
    assert_area(a, 0, 6);
    assert_int_equal(f->file.refs, 2);
    assert_int_equal(f->set.totals.pages, 6);
    assert_int_equal(vma_set_count(&f->set), 1);
    assert_true(vma_set_check(&f->set));
}

static void removing_an_area_drops_its_file(void **state)
{
    struct set_fixture *f = *state;
    struct vma *v = add(f, file_model(&f->file, 0, 1, 0));

    mapped_file_put(&f->file); /* the area's is the last one */
    assert_int_equal(f->released, 0);
    vma_set_remove(&f->set, v);
    assert_int_equal(f->released, 1);
    assert_true(list_empty(&f->map.mappers));
    f->file.refs = 1;
}

static void an_area_grows_at_both_ends(void **state)
{
    struct set_fixture *f = *state;
    struct vma *v = add(f, model(5, 6, RW));

    vma_set_extend(&f->set, v, BASE + 3 * PAGE, BASE + 7 * PAGE);
    assert_area(v, 3, 7);
    assert_int_equal(v->off_pages, (BASE >> PAGE_SHIFT) + 3);
    assert_ptr_equal(vma_set_find(&f->set, BASE + 3 * PAGE), v);
}

/* ---- reserving ---- */

static void what_is_reserved_cannot_fail(void **state)
{
    struct set_fixture *f = *state;
    struct vma v = model(0, 1000, PROT_READ);
    struct vma *area;
    uint64_t calls;

    assert_int_equal(vma_set_reserve(&f->set, 1000), 0);
    calls = f->alloc.calls;
    f->alloc.fail_at = calls + 1;
    area = vma_set_add(&f->set, &v, VMA_MERGE_BOTH);
    for (unsigned i = 1; i < 1000; i++) {
        area = vma_set_split(&f->set, area, BASE + i * PAGE);
        vma_set_reflag(&f->set, area, i % 2 == 0 ? PROT_READ : RW, 0, NULL);
    }
    assert_int_equal(f->alloc.calls, calls);
    f->alloc.fail_at = 0;
    assert_int_equal(vma_set_count(&f->set), 1000);
}

static void a_refused_reservation_changes_nothing(void **state)
{
    struct set_fixture *f = *state;
    int err = -ENOMEM;

    add(f, model(0, 1, PROT_READ));
    for (uint64_t n = 1; err == -ENOMEM; n++) {
        f->alloc.fail_at = f->alloc.calls + n;
        err = vma_set_reserve(&f->set, 500);
        assert_int_equal(vma_set_count(&f->set), 1);
        assert_true(vma_set_check(&f->set));
    }
    assert_int_equal(err, 0);
    f->alloc.fail_at = 0;
}

/* ---- the checker ---- */

static void the_checker_sees_bounds_that_do_not_agree(void **state)
{
    struct set_fixture *f = *state;
    struct vma *v = add(f, model(0, 2, PROT_READ));

    v->end -= PAGE;
    assert_false(vma_set_check(&f->set));
    v->end += PAGE;
    v->start++;
    assert_false(vma_set_check(&f->set));
    v->start--;
}

static void the_checker_sees_totals_that_do_not_agree(void **state)
{
    struct set_fixture *f = *state;
    struct vma *v = add(f, model(0, 2, PROT_READ));

    assert_int_equal(f->set.totals.pages, 2);
    assert_int_equal(f->set.totals.data, 0);
    v->prot = RW;
    assert_false(vma_set_check(&f->set));
    v->prot = PROT_READ;
    v->flags ^= VMA_LOCKED;
    assert_false(vma_set_check(&f->set));
    v->flags ^= VMA_LOCKED;
    f->set.totals.account++;
    assert_false(vma_set_check(&f->set));
    f->set.totals.account--;
}

static void the_checker_sees_a_history_of_shared_memory(void **state)
{
    struct set_fixture *f = *state;
    struct vma shared = model(0, 1, PROT_READ);
    struct vma *v;

    shared.flags = VMA_SHARED;
    v = add(f, shared);
    v->history = HISTORY_A;
    assert_false(vma_set_check(&f->set));
    v->history = 0;
}

static void totals_follow_every_change(void **state)
{
    struct set_fixture *f = *state;
    struct vma locked = model(0, 4, RW);
    struct vma_totals part;
    struct vma *v;

    locked.flags = VMA_LOCKED | VMA_ACCOUNT;
    v = add(f, locked);
    assert_int_equal(f->set.totals.data, 4);
    assert_int_equal(f->set.totals.locked, 4);
    assert_int_equal(f->set.totals.account, 4);
    v = change(f, v, 1, 2, PROT_READ, 10);
    assert_int_equal(f->set.totals.data, 3);
    part = vma_set_totals_in(&f->set, (struct range){BASE + PAGE, BASE + 3 * PAGE});
    assert_int_equal(part.pages, 2);
    assert_int_equal(part.data, 1);
    assert_int_equal(part.account, 2);
    vma_set_reflag(&f->set, v, v->prot, 0, NULL);
    assert_int_equal(f->set.totals.locked, 3);
    vma_set_remove(&f->set, v);
    assert_int_equal(f->set.totals.pages, 3);
}

static void the_checker_sees_an_area_that_its_file_does_not_know(void **state)
{
    struct set_fixture *f = *state;
    struct vma *v = add(f, file_model(&f->file, 0, 1, 0));

    list_remove(&v->link);
    assert_false(vma_set_check(&f->set));
    list_append(&f->map.mappers, &v->link);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_empty_set_finds_nothing),
        TEST(areas_are_found_by_every_address_in_them),
        TEST(areas_of_a_range_are_counted_up_to_a_limit),
        TEST(a_new_area_joins_the_neighbours_that_are_like_it),
        TEST(areas_that_differ_in_anything_stay_apart),
        TEST(file_areas_merge_by_open_file_and_offset),
        TEST(a_change_joins_both_neighbours),
        TEST(a_change_of_a_part_moves_the_border_to_the_neighbour),
        TEST(a_change_inside_an_area_splits_it_in_three),
        TEST(a_change_without_room_for_areas_may_leave_one_split),
        TEST(a_new_area_joins_one_with_a_history_unless_it_is_inherited),
        TEST(areas_of_two_histories_stay_two_and_what_fills_the_gap_joins_the_lower),
        TEST(a_merge_keeps_the_one_history_there_is),
        TEST(a_moved_area_brings_its_history_along),
        TEST(growing_in_place_joins_what_comes_next),
        TEST(a_first_write_reuses_the_history_of_the_area_after_then_before),
        TEST(a_split_makes_two_areas_of_one),
        TEST(an_area_is_replaced_by_one_that_merges_as_a_new_one),
        TEST(an_area_absorbs_the_next_and_the_hole_between),
        TEST(removing_an_area_drops_its_file),
        TEST(an_area_grows_at_both_ends),
        TEST(what_is_reserved_cannot_fail),
        TEST(a_refused_reservation_changes_nothing),
        TEST(the_checker_sees_bounds_that_do_not_agree),
        TEST(the_checker_sees_totals_that_do_not_agree),
        TEST(the_checker_sees_a_history_of_shared_memory),
        TEST(totals_follow_every_change),
        TEST(the_checker_sees_an_area_that_its_file_does_not_know),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
