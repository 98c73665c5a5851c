/*
 * Shrinking a script: lines are taken out as long as it still shows the difference.
 *
 * Layer 8; see fuzz.h. Halves first, then smaller and smaller runs of lines, down to single ones,
 * until no single line can be spared. The first line makes the window and stays.
 */
#include <string.h>

#include "load/fuzz.h"

/* The script without `count` lines from `first` on. */
static void shrink_cut(const struct fuzz_script *from, unsigned first, unsigned count,
                       struct fuzz_script *to)
{
    to->count = from->count - count;
    memcpy(to->lines, from->lines, first * sizeof(from->lines[0]));
    memcpy(to->lines + first, from->lines + first + count,
           (from->count - first - count) * sizeof(from->lines[0]));
}

/* Tries to do without each run of `run` lines, the last ones first. Lines removed, or -errno. */
static int shrink_pass(struct fuzz_script *script, struct fuzz_script *attempt, unsigned run,
                       fuzz_trial *trial, void *context)
{
    int removed = 0;

    for (unsigned end = script->count; end > run; end = end > script->count ? script->count : end) {
        int result;

        shrink_cut(script, end - run, run, attempt);
        result = trial(context, attempt);
        if (result < 0)
            return result;
        if (result > 0) {
            *script = *attempt;
            removed += (int)run;
        }
        end -= run;
    }
    return removed;
}

int fuzz_shrink(struct alloc *a, struct fuzz_script *script, fuzz_trial *trial, void *context)
{
    struct fuzz_script *attempt = alloc_zeroed(a, sizeof(*attempt));
    unsigned run = script->count / 2;
    int removed = 0;

    if (attempt == NULL)
        return -ENOMEM;
    while (run > 0 && removed >= 0) {
        removed = shrink_pass(script, attempt, run, trial, context);
        /* Single lines until none can go: what one held up may go once that has gone. */
        if (run > 1 || removed <= 0)
            run /= 2;
    }
    alloc_release(a, attempt);
    return removed < 0 ? removed : 0;
}
