/*
 * Names, descriptors and processes.
 */
#include "model/fsx.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/err.h"

/* Linux's value: the host's C library shows it for AT_* calls only. */
#define FSX_NOREPLACE 1u

void fsx_name_set(struct fsx *s, unsigned name, struct shadow_file *f)
{
    struct shadow_file *old = s->name[name];

    if (f != NULL)
        shadow_get(f)->names++;
    s->name[name] = f;
    if (old != NULL) {
        old->names--;
        shadow_put(old);
    }
}

/* ---- descriptors ---- */

struct fsx_open *fsx_any_open(struct fsx *s, struct fsx_process *p, int *fd)
{
    uint64_t first = fsx_below(s, FSX_FDS);

    for (uint64_t i = 0; i < FSX_FDS; i++) {
        uint64_t slot = (first + i) % FSX_FDS;

        if (p->fd[slot] == NULL)
            continue;
        *fd = p->number[slot];
        return p->fd[slot];
    }
    return NULL;
}

static void fsx_open_put(struct fsx_open *o)
{
    if (o == NULL || --o->refs > 0)
        return;
    shadow_put(o->file);
    free(o);
}

static struct fsx_open *fsx_open_new(struct shadow_file *f, int flags)
{
    struct fsx_open *o = calloc(1, sizeof(*o));

    assert_non_null(o);
    *o = (struct fsx_open){.refs = 1, .file = f, .flags = flags};
    return o;
}

static int fsx_open_flags(struct fsx *s)
{
    static const int extra[] = {0, 0, 0, 0, O_APPEND, O_SYNC, O_DSYNC, O_DIRECT, O_DIRECT | O_SYNC};
    int flags = fsx_chance(s, 8) ? O_RDONLY : fsx_chance(s, 10) ? O_WRONLY : O_RDWR;

    flags |= extra[fsx_below(s, sizeof(extra) / sizeof(extra[0]))];
    if (!fsx_chance(s, 4))
        flags |= O_CREAT;
    if (fsx_chance(s, 20))
        flags |= O_EXCL;
    return fsx_chance(s, 15) ? flags | O_TRUNC : flags;
}

/* What open must say, when there is room. */
static int fsx_open_error(const struct fsx *s, unsigned name, int flags)
{
    if (s->name[name] == NULL)
        return flags & O_CREAT ? 0 : -ENOENT;
    return (flags & O_CREAT) && (flags & O_EXCL) ? -EEXIST : 0;
}

void fsx_op_open(struct fsx *s)
{
    struct fsx_process *p = fsx_any_process(s);
    uint64_t slot = fsx_below(s, FSX_FDS);
    unsigned name = (unsigned)fsx_below(s, FSX_NAMES);
    int flags = fsx_open_flags(s);
    int expected = fsx_open_error(s, name, flags);
    int fd;

    if (p->fd[slot] != NULL)
        return;
    fd = mw_open(s->machine, p->pid, fsx_path(name), flags);
    fsx_say(s, "%d open(%s, %#o) = %d", p->pid, fsx_path(name), flags, fd);
    if (expected != 0 && fd != expected)
        fsx_fail(s, "returned %d, not %d", fd, expected);
    if (expected != 0 || !fsx_succeeded(s, fd, true))
        return;
    if (s->name[name] == NULL) {
        struct shadow_file *f = shadow_new();

        fsx_name_set(s, name, f);
        shadow_put(f);
    }
    if (flags & O_TRUNC) {
        shadow_truncate(s->name[name], 0);
        fsx_maps_cut(s, s->name[name]);
    }
    p->fd[slot] = fsx_open_new(shadow_get(s->name[name]), flags);
    p->number[slot] = fd;
}

void fsx_op_close(struct fsx *s)
{
    struct fsx_process *p = fsx_any_process(s);
    uint64_t slot = fsx_below(s, FSX_FDS);

    if (p->fd[slot] == NULL)
        return;
    fsx_say(s, "%d close(%d)", p->pid, p->number[slot]);
    (void)fsx_succeeded(s, mw_close(s->machine, p->pid, p->number[slot]), false);
    fsx_open_put(p->fd[slot]);
    p->fd[slot] = NULL;
}

/* ---- names ---- */

void fsx_op_unlink(struct fsx *s)
{
    unsigned name = (unsigned)fsx_below(s, FSX_NAMES);
    int expected = s->name[name] == NULL ? -ENOENT : 0;
    int err = mw_unlink(s->machine, s->process[0].pid, fsx_path(name));

    fsx_say(s, "unlink(%s) = %d", fsx_path(name), err);
    if (err != expected)
        fsx_fail(s, "returned %d, not %d", err, expected);
    if (err == 0)
        fsx_name_set(s, name, NULL);
}

static int fsx_rename_error(const struct fsx *s, unsigned from, unsigned to, unsigned flags)
{
    if (s->name[from] == NULL)
        return -ENOENT;
    return (flags & FSX_NOREPLACE) && s->name[to] != NULL ? -EEXIST : 0;
}

