/*
 * Looking at a process from a scenario: its areas, its pages, what is present.
 *
 * Layer 8. The directives that make no call and no access. Each asks the side that executes now, so
 * a comparison of both is the same question asked twice.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/prng.h"
#include "load/native.h"
#include "load/scenario_call.h"

#define AREA_BYTES      ((size_t)384) /* a line of text at most */
#define COMPARE_PAGES   1024          /* of one area that are compared at most */
#define UNREADABLE_WORD 0x6e6f6e65    /* stands for a page that cannot be read in a hash */

/* ---- areas ---- */

/* The simulator's areas outside of the window are fences. */
static int look_simulator_next(struct scenario *s, uint64_t va, struct mw_vma *out)
{
    uint64_t start = native_layout_start();
    int err;

    if (s->window_bytes == 0)
        return mw_vma_next(s->machine, s->pid, va, out);
    err = mw_vma_next(s->machine, s->pid, va < start ? start : va, out);
    return err == 0 && out->start >= start + s->window_bytes ? -ENOENT : err;
}

int scenario_area_next(struct scenario *s, uint64_t va, struct mw_vma *out)
{
    if (s->side == SIDE_LINUX)
        return native_vma_next(s->native, s->pid, va, out);
    return look_simulator_next(s, va, out);
}

/* The area that holds the address; false: none, and the outcome is -ENOENT. */
static bool find_area(struct scenario *s, const struct call *call, struct mw_vma *area,
                      struct outcome *out)
{
    uint64_t address = call_number(call, 0);
    int err = scenario_area_next(s, address, area);

    if (err == 0 && area->start <= address)
        return true;
    outcome_value(out, err < 0 ? err : -ENOENT);
    return false;
}

static bool do_vma_start(struct scenario *s, const struct call *call, struct outcome *out)
{
    struct mw_vma area;

    return !find_area(s, call, &area, out) || outcome_value(out, (int64_t)area.start);
}

static bool do_vma_end(struct scenario *s, const struct call *call, struct outcome *out)
{
    struct mw_vma area;

    return !find_area(s, call, &area, out) || outcome_value(out, (int64_t)area.end);
}

static bool do_vma_prot(struct scenario *s, const struct call *call, struct outcome *out)
{
    struct mw_vma area;

    return !find_area(s, call, &area, out) || outcome_value(out, area.prot);
}

/* All areas, as the lines of /proc/PID/maps would be. */
static bool do_vma_count(struct scenario *s, const struct call *call, struct outcome *out)
{
    struct mw_vma area = {.end = 0};
    int64_t count = 0;

    (void)call;
    while (scenario_area_next(s, area.end, &area) == 0)
        count++;
    return outcome_value(out, count);
}

/* ---- areas as text ---- */

static int areas_reserve(struct scenario *s, struct scenario_areas *a)
{
    size_t capacity = a->capacity == 0 ? 8192 : 2 * a->capacity;
    char *text;

    if (a->capacity - a->length >= AREA_BYTES)
        return 0;
    text = alloc_resize(s->alloc, a->text, capacity);
    if (text == NULL)
        return -ENOMEM;
    a->text = text;
    a->capacity = capacity;
    return 0;
}

/* In the form of proc(5), without what differs from run to run: device and inode. */
static void areas_add(struct scenario_areas *a, const struct mw_vma *v)
{
    a->length += (size_t)snprintf(
        a->text + a->length, AREA_BYTES, "%" PRIx64 "-%" PRIx64 " %c%c%c%c %08" PRIx64 "%s%s\n",
        v->start, v->end, v->prot & PROT_READ ? 'r' : '-', v->prot & PROT_WRITE ? 'w' : '-',
        v->prot & PROT_EXEC ? 'x' : '-', v->shared ? 's' : 'p', v->off_bytes,
        *v->name == '\0' ? "" : " ", v->name);
    a->count++;
}

int scenario_areas_read(struct scenario *s, struct scenario_areas *areas)
{
    struct mw_vma area = {.end = 0};
    int err;

    areas->length = 0;
    areas->count = 0;
    while ((err = areas_reserve(s, areas)) == 0 &&
           (err = scenario_area_next(s, area.end, &area)) == 0)
        areas_add(areas, &area);
    if (err != -ENOENT)
        return err;
    areas->text[areas->length] = '\0';
    return 0;
}

