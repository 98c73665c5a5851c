/* What may be on the disk after a power cut: see shadow.h. */
#include <stdio.h>
#include <string.h>

#include "power/shadow_inner.h"

void shadow_rewind(struct shadow *s)
{
    s->last_op = 0;
    s->next_ack = 0;
    s->names_floor = 0;
    for (uint32_t i = 0; i < s->file_count; i++) {
        struct shadow_file *file = &s->files[i];

        file->size_floor = 0;
        for (uint32_t p = 0; p < file->page_count; p++)
            memset(file->pages[p].floor, 0, sizeof file->pages[p].floor);
    }
}

static void shadow_raise_floor(struct shadow_file *file, const struct shadow_ack *ack)
{
    if (ack->end == SHADOW_TO_END)
        file->size_floor = ack->op;
    for (uint32_t i = 0; i < file->page_count; i++) {
        struct shadow_page *page = &file->pages[i];

        for (uint32_t cell = 0; cell < CELLS_PER_PAGE; cell++) {
            uint64_t offset = page->index * PAGE_BYTES + cell * CELL_BYTES;

            if (offset >= ack->start && offset < ack->end)
                page->floor[cell] = ack->op;
        }
    }
}

bool shadow_advance(struct shadow *s, uint64_t requests)
{
    uint32_t before = s->next_ack;

    while (s->last_op + 1 < s->op_count && s->ops[s->last_op + 1].begin <= requests)
        s->last_op++;
    /* An operation that is not the last has ended: its acknowledgement was heard. */
    while (s->next_ack < s->ack_count && s->acks[s->next_ack].op < s->last_op) {
        const struct shadow_ack *ack = &s->acks[s->next_ack++];

        if (ack->file == SHADOW_FOLDER)
            s->names_floor = ack->op;
        else
            shadow_raise_floor(&s->files[ack->file], ack);
    }
    return s->next_ack != before;
}

const char *shadow_text(const struct shadow *s)
{
    return s->ops[s->last_op].text;
}

/* ---- names ---- */

bool shadow_seen(const struct shadow *s, struct shadow_names *names, const char *path)
{
    uint16_t name = shadow_name_number(s, path);

    if (name == UINT16_MAX)
        return false;
    names->name[names->count++] = name;
    return true;
}

static bool shadow_state_fits(const struct shadow *s, const struct shadow_state *state,
                              const struct shadow_names *names)
{
    uint32_t there = 0;

    for (uint32_t i = 0; i < s->name_count; i++)
        there += state->files[i] != SHADOW_NO_FILE;
    for (uint32_t i = 0; i < names->count; i++)
        if (state->files[names->name[i]] == SHADOW_NO_FILE)
            return false;
    return there == names->count;
}

bool shadow_next_state(const struct shadow *s, const struct shadow_names *names, uint32_t *state)
{
    for (uint32_t i = *state != 0 ? *state - 1 : s->state_count; i > 0; i--) {
        const struct shadow_state *candidate = &s->states[i - 1];
        /* The next one was acknowledged: this one is over for good. */
        bool over = i < s->state_count && candidate[1].op <= s->names_floor;

        if (over)
            return false;
        if (candidate->op <= s->last_op && shadow_state_fits(s, candidate, names)) {
            *state = i;
            return true;
        }
    }
    return false;
}

uint32_t shadow_file_at(const struct shadow *s, uint32_t state, uint16_t name)
{
    return s->states[state - 1].files[name];
}

const char *shadow_name_text(const struct shadow *s, uint16_t name)
{
    return s->names[name];
}

/* ---- contents ---- */

bool shadow_size_allowed(const struct shadow *s, uint32_t number, uint64_t bytes,
                         const struct shadow_promise *promise, char why[SHADOW_WHY_ROOM])
{
    const struct shadow_file *file = &s->files[number];

    for (uint32_t i = file->size_count; i > 0; i--) {
        const struct shadow_size *size = &file->sizes[i - 1];

        if (size->op > s->last_op)
            continue;
        if (size->bytes == bytes ||
            (promise->acknowledged_only && bytes > size->bytes && bytes % PAGE_BYTES == 0))
            return true;
        if (size->op > file->size_floor && bytes >= size->from && bytes < size->bytes)
            return true; /* a write in its middle */
        if (size->op <= file->size_floor) {
            snprintf(why, SHADOW_WHY_ROOM,
                     "the size is %llu; it was %llu when [%s] acknowledged it",
                     (unsigned long long)bytes, (unsigned long long)size->bytes,
                     s->ops[file->size_floor].text);
            return false;
        }
    }
    if (bytes == 0)
        return true;
    snprintf(why, SHADOW_WHY_ROOM, "the size is %llu, which it never was",
             (unsigned long long)bytes);
    return false;
}

