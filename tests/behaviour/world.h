/*
 * A small machine with one process, and short words for what the tests do with it again and again.
 *
 * Everything here asserts: a helper that returns has done what its name says. Machines run with
 * config.check on unless a test turns it off, so that each call and each fault of each test is
 * followed by all checkers. Nothing is kept in globals: tests run the same with CK_FORK=no.
 */
#ifndef MAPWALK_TESTS_BEHAVIOUR_WORLD_H
#define MAPWALK_TESTS_BEHAVIOUR_WORLD_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mapwalk/machine.h>

#define PAGE       4096u
#define RW         (PROT_READ | PROT_WRITE)
#define ANON       (MAP_PRIVATE | MAP_ANONYMOUS)
#define ANON_FIXED (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED)
#define BASE       UINT64_C(0x100000000) /* room that nothing else uses, for fixed mappings */
#define NO_FAULT   ((unsigned)MW_REASON_COUNT)

struct world {
    struct mw_machine *machine;
    int pid;
};

/* 16 MiB of RAM, a disk of 2 MiB, checkers on. */
struct mw_config world_config(void);
struct world world_open(void);
struct world world_open_with(const struct mw_config *config);
void world_close(struct world *w); /* switches off; asserts that nothing is left to complain of */

/* ---- memory of the world's process; `_of` names another ---- */
uint64_t world_map(struct world *w, uint64_t bytes, int prot,
                   int flags); /* un-hinted and anonymous */
void world_map_at(struct world *w, uint64_t addr, uint64_t bytes, int prot, int flags);
uint64_t world_map_file(struct world *w, int fd, uint64_t bytes, int prot, int flags);
void world_store(struct world *w, uint64_t va, uint8_t byte);
uint8_t world_load(struct world *w, uint64_t va);
void world_store_of(struct world *w, int pid, uint64_t va, uint8_t byte);
uint8_t world_load_of(struct world *w, int pid, uint64_t va);

/* The signal that a load or store of one byte meets; it must meet one. */
struct mw_signal world_load_signal(struct world *w, uint64_t va);
struct mw_signal world_store_signal(struct world *w, uint64_t va);

/* Is the page mapped, as far as a load can tell? */
bool world_mapped(struct world *w, uint64_t va);

/*
 * The reason of the one fault that a load (store) takes; NO_FAULT: it takes none. It must succeed.
 * /
 */
unsigned world_load_reason(struct world *w, int pid, uint64_t va);
unsigned world_store_reason(struct world *w, int pid, uint64_t va);

/* Asserts SIGSEGV or SIGBUS with this code and reason, at va. */
void world_assert_signal(const struct mw_signal *signal, int signo, int code, uint64_t va,
                         unsigned reason);

struct mw_stats world_stats(struct world *w);
uint64_t world_frames(struct world *w);                /* frames in use */
uint64_t world_vmas(struct world *w, int pid);         /* how many areas */
struct mw_vma world_vma(struct world *w, uint64_t va); /* the area that holds va */
uint64_t world_pte(struct world *w, int pid, uint64_t va);

/* ---- files ---- */

/* A file of `count` bytes, each `byte`, in the cache and on the disk. */
void world_file(struct world *w, const char *path, uint64_t count, uint8_t byte);
int world_open_file(struct world *w, const char *path, int flags);
/* The byte at `offset` as read(2) would show it. */
uint8_t world_file_byte(struct world *w, const char *path, uint64_t offset);

/*
 * What the disk itself holds, seen by a file system mounted anew beside the machine's: the byte at
 * `offset`, or -1 when the file is not there or shorter. This is what is left after the power goes,
 * given a device that loses nothing.
 */
int world_disk_byte(struct world *w, const char *path, uint64_t offset);

/* ---- running ---- */

/* Runs the tests in a suite of their own; the exit status of the program. */
int world_run(const char *name, const TTest *const *tests, size_t count);

#endif
