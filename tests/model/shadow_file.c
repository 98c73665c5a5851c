/*
 * Pages in an array: the plainest form that holes can have.
 */
#include "model/shadow_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct shadow_file *shadow_new(void)
{
    struct shadow_file *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    f->refs = 1;
    return f;
}

struct shadow_file *shadow_get(struct shadow_file *f)
{
    f->refs++;
    return f;
}

static void shadow_drop_page(struct shadow_file *f, uint64_t index)
{
    free(f->page[index]);
    f->page[index] = NULL;
}

void shadow_put(struct shadow_file *f)
{
    if (f == NULL || --f->refs > 0)
        return;
    for (uint64_t i = 0; i < SHADOW_PAGES; i++)
        shadow_drop_page(f, i);
    free(f);
}

uint64_t shadow_pages(const struct shadow_file *f)
{
    return (f->bytes + SHADOW_PAGE_BYTES - 1) / SHADOW_PAGE_BYTES;
}

/* How much of [offset, offset + bytes) lies in the page of `offset`. */
static uint64_t shadow_piece(uint64_t offset, uint64_t bytes)
{
    uint64_t room = SHADOW_PAGE_BYTES - offset % SHADOW_PAGE_BYTES;

    return bytes < room ? bytes : room;
}

uint64_t shadow_read(const struct shadow_file *f, uint64_t offset, void *out, uint64_t bytes)
{
    uint64_t piece;

    if (offset >= f->bytes)
        return 0;
    if (bytes > f->bytes - offset)
        bytes = f->bytes - offset;
    for (uint64_t done = 0; done < bytes; done += piece) {
        uint64_t at = offset + done;
        const uint8_t *page = f->page[at / SHADOW_PAGE_BYTES];

        piece = shadow_piece(at, bytes - done);
        if (page == NULL)
            memset((uint8_t *)out + done, 0, piece);
        else
            memcpy((uint8_t *)out + done, page + at % SHADOW_PAGE_BYTES, piece);
    }
    return bytes;
}

static uint8_t *shadow_page(struct shadow_file *f, uint64_t index)
{
    assert_true(index < SHADOW_PAGES);
    if (f->page[index] == NULL)
        f->page[index] = calloc(1, SHADOW_PAGE_BYTES);
    assert_non_null(f->page[index]);
    return f->page[index];
}

void shadow_write(struct shadow_file *f, uint64_t offset, const void *in, uint64_t bytes)
{
    uint64_t piece;

    for (uint64_t done = 0; done < bytes; done += piece) {
        uint64_t at = offset + done;

        piece = shadow_piece(at, bytes - done);
        memcpy(shadow_page(f, at / SHADOW_PAGE_BYTES) + at % SHADOW_PAGE_BYTES,
               (const uint8_t *)in + done, piece);
    }
    if (bytes > 0 && offset + bytes > f->bytes)
        f->bytes = offset + bytes;
}

void shadow_truncate(struct shadow_file *f, uint64_t bytes)
{
    uint64_t cut = bytes % SHADOW_PAGE_BYTES;
    uint64_t index = bytes / SHADOW_PAGE_BYTES;

    if (bytes < f->bytes) {
        for (uint64_t i = (bytes + SHADOW_PAGE_BYTES - 1) / SHADOW_PAGE_BYTES; i < shadow_pages(f);
             i++)
            shadow_drop_page(f, i);
        if (cut != 0 && f->page[index] != NULL)
            memset(f->page[index] + cut, 0, SHADOW_PAGE_BYTES - cut);
    }
    f->bytes = bytes;
}

void shadow_punch(struct shadow_file *f, uint64_t start, uint64_t end)
{
    uint64_t piece;

    if (end > f->bytes)
        end = f->bytes;
    for (uint64_t at = start; at < end; at += piece) {
        uint64_t index = at / SHADOW_PAGE_BYTES;

        piece = shadow_piece(at, end - at);
        if (f->page[index] != NULL)
            memset(f->page[index] + at % SHADOW_PAGE_BYTES, 0, piece);
        /* Whether a page that the end of the file cuts keeps its blocks is not asked. */
        if (at % SHADOW_PAGE_BYTES == 0 && at + piece >= (index + 1) * SHADOW_PAGE_BYTES)
            shadow_drop_page(f, index);
        else if (at % SHADOW_PAGE_BYTES == 0 && at + piece == f->bytes)
            shadow_drop_page(f, index);
    }
}

void shadow_reserve(struct shadow_file *f, uint64_t start, uint64_t end)
{
    if (end > f->bytes)
        end = f->bytes;
    for (uint64_t at = start; at < end; at += shadow_piece(at, end - at))
        shadow_page(f, at / SHADOW_PAGE_BYTES);
}

bool shadow_has_room(const struct shadow_file *f, uint64_t offset, uint64_t bytes)
{
    uint64_t piece;

    if (offset + bytes > f->bytes)
        return false;
    for (uint64_t at = offset; at < offset + bytes; at += piece) {
        piece = shadow_piece(at, offset + bytes - at);
        if (f->page[at / SHADOW_PAGE_BYTES] == NULL)
            return false;
    }
    return true;
}