/* Does the text hold this line, newline included? */
static bool areas_have(const struct scenario_areas *a, const char *line, size_t length)
{
    for (const char *at = a->text; at != NULL && *at != '\0'; at = strchr(at, '\n') + 1)
        if (strncmp(at, line, length) == 0)
            return true;
    return false;
}

/* The lines of `in` that `but` has not, each told with a sign. */
static void areas_tell(struct scenario *s, const struct scenario_areas *in,
                       const struct scenario_areas *but, char sign)
{
    const char *end;

    for (const char *at = in->text; at != NULL && *at != '\0'; at = end + 1) {
        end = strchr(at, '\n');
        if (!areas_have(but, at, (size_t)(end - at) + 1))
            scenario_show_remark(s, "#   %c %.*s", sign, (int)(end - at), at);
    }
}

/* maps(): tells what has changed since the last maps(); the result is how many there are. */
static bool do_maps(struct scenario *s, const struct call *call, struct outcome *out)
{
    struct scenario_areas now = {.text = NULL};
    int err = scenario_areas_read(s, &now);

    (void)call;
    if (err < 0) {
        alloc_release(s->alloc, now.text);
        return outcome_value(out, err);
    }
    if (s->on == MW_ON_BOTH && s->side == SIDE_SIMULATOR) {
        alloc_release(s->alloc, now.text);
        return outcome_value(out, (int64_t)now.count); /* told once, by the other side */
    }
    areas_tell(s, &s->shown, &now, '-');
    areas_tell(s, &now, &s->shown, '+');
    alloc_release(s->alloc, s->shown.text);
    s->shown = now;
    return outcome_value(out, (int64_t)now.count);
}

/* ---- pages ---- */

static uint64_t page_hash(uint64_t hash, const uint8_t *page)
{
    for (size_t at = 0; at < PAGE_BYTES; at += sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, page + at, sizeof(word));
        hash = prng_mix(hash ^ word);
    }
    return hash;
}

/* The hash of one page; of one that cannot be read, a mark of its own. */
static uint64_t look_page_hash(struct scenario *s, uint64_t hash, uint64_t va)
{
    struct mw_vma area;
    uint8_t page[PAGE_BYTES];

    if (scenario_area_next(s, va, &area) < 0 || area.start > va ||
        scenario_page(s, &area, va, page) < 0)
        return prng_mix(hash ^ UNREADABLE_WORD);
    return page_hash(hash, page);
}

/* hash(address, bytes): of whole pages, as far as they can be read, whatever their protection. */
static bool do_hash(struct scenario *s, const struct call *call, struct outcome *out)
{
    uint64_t start = page_floor(call_number(call, 0));
    uint64_t bytes = call_number(call, 1);
    uint64_t hash = 0;

    if (bytes == 0 || bytes > (uint64_t)1 << 30)
        return scenario_refuse(s, "hash covers 1 byte to 1G");
    for (uint64_t at = 0; at < bytes; at += PAGE_BYTES)
        hash = look_page_hash(s, hash, start + at);
    return outcome_value(out,
                         (int64_t)(hash >> 1)); /* no result of a call is negative but an errno */
}

/* 1 when the page tables translate the address, without touching it; V is bit 0 of every PTE. */
static bool do_present(struct scenario *s, const struct call *call, struct outcome *out)
{
    uint64_t pte = 0;
    int err;

    if (s->side == SIDE_LINUX)
        return outcome_value(out, native_present(s->native, s->pid, call_number(call, 0)));
    err = mw_pte(s->machine, s->pid, call_number(call, 0), &pte);
    return outcome_value(out, err < 0 ? err : (int64_t)(pte & 1));
}

/* window(bytes): nothing outside of the window can be had; the address where it begins. */
static bool do_window(struct scenario *s, const struct call *call, struct outcome *out)
{
    int err = scenario_window_set(s, call_number(call, 0));

    if (err == -EBUSY)
        return scenario_refuse(s, "window comes before every other line");
    if (err < 0)
        return scenario_refuse(s, "a window has whole pages, from 64K to 16G");
    return outcome_value(out, (int64_t)native_layout_start());
}

/* ---- comparing ---- */

