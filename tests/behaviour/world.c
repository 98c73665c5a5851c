/*
 * The helper of the behaviour tests: see world.h. It looks inside the machine for one thing only,
 * the bytes on its disk.
 */
#include "behaviour/world.h"

#include <stdlib.h>

#include "kernel/machine.h"

struct mw_config world_config(void)
{
    struct mw_config config;

    mw_config_init(&config);
    config.ram_bytes = UINT64_C(16) << 20;
    config.disk_bytes = UINT64_C(2) << 20;
    config.check = true;
    return config;
}

struct world world_open_with(const struct mw_config *config)
{
    struct world w;

    ck_assert_int_eq(mw_machine_new(config, &w.machine), 0);
    w.pid = mw_spawn(w.machine);
    ck_assert_int_gt(w.pid, 0);
    return w;
}

struct world world_open(void)
{
    struct mw_config config = world_config();

    return world_open_with(&config);
}

void world_close(struct world *w)
{
    ck_assert(mw_check(w->machine));
    ck_assert_int_eq(mw_machine_free(w->machine), 0);
    w->machine = NULL;
}

/* ---- memory ---- */

uint64_t world_map(struct world *w, uint64_t bytes, int prot, int flags)
{
    int64_t addr = mw_mmap(w->machine, w->pid, 0, bytes, prot, flags | MAP_ANONYMOUS, -1, 0);

    ck_assert_int_gt(addr, 0);
    return (uint64_t)addr;
}

