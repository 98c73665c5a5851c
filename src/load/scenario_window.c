/*
 * The clean room of a scenario: on both sides mappings find room in the same window only.
 *
 * Layer 8. Linux's side is the native engine's. The simulator's is made of the same thing, two fences
 * around the window, so that every rule of placement works as it stands: the highest gap below the
 * mmap base is in the window, and bottom-up search finds nothing.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/err.h"
#include "load/native.h"
#include "load/scenario_call.h"

#define WINDOW_USUAL ((uint64_t)1 << 30)
#define WINDOW_LEAST ((uint64_t)16 << 12)
#define PAGE_MASK    ((uint64_t)4095)

int scenario_window_set(struct scenario *s, uint64_t bytes)
{
    if (s->first_pid != 0)
        return -EBUSY;
    if (bytes < WINDOW_LEAST || bytes > native_layout_most() || (bytes & PAGE_MASK) != 0)
        return -EINVAL;
    s->window_bytes = bytes;
    return 0;
}

/* Like Linux's: marked DONTDUMP and RANDOM, so that it merges with no mapping of a scenario. */
static int window_fence_range(struct scenario *s, int pid, uint64_t start, uint64_t end)
{
    int64_t at;

    if (start >= end) /* the lowest address is in the window */
        return 0;
    at = mw_mmap(s->machine, pid, start, end - start, PROT_NONE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    if (at < 0)
        return (int)at;
    at = mw_madvise(s->machine, pid, start, end - start, MADV_DONTDUMP);
    return at < 0 ? (int)at : mw_madvise(s->machine, pid, start, end - start, MADV_RANDOM);
}

/* The end of user space: as far as a fence can be made. Programs of x86-64 lack the last page. */
static uint64_t window_user_end(const struct scenario *s)
{
    const struct mw_config *config = mw_machine_config(s->machine);
    uint64_t lacking = config->isa == MW_ISA_X86_64 ? PAGE_MASK + 1 : 0;

    switch (config->mode) {
    case MW_MODE_SV48:
        return ((uint64_t)1 << 47) - lacking;
    case MW_MODE_SV57:
        return ((uint64_t)1 << 56) - lacking;
    default:
        return ((uint64_t)1 << 38) - lacking;
    }
}

static int window_fence(struct scenario *s, int pid)
{
    uint64_t start = native_layout_start();
    uint64_t lowest = (mw_machine_config(s->machine)->mmap_min_addr + PAGE_MASK) & ~PAGE_MASK;
    int err = window_fence_range(s, pid, lowest, start);

    if (err == 0)
        err = window_fence_range(s, pid, start + s->window_bytes, window_user_end(s));
    if (err == 0)
        err = mw_set_brk(s->machine, pid, native_layout_brk(s->window_bytes));
    return err;
}

int scenario_window_fence(struct scenario *s)
{
    return s->window_bytes == 0 ? 0 : window_fence(s, s->pid);
}

uint64_t scenario_window_limit(const struct scenario *s, int resource, uint64_t bytes)
{
    uint64_t lowest = (mw_machine_config(s->machine)->mmap_min_addr + PAGE_MASK) & ~PAGE_MASK;
    uint64_t fences = window_user_end(s) - lowest - s->window_bytes;

    if (s->window_bytes == 0 || resource != RLIMIT_AS || bytes > UINT64_MAX - fences)
        return bytes;
    return bytes + fences;
}

/* The simulated half of the first process. Its pid, or -errno. */
static int window_begin_simulator(struct scenario *s, int pid)
{
    int result = pid == 0 ? mw_spawn(s->machine) : mw_spawn_pid(s->machine, pid);
    int err;

    if (result < 0)
        return result;
    if (pid == 0)
        pid = result;
    err = s->window_bytes == 0 ? 0 : window_fence(s, pid);
    return err < 0 ? err : pid;
}

/* The engine is made when it is first needed; one that the caller lends must have our window. */
static int window_begin_linux(struct scenario *s, int pid)
{
    char why[NATIVE_WHY_BYTES] = "";
    int err = 0;

    if (s->native == NULL)
        err = native_new(s->alloc, s->window_bytes, &s->native, why);
    if (err == 0)
        err = native_spawn(s->native, pid);
    if (err < 0)
        scenario_refuse(s, "the host's Linux cannot be asked: %s",
                        why[0] != '\0' ? why : err_name(err));
    return err;
}

int scenario_window_begin(struct scenario *s, int pid)
{
    int err = 0;

    if (s->on != MW_ON_SIMULATOR && s->window_bytes == 0)
        s->window_bytes = WINDOW_USUAL;
    if (s->on != MW_ON_LINUX) {
        err = window_begin_simulator(s, pid);
        if (err < 0) {
            scenario_refuse(s, "the first process cannot be made: %s", err_name(err));
            return err;
        }
        pid = err;
    } else if (pid == 0) {
        pid = 1;
    }
    if (s->on != MW_ON_SIMULATOR)
        err = window_begin_linux(s, pid);
    return err < 0 ? err : pid;
}
