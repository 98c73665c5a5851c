/*
 * Runs code that must break a contract, without taking the test along.
 */
#include "death.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEATH_MESSAGE_BYTES 4096

/*
 * Reads all that comes out of a pipe, as far as it fits; the rest is drained so that the writer can
 * go on.
 */
static void death_read_all(int pipe_end, char message[static DEATH_MESSAGE_BYTES])
{
    size_t length = 0;
    char piece[512];
    ssize_t got;
    while ((got = read(pipe_end, piece, sizeof piece)) > 0) {
        size_t room = DEATH_MESSAGE_BYTES - 1 - length;
        size_t taken = (size_t)got < room ? (size_t)got : room;
        memcpy(message + length, piece, taken);
        length += taken;
    }
    message[length] = '\0';
}

bool death_by_contract(void (*body)(void *argument), void *argument, const char *condition)
{
    int ends[2];
    if (pipe(ends) != 0)
        return false;
    fflush(NULL); /* what is buffered must not be printed by the child again */
    pid_t child = fork();
    if (child < 0) {
        close(ends[0]);
        close(ends[1]);
        return false;
    }
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        signal(SIGABRT, SIG_DFL); /* cmocka catches signals of its own tests */
        body(argument);
        _exit(0);
    }
    close(ends[1]);
    char message[DEATH_MESSAGE_BYTES];
    death_read_all(ends[0], message);
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
           strstr(message, "mapwalk: contract broken: ") != NULL &&
           strstr(message, condition) != NULL;
}
