/*
 * What the unit tests of the interval map share: a map with its own allocator, and ways to fill it.
 */
#ifndef MAPWALK_TESTS_UNIT_BASE_IMAP_FIXTURE_H
#define MAPWALK_TESTS_UNIT_BASE_IMAP_FIXTURE_H

#include "base/imap.h"

struct imap_fixture {
    struct alloc alloc;
    struct imap map;
};

/* For cmocka: *state is an imap_fixture. The second one fails when memory has leaked. */
int imap_fixture_set_up(void **state);
int imap_fixture_tear_down(void **state);

#define IMAP_TEST(name) \
    cmocka_unit_test_setup_teardown(name, imap_fixture_set_up, imap_fixture_tear_down)

/*
 * Inserts `count` intervals [i * 10, i * 10 + 5), in ascending order, each with its map as the
 * value.
 */
void imap_fixture_fill(struct imap *m, uint64_t count);

/*
 * Draws a map, one letter a key: each run of one letter becomes an interval, '.' is a free key. The
 * value of an interval is the place of its first letter in the picture.
 */
void imap_fixture_draw(struct imap *m, const char *picture);

/* Checks that the map looks so, by stepping through it. For drawn maps only. */
void imap_fixture_assert_picture(const struct imap *m, const char *expected);

#endif
