/*
 * The tour: see tour.h. Each leg stands for itself, so that a failure in one does not keep the
 * others from being tried.
 */
#include "behaviour/tour.h"

struct tour {
    struct mw_machine *machine;
    int pid;
    unsigned failures;
};

static bool explained(int64_t error)
{
    return error == -ENOMEM || error == -EIO || error == -ENOSPC || error == -EFAULT ||
           error == -EAGAIN;
}

/* Takes the result of a call: true when it succeeded. */
static bool went(struct tour *t, int64_t result)
{
    ck_assert_msg(result >= 0 || explained(result), "error %lld", (long long)result);
    ck_assert(mw_check(t->machine));
    t->failures += result < 0;
    return result >= 0;
}

/* A store of one byte, which may meet SIGBUS or SIGKILL, but no SIGSEGV. */
static bool stored(struct tour *t, int pid, uint64_t va)
{
    struct mw_signal signal;
    int result = mw_store(t->machine, pid, va, "t", 1, &signal);

    ck_assert_int_ne(signal.signo, SIGSEGV);
    return went(t, result);
}

static void tour_memory(struct tour *t)
{
    int64_t p = mw_mmap(t->machine, t->pid, 0, 12 * PAGE, RW, ANON, -1, 0);
    uint8_t byte;

    if (!went(t, p))
        return;
    for (uint64_t i = 0; i < 12; i += 2)
        stored(t, t->pid, (uint64_t)p + i * PAGE);
    went(t, mw_load(t->machine, t->pid, (uint64_t)p + PAGE, &byte, 1, NULL));
    went(t, mw_mprotect(t->machine, t->pid, (uint64_t)p + 4 * PAGE, 4 * PAGE, PROT_READ));
    went(t, mw_munmap(t->machine, t->pid, (uint64_t)p + 2 * PAGE, PAGE));
    went(t, mw_mprotect(t->machine, t->pid, (uint64_t)p + 4 * PAGE, 4 * PAGE, RW));
    went(t, mw_mmap(t->machine, t->pid, (uint64_t)p + 6 * PAGE, PAGE, RW, ANON_FIXED | MAP_POPULATE,
                    -1, 0));
    went(t, mw_munmap(t->machine, t->pid, (uint64_t)p, 12 * PAGE));
}

static void tour_heap_and_stack(struct tour *t)
{
    int64_t heap = mw_brk(t->machine, t->pid, 0);
    int64_t stack = mw_mmap(t->machine, t->pid, BASE, PAGE, RW, ANON_FIXED | MAP_GROWSDOWN, -1, 0);

    if (mw_brk(t->machine, t->pid, (uint64_t)heap + 3 * PAGE) == heap + (int64_t)(3 * PAGE))
        stored(t, t->pid, (uint64_t)heap + 2 * PAGE);
    else
        went(t, -ENOMEM); /* brk reports nothing but the old end */
    ck_assert_int_eq(mw_brk(t->machine, t->pid, (uint64_t)heap), heap);
    if (went(t, stack))
        stored(t, t->pid, BASE - 2 * PAGE);
    went(t, mw_munmap(t->machine, t->pid, BASE - 4 * PAGE, 5 * PAGE));
}

