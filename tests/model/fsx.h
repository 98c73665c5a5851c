/*
 * Random operations on the files of a machine, with a shadow of every file beside it: what fsx does
 * to file systems, and to mappings, processes and the page cache as well.
 *
 * All goes through the public face, and everything that is read is compared. Each operation draws
 * from a generator of its own (seed and number), so that one that is left out changes none of the
 * others' draws: a run that fails is made shorter by leaving out what does not matter (test_fsx.c).
 */
#ifndef MAPWALK_TESTS_MODEL_FSX_H
#define MAPWALK_TESTS_MODEL_FSX_H

#include <mapwalk/mapwalk.h>

#include "base/prng.h"
#include "model/shadow_file.h"

#define FSX_NAMES      6u
#define FSX_PROCESSES  3u
#define FSX_FDS        5u
#define FSX_MAPS       5u
#define FSX_MAP_PAGES  20u
#define FSX_HISTORY    40u
#define FSX_LINE       160u
#define FSX_BUFFER     (16u * SHADOW_PAGE_BYTES)
#define FSX_MOST_BYTES (5u * SHADOW_PAGE_BYTES) /* of one transfer */
#define FSX_IMAGE      64u

enum fsx_disk {
    FSX_RAM,          /* formatted by the machine */
    FSX_IMAGE_OURS,   /* an image file of our making */
    FSX_IMAGE_FOREIGN /* of mke2fs, with blocks of 1 KiB */
};

/* A kind of machine and of work. */
struct fsx_variant {
    const char *name;
    enum fsx_disk disk;
    uint64_t disk_bytes;
    uint64_t ram_bytes;
    uint64_t file_pages; /* no file grows past this */
    bool full;           /* the disk is nearly full: -ENOSPC may come, and must change nothing */
    bool disk_cache;
    bool check; /* the machine checks itself after every call */
    unsigned harts;
    enum mw_disk_latency latency;
    const char *mke2fs; /* options of FSX_IMAGE_FOREIGN */
};

/* An open file description. */
struct fsx_open {
    unsigned refs;
    struct shadow_file *file;
    int flags;
    uint64_t position;
};

struct fsx_map {
    struct shadow_file *file; /* NULL: the slot is free */
    uint64_t first;           /* page of the file */
    unsigned pages;
    bool shared;
    bool writable;
    /* Private pages that were stored to, and how many bytes of each are known. */
    uint8_t *copy[FSX_MAP_PAGES];
    unsigned known[FSX_MAP_PAGES];
};

struct fsx_process {
    int pid;         /* 0: there is none */
    uint64_t buffer; /* FSX_BUFFER bytes of its memory, a page of vectors behind it */
    int number[FSX_FDS];
    struct fsx_open *fd[FSX_FDS];
    struct fsx_map map[FSX_MAPS];
};

struct fsx {
    const struct fsx_variant *variant;
    struct mw_machine *machine;
    uint64_t seed;
    uint64_t op; /* the number of the operation under way */
    struct prng prng;
    struct shadow_file *name[FSX_NAMES];
    struct fsx_process process[FSX_PROCESSES];
    char image[FSX_IMAGE]; /* "": none */
    bool trace;            /* prints every operation */
    bool failed;
    char what[2 * FSX_LINE]; /* what differed */
    char history[FSX_HISTORY][FSX_LINE];
    uint64_t lines;
};

/* Makes the machine. Ends the test when that fails. */
struct fsx *fsx_begin(const struct fsx_variant *variant, uint64_t seed);

/* One operation. Nothing is done any more once something has failed. */
void fsx_step(struct fsx *s, uint64_t op);

/*
 * Compares all, switches off, has e2fsck look at an image, frees. False: something failed, now or
 * before, which is printed with the last operations.
 */
bool fsx_end(struct fsx *s);

/* Where the session of a process has its image; for who cleans up behind one that crashed. */
void fsx_image_path(char path[FSX_IMAGE], int pid);

/* ---- for the operations ---- */

/* Begins an operation's line of the history. */
void fsx_say(struct fsx *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Something is not as it must be. */
void fsx_fail(struct fsx *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The result of a call that cannot fail, or on a full disk with -ENOSPC only. True: it succeeded. */
bool fsx_succeeded(struct fsx *s, int64_t result, bool may_be_full);

static inline uint64_t fsx_below(struct fsx *s, uint64_t bound)
{
    return prng_below(&s->prng, bound);
}

static inline bool fsx_chance(struct fsx *s, unsigned one_in)
{
    return prng_below(&s->prng, one_in) == 0;
}

struct fsx_process *fsx_any_process(struct fsx *s);
const char *fsx_path(unsigned name);

/* A position and a length in a file, where mistakes live; at most `most` bytes, at least one. */
void fsx_range(struct fsx *s, const struct shadow_file *f, uint64_t most, uint64_t *offset,
               uint64_t *bytes);

/* Bytes that no other operation writes. */
void fsx_pattern(const struct fsx *s, uint8_t *out, uint64_t bytes);

/* Between the test and a process's memory. */
void fsx_poke(struct fsx *s, const struct fsx_process *p, uint64_t va, const void *in, uint64_t n);
void fsx_peek(struct fsx *s, const struct fsx_process *p, uint64_t va, void *out, uint64_t n);

/* Fails when the two differ, saying where. */
void fsx_compare(struct fsx *s, const char *what, const uint8_t *machine, const uint8_t *shadow,
                 uint64_t bytes);

/* fsx_data.c */
void fsx_op_transfer(struct fsx *s);
void fsx_op_truncate(struct fsx *s);
void fsx_op_allocate(struct fsx *s);
void fsx_op_sync(struct fsx *s);
void fsx_op_advise(struct fsx *s);

/* fsx_maps.c */
void fsx_op_map(struct fsx *s);
void fsx_op_unmap(struct fsx *s);
void fsx_op_store(struct fsx *s);
void fsx_op_load(struct fsx *s);
void fsx_op_msync(struct fsx *s);
void fsx_op_madvise(struct fsx *s);
uint64_t fsx_map_va(unsigned slot);
/* A slot of p that shows bytes of a file, all of them before its end; NULL: none. */
struct fsx_map *fsx_any_shared(struct fsx *s, struct fsx_process *p, uint64_t *offset,
                               uint64_t *bytes, uint64_t *va);
/* The file has become shorter: private copies behind the end are gone. */
void fsx_maps_cut(struct fsx *s, const struct shadow_file *f);
void fsx_map_drop(struct fsx_map *map);
void fsx_map_inherit(struct fsx_map *child, const struct fsx_map *parent);
void fsx_maps_compare(struct fsx *s);

/* fsx_names.c */
void fsx_op_open(struct fsx *s);
void fsx_op_close(struct fsx *s);
void fsx_op_unlink(struct fsx *s);
void fsx_op_rename(struct fsx *s);
void fsx_op_link(struct fsx *s);
void fsx_op_fork(struct fsx *s);
void fsx_op_exit(struct fsx *s);
void fsx_op_look(struct fsx *s);
void fsx_spawn(struct fsx *s);
void fsx_forget_processes(struct fsx *s);
/* A descriptor of p, or NULL; *fd is its number. */
struct fsx_open *fsx_any_open(struct fsx *s, struct fsx_process *p, int *fd);
void fsx_name_set(struct fsx *s, unsigned name, struct shadow_file *f);
void fsx_names_compare(struct fsx *s);

#endif
