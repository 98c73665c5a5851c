/*
 * The recorder: random scripts, run on Linux alone, kept with what the kernel answered.
 *
 * Layer 8; see fuzz.h. A recording is a scenario again, so any engine can be held against it later,
 * on machines whose own kernel cannot be asked. It asks more than a script of the differ does, since
 * nothing can be asked afterwards: the areas after each call that may change them, and at the end
 * the pages and flags of everybody who lives. It decides nothing itself and knows no simulator.
 *
 *   I-RECORD-1  answers that rules do not decide stand behind "= ? #" and are no expectations
 */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/contract.h"
#include "load/fuzz.h"

#define POINTS     (sizeof(((struct fuzz_maker *)NULL)->points) / sizeof(uint32_t))
#define PATH_BYTES 512

#define FILE_PAGES     40u /* of the window: where a script begins with files */
#define FILE_PAGES_END 51u

/* ---- asking more ---- */

/* Where the call's name begins: behind "[p1] " and "name = ". */
static const char *record_call(const char *line)
{
    const char *call = *line == '[' ? strchr(line, ' ') + 1 : line;
    const char *name = strstr(call, " = ");

    return name != NULL && name < strchr(call, '(') ? name + 3 : call;
}

/* May the call change areas? Those that must not are found out by the next one that may. */
static bool record_changes_areas(const char *line)
{
    static const char *const calls[] = {"mmap",  "munmap", "mprotect", "mremap", "madvise",
                                        "mlock", "brk",    "munlock",  "mseal",  "fork",
                                        "clone", "prctl",  "execve"};
    const char *call = record_call(line);

    if (strstr(call, "CLONE_VFORK") != NULL) /* nor can the parent of a vfork be asked now */
        return false;
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (strncmp(call, calls[i], strlen(calls[i])) == 0)
            return true;
    return false;
}

/* The same process's question for its areas. */
static void record_ask_areas_as(char *question, const char *line)
{
    size_t pid_bytes = *line == '[' ? (size_t)(strchr(line, ' ') + 1 - line) : 0;

    memcpy(question, line, pid_bytes);
    strcpy(question + pid_bytes, "maps()");
}

/* Behind each line that may change areas. From the end, so that every line moves once. */
static void record_ask_areas(struct fuzz_script *script)
{
    unsigned from = script->count;
    unsigned to = from;

    for (unsigned i = 0; i < from; i++)
        to += record_changes_areas(script->lines[i]);
    contract(to <= FUZZ_LINES);
    script->count = to;
    while (from-- > 0) {
        if (record_changes_areas(script->lines[from]))
            record_ask_areas_as(script->lines[--to], script->lines[from]);
        memmove(script->lines[--to], script->lines[from], FUZZ_LINE_BYTES);
    }
}

static char *record_append(struct fuzz_script *script)
{
    contract(script->count < FUZZ_LINES);
    return script->lines[script->count++];
}

/* Of a wide window only the places where something happened: the rest would take too long. */
static void record_ask_pages(struct fuzz_script *script, const struct fuzz_maker *maker,
                             const char *pid)
{
    unsigned known = maker->point_count < POINTS ? maker->point_count : POINTS;

    if (!maker->wide)
        snprintf(record_append(script), FUZZ_LINE_BYTES, "%shash(w, %u)", pid, FUZZ_PAGES * 4096);
    for (unsigned i = 0; maker->wide && i < known; i += 2)
        snprintf(record_append(script), FUZZ_LINE_BYTES, "%shash(w+%u*4096, 8192)", pid,
                 maker->points[i]);
}

/*
 * What the flags and the pages of all are in the end. What is in core comes last: it overwrites the
 * buffer, and which pages of a file the host holds no rule tells.
 */
static void record_ask_end(struct fuzz_script *script, const struct fuzz_maker *maker)
{
    for (unsigned process = 0; process < maker->born; process++) {
        char pid[16] = "";

        if (((maker->live & ~maker->suspended) >> process & 1) == 0)
            continue;
        if (process > 0)
            snprintf(pid, sizeof(pid), "[p%u] ", process);
        snprintf(record_append(script), FUZZ_LINE_BYTES, "%smaps()", pid);
        snprintf(record_append(script), FUZZ_LINE_BYTES, "%ssmaps()", pid);
        record_ask_pages(script, maker, pid);
    }
    for (unsigned page = FILE_PAGES; page < FILE_PAGES_END; page++) {
        snprintf(record_append(script), FUZZ_LINE_BYTES, "mincore(w+%u*4096, 4096, w)", page);
        strcpy(record_append(script), "load(w, 1)");
    }
}

/* ---- writing ---- */

/* "6.18.44" of "6.18.44-distribution": what others have added to the name says nothing here. */
static void record_write_head(struct fuzz *f, const struct fuzz_maker *maker, uint64_t number)
{
    struct utsname host;
    char text[256];

    if (uname(&host) < 0)
        strcpy(host.release, "?");
    snprintf(text, sizeof(text),
             "# Linux %.*s, x86-64; seed %llu, script %llu, processes %u.\n"
             "# Results are those of the kernel; '= ? #' precedes what no rule decides.\n",
             (int)strspn(host.release, "0123456789."), host.release,
             (unsigned long long)f->options->seed, (unsigned long long)number, maker->processes);
    fuzz_write(f, text);
}

/* A show handler. Nothing but what mincore has told is ever loaded from the buffer itself. */
static void record_write_line(void *context, const char *text)
{
    struct fuzz *f = context;
    char line[FUZZ_LINE_BYTES];

    if (strncmp(text, "load(w, 1) = ", 13) == 0) {
        snprintf(line, sizeof(line), "load(w, 1) = ? # %s", text + 13);
        text = line;
    }
    fuzz_write_line(f, text);
}

static int record_run(struct fuzz *f, const struct fuzz_maker *maker, uint64_t number)
{
    const struct mw_run_options options = {
        .on = MW_ON_LINUX, .show = record_write_line, .diagnose = fuzz_keep_reason, .context = f};
    struct mw_run_result result;
    int err;
    int closed;

    record_write_head(f, maker, number);
    err = fuzz_run(f, f->script, &options, &result);
    f->result->refused += result.lines_bad;
    closed = fuzz_close(f);
    return err < 0 ? err : closed;
}

int fuzz_record(struct fuzz *f, const struct fuzz_maker *maker, uint64_t number)
{
    char path[PATH_BYTES];
    int length = snprintf(path, sizeof(path), "%s/%04llu.mw", f->options->record,
                          (unsigned long long)number);
    int err;

    if (length >= PATH_BYTES)
        return -ENAMETOOLONG;
    fuzz_strip(f->script);
    record_ask_areas(f->script);
    record_ask_end(f->script, maker);
    err = fuzz_open(f, path);
    return err < 0 ? err : record_run(f, maker, number);
}
