/*
 * What the native engine and its processes share: one page-aligned block of shared memory.
 *
 * Layer 8, private to native*.c. The engine (native.c) puts a command there, hands the baton to one
 * process, and waits until it comes back; so at most one process acts at a time, and none of them
 * allocates, opens or maps anything for its own use. Party 0 is the keeper, from whose clean address
 * space the first process of every script is forked; parties 1 to 16 are processes of the script.
 *
 *   I-NATIVE-1  at most one party has go set; who has it is the only one to write the block
 */
#ifndef MAPWALK_LOAD_NATIVE_CHANNEL_H
#define MAPWALK_LOAD_NATIVE_CHANNEL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#define NATIVE_PARTIES    17 /* the keeper, and as many processes as may live at once */
#define NATIVE_BYTES      4096
#define NATIVE_PATH_BYTES 512
#define NATIVE_SCRATCH    ((size_t)512 << 10) /* for the text of /proc/self/maps */

/* The window: the only addresses where the processes of a script have room. */
#define NATIVE_WINDOW_START ((uint64_t)0x1000000000) /* 64 GiB: user space in Sv39, too */
#define NATIVE_WINDOW_MOST  ((uint64_t)16 << 30)
#define NATIVE_WINDOW_USUAL ((uint64_t)1 << 30)

enum native_command {
    NATIVE_SYSCALL, /* number, args */
    NATIVE_LOAD,    /* args[0], args[1] bytes, into bytes[] */
    NATIVE_STORE,
    NATIVE_FETCH,
    NATIVE_FORK,  /* the child is party `child`; args[0]: flags of clone(2) */
    NATIVE_LEAVE, /* a process that shares nothing takes over, its parent's child like this one */
    NATIVE_EXEC,  /* forgets everything that is mapped in the window */
    NATIVE_EXIT,  /* does not answer */
    NATIVE_BEGIN  /* keeper: forks the first process, party 1 */
};

struct native_signal {
    int signo; /* 0: none */
    int code;
    uint64_t address;
};

struct native_channel {
    uint32_t go[NATIVE_PARTIES]; /* futexes: 1 hands the baton to that party */
    uint32_t done;               /* futex: 1 hands it back */
    int engine_pid;              /* parties end when it is gone */
    uint64_t stacks;             /* where the parties' stacks lie: NATIVE_PARTY_BYTES each */
    uint64_t window_start;
    uint64_t window_end;
    uint64_t brk_start;        /* of an empty heap, in the window */
    uint64_t base_total_bytes; /* that a process has outside of the window: VmSize, */
    uint64_t base_data_bytes;  /* and VmData of /proc/PID/status */
    enum native_command command;
    uint32_t child;
    long number;
    uint64_t args[6];
    int64_t result; /* or a negative errno */
    struct native_signal signal;
    char why[128]; /* what the set-up could not do; "": nothing */
    char path[NATIVE_PATH_BYTES];
    uint8_t bytes[NATIVE_BYTES];
    char scratch[NATIVE_SCRATCH];
};

/* ---- native_fence.c ---- */

/*
 * Makes the calling process the keeper: fences every address outside of the window, moves brk into
 * it, fixes limits, gives up privileges. 0, or -errno with channel->why.
 */
int native_fence(struct native_channel *channel);

/* Forgets all mappings of the window, as an exec does. 0, or -errno: some were sealed. */
int native_fence_empty(const struct native_channel *channel);

/* ---- native_access.c ---- */

/* Where a caught signal is noted; it lies at the lower end of the signal stack. */
struct native_catch;

#define NATIVE_STACK_BYTES ((size_t)64 << 10) /* of a signal stack, and its alignment */

/*
 * What a party runs on: a signal stack, and above it its own. Every party has a place of its own,
 * as several may share an address space.
 */
#define NATIVE_PARTY_BYTES (4 * NATIVE_STACK_BYTES)

/*
 * A system call without the C library, whose errno processes that share memory would share: the
 * result, or a negative errno.
 */
static inline long native_raw(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                              uint64_t e, uint64_t f)
{
#if defined(__x86_64__)
    register uint64_t r10 __asm__("r10") = d;
    register uint64_t r8 __asm__("r8") = e;
    register uint64_t r9 __asm__("r9") = f;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
#else
    long result = syscall(number, a, b, c, d, e, f);

    return result == -1 ? -errno : result;
#endif
}

/* Installs the handlers on a signal stack that lies at `stack`. 0 or -errno. */
int native_catch_signals(void *stack);

/* Executes NATIVE_LOAD, STORE or FETCH: all bytes or, with *signal, none. */
void native_access(void *stack, struct native_channel *channel);

/* ---- native_agent.c ---- */

/* The life of the keeper, which never returns. It removes the files when the engine has crashed. */
struct native;
_Noreturn void native_keeper(struct native *n);

/* Waits until *word is 1, takes it, and is true; false when `engine` has ended meanwhile. */
bool native_await(uint32_t *word, int engine);

/* Sets *word to 1 and wakes who waits for it. */
void native_signal_word(uint32_t *word);

#endif
