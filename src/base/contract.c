/*
 * Broken contracts: the end of the process.
 *
 * Role: prints where an assumption of ours was wrong, and aborts. Layer: base, below everything; it
 * must not know machines or events (event/event.h has the form that also prints the last events).
 *
 * It allocates nothing: the heap may be what is broken.
 */
#include "base/contract.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void contract_fail(const char *file, int line, const char *function,
                             const char *condition)
{
    /* What was printed so far must stand before the message when both go to one file. */
    fflush(stdout);
    fprintf(stderr, "mapwalk: contract broken: %s (%s, %s:%d)\n", condition, function, file, line);
    abort();
}
