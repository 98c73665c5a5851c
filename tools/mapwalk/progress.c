/*
 * The progress line. See progress.h.
 */
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRESS_PERIOD_NS INT64_C(500000000)

/* The sum of the files' sizes, or 0 when one of them has none. */
static uint64_t progress_total(const char *const *files, unsigned count)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < count; i++) {
        struct stat status;

        if (stat(files[i], &status) < 0 || !S_ISREG(status.st_mode))
            return 0;
        total += (uint64_t)status.st_size;
    }
    return total;
}

void progress_init(struct progress *p, const char *const *files, unsigned count)
{
    *p = (struct progress){.on = isatty(STDERR_FILENO) == 1, .unit = "lines"};
    if (!p->on)
        return;
    p->total_bytes = progress_total(files, count);
    clock_gettime(CLOCK_MONOTONIC, &p->last);
}

/* Is it time again? Then the period begins anew. */
static bool progress_due(struct progress *p)
{
    struct timespec now;
    int64_t passed_ns;

    clock_gettime(CLOCK_MONOTONIC, &now);
    passed_ns =
        (int64_t)(now.tv_sec - p->last.tv_sec) * 1000000000 + (now.tv_nsec - p->last.tv_nsec);
    if (passed_ns < PROGRESS_PERIOD_NS)
        return false;
    p->last = now;
    return true;
}

void progress_show(struct progress *p, uint64_t bytes_done, uint64_t units_done)
{
    if (!p->on || !progress_due(p))
        return;
    fprintf(stderr, "\r%" PRIu64 " MiB, %" PRIu64 " %s", bytes_done >> 20, units_done, p->unit);
    if (p->total_bytes != 0 && bytes_done <= p->total_bytes)
        fprintf(stderr, ", %.1f %%", 100.0 * (double)bytes_done / (double)p->total_bytes);
    fputs("\033[K", stderr);
    p->shown = true;
}

void progress_clear(struct progress *p)
{
    if (p->shown)
        fputs("\r\033[K", stderr);
    p->shown = false;
}