void world_map_at(struct world *w, uint64_t addr, uint64_t bytes, int prot, int flags)
{
    int64_t got =
        mw_mmap(w->machine, w->pid, addr, bytes, prot, flags | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

    ck_assert_int_eq(got, (int64_t)addr);
}

uint64_t world_map_file(struct world *w, int fd, uint64_t bytes, int prot, int flags)
{
    int64_t addr = mw_mmap(w->machine, w->pid, 0, bytes, prot, flags, fd, 0);

    ck_assert_int_gt(addr, 0);
    return (uint64_t)addr;
}

void world_store_of(struct world *w, int pid, uint64_t va, uint8_t byte)
{
    struct mw_signal signal;

    ck_assert_int_eq(mw_store(w->machine, pid, va, &byte, 1, &signal), 0);
    ck_assert_int_eq(signal.signo, 0);
}

uint8_t world_load_of(struct world *w, int pid, uint64_t va)
{
    struct mw_signal signal;
    uint8_t byte = 0xee;

    ck_assert_int_eq(mw_load(w->machine, pid, va, &byte, 1, &signal), 0);
    ck_assert_int_eq(signal.signo, 0);
    return byte;
}

void world_store(struct world *w, uint64_t va, uint8_t byte)
{
    world_store_of(w, w->pid, va, byte);
}

uint8_t world_load(struct world *w, uint64_t va)
{
    return world_load_of(w, w->pid, va);
}

struct mw_signal world_load_signal(struct world *w, uint64_t va)
{
    struct mw_signal signal;
    uint8_t byte;

    ck_assert_int_eq(mw_load(w->machine, w->pid, va, &byte, 1, &signal), -EFAULT);
    return signal;
}

struct mw_signal world_store_signal(struct world *w, uint64_t va)
{
    struct mw_signal signal;

    ck_assert_int_eq(mw_store(w->machine, w->pid, va, "x", 1, &signal), -EFAULT);
    return signal;
}

bool world_mapped(struct world *w, uint64_t va)
{
    uint8_t byte;

    return mw_load(w->machine, w->pid, va, &byte, 1, NULL) == 0;
}

/* Which counter of faults moved between two snapshots. At most one may have. */
static unsigned world_moved_reason(const struct mw_stats *before, const struct mw_stats *after)
{
    unsigned reason = NO_FAULT;

    ck_assert_uint_le(after->faults.total - before->faults.total, 1);
    for (unsigned i = 0; i < MW_REASON_COUNT; i++)
        if (after->faults.by_reason[i] != before->faults.by_reason[i])
            reason = i;
    return reason;
}

unsigned world_load_reason(struct world *w, int pid, uint64_t va)
{
    struct mw_stats before = world_stats(w);
    struct mw_stats after;

    world_load_of(w, pid, va);
    after = world_stats(w);
    return world_moved_reason(&before, &after);
}

unsigned world_store_reason(struct world *w, int pid, uint64_t va)
{
    struct mw_stats before = world_stats(w);
    struct mw_stats after;

    world_store_of(w, pid, va, 's');
    after = world_stats(w);
    return world_moved_reason(&before, &after);
}

void world_assert_signal(const struct mw_signal *signal, int signo, int code, uint64_t va,
                         unsigned reason)
{
    ck_assert_int_eq(signal->signo, signo);
    ck_assert_int_eq(signal->code, code);
    ck_assert_uint_eq(signal->va, va);
    ck_assert_str_eq(mw_reason_name(signal->reason), mw_reason_name(reason));
}

struct mw_stats world_stats(struct world *w)
{
    struct mw_stats stats;

    mw_stats(w->machine, &stats);
    return stats;
}

uint64_t world_frames(struct world *w)
{
    return world_stats(w).frames.used;
}

uint64_t world_vmas(struct world *w, int pid)
{
    struct mw_vma vma = {0};
    uint64_t count = 0;

    while (mw_vma_next(w->machine, pid, vma.end, &vma) == 0)
        count++;
    return count;
}

struct mw_vma world_vma(struct world *w, uint64_t va)
{
    struct mw_vma vma;

    ck_assert_int_eq(mw_vma_next(w->machine, w->pid, va, &vma), 0);
    ck_assert_uint_le(vma.start, va);
    return vma;
}

uint64_t world_pte(struct world *w, int pid, uint64_t va)
{
    uint64_t pte;

    ck_assert_int_eq(mw_pte(w->machine, pid, va, &pte), 0);
    return pte;
}

/* ---- files ---- */

void world_file(struct world *w, const char *path, uint64_t count, uint8_t byte)
{
    uint8_t *bytes = malloc(count + 1);

    ck_assert_ptr_nonnull(bytes);
    memset(bytes, byte, count + 1);
    ck_assert_int_eq(mw_file_put(w->machine, path, bytes, count), 0);
    free(bytes);
    ck_assert_int_eq(mw_sync(w->machine), 0);
}

int world_open_file(struct world *w, const char *path, int flags)
{
    int fd = mw_open(w->machine, w->pid, path, flags);

    ck_assert_int_ge(fd, 0);
    return fd;
}

uint8_t world_file_byte(struct world *w, const char *path, uint64_t offset)
{
    uint8_t byte = 0;

    ck_assert_int_eq(mw_file_get(w->machine, path, offset, &byte, 1), 1);
    return byte;
}

/* The byte at `offset` of an open file of a volume. */
static int world_inode_byte(struct inode *inode, uint64_t offset)
{
    uint8_t page[PAGE];

    if (offset >= inode_bytes(inode))
        return -1;
    ck_assert_int_eq(inode_read_pages(inode, offset / PAGE, 1, page, NULL), 0);
    return page[offset % PAGE];
}

int world_disk_byte(struct world *w, const char *path, uint64_t offset)
{
    struct alloc alloc = {0};
    struct volume *volume;
    struct inode *inode;
    int byte = -1;

    ck_assert_int_eq(volume_mount_read_only(&alloc, w->machine->disk, &volume), 0);
    if (inode_open(volume, path, &inode) == 0) {
        byte = world_inode_byte(inode, offset);
        inode_put(inode);
    }
    volume_abandon(volume);
    ck_assert_uint_eq(alloc.live_blocks, 0);
    return byte;
}

/* ---- running ---- */

int world_run(const char *name, const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 300);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
