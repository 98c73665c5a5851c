/*
 * What the tests of the oracle share: running text on an engine, and knowing what was said.
 */
#ifndef MAPWALK_TESTS_ORACLE_H
#define MAPWALK_TESTS_ORACLE_H

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <mapwalk/run.h>

/* A run: the machine's configuration, and what came of it. */
struct oracle {
    struct mw_config config;
    uint64_t fail_allocation; /* of the run, counted from 1; 0: none */
    uint64_t allocations;     /* that the run has asked for */
    struct mw_run_result result;
    char said[4096];  /* diagnostics, "LINE: TEXT\n" each */
    char shown[8192]; /* results */
};

/*
 * Can the host be asked, and is it the kernel whose rules we hold? Otherwise the test is skipped, and
 * oracle_end says so.
 */
void oracle_need_host(void);
bool oracle_is_reference(void); /* Linux 6.18 */

/*
 * The exit status of a test that compares with the host: where that could not be done and nothing
 * failed, 77, which ctest shows as skipped; and one line on standard error says why.
 */
int oracle_end(int failed, bool need_reference);

void oracle_init(struct oracle *o);
int oracle_run_file(struct oracle *o, enum mw_on on, const char *path);
int oracle_run(struct oracle *o, enum mw_on on, const char *text);

/* Children of this process that have not been reaped, and our directories below TMPDIR. */
unsigned oracle_count_children(void);
unsigned oracle_count_directories(void);

#endif
