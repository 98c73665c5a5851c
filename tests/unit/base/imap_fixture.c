/*
 * Shared parts of the unit tests of the interval map.
 */
#include "imap_fixture.h"

#include <string.h>

#include "unit.h"

#define PICTURE_BYTES 100

int imap_fixture_set_up(void **state)
{
    struct imap_fixture *f = test_calloc(1, sizeof *f);
    imap_init(&f->map, &f->alloc);
    *state = f;
    return 0;
}

int imap_fixture_tear_down(void **state)
{
    struct imap_fixture *f = *state;
    imap_destroy(&f->map);
    bool leaked = f->alloc.live_blocks != 0;
    test_free(f);
    return leaked ? -1 : 0;
}

void imap_fixture_fill(struct imap *m, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        assert_int_equal(imap_insert(m, i * 10, i * 10 + 5, m), 0);
}

void imap_fixture_draw(struct imap *m, const char *picture)
{
    size_t at = 0;
    while (picture[at] != '\0') {
        size_t end = at + 1;
        while (picture[end] == picture[at])
            end++;
        if (picture[at] != '.')
            assert_int_equal(imap_insert(m, at, end, (void *)(uintptr_t)&picture[at]), 0);
        at = end;
    }
    assert_true(imap_check(m));
}

void imap_fixture_assert_picture(const struct imap *m, const char *expected)
{
    char picture[PICTURE_BYTES];
    size_t length = strlen(expected);
    assert_true(length < sizeof picture);
    memset(picture, '.', length);
    picture[length] = '\0';
    struct imap_entry entry;
    for (bool more = imap_find(m, 0, &entry); more; more = imap_next(m, &entry)) {
        assert_true(entry.end <= length);
        memset(picture + entry.start, *(const char *)entry.value, entry.end - entry.start);
    }
    assert_string_equal(picture, expected);
    assert_true(imap_check(m));
}