static void tour_fork(struct tour *t)
{
    int64_t p = mw_mmap(t->machine, t->pid, 0, 3 * PAGE, RW, ANON, -1, 0);
    int64_t q = mw_mmap(t->machine, t->pid, 0, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int child;

    if (!went(t, p) || !went(t, q))
        return;
    stored(t, t->pid, (uint64_t)p);
    stored(t, t->pid, (uint64_t)q);
    child = mw_fork(t->machine, t->pid);
    if (!went(t, child))
        return;
    stored(t, child, (uint64_t)p);  /* copies */
    stored(t, t->pid, (uint64_t)p); /* reuses */
    stored(t, child, (uint64_t)q + PAGE);
    went(t, mw_exec(t->machine, child));
    went(t, mw_exit(t->machine, child, 1));
    went(t, mw_wait(t->machine, t->pid, child, NULL));
    went(t, mw_munmap(t->machine, t->pid, (uint64_t)q, 2 * PAGE));
    went(t, mw_munmap(t->machine, t->pid, (uint64_t)p, 3 * PAGE));
}

/* Reads and writes through a descriptor. */
static void tour_transfers(struct tour *t, int fd)
{
    int64_t p = mw_mmap(t->machine, t->pid, 0, 2 * PAGE, RW, ANON, -1, 0);
    int copy;

    if (!went(t, p))
        return;
    went(t, mw_pwrite(t->machine, t->pid, fd, (uint64_t)p, 2 * PAGE, 3 * PAGE + 100));
    went(t, mw_pread(t->machine, t->pid, fd, (uint64_t)p, 2 * PAGE, 100));
    went(t, mw_ftruncate(t->machine, t->pid, fd, 14 * PAGE + 5));
    went(t, mw_pwrite(t->machine, t->pid, fd, (uint64_t)p, 100, 20 * PAGE)); /* an indirect block */
    went(t, mw_ftruncate(t->machine, t->pid, fd, 6 * PAGE + 5));
    went(t, mw_fsync(t->machine, t->pid, fd));
    copy = mw_dup(t->machine, t->pid, fd);
    if (went(t, copy))
        went(t, mw_close(t->machine, t->pid, copy));
    copy = mw_dup2(t->machine, t->pid, fd, 40); /* beyond the first size of the table */
    if (went(t, copy))
        went(t, mw_close(t->machine, t->pid, copy));
    went(t, mw_munmap(t->machine, t->pid, (uint64_t)p, 2 * PAGE));
}

static void tour_mapped_file(struct tour *t, int fd)
{
    int64_t p = mw_mmap(t->machine, t->pid, 0, 6 * PAGE, RW, MAP_SHARED, fd, 0);
    int64_t q = mw_mmap(t->machine, t->pid, 0, 6 * PAGE, RW, MAP_PRIVATE, fd, 0);

    if (!went(t, p) || !went(t, q))
        return;
    /* Written one by one: the file may be shorter than it should be. */
    for (uint64_t i = 0;
         i < 6 && mw_lseek(t->machine, t->pid, fd, 0, SEEK_END) > (int64_t)(i * PAGE); i += 2) {
        stored(t, t->pid, (uint64_t)p + i * PAGE);
        stored(t, t->pid, (uint64_t)q + i * PAGE);
    }
    went(t, mw_mprotect(t->machine, t->pid, (uint64_t)p + PAGE, 2 * PAGE, PROT_NONE));
    went(t, mw_msync(t->machine, t->pid, (uint64_t)p, 6 * PAGE, MS_SYNC));
    went(t, mw_ftruncate(t->machine, t->pid, fd, PAGE + 1));
    went(t, mw_munmap(t->machine, t->pid, (uint64_t)q, 6 * PAGE));
    went(t, mw_munmap(t->machine, t->pid, (uint64_t)p + 2 * PAGE, PAGE));
}

static void tour_files(struct tour *t)
{
    int made = mw_mkdir(t->machine, t->pid, "/d");
    int other;
    int fd;

    if (made != -EEXIST && !went(t, made))
        return;
    fd = mw_open(t->machine, t->pid, "/d/f", O_RDWR | O_CREAT);
    if (!went(t, fd))
        return;
    tour_transfers(t, fd);
    tour_mapped_file(t, fd);
    went(t, mw_file_put(t->machine, "/g", "gggg", 4));
    went(t, mw_file_grow(t->machine, "/h", 3 * PAGE));
    went(t, mw_sync(t->machine));
    other = mw_open(t->machine, t->pid, "/u", O_RDWR | O_CREAT | O_EXCL);
    if (went(t, other)) {
        went(t, mw_unlink(t->machine, t->pid, "/u"));
        went(t, mw_close(t->machine, t->pid, other));
    }
    went(t, mw_close(t->machine, t->pid, fd));
}

/* What a former tour, cut short, may have left: a failed unlink leaves its file. */
static void tour_tidy_up(struct tour *t)
{
    int result = mw_unlink(t->machine, t->pid, "/u");

    if (result != -ENOENT)
        went(t, result);
}

unsigned tour_run(struct mw_machine *machine)
{
    struct tour t = {.machine = machine};

    t.pid = mw_spawn(machine);
    if (!went(&t, t.pid))
        return t.failures;
    tour_tidy_up(&t);
    tour_memory(&t);
    tour_heap_and_stack(&t);
    tour_fork(&t);
    tour_files(&t);
    went(&t, mw_exit(machine, t.pid, 0));
    ck_assert_int_eq(mw_process_next(machine, 0), 0);
    return t.failures;
}