bool shadow_page(const struct shadow *s, uint32_t file, uint32_t i, uint64_t *index)
{
    if (i >= s->files[file].page_count)
        return false;
    *index = s->files[file].pages[i].index;
    return true;
}

/* What is seen of a cell. */
struct cell {
    bool gone;
    uint64_t index;
    uint64_t words[STAMP_WORDS];
};

static bool cell_is_zero(const struct cell *cell)
{
    uint64_t all = 0;

    for (unsigned i = 0; i < STAMP_WORDS; i++)
        all |= cell->words[i];
    return all == 0;
}

static bool cell_is_stamp(const struct cell *cell, uint32_t file, uint32_t op)
{
    uint64_t words[STAMP_WORDS];

    stamp_fill(file, op, cell->index, words);
    return memcmp(words, cell->words, sizeof words) == 0;
}

static bool cell_matches(const struct cell *cell, uint32_t file, const struct shadow_event *event)
{
    if (event->kind == SHADOW_GONE || cell->gone)
        return cell->gone && event->kind == SHADOW_GONE;
    return event->kind == SHADOW_ZERO ? cell_is_zero(cell) : cell_is_stamp(cell, file, event->op);
}

static void cell_describe(const struct shadow *s, const struct cell *cell,
                          char text[SHADOW_WHY_ROOM])
{
    uint32_t op = (uint32_t)cell->words[0];
    uint32_t file = (uint32_t)(cell->words[0] >> 32) & 0xffff;

    if (cell->gone)
        snprintf(text, SHADOW_WHY_ROOM, "is behind the end");
    else if (cell_is_zero(cell))
        snprintf(text, SHADOW_WHY_ROOM, "is zero");
    else if (cell->words[0] >> 48 == STAMP_MAGIC >> 48 && op < s->op_count)
        snprintf(text, SHADOW_WHY_ROOM, "holds %s [%s] of file %u",
                 cell_is_stamp(cell, file, op) ? "what was written by"
                                               : "part of, or from another place,",
                 s->ops[op].text, file);
    else
        snprintf(text, SHADOW_WHY_ROOM, "holds 0x%llx, which nobody wrote",
                 (unsigned long long)cell->words[0]);
}

static bool cell_refuse(const struct shadow *s, uint32_t file, const struct cell *cell,
                        uint32_t floor, char why[SHADOW_WHY_ROOM])
{
    char text[SHADOW_WHY_ROOM];

    cell_describe(s, cell, text);
    snprintf(why, SHADOW_WHY_ROOM, "offset %llu of file %u %.250s; last acknowledged by [%s]",
             (unsigned long long)cell->index * CELL_BYTES, file, text,
             floor != 0 ? s->ops[floor].text : "nobody");
    return false;
}

/* Backwards through its versions, up to the one that was acknowledged. */
static bool cell_allowed(const struct shadow *s, uint32_t file, const struct shadow_page *page,
                         const struct cell *cell, char why[SHADOW_WHY_ROOM])
{
    uint32_t at = (uint32_t)(cell->index % CELLS_PER_PAGE);
    uint32_t floor = page != NULL ? page->floor[at] : 0;

    for (uint32_t i = page != NULL ? page->event_count : 0; i > 0; i--) {
        const struct shadow_event *event = &page->events[i - 1];

        if (event->op > s->last_op || at < event->first || at >= event->end)
            continue;
        if (cell_matches(cell, file, event))
            return true;
        if (event->op <= floor)
            return cell_refuse(s, file, cell, floor, why);
    }
    return cell->gone || cell_is_zero(cell) || cell_refuse(s, file, cell, floor, why);
}

bool shadow_page_allowed(const struct shadow *s, uint32_t number, uint64_t index,
                         const uint8_t bytes[PAGE_BYTES], uint64_t file_bytes,
                         const struct shadow_promise *promise, char why[SHADOW_WHY_ROOM])
{
    const struct shadow_page *page = shadow_page_find(&s->files[number], index);

    for (uint32_t i = 0; i < CELLS_PER_PAGE; i++) {
        struct cell cell = {.index = index * CELLS_PER_PAGE + i};

        if (promise->acknowledged_only && (page == NULL || page->floor[i] == 0))
            continue;
        memcpy(cell.words, bytes + (size_t)i * CELL_BYTES, CELL_BYTES);
        cell.gone = cell.index * CELL_BYTES >= file_bytes;
        if (!cell_allowed(s, number, page, &cell, why))
            return false;
    }
    return true;
}
