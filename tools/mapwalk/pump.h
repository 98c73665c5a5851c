/*
 * Running a program while copying what it writes to one descriptor into a file.
 *
 * valgrind does not notice that its log cannot be written, so that a recording on a full disk would
 * end short and look well. The command writes the log itself and notices.
 */
#ifndef TOOLS_MAPWALK_PUMP_H
#define TOOLS_MAPWALK_PUMP_H

#include <stdbool.h>

#define PUMP_FD 9 /* the program's end: beyond what shells and programs use */

/*
 * Runs argv[0] (found by PATH) with PUMP_FD as the end of a pipe, and copies what comes out of it
 * to the descriptor `out`, called `name` in messages. With stdout_to_stderr, what the program
 * prints goes to standard error. When the log cannot be written, the program is ended.
 *
 * Returns the program's exit status, TOOL_IO or TOOL_NO_VALGRIND, complained about; a program that
 * was ended by a signal ends the command by the same.
 */
int pump_run(char *const argv[], int out, const char *name, bool stdout_to_stderr);

#endif
