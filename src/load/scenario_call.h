/*
 * What the files of the scenario executor share: its state, and what a call came to.
 *
 * Layer 8, private to scenario*.c.
 */
#ifndef MAPWALK_LOAD_SCENARIO_CALL_H
#define MAPWALK_LOAD_SCENARIO_CALL_H

#include "load/call_parse.h"
#include "load/report.h"
#include "load/symbols.h"

#define SCENARIO_BYTES 4096               /* the most that one access moves */
#define SCENARIO_TEXT  ((size_t)32 << 10) /* a line with its result; a load's bytes as a string */

#define SCENARIO_VFORKS 16u /* vforks under way at once: one a process of the host's side */

struct native;

/* Who executes: with MW_ON_BOTH one after the other, else always the same. */
enum scenario_side { SIDE_SIMULATOR, SIDE_LINUX };

/* The areas of one process as lines of text, without what is outside of the window. */
struct scenario_areas {
    char *text;
    size_t length;
    size_t capacity;
    uint64_t count;
};

struct scenario {
    struct mw_machine *machine;
    enum mw_on on;
    enum scenario_side side;
    struct native *native;          /* NULL until the first process, or when Linux is not asked */
    uint64_t window_bytes;          /* 0: all of user space (simulator only) */
    struct scenario_areas areas[2]; /* by side: as compared last */
    struct scenario_areas shown;    /* as told by the last maps() */
    char *raw; /* the line as it was before it was parsed; for telling, and only if that is asked */
    size_t raw_length;
    char *text[2]; /* by side: the last result */
    struct alloc *alloc;
    struct report *report;
    struct symbols symbols;
    struct scenario_handler *handlers; /* set by on_fault (scenario_fault.c) */
    struct report_place place;         /* of the line under execution */
    int first_pid;                     /* 0: no line was executed yet */
    int last_pid;                      /* the highest that Linux's side has given */
    int pid;                           /* the calling process */
    bool stop;                         /* no line after this one */
    struct {
        int parent; /* 0: nobody */
        int child;
    } vforks[SCENARIO_VFORKS]; /* parents that wait */
    uint8_t bytes[SCENARIO_BYTES];
};

enum outcome_kind { OUTCOME_VALUE, OUTCOME_SIGNAL, OUTCOME_BYTES };

struct outcome {
    enum outcome_kind kind;
    int64_t
        value; /* VALUE: the result or a negative errno; BYTES: how many lie in scenario.bytes */
    struct mw_signal signal;
};

/* The arguments of `call` by index, as numbers; for functions that execute calls. */
#define ARG(index) call_number(call, (index))
#define INT(index) call_int(call, (index))

/*
 * Executes a call whose arguments fit the signature. False: it was refused, and the user was told
 * why.
 */
typedef bool scenario_handler(struct scenario *s, const struct call *call, struct outcome *out);

struct scenario_entry {
    const char *name;
    /* n number, s string, x number or string, a anything; what follows | may be left out */
    const char *signature;
    bool hexadecimal; /* results are addresses */
    bool access;      /* a load, store or fetch, not a system call */
    bool directive;   /* neither: it exists in scenarios only */
    scenario_handler *handler;
};

/* The entry of a name, or NULL. */
const struct scenario_entry *scenario_find_call(const char *name);
const struct scenario_entry *scenario_find_process(const char *name);
const struct scenario_entry *scenario_find_descriptor(const char *name);
const struct scenario_entry *scenario_find_file(const char *name);
const struct scenario_entry *scenario_find_memory(const char *name);
const struct scenario_entry *scenario_find_look(const char *name);
const struct scenario_entry *scenario_find_smaps(const char *name);
const struct scenario_entry *scenario_find_fault(const char *name);

