/*
 * Random lines about processes: who acts next, who is born, calls exec, ends, and is waited for.
 *
 * Layer 8; see fuzz.h. A line that would be refused must not be made: neither one of a process that
 * has ended or waits for its vfork child, nor a wait that would last for ever. So who lives, who is
 * whose child and who waits is kept here.
 *
 * One thing about processes is not made, because the host cannot be asked for it: the engine gives a
 * process that shares memory a successor when it calls exec (native.c), which is the youngest child
 * of its parent, and has no children itself. Who reaps any child then gets another one, so these
 * wait for children by pid, or not at all. And a successor's end sends the signal that its
 * predecessor's would have sent (CLONE_PARENT), where exec makes SIGCHLD of none.
 */
#include <stdio.h>
#include <string.h>

#include "load/fuzz.h"

static unsigned bit(unsigned process)
{
    return 1u << process;
}

void fuzz_process_begin(struct fuzz_maker *maker)
{
    maker->born = 1;
    maker->live = 1;
    maker->suspended = maker->shared = maker->silent = maker->bare = 0;
    maker->unordered = maker->orphaned = 0;
    memset(maker->parents, 0, sizeof(maker->parents));
}

/* Somebody always can: process 0 never ends, and who waits, waits for somebody who lives. */
void fuzz_process_choose(struct fuzz_maker *maker)
{
    do
        maker->current = fuzz_below(maker, maker->born);
    while ((maker->live & ~maker->suspended & bit(maker->current)) == 0);
}

/* Is the current process the child of a vfork that its parent still waits for? */
static bool process_is_awaited(const struct fuzz_maker *maker)
{
    unsigned parent = maker->parents[maker->current];

    /* While its parent waits, nobody younger is born to it. */
    for (unsigned i = maker->current + 1; i < maker->born; i++)
        if (maker->parents[i] == parent)
            return false;
    return maker->current != 0 && (maker->suspended & bit(parent)) != 0;
}

/* ---- births ---- */

struct birth {
    const char *call; /* its name is what fuzz_makes asks for */
    bool shares;
    bool suspends;
    bool silent;
};

/* A child copies what its parent has, or shares it; the parent's lines go on but after a vfork. */
static const struct birth births[] = {
    {"fork()", false, false, false},
    {"fork()", false, false, false},
    {"vfork()", true, true, false},
    {"clone(CLONE_VM|SIGCHLD)", true, false, false},
    {"clone(CLONE_VM|CLONE_FILES|SIGCHLD)", true, false, false},
    {"clone(CLONE_VM)", true, false, true}, /* __WCLONE waits for it */
    {"clone(CLONE_FILES|SIGCHLD)", true, false, false},
    {"clone(CLONE_VM|CLONE_VFORK|SIGCHLD)", true, true, false},
};

static bool process_may(const struct fuzz_maker *maker, const struct birth *birth)
{
    char name[16];

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(birth->call, "("), birth->call);
    return fuzz_makes(maker, name);
}

static bool make_birth(struct fuzz_maker *maker, char *out)
{
    const struct birth *birth = &births[fuzz_below(maker, sizeof(births) / sizeof(births[0]))];

    if (maker->born >= maker->processes || !process_may(maker, birth))
        return false;
    sprintf(out, "p%u = %s", maker->born, birth->call);
    if (birth->shares)
        maker->shared |= bit(maker->current) | bit(maker->born);
    if (birth->suspends)
        maker->suspended |= bit(maker->current);
    if (birth->silent)
        maker->silent |= bit(maker->born);
    maker->bare |= (maker->bare >> maker->current & 1) << maker->born;
    maker->parents[maker->born] = (uint8_t)maker->current;
    maker->live |= bit(maker->born++);
    return true;
}

/* ---- ends and new beginnings ---- */

/* The parent of a vfork goes on. */
static void process_release(struct fuzz_maker *maker)
{
    if (process_is_awaited(maker))
        maker->suspended &= ~bit(maker->parents[maker->current]);
}

static bool make_exit(struct fuzz_maker *maker, char *out)
{
    const char *name = fuzz_chance(maker, 2) ? "exit" : "exit_group";

    if (maker->current == 0 || !fuzz_makes(maker, name))
        return false;
    sprintf(out, "%s(%u) = ?", name, maker->current + 254 * fuzz_below(maker, 2));
    process_release(maker);
    maker->live &= ~bit(maker->current);
    return true;
}

