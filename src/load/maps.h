/*
 * Recorded areas: /proc/PID/maps at an exec and at an exit, which may go along with a strace log.
 *
 *   # 23366 exec
 *   555555554000-555555558000 r--p 00000000 fe:00 247728                     /usr/bin/ls
 *   ...
 *   # start_brk=55555557a000 startstack=7fffffffe780
 *   # 23366 exit
 *   ...
 *
 * Layer 8. Text only; replay_maps.c makes use of it. The whole file is kept, so its size is
 * limited.
 */
#ifndef MAPWALK_LOAD_MAPS_H
#define MAPWALK_LOAD_MAPS_H

#include "load/reader.h"
#include "load/report.h"

#define MAPS_LINES_MOST 1000000

struct maps_line {
    uint64_t start;
    uint64_t end;
    uint64_t off_bytes;
    uint64_t number; /* of the line in its file */
    int prot;        /* PROT_* */
    bool shared;
    bool stack;
    char *path; /* of a file; NULL: anonymous memory, heap, stack, vdso */
};

struct maps_snapshot {
    struct maps_snapshot *next; /* in the order of the file */
    const char *file;
    int log_pid;
    bool at_exit; /* else at an exec */
    bool used;
    uint64_t start_brk; /* 0: not told */
    struct maps_line *lines;
    size_t count;
    size_t capacity;
};

struct maps {
    struct alloc *alloc;
    struct maps_snapshot *first;
    uint64_t lines; /* in all */
};

void maps_init(struct maps *m, struct alloc *a);
void maps_destroy(struct maps *m);

/* Do these bytes begin like such a file? */
bool maps_recognise(const char *bytes, size_t count);

/*
 * Adds all of a file. What is not understood is told and skipped. 0, -errno of reading, -ENOMEM,
 * -EFBIG.
 */
MUST_CHECK int maps_read(struct maps *m, struct reader *reader, struct report *report);

/* The next snapshot of a process that was not used yet, now marked so; NULL: none. */
struct maps_snapshot *maps_take(struct maps *m, int log_pid, bool at_exit);

#endif
