/*
 * smaps(), pagemap() and in_core(): what areas and pages of the calling process are made of.
 *
 * Layer 8. On both engines, smaps compares what follows from rules alone: sizes, flags, locks, and
 * all numbers of private anonymous memory. What the host maps ahead of files, or has made lazily
 * free, is shown but not compared.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/err.h"
#include "load/native.h"
#include "load/scenario_call.h"

#define SMAPS_TEXT 1024

/* The next area's, on the side that is set; in the window only. */
static int smaps_next(struct scenario *s, uint64_t va, struct mw_smaps *out)
{
    struct mw_vma area;
    int err;

    if (s->side == SIDE_LINUX)
        return native_smaps_next(s->native, s->pid, va, out);
    err = scenario_area_next(s, va, &area);
    return err < 0 ? err : mw_smaps_next(s->machine, s->pid, area.start, out);
}

/* ---- showing ---- */

static void smaps_show(struct scenario *s, const struct mw_smaps *smaps)
{
    char text[SMAPS_TEXT];
    char *rest;

    if (s->report->options->show == NULL)
        return;
    mw_smaps_format(smaps, text, sizeof(text));
    scenario_show_remark(s, "#   %" PRIx64 "-%" PRIx64 " %s", smaps->vma.start, smaps->vma.end,
                         smaps->vma.name);
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        scenario_show_remark(s, "#     %s", line);
}

/* ---- comparing ---- */

/* What must be equal, as one line of text. `whole`: the numbers of memory, too. */
static void smaps_describe(const struct mw_smaps *m, bool whole, char *out, size_t room)
{
    int used = snprintf(
        out, room, "%" PRIx64 "-%" PRIx64 " %s; pages %" PRIu64 " anonymous %" PRIu64, m->vma.start,
        m->vma.end, m->vm_flags, m->page_bytes >> 10, m->anonymous_bytes >> 10);

    if (whole)
        snprintf(out + used, room - (size_t)used,
                 " rss %" PRIu64 " pss %" PRIu64 " dirty %" PRIu64 " shared %" PRIu64 "+%" PRIu64
                 " private %" PRIu64 "+%" PRIu64 " locked %" PRIu64,
                 m->rss_bytes >> 10, m->pss_bytes >> 10, m->pss_dirty_bytes >> 10,
                 m->shared_clean_bytes >> 10, m->shared_dirty_bytes >> 10,
                 m->private_clean_bytes >> 10, m->private_dirty_bytes >> 10, m->locked_bytes >> 10);
}

/* Superpages and lazily freed pages are the host's own affair. */
static bool smaps_is_hard(const struct mw_smaps *simulator, const struct mw_smaps *native)
{
    return native->vma.inode == 0 && !native->vma.shared && native->lazy_free_bytes == 0 &&
           !simulator->thp_eligible;
}

static bool smaps_compare(struct scenario *s, const struct mw_smaps *native)
{
    struct mw_smaps simulator;
    char texts[2][192];
    bool whole;
    int err;

    s->side = SIDE_SIMULATOR;
    err = smaps_next(s, native->vma.start, &simulator);
    s->side = SIDE_LINUX;
    if (err < 0)
        return scenario_refuse(s, "smaps: %s", err_name(err));
    whole = smaps_is_hard(&simulator, native);
    smaps_describe(&simulator, whole, texts[0], sizeof(texts[0]));
    smaps_describe(native, whole, texts[1], sizeof(texts[1]));
    return strcmp(texts[0], texts[1]) == 0 || scenario_differ(s, "smaps", texts[0], texts[1]);
}

/* ---- the directives ---- */

/* smaps(): all areas; smaps(address): the one that holds it. How many were shown. */
static bool do_smaps(struct scenario *s, const struct call *call, struct outcome *out)
{
    bool one = call->arg_count > 0;
    uint64_t va = one ? call_number(call, 0) : 0;
    bool told = s->on != MW_ON_BOTH || s->side == SIDE_LINUX; /* once */
    struct mw_smaps smaps;
    int64_t count = 0;
    int err;

    while ((err = smaps_next(s, va, &smaps)) == 0 && !(one && smaps.vma.start > va)) {
        count++;
        if (told)
            smaps_show(s, &smaps);
        if (s->on == MW_ON_BOTH && s->side == SIDE_LINUX && !smaps_compare(s, &smaps))
            return false;
        if (one)
            break;
        va = smaps.vma.end;
    }
    if (err < 0 && err != -ENOENT)
        return outcome_value(out, err);
    return outcome_value(out, one && count == 0 ? -ENOENT : count);
}

