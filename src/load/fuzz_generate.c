/*
 * Random scripts: which process does what next.
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

/* One of those that live. Somebody always does: process 0 never ends. */
static unsigned fuzz_choose_process(struct fuzz_maker *maker)
{
    unsigned process;

    do
        process = (unsigned)prng_below(&maker->prng, maker->born);
    while ((maker->live >> process & 1) == 0);
    return process;
}

/* The first process is nobody's child and needs no pid in front of its lines. */
static char *fuzz_print_pid(const struct fuzz_maker *maker, char *out)
{
    return maker->current == 0 ? out : out + sprintf(out, "[p%u] ", maker->current);
}

/* A child copies what its parent has, or shares it; the parent's lines go on. */
static const char *fuzz_fork_call(struct fuzz_maker *maker)
{
    static const char *const calls[] = {"fork()", "fork()", "fork()", "clone(CLONE_VM|SIGCHLD)",
                                        "clone(CLONE_VM|CLONE_FILES|SIGCHLD)"};

    return fuzz_makes(maker, "clone") ? calls[prng_below(&maker->prng, 5)] : calls[0];
}

static bool fuzz_fork(struct fuzz_maker *maker, char *out)
{
    if (maker->born >= maker->processes || !fuzz_makes(maker, "fork"))
        return false;
    sprintf(out, "p%u = %s", maker->born, fuzz_fork_call(maker));
    maker->live |= 1u << maker->born++;
    return true;
}

static bool fuzz_exit(struct fuzz_maker *maker, char *out)
{
    if (maker->current == 0 || !fuzz_makes(maker, "exit"))
        return false;
    sprintf(out, "exit(%u) = ?", maker->current);
    maker->live &= ~(1u << maker->current);
    return true;
}

/* Looking at all pages now and then finds what is overwritten before the end. */
static void fuzz_print_hash(const struct fuzz_maker *maker, char *out)
{
    if (maker->wide) /* all of it would take too long */
        sprintf(out, "vma_count() = ?");
    else
        sprintf(out, "hash(w, %u) = ?", FUZZ_PAGES * 4096);
}

/* Only its parent can wait for it; who that is, nobody remembers: others learn that it is not theirs. */
static bool fuzz_wait(struct fuzz_maker *maker, char *out)
{
    if (maker->born < 2 || !fuzz_makes(maker, "wait4"))
        return false;
    sprintf(out, "wait4(p%u, NULL, WNOHANG, NULL) = ?",
            1 + (unsigned)prng_below(&maker->prng, maker->born - 1));
    return true;
}

static void fuzz_operation(struct fuzz_maker *maker, char *out)
{
    unsigned what = (unsigned)prng_below(&maker->prng, 100);

    maker->current = fuzz_choose_process(maker);
    out = fuzz_print_pid(maker, out);
    if (what < 3 && fuzz_fork(maker, out))
        return;
    if (what == 3 && fuzz_exit(maker, out))
        return;
    if (what == 4 && fuzz_wait(maker, out))
        return;
    if (what < 9) {
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
    maker->pages = maker->wide ? FUZZ_WIDE_PAGES : FUZZ_PAGES;
    maker->born = 1;
    maker->live = 1;
    maker->files = 3;
    maker->point_count = 0;
    fuzz_line_begin(maker, script);
    for (unsigned i = 0; i < operations && script->count < FUZZ_LINES; i++)
        fuzz_operation(maker, script->lines[script->count++]);
}
