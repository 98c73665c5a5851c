/*
 * The clean room: an address space in which the kernel can place mappings in one window only.
 *
 * Layer 8; plain Linux, runs in the keeper. What the program, its libraries and sanitizers have
 * mapped stays where it is; every gap between becomes a fence of PROT_NONE, which costs nothing.
 * Where the kernel had put things (randomised or not) then makes no difference any more: the same
 * script meets the same addresses on every machine.
 *
 *      0 ... | fence | program | fence |   WINDOW   | fence | libraries | fence | stack
 *                                        brk ->   <- mmap
 *
 * Fences are marked DONTDUMP, so that no mapping of a script ever merges with one.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "load/native_channel.h"

#define USER_END \
    ((uint64_t)0x7ffffffff000)          /* x86-64 with four levels; no mapping of ours is above */
#define DATA_START  ((uint64_t)1 << 30) /* said to be of the data; any address would do */
#define STACK_TOUCH ((size_t)256 << 10) /* the stack cannot grow once it is fenced in */

static int fence_fail(struct native_channel *c, const char *what)
{
    int err = -errno;

    snprintf(c->why, sizeof(c->why), "%s: %s", what, strerror(-err));
    return err;
}

/* The lowest address that may be mapped; the system's own, as the simulator has the same. */
static uint64_t fence_lowest(void)
{
    char text[32] = "65536";
    int fd = open("/proc/sys/vm/mmap_min_addr", O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        if (read(fd, text, sizeof(text) - 1) <= 0)
            memcpy(text, "65536", 6);
        close(fd);
    }
    return (strtoull(text, NULL, 10) + 4095) & ~(uint64_t)4095;
}

/* One fence. Its marks keep it from merging with anything that a script makes. */
static int fence_range(uint64_t start, uint64_t end)
{
    void *at = (void *)(uintptr_t)start;

    if (start >= end)
        return 0;
    if (mmap(at, end - start, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) != at)
        return -1;
    if (madvise(at, end - start, MADV_DONTDUMP) < 0)
        return -1;
    return madvise(at, end - start, MADV_RANDOM);
}

/* The part of [start, end) below the window, and the part above. */
static int fence_gap(const struct native_channel *c, uint64_t start, uint64_t end)
{
    uint64_t below = end < c->window_start ? end : c->window_start;
    uint64_t above = start > c->window_end ? start : c->window_end;

    if (fence_range(start, below) < 0)
        return -1;
    return fence_range(above, end);
}

/* Reads all of a file of /proc as one string: what is mapped meanwhile would change maps. */
static int fence_read(const char *file, char *text, size_t room)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    size_t length = 0;
    ssize_t got = -1;

    if (fd < 0)
        return -1;
    while (length + 1 < room && (got = read(fd, text + length, room - 1 - length)) > 0)
        length += (size_t)got;
    close(fd);
    text[length] = '\0';
    return got < 0 ? -1 : 0;
}

static int fence_gaps(struct native_channel *c)
{
    uint64_t free_from = fence_lowest();
    char *line = c->scratch;

    while (*line != '\0') {
        char *dash;
        uint64_t start = strtoull(line, &dash, 16);
        uint64_t end = strtoull(dash + 1, &dash, 16);

        if (start >= USER_END) /* [vsyscall] */
            break;
        if (fence_gap(c, free_from, start) < 0)
            return -1;
        free_from = end > free_from ? end : free_from;
        line = strchr(line, '\n');
        if (line == NULL)
            break;
        line++;
    }
    return fence_gap(c, free_from, USER_END);
}

/* A line "VmData:    1234 kB" of /proc/self/status, in bytes; 0: it is not there. */
static uint64_t fence_status_bytes(const char *text, const char *name)
{
    const char *line = strstr(text, name);

    return line == NULL ? 0 : strtoull(line + strlen(name), NULL, 10) << 10;
}