/* Tells the user what is wrong with the line; returns false. */
bool scenario_refuse(struct scenario *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- scenario_calls.c ---- */

/*
 * A directory's descriptor and a path: the machine has no working directories, so the path is
 * absolute, or the descriptor AT_FDCWD. False: neither, and the user was told.
 */
bool scenario_check_at(struct scenario *s, const struct call *call, unsigned fd_at);

/* ---- scenario_process.c ---- */

/*
 * The flags of fork, vfork or clone as clone(2) takes them. False: it is none that can be made, and
 * the user was told why.
 */
bool scenario_clone_flags(struct scenario *s, const struct call *call, uint64_t *flags);

/* After a call: who waits for whom (vfork(2)). */
void scenario_note_vfork(struct scenario *s, const struct call *call, const struct outcome *out);

/* The child for which a process waits since its vfork; 0: it does not. */
int scenario_vfork_child(const struct scenario *s, int pid);

/* What two descriptors are must be what stands in the array at `index`. False: the user was told. */
bool scenario_check_pair(struct scenario *s, const struct call *call, unsigned index,
                         const int fds[2]);

/* ---- scenario_native.c ---- */

/* Executes a system call on the host. False: refused, and the user was told why. */
bool scenario_native_call(struct scenario *s, const struct call *call, struct outcome *out);

/* ---- scenario_window.c: the clean room on both sides ---- */

/* Sets the window's size. -EINVAL, or -EBUSY when there is a process already. */
int scenario_window_set(struct scenario *s, uint64_t bytes);

/*
 * Makes the first process with this pid (0: any) on the sides that are asked. Its pid, or -errno
 * with the user told.
 */
int scenario_window_begin(struct scenario *s, int pid);

/* After the simulator's execve: fences its new address space. 0 or -errno. */
MUST_CHECK int scenario_window_fence(struct scenario *s);

/* A limit for the simulator under which its fences count for nothing. */
uint64_t scenario_window_limit(const struct scenario *s, int resource, uint64_t bytes);

/* ---- scenario_memory.c: accesses on the present side; the bytes lie in s->bytes ---- */

/* 1..SCENARIO_BYTES bytes. 0; -EFAULT with *signal; -ESRCH. */
int scenario_load(struct scenario *s, uint64_t va, size_t bytes, struct mw_signal *signal);
int scenario_store(struct scenario *s, uint64_t va, size_t bytes, struct mw_signal *signal);

/* ---- scenario_look.c: what is to be seen of the calling process on the present side ---- */

/* As mw_vma_next, areas in the window only. */
int scenario_area_next(struct scenario *s, uint64_t va, struct mw_vma *out);

/* The areas as text. 0 or -errno. */
MUST_CHECK int scenario_areas_read(struct scenario *s, struct scenario_areas *areas);

/* Compares both sides: areas after a call; `pages` of all processes, too. False: they differ. */
bool scenario_compare_areas(struct scenario *s);
bool scenario_compare_pages(struct scenario *s);

/* ---- scenario_fault.c ---- */

/* Takes the scenario's fault handlers out of the machine and frees them. */
void scenario_drop_handlers(struct scenario *s);

/* ---- scenario_page.c ---- */

/* The bytes of the page at va, whatever its protection: 0, or -EFAULT where there are none. */
int scenario_page(struct scenario *s, const struct mw_vma *area, uint64_t va, uint8_t *out);

/* ---- scenario_show.c ---- */

/* The outcome in the form in which it would stand behind '='. Room: SCENARIO_TEXT. */
void scenario_format(const struct scenario *s, const struct scenario_entry *entry,
                     const struct outcome *outcome, char *out);

/* Keeps the line for scenario_show, before parsing changes it. 0 or -ENOMEM. */
MUST_CHECK int scenario_keep_line(struct scenario *s, const char *line, size_t length);

/* Tells the line with its result; or one line of remark. */
void scenario_show(struct scenario *s, const char *result);
void scenario_show_remark(struct scenario *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Tells where the engines differ, and remembers that they do. Returns false. */
bool scenario_differ(struct scenario *s, const char *what, const char *simulator,
                     const char *native);

/* What a call came to; true, as all that could be wrong with the line itself was told before. */
static inline bool outcome_value(struct outcome *o, int64_t value)
{
    o->kind = OUTCOME_VALUE;
    o->value = value;
    return true;
}

/* Is this result a negative errno? */
static inline bool outcome_is_error(const struct outcome *o)
{
    return o->kind == OUTCOME_VALUE && o->value < 0 && o->value >= -4095;
}

/* ---- scenario_check.c ---- */

/* Compares what came out with what stands behind '=' and reports the difference. */
void scenario_check(struct scenario *s, const struct scenario_entry *entry, const struct call *call,
                    const struct outcome *outcome);

/*
 * The outcome as a number for a name: of bytes, the first eight as a little-endian number; of an
 * errno or signal, -1.
 */
uint64_t scenario_number(const struct scenario *s, const struct outcome *outcome);

#endif