void fsx_op_rename(struct fsx *s)
{
    unsigned from = (unsigned)fsx_below(s, FSX_NAMES);
    unsigned to = (unsigned)fsx_below(s, FSX_NAMES);
    unsigned flags = fsx_chance(s, 4) ? FSX_NOREPLACE : 0;
    int expected = fsx_rename_error(s, from, to, flags);
    int err = mw_renameat2(s->machine, s->process[0].pid, fsx_path(from), fsx_path(to), flags);

    fsx_say(s, "rename(%s, %s, %u) = %d", fsx_path(from), fsx_path(to), flags, err);
    if (expected != 0 && err != expected)
        fsx_fail(s, "returned %d, not %d", err, expected);
    if (expected != 0 || !fsx_succeeded(s, err, true))
        return;
    if (s->name[from] == s->name[to]) /* two names of one file: nothing happens (rename(2)) */
        return;
    fsx_name_set(s, to, s->name[from]);
    fsx_name_set(s, from, NULL);
}

void fsx_op_link(struct fsx *s)
{
    unsigned from = (unsigned)fsx_below(s, FSX_NAMES);
    unsigned to = (unsigned)fsx_below(s, FSX_NAMES);
    int expected = s->name[from] == NULL ? -ENOENT : s->name[to] != NULL ? -EEXIST : 0;
    int err = mw_link(s->machine, s->process[0].pid, fsx_path(from), fsx_path(to));

    fsx_say(s, "link(%s, %s) = %d", fsx_path(from), fsx_path(to), err);
    if (expected != 0 && err != expected)
        fsx_fail(s, "returned %d, not %d", err, expected);
    if (expected == 0 && fsx_succeeded(s, err, true))
        fsx_name_set(s, to, s->name[from]);
}

/* ---- looking ---- */

static void fsx_name_compare(struct fsx *s, unsigned name)
{
    const struct shadow_file *f = s->name[name];
    int64_t bytes = mw_file_size(s->machine, fsx_path(name));
    uint8_t got[4 * SHADOW_PAGE_BYTES];
    uint8_t want[4 * SHADOW_PAGE_BYTES];

    if (f == NULL && bytes != -ENOENT)
        fsx_fail(s, "%s is there: %lld", fsx_path(name), (long long)bytes);
    if (f != NULL && bytes != (int64_t)f->bytes)
        fsx_fail(s, "%s has %lld bytes, not %llu", fsx_path(name), (long long)bytes,
                 (unsigned long long)f->bytes);
    for (uint64_t at = 0; f != NULL && at < f->bytes && !s->failed; at += sizeof(got)) {
        uint64_t count = shadow_read(f, at, want, sizeof(want));
        int64_t moved = mw_file_get(s->machine, fsx_path(name), at, got, sizeof(got));
        char what[48];

        snprintf(what, sizeof(what), "%s at %llu", fsx_path(name), (unsigned long long)at);
        if (moved != (int64_t)count)
            fsx_fail(s, "%s: got %lld bytes", what, (long long)moved);
        else
            fsx_compare(s, what, got, want, count);
    }
}

void fsx_names_compare(struct fsx *s)
{
    for (unsigned name = 0; name < FSX_NAMES; name++)
        fsx_name_compare(s, name);
}

void fsx_op_look(struct fsx *s)
{
    unsigned name = (unsigned)fsx_below(s, FSX_NAMES);

    fsx_say(s, "look at %s", fsx_path(name));
    fsx_name_compare(s, name);
}

/* ---- processes ---- */

void fsx_spawn(struct fsx *s)
{
    struct fsx_process *p = &s->process[0];
    int64_t va;

    p->pid = mw_spawn(s->machine);
    assert_true(p->pid > 0);
    va = mw_mmap(s->machine, p->pid, 0, FSX_BUFFER + SHADOW_PAGE_BYTES, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(va > 0);
    p->buffer = (uint64_t)va;
}

static void fsx_forget_process(struct fsx_process *p)
{
    for (unsigned i = 0; i < FSX_FDS; i++)
        fsx_open_put(p->fd[i]);
    for (unsigned i = 0; i < FSX_MAPS; i++)
        fsx_map_drop(&p->map[i]);
    *p = (struct fsx_process){0};
}

void fsx_forget_processes(struct fsx *s)
{
    for (unsigned i = 0; i < FSX_PROCESSES; i++)
        fsx_forget_process(&s->process[i]);
}

void fsx_op_fork(struct fsx *s)
{
    struct fsx_process *parent = fsx_any_process(s);
    struct fsx_process *child = NULL;
    int pid;

    for (unsigned i = 1; i < FSX_PROCESSES; i++)
        if (s->process[i].pid == 0)
            child = &s->process[i];
    if (child == NULL)
        return;
    pid = mw_fork(s->machine, parent->pid);
    fsx_say(s, "%d fork() = %d", parent->pid, pid);
    if (!fsx_succeeded(s, pid, false))
        return;
    *child = *parent;
    child->pid = pid;
    for (unsigned i = 0; i < FSX_FDS; i++)
        if (child->fd[i] != NULL)
            child->fd[i]->refs++;
    for (unsigned i = 0; i < FSX_MAPS; i++)
        fsx_map_inherit(&child->map[i], &parent->map[i]);
}

void fsx_op_exit(struct fsx *s)
{
    struct fsx_process *p = &s->process[1 + fsx_below(s, FSX_PROCESSES - 1)];
    int status;

    if (p->pid == 0)
        return;
    fsx_say(s, "%d exit", p->pid);
    (void)fsx_succeeded(s, mw_exit(s->machine, p->pid, 0), false);
    while (mw_wait(s->machine, s->process[0].pid, -1, &status) > 0)
        continue;
    fsx_forget_process(p);
}