#define PAGEMAP_PRESENT   1
#define PAGEMAP_FILE      2 /* a page of a file, or of shared anonymous memory */
#define PAGEMAP_EXCLUSIVE 4 /* shown by one page-table entry only */

/* pagemap(address): bits 63, 61 and 56 of Linux's word. */
static bool do_pagemap(struct scenario *s, const struct call *call, struct outcome *out)
{
    uint64_t va = call_number(call, 0);
    struct mw_page page;
    uint64_t word;
    int err;

    if (s->side == SIDE_LINUX) {
        err = native_pagemap(s->native, s->pid, va, &word);
        return outcome_value(out, err < 0 ? err
                                          : (int64_t)((word >> 63 & 1) * PAGEMAP_PRESENT +
                                                      (word >> 61 & 1) * PAGEMAP_FILE +
                                                      (word >> 56 & 1) * PAGEMAP_EXCLUSIVE));
    }
    err = mw_page_look(s->machine, s->pid, va, &page);
    if (err < 0)
        return outcome_value(out, err);
    return outcome_value(out,
                         page.present * PAGEMAP_PRESENT + page.file * PAGEMAP_FILE +
                             (page.present && !page.zero && page.shared == 1) * PAGEMAP_EXCLUSIVE);
}

/* ---- in core ---- */

/* Of the files on a disk the host holds what others have read and written, too. */
static bool in_core_is_decided(struct scenario *s, uint64_t va)
{
    static const char *const memory[] = {"/memfd:", "/dev/zero", "/dev/shm/"};
    struct mw_vma area;

    if (scenario_area_next(s, va, &area) < 0 || area.start > va || area.name[0] != '/')
        return true;
    for (size_t i = 0; i < sizeof(memory) / sizeof(memory[0]); i++)
        if (strncmp(area.name, memory[i], strlen(memory[i])) == 0)
            return true;
    return false;
}

static int64_t in_core_ask(struct scenario *s, const struct call *call)
{
    uint64_t args[6] = {call_number(call, 0), call_number(call, 1), call_number(call, 2)};

    if (s->side == SIDE_LINUX)
        return native_syscall(s->native, s->pid, SYS_mincore, args, -1, NULL);
    return mw_mincore(s->machine, s->pid, args[0], args[1], args[2]);
}

/*
 * in_core(address, bytes, vector): mincore, and how many pages it found. Those of files on a disk
 * are told as 0, in the vector, too. A call that fails has written the vector as far as it came.
 */
static bool do_in_core(struct scenario *s, const struct call *call, struct outcome *out)
{
    uint64_t start = call_number(call, 0);
    size_t pages = (size_t)((call_number(call, 1) + 4095) >> 12);
    struct mw_signal signal;
    int64_t result;
    int64_t count = 0;

    if (pages == 0 || pages > sizeof(s->bytes))
        return scenario_refuse(s, "in_core covers 1 to %zu pages", sizeof(s->bytes));
    result = in_core_ask(s, call);
    if (result == -EINVAL || scenario_load(s, call_number(call, 2), pages, &signal) < 0)
        return outcome_value(out, result);
    for (size_t i = 0; i < pages; i++) {
        s->bytes[i] = in_core_is_decided(s, start + (i << 12)) ? s->bytes[i] : 0;
        count += s->bytes[i] & 1;
    }
    if (scenario_store(s, call_number(call, 2), pages, &signal) < 0)
        return outcome_value(out, result); /* which is -EFAULT */
    return outcome_value(out, result < 0 ? result : count);
}

static const struct scenario_entry entries[] = {
    {"in_core", "nnn", false, false, true, do_in_core},
    {"smaps", "|n", false, false, true, do_smaps},
    {"pagemap", "n", false, false, true, do_pagemap},
};

const struct scenario_entry *scenario_find_smaps(const char *name)
{
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
        if (strcmp(entries[i].name, name) == 0)
            return &entries[i];
    return NULL;
}
