/*
 * Random scripts: what is made of the seed, and where in the window things happen.
 *
 * Layer 8; see fuzz.h. Half of all addresses are taken from where something began or ended lately:
 * overlaps, merges, holes and ends of files are where rules meet, and where engines differ.
 */
#include <stdio.h>
#include <string.h>

#include "load/fuzz.h"
#include "load/scenario_call.h"

#define POINTS 16u /* as many as fuzz_maker.points */

static bool fuzz_is_listed(const char *calls, const char *name)
{
    size_t length = strlen(name);

    for (const char *at = calls; (at = strstr(at, name)) != NULL; at += length)
        if ((at == calls || at[-1] == ',') && (at[length] == ',' || at[length] == '\0'))
            return true;
    return false;
}

/* A call that the simulator does not know would only be refused. */
bool fuzz_makes(const struct fuzz_maker *maker, const char *name)
{
    if (scenario_find_call(name) == NULL)
        return false;
    return maker->calls == NULL || fuzz_is_listed(maker->calls, name);
}

bool fuzz_knows(const char *calls)
{
    char name[32];

    for (const char *at = calls;; at++) {
        size_t length = strcspn(at, ",");

        if (length >= sizeof(name))
            return false;
        memcpy(name, at, length);
        name[length] = '\0';
        if (scenario_find_call(name) == NULL)
            return false;
        at += length;
        if (*at == '\0')
            return true;
    }
}

void fuzz_remember(struct fuzz_maker *maker, unsigned page)
{
    if (page < maker->pages)
        maker->points[maker->point_count++ % POINTS] = page;
}

/* Page 0 holds the buffer of write calls and is left alone. */
unsigned fuzz_page(struct fuzz_maker *maker)
{
    unsigned known = maker->point_count < POINTS ? maker->point_count : POINTS;
    unsigned page;

    if (known == 0 || prng_below(&maker->prng, 3) == 0)
        return 1 + (unsigned)prng_below(&maker->prng, maker->pages - 1);
    page = maker->points[prng_below(&maker->prng, known)] + (unsigned)prng_below(&maker->prng, 3);
    page = page < 2 ? 1 : page - 1;
    return page < maker->pages ? page : maker->pages - 1;
}

/* The first process is nobody's child and needs no pid in front of its lines. */
static char *fuzz_print_pid(const struct fuzz_maker *maker, char *out)
{
    return maker->current == 0 ? out : out + sprintf(out, "[p%u] ", maker->current);
}

/* Looking at all pages now and then finds what is overwritten before the end. */
static void fuzz_print_hash(const struct fuzz_maker *maker, char *out)
{
    if (maker->wide || !maker->looks) /* all of it would take too long; or brings pages in */
        sprintf(out, "vma_count() = ?");
    else
        sprintf(out, "hash(w, %u) = ?", FUZZ_PAGES * 4096);
}

static void fuzz_operation(struct fuzz_maker *maker, char *out)
{
    fuzz_process_choose(maker);
    out = fuzz_print_pid(maker, out);
    if (fuzz_process_make(maker, out))
        return;
    if (fuzz_chance(maker, 24)) {
        fuzz_print_hash(maker, out);
        return;
    }
    while (!fuzz_line_make(maker, out))
        continue;
}

void fuzz_generate(struct fuzz_maker *maker, unsigned operations, struct fuzz_script *script)
{
    maker->wide = prng_below(&maker->prng, 8) == 0;
    maker->syncs = prng_below(&maker->prng, 2) == 0;
    maker->cuts = !maker->syncs || (fuzz_chance(maker, 2) && maker->tails);
    maker->pages = maker->wide ? FUZZ_WIDE_PAGES : FUZZ_PAGES;
    maker->seals = fuzz_chance(maker, 2);
    maker->frees = fuzz_chance(maker, 2);
    maker->looks = fuzz_chance(maker, 2);
    fuzz_process_begin(maker);
    maker->files = 3;
    maker->point_count = 0;
    fuzz_line_begin(maker, script);
    for (unsigned i = 0; i < operations && script->count < FUZZ_LINES; i++)
        fuzz_operation(maker, script->lines[script->count++]);
}