/* What limits will have to leave out. */
static int fence_measure(struct native_channel *c)
{
    if (fence_read("/proc/self/status", c->scratch, sizeof(c->scratch)) < 0)
        return -1;
    c->base_total_bytes = fence_status_bytes(c->scratch, "VmSize:");
    c->base_data_bytes = fence_status_bytes(c->scratch, "VmData:");
    return 0;
}

/*
 * The kernel asks for bounds of code and data. Where they are makes no difference, but how long the
 * data is does: brk adds it to the heap before it compares with RLIMIT_DATA. It is as long here as
 * what native_setrlimit adds to that limit, so that the heap alone decides.
 */
static int fence_move_brk(const struct native_channel *c)
{
    uint64_t low = c->window_start - 4096;
    struct prctl_mm_map map = {.start_code = low,
                               .end_code = low + 1,
                               .start_data = DATA_START,
                               .end_data = DATA_START + c->base_data_bytes,
                               .start_brk = c->brk_start,
                               .brk = c->brk_start,
                               .start_stack = low,
                               .arg_start = low,
                               .arg_end = low,
                               .env_start = low,
                               .env_end = low,
                               .exe_fd = UINT32_MAX};

    return prctl(PR_SET_MM, PR_SET_MM_MAP, (unsigned long)&map, sizeof(map), 0UL);
}

static void fence_limit(__rlimit_resource_t resource, rlim_t bytes)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit) < 0)
        return;
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    /* What cannot be raised stays: a script that needs more will show it. */
    (void)setrlimit(resource, &limit);
}

/* The limits that a login usually has, whatever this one has. */
static void fence_limits(void)
{
    fence_limit(RLIMIT_CORE, 0);
    fence_limit(RLIMIT_STACK, (rlim_t)8 << 20);
    fence_limit(RLIMIT_MEMLOCK, (rlim_t)8 << 20);
    fence_limit(RLIMIT_NOFILE, 1024);
    fence_limit(RLIMIT_DATA, RLIM_INFINITY);
    fence_limit(RLIMIT_AS, RLIM_INFINITY);
}

/* Results must not depend on who runs the command, so everybody runs it without privileges. */
static int fence_drop_privileges(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};

    return (int)syscall(SYS_capset, &header, none);
}

/* The stack is touched here as deep as it will ever be needed. */
static void fence_touch_stack(void)
{
    volatile char room[STACK_TOUCH];

    for (size_t at = 0; at < sizeof(room); at += 4096)
        room[at] = 1;
}

/*
 * A sanitizer may have reserved the place where the window is. A page on either side goes, too, so
 * that the neighbours are fences of ours, which merge with nothing.
 */
static int fence_clear(const struct native_channel *c)
{
    uint64_t start = c->window_start - 4096;

    return munmap((void *)(uintptr_t)start, c->window_end + 4096 - start);
}

int native_fence(struct native_channel *c)
{
    fence_touch_stack();
    if (fence_clear(c) < 0)
        return fence_fail(c, "the window cannot be cleared");
    fence_limits();
    if (fence_read("/proc/self/maps", c->scratch, sizeof(c->scratch)) < 0)
        return fence_fail(c, "/proc/self/maps cannot be read");
    if (fence_gaps(c) < 0)
        return fence_fail(c, "the address space cannot be fenced");
    if (fence_measure(c) < 0)
        return fence_fail(c, "/proc/self/status cannot be read");
    if (fence_move_brk(c) < 0)
        return fence_fail(c, "brk cannot be moved (prctl PR_SET_MM_MAP, which needs a kernel with "
                             "CONFIG_CHECKPOINT_RESTORE)");
    if (fence_drop_privileges() < 0)
        return fence_fail(c, "privileges cannot be given up (capset)");
    return 0;
}

/*
 * Not by brk, which shrinks only a heap that is there up to its end: a script may have unmapped it,
 * and limits may keep it from being mapped again.
 */
int native_fence_empty(const struct native_channel *c)
{
    if (syscall(SYS_munmap, c->window_start, c->window_end - c->window_start) < 0 ||
        fence_move_brk(c) < 0)
        return -errno;
    return 0;
}
