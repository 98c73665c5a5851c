/*
 * The differ: random scripts on both engines until one differs, which is shrunk and written.
 *
 * Layer 8, the second half of mapwalk/run.h. One native engine serves all scripts; each has a new
 * machine. A script depends on the seed, its own number and what fuzz_probe_tails has found only, so
 * that any of them can be made again.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load/fuzz.h"
#include "load/native.h"
#include "load/scenario.h"

#define SCRIPT_OPERATIONS 200u

/* ---- running a script ---- */

static size_t fuzz_text(const struct fuzz_script *script, char *text)
{
    size_t length = 0;

    for (unsigned i = 0; i < script->count; i++)
        length += (size_t)sprintf(text + length, "%s\n", script->lines[i]);
    return length;
}

/* The reader takes the text as what somebody has read already, and nothing follows. */
static int fuzz_run_text(struct fuzz *f, struct mw_machine *machine, size_t length,
                         struct report *report)
{
    struct reader reader;
    int err = reader_open(&reader, &f->alloc, "/dev/null");

    if (err < 0)
        return err;
    reader.file = "script";
    reader_set_head(&reader, f->text, length);
    err = scenario_run_on(machine, &f->native, &f->alloc, &reader, report);
    reader_close(&reader);
    return err;
}

void fuzz_keep_reason(void *context, const struct mw_diagnostic *d)
{
    struct fuzz *f = context;

    snprintf(f->result->why, sizeof(f->result->why), "%s", d->text);
}

/*
 * The engine serves scripts of one window; another one needs another engine. The first line says
 * which.
 */
static int fuzz_prepare(struct fuzz *f, const struct fuzz_script *script)
{
    unsigned bytes = 0;

    if (f->native == NULL)
        return 0;
    if (sscanf(script->lines[0], "w = window(%u)", &bytes) == 1 &&
        native_window_end(f->native) - native_window_start(f->native) == bytes)
        return native_reset(f->native);
    native_free(f->native);
    f->native = NULL;
    return 0;
}

int fuzz_run(struct fuzz *f, const struct fuzz_script *script, const struct mw_run_options *options,
             struct mw_run_result *result)
{
    struct report report = {options, result, 0};
    struct mw_machine *machine;
    size_t length = fuzz_text(script, f->text);
    int err = fuzz_prepare(f, script);

    memset(result, 0, sizeof(*result));
    if (err == 0)
        err = mw_machine_new(f->options->config, &machine);
    if (err < 0)
        return err;
    err = fuzz_run_text(f, machine, length, &report);
    /* The machine's disk is RAM: what it says at its end is no result of the script. */
    if (mw_machine_free(machine) < 0 && err == 0)
        err = -EIO;
    return err == 0 && f->native == NULL ? -ENOTSUP : err;
}

/* 1: the engines differ. */
static int fuzz_try(void *context, const struct fuzz_script *script)
{
    struct fuzz *f = context;
    const struct mw_run_options options = {.on = MW_ON_BOTH,
                                           .ignore_maps = f->options->ignore_maps,
                                           .diagnose = fuzz_keep_reason,
                                           .context = f};
    struct mw_run_result result;
    int err = fuzz_run(f, script, &options, &result);

    if (err < 0)
        return err;
    f->result->refused += f->searching ? result.lines_bad : 0;
    if (result.difference.line == 0)
        return 0;
    f->result->difference = result.difference;
    return 1;
}

/* ---- writing what was found ---- */

void fuzz_write(struct fuzz *f, const char *text)
{
    size_t length = strlen(text);

    if (f->error == 0 && write(f->out, text, length) != (ssize_t)length)
        f->error = errno != 0 ? -errno : -EIO;
}

void fuzz_write_line(void *context, const char *text)
{
    struct fuzz *f = context;

    fuzz_write(f, text);
    fuzz_write(f, "\n");
}

int fuzz_open(struct fuzz *f, const char *path)
{
    f->error = 0;
    f->out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return f->out < 0 ? -errno : 0;
}

int fuzz_close(struct fuzz *f)
{
    if (close(f->out) < 0 && f->error == 0)
        f->error = -errno;
    f->out = -1;
    return f->error;
}

static void fuzz_write_head(struct fuzz *f)
{
    const struct mw_difference *d = &f->result->difference;
    char text[640];

    snprintf(text, sizeof(text),
             "# seed %llu, script %llu: the %s differs in line %llu of the script.\n"
             "#   simulator: %s\n#   Linux:     %s\n# Results are those of Linux.\n",
             (unsigned long long)f->options->seed, (unsigned long long)f->result->scripts - 1,
             d->what, (unsigned long long)d->line, d->simulator, d->native);
    fuzz_write(f, text);
}