/* The first line in which two texts differ. */
static void first_difference(const char **a, const char **b)
{
    const char *line_a = *a;
    const char *line_b = *b;

    for (; **a != '\0' && **a == **b; (*a)++, (*b)++)
        if (**a == '\n') {
            line_a = *a + 1;
            line_b = *b + 1;
        }
    *a = line_a;
    *b = line_b;
}

static bool differ_areas(struct scenario *s, const char *simulator, const char *native)
{
    char texts[2][AREA_BYTES];

    first_difference(&simulator, &native);
    snprintf(texts[0], AREA_BYTES, "%.*s", (int)strcspn(simulator, "\n"), simulator);
    snprintf(texts[1], AREA_BYTES, "%.*s", (int)strcspn(native, "\n"), native);
    return scenario_differ(s, "maps", *texts[0] == '\0' ? "(no more areas)" : texts[0],
                           *texts[1] == '\0' ? "(no more areas)" : texts[1]);
}

bool scenario_compare_areas(struct scenario *s)
{
    for (unsigned side = 0; side < 2; side++) {
        int err;

        s->side = side == 0 ? SIDE_SIMULATOR : SIDE_LINUX;
        err = scenario_areas_read(s, &s->areas[side]);
        if (err < 0)
            return scenario_refuse(s, "the areas cannot be read: %s", err_name(err));
    }
    s->side = SIDE_SIMULATOR;
    if (strcmp(s->areas[0].text, s->areas[1].text) == 0)
        return true;
    return differ_areas(s, s->areas[0].text, s->areas[1].text);
}

/* A page as one side sees it: what the difference tells of it. */
static void describe_page(char *out, size_t room, uint64_t va, int err, const uint8_t *page)
{
    if (err < 0)
        snprintf(out, room, "page %#" PRIx64 " cannot be read", va);
    else
        snprintf(out, room, "page %#" PRIx64 " has hash %#" PRIx64 ", begins %02x%02x%02x%02x", va,
                 page_hash(0, page), page[0], page[1], page[2], page[3]);
}

static bool compare_page(struct scenario *s, const struct mw_vma *area, uint64_t va)
{
    uint8_t pages[2][PAGE_BYTES];
    char texts[2][96];
    int errs[2];

    for (unsigned side = 0; side < 2; side++) {
        s->side = side == 0 ? SIDE_SIMULATOR : SIDE_LINUX;
        errs[side] = scenario_page(s, area, va, pages[side]);
    }
    s->side = SIDE_SIMULATOR;
    if ((errs[0] < 0) == (errs[1] < 0) &&
        (errs[0] < 0 || memcmp(pages[0], pages[1], PAGE_BYTES) == 0))
        return true;
    describe_page(texts[0], sizeof(texts[0]), va, errs[0], pages[0]);
    describe_page(texts[1], sizeof(texts[1]), va, errs[1], pages[1]);
    return scenario_differ(s, "page", texts[0], texts[1]);
}

/* The simulator's areas cover what Linux's do, or a call would have told otherwise. */
static bool compare_process(struct scenario *s)
{
    struct mw_vma area = {.end = 0};

    while (look_simulator_next(s, area.end, &area) == 0)
        for (uint64_t page = 0; page < COMPARE_PAGES; page++) {
            uint64_t va = area.start + page * PAGE_BYTES;

            if (va >= area.end)
                break;
            if (!compare_page(s, &area, va))
                return false;
        }
    return true;
}

bool scenario_compare_pages(struct scenario *s)
{
    int pid = 0;

    while ((pid = mw_process_next(s->machine, pid)) > 0) {
        s->pid = pid;
        if (!s->report->options->ignore_maps && !scenario_compare_areas(s))
            return false;
        if (!compare_process(s))
            return false;
    }
    return true;
}

static const struct scenario_entry entries[] = {
    {"vma_start", "n", true, false, true, do_vma_start},
    {"vma_end", "n", true, false, true, do_vma_end},
    {"vma_prot", "n", false, false, true, do_vma_prot},
    {"vma_count", "", false, false, true, do_vma_count},
    {"maps", "", false, false, true, do_maps},
    {"hash", "nn", true, false, true, do_hash},
    {"present", "n", false, false, true, do_present},
    {"window", "n", true, false, true, do_window},
};

const struct scenario_entry *scenario_find_look(const char *name)
{
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
        if (strcmp(entries[i].name, name) == 0)
            return &entries[i];
    return NULL;
}
