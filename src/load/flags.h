/*
 * The host's names for constants that calls take: PROT_*, MAP_*, O_*, ...
 *
 * Layer 8. One list, so that scenarios, strace logs and tests agree on what a name means. The
 * values are the host's own, because the machine's calls take the host's constants. NULL is 0.
 */
#ifndef MAPWALK_LOAD_FLAGS_H
#define MAPWALK_LOAD_FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In strcmp order, because flags_find searches by halves (a test looks up every name). */
#define FLAGS_NAMES(X)                                                                                        \
    X(AT_EMPTY_PATH)                                                                                          \
    X(AT_FDCWD)                                                                                               \
    X(AT_REMOVEDIR)                                                                                           \
    X(AT_SYMLINK_FOLLOW)                                                                                      \
    X(AT_SYMLINK_NOFOLLOW)                                                                                    \
    X(BUS_ADRALN) X(BUS_ADRERR) X(BUS_OBJERR) X(CLONE_CHILD_CLEARTID) X(CLONE_CHILD_SETTID) X(                \
        CLONE_DETACHED) X(CLONE_FILES) X(CLONE_FS) X(CLONE_IO) X(CLONE_NEWCGROUP) X(CLONE_NEWIPC)             \
        X(CLONE_NEWNET) X(CLONE_NEWNS) X(CLONE_NEWPID) X(CLONE_NEWUSER) X(CLONE_NEWUTS) X(                    \
            CLONE_PARENT) X(CLONE_PARENT_SETTID) X(CLONE_PTRACE) X(CLONE_SETTLS) X(CLONE_SIGHAND)             \
            X(CLONE_SYSVSEM) X(CLONE_THREAD) X(CLONE_UNTRACED) X(CLONE_VFORK) X(CLONE_VM) X(                  \
                FD_CLOEXEC) X(F_DUPFD) X(F_DUPFD_CLOEXEC) X(F_GETFD) X(F_GETFL) X(F_SETFD)                    \
                X(F_SETFL) X(MADV_COLD) X(MADV_DODUMP) X(MADV_DOFORK) X(MADV_DONTDUMP) X(                     \
                    MADV_DONTFORK) X(MADV_DONTNEED) X(MADV_FREE) X(MADV_HUGEPAGE)                             \
                    X(MADV_KEEPONFORK) X(MADV_MERGEABLE) X(MADV_NOHUGEPAGE) X(MADV_NORMAL) X(                 \
                        MADV_PAGEOUT) X(MADV_POPULATE_READ) X(MADV_POPULATE_WRITE) X(MADV_RANDOM)             \
                        X(MADV_REMOVE) X(MADV_SEQUENTIAL) X(MADV_UNMERGEABLE) X(MADV_WILLNEED) X(             \
                            MADV_WIPEONFORK) X(MAP_32BIT) X(MAP_ANON) X(MAP_ANONYMOUS)                        \
                            X(MAP_DENYWRITE) X(MAP_EXECUTABLE) X(MAP_FILE) X(MAP_FIXED) X(                    \
                                MAP_FIXED_NOREPLACE) X(MAP_GROWSDOWN) X(MAP_HUGETLB) X(MAP_LOCKED)            \
                                X(MAP_NONBLOCK) X(MAP_NORESERVE) X(MAP_POPULATE) X(MAP_PRIVATE) X(            \
                                    MAP_SHARED) X(MAP_SHARED_VALIDATE) X(MAP_STACK) X(MAP_SYNC)               \
                                    X(MREMAP_DONTUNMAP) X(MREMAP_FIXED) X(MREMAP_MAYMOVE) X(                  \
                                        MS_ASYNC) X(MS_INVALIDATE) X(MS_SYNC) X(NULL) X(O_ACCMODE)            \
                                        X(O_APPEND) X(O_ASYNC) X(O_CLOEXEC) X(O_CREAT) X(                     \
                                            O_DIRECT) X(O_DIRECTORY) X(O_DSYNC) X(O_EXCL)                     \
                                            X(O_LARGEFILE) X(O_NOATIME) X(O_NOCTTY) X(O_NOFOLLOW) X(          \
                                                O_NONBLOCK) X(O_PATH) X(O_RDONLY) X(O_RDWR)                   \
                                                X(O_SYNC) X(O_TMPFILE) X(O_TRUNC) X(O_WRONLY) X(              \
                                                    PROT_EXEC) X(PROT_GROWSDOWN) X(PROT_GROWSUP) X(PROT_NONE) \
                                                    X(PROT_READ) X(PROT_WRITE) X(SEEK_CUR) X(                 \
                                                        SEEK_DATA) X(SEEK_END) X(SEEK_HOLE) X(SEEK_SET)       \
                                                        X(SEGV_ACCERR) X(SEGV_BNDERR) X(SEGV_MAPERR) X(       \
                                                            SEGV_PKUERR) X(SIGABRT) X(SIGALRM)                \
                                                            X(SIGBUS) X(SIGCHLD) X(                           \
                                                                SIGCONT) X(SIGFPE) X(SIGHUP) X(SIGILL)        \
                                                                X(SIGINT) X(SIGIO) X(SIGKILL) X(              \
                                                                    SIGPIPE) X(SIGPROF) X(SIGPWR)             \
                                                                    X(SIGQUIT) X(SIGSEGV) X(SIGSTOP) X(       \
                                                                        SIGSYS) X(SIGTERM) X(SIGTRAP)         \
                                                                        X(SIGTSTP) X(SIGTTIN) X(              \
                                                                            SIGTTOU) X(SIGURG)                \
                                                                            X(SIGUSR1) X(SIGUSR2) X(          \
                                                                                SIGVTALRM) X(SIGWINCH)        \
                                                                                X(SIGXCPU) X(                 \
                                                                                    SIGXFSZ) X(SI_KERNEL)     \
                                                                                    X(SI_USER) X(             \
                                                                                        WCONTINUED)           \
                                                                                        X(WNOHANG) X(         \
                                                                                            WUNTRACED)        \
                                                                                            X(__WALL)         \
                                                                                                X(__WCLONE)

/* The value of a name of `length` bytes (not NUL-terminated): true and *value; false: not a name of
 * ours. */
bool flags_find(const char *name, size_t length, uint64_t *value);

/* The name of a signal ("SIGSEGV"), "SIG?" when it has none here. */
const char *flags_signal_name(int signo);

/* The name of a si_code of SIGSEGV or SIGBUS ("SEGV_MAPERR"); "" for others. */
const char *flags_signal_code_name(int signo, int code);

#endif