/* Each line without its "= ?": the results of the kernel take that place. */
void fuzz_strip(struct fuzz_script *script)
{
    for (unsigned i = 0; i < script->count; i++) {
        char *mark = strstr(script->lines[i], " = ?");

        if (mark != NULL)
            *mark = '\0';
    }
}

/* The shrunk script, run on Linux alone, with its results behind the lines. */
static int fuzz_report(struct fuzz *f)
{
    const struct mw_run_options options = {
        .on = MW_ON_LINUX, .show = fuzz_write_line, .context = f};
    struct mw_run_result result;
    int err = fuzz_open(f, f->options->file);
    int closed;

    if (err < 0)
        return err;
    fuzz_strip(f->script);
    fuzz_write_head(f);
    err = fuzz_run(f, f->script, &options, &result);
    closed = fuzz_close(f);
    return err < 0 ? err : closed;
}

static int fuzz_found(struct fuzz *f)
{
    int err = fuzz_shrink(&f->alloc, f->script, fuzz_try, f);

    if (err == 0)
        err = fuzz_try(f, f->script); /* what the smallest one says */
    f->result->lines = f->script->count;
    return err < 0 ? err : fuzz_report(f);
}

/* ---- the search ---- */

/*
 * While a script runs, the file holds it: a simulator that breaks a contract or crashes leaves what
 * it died of.
 */
static int fuzz_keep_script(struct fuzz *f)
{
    size_t length = fuzz_text(f->script, f->text);
    int fd = open(f->options->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    int err = 0;

    if (fd < 0)
        return -errno;
    if (write(fd, f->text, length) != (ssize_t)length)
        err = errno != 0 ? -errno : -EIO;
    close(fd);
    return err;
}

/* Nothing was found: the last script need not stay. Never removes a device. */
static void fuzz_drop_script(const struct fuzz *f)
{
    struct stat status;

    if (f->options->record != NULL)
        return;
    if (lstat(f->options->file, &status) == 0 && S_ISREG(status.st_mode))
        unlink(f->options->file);
}

/* Of a recording, the first script has one process, the next two, ... */
static unsigned fuzz_processes(const struct fuzz *f, uint64_t number)
{
    unsigned most = f->options->processes;

    return f->options->record == NULL ? most : 1 + (unsigned)(number % most);
}

static int fuzz_script_number(struct fuzz *f, uint64_t number, unsigned operations)
{
    struct fuzz_maker maker = {
        .calls = f->options->calls, .processes = fuzz_processes(f, number), .tails = f->tails};
    int err;

    prng_seed(&maker.prng, prng_mix(f->options->seed ^ prng_mix(number)));
    fuzz_generate(&maker, operations, f->script);
    f->result->scripts = number + 1;
    f->result->operations += operations;
    if (f->options->record != NULL)
        return fuzz_record(f, &maker, number);
    err = fuzz_keep_script(f);
    return err < 0 ? err : fuzz_try(f, f->script);
}

static int fuzz_search(struct fuzz *f)
{
    uint64_t left = f->options->operations;
    int found = fuzz_probe_tails(f, &f->tails);

    f->searching = true;
    for (uint64_t number = f->options->first_script; left > 0 && found == 0; number++) {
        unsigned operations = left < SCRIPT_OPERATIONS ? (unsigned)left : SCRIPT_OPERATIONS;

        found = fuzz_script_number(f, number, operations);
        left -= operations;
        if (f->options->progress != NULL)
            f->options->progress(f->options->context, 0, f->result->operations);
    }
    f->searching = false;
    if (found == 0)
        fuzz_drop_script(f);
    return found > 0 ? fuzz_found(f) : found;
}

int mw_fuzz(const struct mw_fuzz_options *options, struct mw_fuzz_result *result)
{
    struct fuzz f = {.options = options, .result = result, .out = -1};
    int err = -ENOMEM;

    memset(result, 0, sizeof(*result));
    if (options->processes < 1 || options->processes > FUZZ_PROCESSES ||
        (options->calls != NULL && !fuzz_knows(options->calls)))
        return -EINVAL;
    f.script = alloc_zeroed(&f.alloc, sizeof(*f.script));
    f.text = alloc_zeroed(&f.alloc, (size_t)FUZZ_LINES * (FUZZ_LINE_BYTES + 1));
    if (f.script != NULL && f.text != NULL)
        err = fuzz_search(&f);
    native_free(f.native);
    alloc_release(&f.alloc, f.script);
    alloc_release(&f.alloc, f.text);
    return err;
}
