/*
 * The differ's parts: scripts of scenario lines, made at random, run on both engines, shrunk.
 *
 * Layer 8, private to fuzz*.c. A script is text from the beginning: what is run, what is shrunk and
 * what is written for people are the same lines. Its window is small, so that operations at random
 * addresses meet.
 */
#ifndef MAPWALK_LOAD_FUZZ_H
#define MAPWALK_LOAD_FUZZ_H

#include <mapwalk/run.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/prng.h"

#define FUZZ_LINE_BYTES 192
#define FUZZ_LINES      640
#define FUZZ_PAGES      64u   /* of the window */
#define FUZZ_WIDE_PAGES 8192u /* of the window of a wide script, where superpages find room */
#define FUZZ_PROCESSES  8u

struct fuzz_script {
    unsigned count;
    char lines[FUZZ_LINES][FUZZ_LINE_BYTES];
};

/* ---- fuzz.c ---- */

/* A search, or a recording, under way. */
struct fuzz {
    struct alloc alloc;
    const struct mw_fuzz_options *options;
    struct mw_fuzz_result *result;
    struct native *native;
    struct fuzz_script *script;
    char *text;     /* the script as a file */
    int out;        /* the written scenario; -1: none */
    int error;      /* of writing it */
    bool searching; /* and not shrinking */
    bool tails;     /* fuzz_probe_tails */
};

/* Runs a script on a new machine, on the host, or both. 0 or -errno. */
MUST_CHECK int fuzz_run(struct fuzz *f, const struct fuzz_script *script,
                        const struct mw_run_options *options, struct mw_run_result *result);

/* A diagnostic handler, context f: keeps the last complaint for the user. */
void fuzz_keep_reason(void *context, const struct mw_diagnostic *d);

/* Writing a scenario. What goes wrong is told by fuzz_close. */
MUST_CHECK int fuzz_open(struct fuzz *f, const char *path);
void fuzz_write(struct fuzz *f, const char *text);
void fuzz_write_line(void *context, const char *text); /* a show handler; context: f */
MUST_CHECK int fuzz_close(struct fuzz *f);

/* Takes the "= ?" from each line: results take that place. */
void fuzz_strip(struct fuzz_script *script);

/* ---- fuzz_generate.c: scripts ---- */

/* What a script is made of, and what its maker remembers of it. */
struct fuzz_maker {
    struct prng prng;
    const char *calls;  /* names with commas between: only these and accesses; NULL: all known */
    unsigned processes; /* 1..FUZZ_PROCESSES */
    unsigned born;      /* processes so far */
    unsigned live;      /* bit per process */
    unsigned current;   /* who acts in the present line */
    unsigned suspended; /* bit per process: waits for its vfork child */
    unsigned shared;    /* bit per process: shares memory or descriptors, or has done so */
    unsigned silent;    /* bit per process: its end sends no signal */
    unsigned bare;      /* bit per process: has called exec, so that its window is empty */
    unsigned unordered; /* bit per process: waits for no child but by pid; see fuzz_process.c */
    unsigned orphaned;  /* bit per process: waits for nobody */
    uint8_t parents[FUZZ_PROCESSES];
    unsigned pages;      /* of the window */
    bool syncs;          /* what writes back is made: MS_SYNC, fsync, ... */
    bool tails;          /* both at once are of use: see fuzz_probe.c */
    bool cuts;           /* files end inside a page: see make_ftruncate */
    bool seals;          /* mseal, but no exec: the host's window could not be emptied */
    bool frees;          /* MADV_FREE, but no MADV_PAGEOUT: see make_madvise */
    bool looks;          /* hash, but no in_core: looking brings pages in on the host */
    bool wide;           /* lengths about multiples of 2 MiB, rather than single pages */
    unsigned files;      /* descriptors f0, f1, ... opened so far */
    uint32_t points[16]; /* pages where something began or ended lately */
    unsigned point_count;
};

/* Is the call among those asked for, and is it known? */
bool fuzz_makes(const struct fuzz_maker *maker, const char *name);

/* Is every name of the list a call of scenarios? An empty name is none. */
bool fuzz_knows(const char *calls);

/* Fills a script with `operations` lines behind its beginning. */
void fuzz_generate(struct fuzz_maker *maker, unsigned operations, struct fuzz_script *script);

static inline unsigned fuzz_below(struct fuzz_maker *maker, unsigned bound)
{
    return (unsigned)prng_below(&maker->prng, bound);
}

static inline bool fuzz_chance(struct fuzz_maker *maker, unsigned one_in)
{
    return fuzz_below(maker, one_in) == 0;
}

/* One of an array of words. */
#define FUZZ_PICK(maker, words) \
    ((words)[fuzz_below(maker, (unsigned)(sizeof(words) / sizeof((words)[0])))])

struct fuzz_operation {
    const char *name; /* of the call; NULL: an access */
    unsigned weight;
    bool (*make)(struct fuzz_maker *maker, char *out); /* false: this one is not to be made */
};

/* ---- fuzz_process.c: who acts, and what processes do to each other ---- */

/* The first process alone. */
void fuzz_process_begin(struct fuzz_maker *maker);

/* Makes one of those that can act the current one. */
void fuzz_process_choose(struct fuzz_maker *maker);

/* Now and then a line about processes; false: the current one is to do something else. */
bool fuzz_process_make(struct fuzz_maker *maker, char *out);

/* ---- fuzz_file.c: operations on files ---- */

/* The i-th, or NULL. */
const struct fuzz_operation *fuzz_file_operation(unsigned i);

/* ---- fuzz_line.c: one operation each ---- */

/* Writes one random operation of the current process; false: this one is not asked for. */
bool fuzz_line_make(struct fuzz_maker *maker, char *out);

/* The lines that a script begins with. */
void fuzz_line_begin(const struct fuzz_maker *maker, struct fuzz_script *script);

/* A page of the window, rather one where something is going on. */
unsigned fuzz_page(struct fuzz_maker *maker);
void fuzz_remember(struct fuzz_maker *maker, unsigned page);

/* ---- fuzz_probe.c ---- */

/*
 * Does the host keep what a mapping shows beyond the end of a file until that file is written? 0 or
 * -errno.
 */
MUST_CHECK int fuzz_probe_tails(struct fuzz *f, bool *kept);

/* ---- fuzz_record.c ---- */

/*
 * Runs a script on Linux alone and writes it with all that the kernel has answered into the folder
 * of the recording. `maker` is what has made it. 0 or -errno.
 */
MUST_CHECK int fuzz_record(struct fuzz *f, const struct fuzz_maker *maker, uint64_t number);

/* ---- fuzz_shrink.c ---- */

/* Does the script still show what is looked for? 1, 0, or -errno. */
typedef int fuzz_trial(void *context, const struct fuzz_script *script);

/* Removes lines as long as trial says 1. 0 or -errno. */
MUST_CHECK int fuzz_shrink(struct alloc *a, struct fuzz_script *script, fuzz_trial *trial,
                           void *context);

#endif
