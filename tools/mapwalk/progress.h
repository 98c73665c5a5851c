/*
 * The progress line: one line on a terminal that is rewritten while a long run lasts.
 *
 * The only thing in mapwalk that looks at the host's clock; nothing that is simulated depends on
 * it.
 */
#ifndef TOOLS_MAPWALK_PROGRESS_H
#define TOOLS_MAPWALK_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct progress {
    bool on;              /* standard error is a terminal */
    bool shown;           /* there is a line to be cleared */
    const char *unit;     /* of what is counted beside bytes; "lines" at first */
    uint64_t total_bytes; /* of all input files; 0: unknown */
    struct timespec last; /* when it was shown last */
};

/* files: those of the run; sizes are known of regular ones only. */
void progress_init(struct progress *p, const char *const *files, unsigned count);

/* Shows the line unless it was shown less than half a second ago. */
void progress_show(struct progress *p, uint64_t bytes_done, uint64_t units_done);

/* Clears the line, for a message or the end. */
void progress_clear(struct progress *p);

#endif
