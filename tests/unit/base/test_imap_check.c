/*
 * The checker of the interval map: it must see each kind of damage, or the tests that rely on it
 * prove nothing.
 */
#include "base/imap_node.h"

#include "imap_fixture.h"
#include "unit.h"

/* A map of three levels, for damaging. */
static struct imap_node *tall_root(struct imap_fixture *f)
{
    imap_fixture_fill(&f->map, 300);
    assert_true(f->map.height >= 3);
    assert_true(imap_check(&f->map));
    return f->map.root;
}

/*
 * Sets *word to something wrong: the checker must see it, and be content again when it is undone. /
 */
static void assert_noticed(const struct imap *m, uint64_t *word, uint64_t wrong)
{
    uint64_t right = *word;
    assert_true(right != wrong);
    *word = wrong;
    assert_false(imap_check(m));
    *word = right;
    assert_true(imap_check(m));
}

static void the_checker_sees_wrong_bounds_and_gaps_at_every_level(void **state)
{
    struct imap_fixture *f = *state;
    struct imap_node *node = tall_root(f);
    for (unsigned level = f->map.height; level-- > 0;) {
        assert_noticed(&f->map, &node->start[1], node->start[1] + 1);
        assert_noticed(&f->map, &node->start[0], node->start[0] + 1);
        assert_noticed(&f->map, &node->end[1], node->end[1] + 1);
        assert_noticed(&f->map, &node->gap[0], node->gap[0] + 1);
        assert_noticed(&f->map, &node->gap[1], node->gap[1] - 1);
        assert_noticed(&f->map, &node->widest, node->widest + 1);
        if (level > 0)
            node = imap_child(node, 0);
    }
    assert_noticed(&f->map, &node->end[0], node->start[0]);     /* empty */
    assert_noticed(&f->map, &node->end[0], node->start[1] + 1); /* overlapping */
}

/* In a map of one leaf nothing but the rule itself is hurt. */
static void the_checker_sees_empty_and_overlapping_intervals(void **state)
{
    struct imap_fixture *f = *state;
    assert_int_equal(imap_insert(&f->map, 10, 15, NULL), 0);
    struct imap_node *leaf = f->map.root;
    assert_noticed(&f->map, &leaf->end[0], 10);
    assert_int_equal(imap_insert(&f->map, 15, 25, NULL), 0);
    leaf->start[1] = 14;
    leaf->gap[1] = leaf->start[1] - leaf->end[0];
    assert_false(imap_check(&f->map));
    leaf->start[1] = 15;
    leaf->gap[1] = 0;
    assert_true(imap_check(&f->map));
}

static void the_checker_sees_an_empty_map_that_is_not(void **state)
{
    struct imap_fixture *f = *state;
    struct imap_node stray = {0};
    f->map.count = 1;
    assert_false(imap_check(&f->map));
    f->map.count = 0;
    f->map.root = &stray;
    assert_false(imap_check(&f->map));
    f->map.root = NULL;
    f->map.nodes.live_count = 1;
    assert_false(imap_check(&f->map));
    f->map.nodes.live_count = 0;
    f->map.height = 1;
    assert_false(imap_check(&f->map));
    f->map.height = 0;
    assert_true(imap_check(&f->map));
}

static void the_checker_sees_wrong_counts_and_heights(void **state)
{
    struct imap_fixture *f = *state;
    struct imap_node *node = tall_root(f);
    struct imap *m = &f->map;
    for (unsigned level = m->height; level-- > 0;) {
        unsigned count = node->count;
        const unsigned wrong[] = {0, 1, count - 1, IMAP_SLOTS + 1};
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
            node->count = wrong[i];
            assert_false(imap_check(m));
        }
        node->count = count;
        if (level > 0)
            node = imap_child(node, 0);
    }
    m->count++;
    assert_false(imap_check(m));
    m->count--;
    m->nodes.live_count++; /* a node that hangs nowhere */
    assert_false(imap_check(m));
    m->nodes.live_count--;
    unsigned height = m->height;
    m->height = 0;
    assert_false(imap_check(m));
    m->height = IMAP_LEVELS + 1;
    assert_false(imap_check(m));
    m->height = height;
    assert_true(imap_check(m));
}

static void the_checker_sees_wrong_links_between_leaves(void **state)
{
    struct imap_fixture *f = *state;
    tall_root(f);
    struct imap_entry entry;
    assert_true(imap_find(&f->map, 0, &entry));
    struct imap_node *first = entry.leaf;
    struct imap_node *second = first->next;
    first->next = second->next;
    assert_false(imap_check(&f->map));
    first->next = second;
    second->prev = NULL;
    assert_false(imap_check(&f->map));
    second->prev = first;
    struct imap_node *last = second;
    while (last->next != NULL)
        last = last->next;
    last->next = first;
    assert_false(imap_check(&f->map));
    last->next = NULL;
    assert_true(imap_check(&f->map));
}

static void the_checker_sees_a_finger_that_leads_elsewhere(void **state)
{
    struct imap_fixture *f = *state;
    struct imap_entry entry;
    tall_root(f);
    assert_true(imap_find(&f->map, 1500, &entry));
    assert_ptr_equal(f->map.finger.node[0], entry.leaf);
    for (unsigned level = 0; level < f->map.height; level++) {
        struct imap_node *right = f->map.finger.node[level];
        f->map.finger.node[level] = level == 0 ? entry.leaf->next : entry.leaf;
        assert_false(imap_check(&f->map));
        f->map.finger.node[level] = right;
        unsigned slot = f->map.finger.slot[level];
        f->map.finger.slot[level] = slot == 0 ? 1 : slot - 1;
        assert_int_equal(imap_check(&f->map), level == 0); /* of a leaf it means nothing */
        f->map.finger.slot[level] = IMAP_SLOTS;
        assert_int_equal(imap_check(&f->map), level == 0);
        f->map.finger.slot[level] = slot;
    }
    assert_true(imap_check(&f->map));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IMAP_TEST(the_checker_sees_wrong_bounds_and_gaps_at_every_level),
        IMAP_TEST(the_checker_sees_empty_and_overlapping_intervals),
        IMAP_TEST(the_checker_sees_an_empty_map_that_is_not),
        IMAP_TEST(the_checker_sees_wrong_counts_and_heights),
        IMAP_TEST(the_checker_sees_wrong_links_between_leaves),
        IMAP_TEST(the_checker_sees_a_finger_that_leads_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
