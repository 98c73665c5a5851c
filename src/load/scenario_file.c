/*
 * The calls of scenarios about names of files, their room on the disk, and what makes them durable;
 * and the directives that only a simulator can have: time that passes, power that goes.
 *
 * Layer 8.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/err.h"
#include "load/native.h"
#include "load/scenario_call.h"

/* ---- making it durable ---- */

static bool do_fsync(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_fsync(s->machine, s->pid, INT(0)));
}

static bool do_fdatasync(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_fdatasync(s->machine, s->pid, INT(0)));
}

static bool do_syncfs(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_syncfs(s->machine, s->pid, INT(0)));
}

static bool do_sync(struct scenario *s, const struct call *call, struct outcome *out)
{
    (void)call;
    return outcome_value(out, mw_sync(s->machine));
}

static bool do_sync_file_range(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(
        out, mw_sync_file_range(s->machine, s->pid, INT(0), ARG(1), ARG(2), (unsigned)INT(3)));
}

/* ---- sizes, room, advice ---- */

static bool do_ftruncate(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_ftruncate(s->machine, s->pid, INT(0), ARG(1)));
}

static bool do_truncate(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_truncate(s->machine, s->pid, call_string(call, 0), ARG(1)));
}

static bool do_fallocate(struct scenario *s, const struct call *call, struct outcome *out)
{
    if (INT(1) & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE))
        return scenario_refuse(s, "fallocate: ranges are neither collapsed nor inserted");
    return outcome_value(out, mw_fallocate(s->machine, s->pid, INT(0), INT(1), ARG(2), ARG(3)));
}

static bool do_fadvise(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_fadvise(s->machine, s->pid, INT(0), ARG(1), ARG(2), INT(3)));
}

static bool do_readahead(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_readahead(s->machine, s->pid, INT(0), ARG(1), ARG(2)));
}

/* ---- names ---- */

static bool do_unlink(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_unlink(s->machine, s->pid, call_string(call, 0)));
}

static bool do_unlinkat(struct scenario *s, const struct call *call, struct outcome *out)
{
    const char *path = call_string(call, 1);

    if (!scenario_check_at(s, call, 0))
        return false;
    return outcome_value(out, INT(2) & AT_REMOVEDIR ? mw_rmdir(s->machine, s->pid, path)
                                                    : mw_unlink(s->machine, s->pid, path));
}

static bool do_rename(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(
        out, mw_renameat2(s->machine, s->pid, call_string(call, 0), call_string(call, 1), 0));
}

/* renameat and renameat2, whose flags may be missing. */
static bool do_renameat(struct scenario *s, const struct call *call, struct outcome *out)
{
    if (!scenario_check_at(s, call, 0) || !scenario_check_at(s, call, 2))
        return false;
    if (INT(4) & (RENAME_EXCHANGE | RENAME_WHITEOUT))
        return scenario_refuse(s, "renameat2: only RENAME_NOREPLACE is simulated");
    return outcome_value(out, mw_renameat2(s->machine, s->pid, call_string(call, 1),
                                           call_string(call, 3), (unsigned)INT(4)));
}

static bool do_link(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out,
                         mw_link(s->machine, s->pid, call_string(call, 0), call_string(call, 1)));
}

static bool do_mkdir(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_mkdir(s->machine, s->pid, call_string(call, 0)));
}

static bool do_mkdirat(struct scenario *s, const struct call *call, struct outcome *out)
{
    return scenario_check_at(s, call, 0) &&
           outcome_value(out, mw_mkdir(s->machine, s->pid, call_string(call, 1)));
}

static bool do_rmdir(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, mw_rmdir(s->machine, s->pid, call_string(call, 0)));
}

/* ---- what Linux has no call for ---- */

/* The host's cache is everybody's; there, nothing is forgotten. */
static bool do_drop_caches(struct scenario *s, const struct call *call, struct outcome *out)
{
    (void)call;
    return outcome_value(out, s->side == SIDE_LINUX ? 0 : mw_drop_caches(s->machine));
}

/* Linux writes what is dirty; what is durable after it is the same. */
static bool do_flush_force(struct scenario *s, const struct call *call, struct outcome *out)
{
    const uint64_t args[6] = {ARG(0), ARG(1), MS_SYNC};

    if (s->side == SIDE_LINUX)
        return outcome_value(out, native_syscall(s->native, s->pid, SYS_msync, args, -1, NULL));
    return outcome_value(out, mw_flush_force(s->machine, s->pid, ARG(0), ARG(1)));
}

static bool do_advance(struct scenario *s, const struct call *call, struct outcome *out)
{
    return outcome_value(out, s->side == SIDE_LINUX ? 0 : mw_advance(s->machine, ARG(0)));
}

/* All processes are gone: the next line makes a first one again. Names keep their values. */
static bool do_power_cut(struct scenario *s, const struct call *call, struct outcome *out)
{
    if (s->on != MW_ON_SIMULATOR)
        return scenario_refuse(s,
                               "power_cut: only the simulator's power is cut (run without --on)");
    scenario_drop_handlers(s);
    memset(s->vforks, 0, sizeof(s->vforks));
    s->first_pid = 0;
    s->pid = 0;
    return outcome_value(out, mw_power_cut(s->machine, call->arg_count > 0 ? ARG(0) : 0));
}

static const struct scenario_entry calls[] = {
    {"advance", "n", false, false, true, do_advance},
    {"drop_caches", "", false, false, true, do_drop_caches},
    {"fadvise64", "nnnn", false, false, false, do_fadvise},
    {"fallocate", "nnnn", false, false, false, do_fallocate},
    {"fdatasync", "n", false, false, false, do_fdatasync},
    {"flush_force", "nn", false, false, true, do_flush_force},
    {"fsync", "n", false, false, false, do_fsync},
    {"ftruncate", "nn", false, false, false, do_ftruncate},
    {"link", "ss", false, false, false, do_link},
    {"mkdir", "s|n", false, false, false, do_mkdir},
    {"mkdirat", "ns|n", false, false, false, do_mkdirat},
    {"posix_fadvise", "nnnn", false, false, false, do_fadvise},
    {"power_cut", "|n", false, false, true, do_power_cut},
    {"readahead", "nnn", false, false, false, do_readahead},
    {"rename", "ss", false, false, false, do_rename},
    {"renameat", "nsns", false, false, false, do_renameat},
    {"renameat2", "nsns|n", false, false, false, do_renameat},
    {"rmdir", "s", false, false, false, do_rmdir},
    {"sync", "", false, false, false, do_sync},
    {"sync_file_range", "nnnn", false, false, false, do_sync_file_range},
    {"syncfs", "n", false, false, false, do_syncfs},
    {"truncate", "sn", false, false, false, do_truncate},
    {"unlink", "s", false, false, false, do_unlink},
    {"unlinkat", "ns|n", false, false, false, do_unlinkat},
};

const struct scenario_entry *scenario_find_file(const char *name)
{
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (strcmp(calls[i].name, name) == 0)
            return &calls[i];
    return NULL;
}