/* An empty image: the buffer at the window's beginning is gone, too, until process_equip. */
static bool make_exec(struct fuzz_maker *maker, char *out)
{
    unsigned parent = maker->parents[maker->current];

    if (maker->seals || (maker->silent & bit(maker->current)) != 0 || !fuzz_makes(maker, "execve"))
        return false;
    strcpy(out, "execve(\"/a\", NULL, NULL) = ?");
    if (maker->shared & bit(maker->current)) {
        maker->orphaned |= bit(maker->current);
        maker->unordered |= maker->current == 0 ? 0 : bit(parent);
    }
    maker->shared &= ~bit(maker->current);
    maker->bare |= bit(maker->current);
    process_release(maker);
    return true;
}

static bool process_equip(struct fuzz_maker *maker, char *out)
{
    if ((maker->bare & bit(maker->current)) == 0 || !fuzz_chance(maker, 4))
        return false;
    strcpy(out,
           "mmap(w, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED, -1, 0) = ?");
    maker->bare &= ~bit(maker->current);
    return true;
}

/* ---- waiting ---- */

/* Where the status goes: rather into the buffer, which pages of files are filled from. */
static const char *status_address(struct fuzz_maker *maker, char *text)
{
    static const char *const usual[] = {"NULL", "NULL", "w+16", "w+4000"};

    if (!fuzz_chance(maker, 4))
        return FUZZ_PICK(maker, usual);
    sprintf(text, "w+%u*4096", fuzz_page(maker));
    return text;
}

/* By pid or, where it is clear which comes first, any. Returns whether it has ended. */
static bool choose_child(struct fuzz_maker *maker, bool may_any, char *whom)
{
    unsigned process = 1 + fuzz_below(maker, maker->born - 1);

    sprintf(whom, "p%u", process);
    if (may_any && fuzz_chance(maker, 3)) {
        strcpy(whom, fuzz_chance(maker, 4) ? "0" : "-1");
        return false;
    }
    return (maker->live & bit(process)) == 0;
}

/* Others than its parent learn that it is not theirs. */
static bool make_wait4(struct fuzz_maker *maker, char *out)
{
    static const char *const options[] = {"WNOHANG", "WNOHANG", "WNOHANG|WUNTRACED",
                                          "WNOHANG|__WALL", "WNOHANG|__WCLONE"};
    static const char *const blocking[] = {"0", "0", "__WALL", "WUNTRACED", "__WCLONE"};
    bool any = (maker->unordered & bit(maker->current)) == 0;
    const char *name = fuzz_chance(maker, 4) ? "waitpid" : "wait4";
    char address[32];
    char whom[8];
    bool ended;

    if (!fuzz_makes(maker, name))
        return false;
    ended = choose_child(maker, any, whom);
    sprintf(out, "%s(%s, %s, %s%s) = ?", name, whom, status_address(maker, address),
            ended && fuzz_chance(maker, 2) ? FUZZ_PICK(maker, blocking) : FUZZ_PICK(maker, options),
            strcmp(name, "wait4") == 0 ? ", NULL" : "");
    return true;
}

static bool make_waitid(struct fuzz_maker *maker, char *out)
{
    static const char *const options[] = {"WEXITED|WNOHANG",
                                          "WEXITED|WNOHANG",
                                          "WEXITED|WNOHANG|WNOWAIT",
                                          "WEXITED|WNOHANG|WNOWAIT|__WALL",
                                          "WEXITED|WNOHANG|__WCLONE",
                                          "WSTOPPED|WCONTINUED|WNOHANG",
                                          "WNOHANG"};
    bool any = (maker->unordered & bit(maker->current)) == 0;
    char address[32];
    char whom[8];
    bool ended;

    if (!fuzz_makes(maker, "waitid"))
        return false;
    ended = choose_child(maker, any, whom);
    sprintf(out, "waitid(%s, %s, %s, %s, NULL) = ?", whom[0] == 'p' ? "P_PID" : "P_ALL", whom,
            status_address(maker, address),
            ended && fuzz_chance(maker, 3) ? "WEXITED" : FUZZ_PICK(maker, options));
    return true;
}

static bool make_wait(struct fuzz_maker *maker, char *out)
{
    if (maker->born < 2 || (maker->orphaned & bit(maker->current)) != 0)
        return false;
    return fuzz_chance(maker, 2) ? make_wait4(maker, out) : make_waitid(maker, out);
}

bool fuzz_process_make(struct fuzz_maker *maker, char *out)
{
    unsigned what = fuzz_below(maker, 100);

    /* Nobody waits for long: what the parent does afterwards is of interest, too. */
    if (process_is_awaited(maker) && fuzz_chance(maker, 6))
        return fuzz_chance(maker, 2) ? make_exec(maker, out) : make_exit(maker, out);
    if (what < 3)
        return make_birth(maker, out);
    if (what == 3)
        return make_exit(maker, out);
    if (what == 4 && fuzz_chance(maker, 2))
        return make_exec(maker, out);
    if (what < 7)
        return make_wait(maker, out);
    return process_equip(maker, out);
}
