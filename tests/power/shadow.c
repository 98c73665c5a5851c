/* The shadow timeline while the machine runs: see shadow.h. */
#include "power/shadow_inner.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/contract.h"
#include "base/prng.h"

/* Room for one more of a growing array. */
static void *shadow_grow(void *items, uint32_t count, uint32_t *room, size_t size)
{
    if (count < *room)
        return items;
    *room = *room != 0 ? 2 * *room : 8;
    items = realloc(items, *room * size);
    contract(items != NULL);
    return items;
}

struct shadow *shadow_new(void)
{
    struct shadow *s = calloc(1, sizeof *s);

    contract(s != NULL);
    s->file_count = SHADOW_FOLDER + 1;
    shadow_begin(s, 0, "before everything");
    shadow_name(s, "/", SHADOW_FOLDER);
    return s;
}

static void shadow_file_free(struct shadow_file *file)
{
    for (uint32_t i = 0; i < file->page_count; i++)
        free(file->pages[i].events);
    free(file->pages);
    free(file->sizes);
}

void shadow_free(struct shadow *s)
{
    for (uint32_t i = 0; i < s->file_count; i++)
        shadow_file_free(&s->files[i]);
    for (uint32_t i = 0; i < s->state_count; i++)
        free(s->states[i].files);
    for (uint32_t i = 0; i < s->name_count; i++)
        free(s->names[i]);
    free(s->states);
    free(s->ops);
    free(s->acks);
    free(s);
}

uint32_t shadow_begin(struct shadow *s, uint64_t requests, const char *format, ...)
{
    struct shadow_op *op;
    va_list arguments;

    s->ops = shadow_grow(s->ops, s->op_count, &s->op_room, sizeof *s->ops);
    op = &s->ops[s->op_count];
    op->begin = requests;
    va_start(arguments, format);
    vsnprintf(op->text, sizeof op->text, format, arguments);
    va_end(arguments);
    return s->op_count++;
}

const char *shadow_running(const struct shadow *s)
{
    return s->ops[s->op_count - 1].text;
}

void shadow_end(struct shadow *s, uint64_t requests)
{
    shadow_begin(s, requests, "after everything");
}

/* ---- cells ---- */

uint32_t shadow_file_new(struct shadow *s)
{
    contract(s->file_count < SHADOW_FILES);
    return s->file_count++;
}

uint64_t shadow_file_bytes(const struct shadow *s, uint32_t file)
{
    return s->files[file].bytes;
}

/* The first page at or behind `index`: where one with this index is or has to be put. */
static uint32_t shadow_page_place(const struct shadow_file *file, uint64_t index)
{
    uint32_t low = 0;
    uint32_t high = file->page_count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if (file->pages[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct shadow_page *shadow_page_find(const struct shadow_file *file, uint64_t index)
{
    uint32_t place = shadow_page_place(file, index);

    return place < file->page_count && file->pages[place].index == index ? &file->pages[place]
                                                                         : NULL;
}

static struct shadow_page *shadow_page_make(struct shadow_file *file, uint64_t index)
{
    uint32_t place = shadow_page_place(file, index);

    if (place < file->page_count && file->pages[place].index == index)
        return &file->pages[place];
    file->pages = shadow_grow(file->pages, file->page_count, &file->page_room, sizeof *file->pages);
    memmove(file->pages + place + 1, file->pages + place,
            (file->page_count - place) * sizeof *file->pages);
    file->page_count++;
    file->pages[place] = (struct shadow_page){.index = index};
    return &file->pages[place];
}

static void shadow_page_event(struct shadow *s, struct shadow_page *page, enum shadow_kind kind,
                              uint64_t first_cell, uint64_t end_cell)
{
    uint64_t base = page->index * CELLS_PER_PAGE;
    uint64_t first = first_cell > base ? first_cell - base : 0;
    uint64_t end = end_cell - base < CELLS_PER_PAGE ? end_cell - base : CELLS_PER_PAGE;

    page->events =
        shadow_grow(page->events, page->event_count, &page->event_room, sizeof *page->events);
    page->events[page->event_count++] = (struct shadow_event){
        .op = s->op_count - 1, .kind = kind, .first = (uint8_t)first, .end = (uint8_t)end};
}

/* For all pages of the range that were ever written to; of others it is known what they hold. */
static void shadow_event(struct shadow *s, struct shadow_file *file, enum shadow_kind kind,
                         uint64_t start, uint64_t end)
{
    uint64_t first_cell = start / CELL_BYTES;
    uint64_t end_cell = end / CELL_BYTES;

    if (first_cell >= end_cell)
        return;
    for (uint32_t i = shadow_page_place(file, start / PAGE_BYTES);
         i < file->page_count && file->pages[i].index * CELLS_PER_PAGE < end_cell; i++)
        shadow_page_event(s, &file->pages[i], kind, first_cell, end_cell);
}

static void shadow_resize(struct shadow *s, struct shadow_file *file, uint64_t from, uint64_t bytes)
{
    file->sizes = shadow_grow(file->sizes, file->size_count, &file->size_room, sizeof *file->sizes);
    file->sizes[file->size_count++] =
        (struct shadow_size){.op = s->op_count - 1, .from = from, .bytes = bytes};
    file->bytes = bytes;
}

/*
 * The rest of the last page is zeroed in its place, as data, before the new size is there: a cut
 * between shows the zeros at the old size.
 */
static void shadow_shrink(struct shadow *s, struct shadow_file *file, uint64_t bytes)
{
    uint64_t page_end = (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;

    shadow_event(s, file, SHADOW_ZERO, bytes, page_end < file->bytes ? page_end : file->bytes);
    shadow_event(s, file, SHADOW_GONE, bytes, file->bytes);
}

void shadow_set_bytes(struct shadow *s, uint32_t number, uint64_t bytes)
{
    struct shadow_file *file = &s->files[number];

    if (bytes > file->bytes)
        shadow_event(s, file, SHADOW_ZERO, file->bytes, bytes);
    else
        shadow_shrink(s, file, bytes);
    if (bytes != file->bytes)
        shadow_resize(s, file, bytes, bytes);
}

void shadow_write(struct shadow *s, uint32_t number, uint64_t offset, uint64_t bytes)
{
    struct shadow_file *file = &s->files[number];

    contract(offset % CELL_BYTES == 0 && bytes % CELL_BYTES == 0);
    for (uint64_t page = offset / PAGE_BYTES; page * PAGE_BYTES < offset + bytes; page++)
        (void)shadow_page_make(file, page);
    if (offset + bytes > file->bytes) {
        shadow_event(s, file, SHADOW_ZERO, file->bytes, offset + bytes);
        shadow_resize(s, file, file->bytes, offset + bytes);
    }
    shadow_event(s, file, SHADOW_WRITTEN, offset, offset + bytes);
}

void shadow_zero(struct shadow *s, uint32_t number, uint64_t offset, uint64_t bytes)
{
    contract(offset + bytes <= s->files[number].bytes);
    shadow_event(s, &s->files[number], SHADOW_ZERO, offset, offset + bytes);
}

void stamp_fill(uint32_t file, uint32_t op, uint64_t cell, uint64_t words[STAMP_WORDS])
{
    uint64_t seed;

    words[0] = STAMP_MAGIC | (uint64_t)file << 32 | op;
    seed = prng_mix(words[0] ^ cell * UINT64_C(0x9e3779b97f4a7c15));
    for (unsigned i = 1; i < STAMP_WORDS; i++)
        words[i] = seed += UINT64_C(0xbf58476d1ce4e5b9);
}

void shadow_stamp(const struct shadow *s, uint32_t file, uint64_t offset, uint8_t cell[CELL_BYTES])
{
    uint64_t words[STAMP_WORDS];

    stamp_fill(file, s->op_count - 1, offset / CELL_BYTES, words);
    memcpy(cell, words, CELL_BYTES);
}

/* ---- names ---- */

static int shadow_name_find(const struct shadow *s, const char *path)
{
    for (uint32_t i = 0; i < s->name_count; i++)
        if (strcmp(s->names[i], path) == 0)
            return (int)i;
    return -1;
}

uint16_t shadow_name_number(const struct shadow *s, const char *path)
{
    int found = shadow_name_find(s, path);

    return found < 0 ? UINT16_MAX : (uint16_t)found;
}

/* The state of all names that this operation makes: a copy of the last, once an operation. */
static struct shadow_state *shadow_state_now(struct shadow *s)
{
    struct shadow_state *last = s->state_count > 0 ? &s->states[s->state_count - 1] : NULL;
    uint16_t *files = last != NULL ? last->files : NULL;

    if (last != NULL && last->op == s->op_count - 1)
        return last;
    s->states = shadow_grow(s->states, s->state_count, &s->state_room, sizeof *s->states);
    last = &s->states[s->state_count++];
    last->op = s->op_count - 1;
    last->files = calloc(SHADOW_NAMES, sizeof *last->files);
    contract(last->files != NULL);
    if (files != NULL)
        memcpy(last->files, files, SHADOW_NAMES * sizeof *files);
    return last;
}

void shadow_name(struct shadow *s, const char *path, uint32_t file)
{
    int name = shadow_name_find(s, path);

    if (name < 0) {
        contract(s->name_count < SHADOW_NAMES);
        name = (int)s->name_count++;
        s->names[name] = strdup(path);
        contract(s->names[name] != NULL);
    }
    shadow_state_now(s)->files[name] = (uint16_t)file;
}

uint32_t shadow_lookup(const struct shadow *s, const char *path)
{
    int name = shadow_name_find(s, path);

    return name < 0 ? SHADOW_NO_FILE : s->states[s->state_count - 1].files[name];
}

/* ---- acknowledgements ---- */

static void shadow_acknowledge(struct shadow *s, struct shadow_ack ack)
{
    ack.op = s->op_count - 1;
    s->acks = shadow_grow(s->acks, s->ack_count, &s->ack_room, sizeof *s->acks);
    s->acks[s->ack_count++] = ack;
}

void shadow_ack(struct shadow *s, uint32_t file, uint64_t start, uint64_t end)
{
    shadow_acknowledge(s, (struct shadow_ack){.file = file, .start = start, .end = end});
}

void shadow_ack_names(struct shadow *s)
{
    shadow_acknowledge(s, (struct shadow_ack){.file = SHADOW_FOLDER});
}

void shadow_ack_all(struct shadow *s)
{
    for (uint32_t file = SHADOW_FOLDER + 1; file < s->file_count; file++)
        shadow_ack(s, file, 0, SHADOW_TO_END);
    shadow_ack_names(s);
}
