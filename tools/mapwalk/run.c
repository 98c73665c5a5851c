/*
 * `mapwalk run`: from files to a summary.
 *
 * The order matters: arguments, then the input's format, then the machine's configuration (the
 * format's needs, over which the user's settings go), then the outputs, so that a mistake is found
 * before anything is overwritten, then the run, then the summary, then every stream is checked.
 */
#include <errno.h>
#include <inttypes.h>
#include <mapwalk/mapwalk.h>
#include <string.h>

#include "input.h"
#include "progress.h"
#include "request.h"
#include "tool.h"
#include "view/event_json.h"
#include "view/event_text.h"
#include "view/explain.h"
#include "view/maps.h"
#include "view/summary.h"

#define RUN_STALE_BYTES 1024 /* of a line about a missing fence */

/* Where things are written; NULL: not asked for. */
struct run_outputs {
    FILE *summary;
    FILE *explain;
    FILE *events;
    FILE *trace;
};

struct run {
    struct request request;
    struct input input;
    struct mw_machine *machine;
    struct run_outputs out;
    struct progress progress;
    struct explain explain;
    struct alloc alloc; /* of the views */
    struct top_vmas top;
    struct mw_run_result result;
    uint64_t diagnostics; /* lines that mw_run has told the user */
};

/* ---- outputs ---- */

/* Opens a file for writing; "-" is standard output. TOOL_OK or TOOL_IO, complained about. */
static int run_open(const char *name, FILE **out)
{
    *out = NULL;
    if (name == NULL)
        return TOOL_OK;
    *out = strcmp(name, "-") == 0 ? stdout : fopen(name, "we");
    return *out != NULL ? TOOL_OK : tool_complain_file(name, -errno);
}

static int run_open_outputs(struct run *run)
{
    const struct request *r = &run->request;
    int status = run_open(r->output, &run->out.summary);

    if (status == TOOL_OK)
        status = run_open(r->explain, &run->out.explain);
    if (status == TOOL_OK)
        status = run_open(r->events, &run->out.events);
    if (status == TOOL_OK)
        status = run_open(r->trace, &run->out.trace);
    return status;
}

/* Closes one; what an earlier failure has left unopened is not there to be closed. */
static int run_close(FILE *out, const char *name)
{
    if (out == NULL)
        return TOOL_OK;
    return tool_close(out, strcmp(name, "-") == 0 ? "standard output" : name);
}

static int run_worse(int a, int b)
{
    return a > b ? a : b;
}

static int run_close_outputs(struct run *run)
{
    const struct request *r = &run->request;
    int status = TOOL_OK;

    /*
     * Standard output may be two of these: it is only flushed, so that twice does no harm but to
     * say it twice.
     */
    if (run->out.explain != run->out.summary)
        status = run_worse(status, run_close(run->out.explain, r->explain));
    status = run_worse(status, run_close(run->out.events, r->events));
    status = run_worse(status, run_close(run->out.trace, r->trace));
    return run_worse(status, run_close(run->out.summary, r->output));
}

/* ---- what the machine and mw_run call ---- */

static const char *run_inode_name(void *machine, uint32_t inode)
{
    return mw_inode_path(machine, inode);
}

static void run_diagnose(void *context, const struct mw_diagnostic *d)
{
    struct run *run = context;
    const char *file = input_name(&run->input, d->file);

    progress_clear(&run->progress);
    run->diagnostics++;
    if (d->line == 0)
        tool_complain("%s: %s", file, d->text);
    else
        tool_complain("%s:%" PRIu64 ": %s", file, d->line, d->text);
}

static void run_progress(void *context, uint64_t bytes_done, uint64_t lines_done)
{
    struct run *run = context;

    progress_show(&run->progress, bytes_done, lines_done);
}

static void run_show(void *context, const char *text)
{
    const struct run *run = context;

    fprintf(run->out.summary, "%s\n", text);
}

/* ---- the machine ---- */

static int run_subscribe(struct run *run)
{
    mw_event_mask all = run->request.event_hits ? MW_EVENTS_ALL : MW_EVENTS_NO_HITS;
    int err = mw_subscribe(run->machine, TOP_VMAS_EVENTS, top_vmas_handle, &run->top);

    if (err == 0 && run->out.explain != NULL)
        err = mw_subscribe(run->machine, EXPLAIN_EVENTS, explain_handle, &run->explain);
    if (err == 0 && run->out.events != NULL)
        err = mw_subscribe(run->machine, all, event_json_handle, run->out.events);
    if (err == 0 && run->out.trace != NULL)
        err = mw_subscribe(run->machine, all, event_text_handle, run->out.trace);
    if (err == 0)
        return TOOL_OK;
    tool_complain("events: %s", strerror(-err));
    return TOOL_RESOURCES;
}

/* A handler must not outlive what it writes to: the machine's own end makes events, too. */
static void run_unsubscribe(struct run *run)
{
    mw_unsubscribe(run->machine, top_vmas_handle, &run->top);
    mw_unsubscribe(run->machine, explain_handle, &run->explain);
    if (run->out.events != NULL)
        mw_unsubscribe(run->machine, event_json_handle, run->out.events);
    if (run->out.trace != NULL)
        mw_unsubscribe(run->machine, event_text_handle, run->out.trace);
}

static int run_configure(const struct run *run, struct mw_config *config)
{
    int status;

    mw_config_init(config);
    if (run->request.profile != NULL && mw_config_profile(config, run->request.profile) < 0)
        return TOOL_USAGE; /* complained about when the arguments were parsed */
    mw_run_configure(run->input.format, config);
    if (run->request.on == MW_ON_BOTH)
        config->isa = MW_ISA_X86_64; /* the host's, unless it is set to something else */
    status = request_configure(&run->request, config);
    return status != TOOL_OK ? status : request_validate(config);
}

/* Where the disk is not of our making, it is what can be wrong with a machine. */
static void run_complain_machine(const struct mw_config *config, int err)
{
    const char *disk = config->disk_image[0] != '\0' ? config->disk_image : config->disk_nbd;

    if (disk[0] == '\0')
        tool_complain("the machine cannot be built: %s", strerror(-err));
    else if (err == -EBUSY)
        tool_complain("%s: another program has this image open", disk);
    else if (err == -EUCLEAN)
        tool_complain("%s: not an ext2 or ext3 file system, or a damaged one", disk);
    else if (err == -EINVAL)
        tool_complain("%s: not a disk: its size is no multiple of %u", disk,
                      config->disk_direct ? 4096u : 1024u);
    else if (err == -ENOTSUP && disk == config->disk_image)
        tool_complain("%s: its file system has no O_DIRECT", disk);
    else if (err == -ENOTSUP)
        tool_complain("%s: built without libnbd", disk);
    else
        tool_complain("%s: %s", disk, strerror(-err));
}

static int run_make_machine(struct run *run)
{
    struct mw_config config;
    int status = run_configure(run, &config);
    int err;

    if (status != TOOL_OK)
        return status;
    err = mw_machine_new(&config, &run->machine);
    if (err == 0)
        return TOOL_OK;
    run_complain_machine(&config, err);
    return err == -EINVAL ? TOOL_USAGE : tool_exit_of(err);
}

/* ---- the summary ---- */

static void run_maps_text(struct run *run)
{
    struct mw_vma v;

    for (int pid = mw_process_next(run->machine, 0); pid > 0;
         pid = mw_process_next(run->machine, pid)) {
        fprintf(run->out.summary, "\nmaps of pid %d\n", pid);
        for (uint64_t va = 0; mw_vma_next(run->machine, pid, va, &v) == 0; va = v.end)
            maps_write_text(run->out.summary, &v);
    }
}

static void run_smaps_text(struct run *run)
{
    struct mw_smaps s;
    char rows[1024];

    for (int pid = mw_process_next(run->machine, 0); pid > 0;
         pid = mw_process_next(run->machine, pid)) {
        fprintf(run->out.summary, "\nsmaps of pid %d\n", pid);
        for (uint64_t va = 0; mw_smaps_next(run->machine, pid, va, &s) == 0; va = s.vma.end) {
            maps_write_text(run->out.summary, &s.vma);
            mw_smaps_format(&s, rows, sizeof(rows));
            fputs(rows, run->out.summary);
        }
    }
}

static void run_smaps_json(struct run *run, struct json *j)
{
    struct mw_smaps s;

    json_key(j, "smaps");
    json_array_begin(j);
    for (int pid = mw_process_next(run->machine, 0); pid > 0;
         pid = mw_process_next(run->machine, pid))
        for (uint64_t va = 0; mw_smaps_next(run->machine, pid, va, &s) == 0; va = s.vma.end)
            maps_write_smaps_json(j, pid, &s);
    json_array_end(j);
}

static void run_maps_json(struct run *run, struct json *j)
{
    struct mw_vma v;

    json_key(j, "areas");
    json_array_begin(j);
    for (int pid = mw_process_next(run->machine, 0); pid > 0;
         pid = mw_process_next(run->machine, pid))
        for (uint64_t va = 0; mw_vma_next(run->machine, pid, va, &v) == 0; va = v.end)
            maps_write_json(j, pid, &v);
    json_array_end(j);
}

static void run_summary_json(struct run *run, const struct summary *summary)
{
    struct json j;

    json_init(&j, run->out.summary, true);
    json_object_begin(&j);
    summary_write_json(&j, summary);
    if (run->request.maps)
        run_maps_json(run, &j);
    if (run->request.smaps)
        run_smaps_json(run, &j);
    json_object_end(&j);
    json_finish(&j);
}

/* What stands below the results of a scenario: a comment, so that all of it is a scenario. */
static void run_results_end(const struct run *run)
{
    const struct mw_run_result *r = &run->result;

    fprintf(run->out.summary,
            "# %" PRIu64 " lines, %" PRIu64 " not understood, %" PRIu64 " expectations, %" PRIu64
            " failed%s\n",
            r->lines, r->lines_bad, r->expectations, r->expectations_failed,
            run->request.on != MW_ON_BOTH ? ""
            : r->difference.line != 0     ? ", simulator and Linux differ"
            : r->lines_bad != 0           ? ", no difference in what was understood"
                                          : ", simulator and Linux agree");
}

static void run_summary(struct run *run)
{
    struct top_vma top[TOP_VMAS];
    struct mw_stats stats;
    struct summary summary = {.version = mw_version(),
                              .format = mw_format_name((unsigned)run->result.format),
                              .config = mw_machine_config(run->machine),
                              .stats = &stats,
                              .run = &run->result,
                              .top = top,
                              .names = {run_inode_name, run->machine}};

    mw_stats(run->machine, &stats);
    summary.words = (struct config_text_words){.mode = mw_mode_name((unsigned)summary.config->mode),
                                               .tlbs = mw_tlbs_preset_of(&summary.config->tlbs),
                                               .tlb_format = mw_tlb_format};
    summary.top_count = top_vmas_best(&run->top, top);
    if (run->request.json) {
        run_summary_json(run, &summary);
        return;
    }
    if (run->out.explain == run->out.summary && run->explain.faults > 0)
        fputc('\n', run->out.summary);
    summary_write_text(run->out.summary, &summary);
    if (run->request.maps)
        run_maps_text(run);
    if (run->request.smaps)
        run_smaps_text(run);
}

/* ---- the exit status ---- */

/* What mw_run itself reports; it has told the user why unless nothing was told at all. */
static int run_error_status(const struct run *run, int err)
{
    if (err == 0)
        return TOOL_OK;
    if (run->diagnostics == 0)
        tool_complain("%s: %s", run->request.files[0],
                      err == -EINVAL
                          ? "only one scenario, or logs of one format on the simulator, can be "
                            "run together"
                          : strerror(-err));
    switch (err) {
    case -ENOEXEC:
        return TOOL_INPUT;
    case -EINVAL:
        return TOOL_USAGE;
    default:
        return tool_exit_of(err);
    }
}

/*
 * Did something come out that the input does not say? Of a log that is worth an exit status only
 * with --strict.
 */
static bool run_differs(const struct run *run)
{
    const struct mw_run_result *r = &run->result;

    if (r->format == MW_FORMAT_SCENARIO || run->request.strict)
        return r->expectations_failed != 0 || r->calls_differing != 0 ||
               r->maps_equal != r->maps_checked || r->signals != 0 || r->difference.line != 0;
    return false;
}

/* What the result says of a run that took place. */
static int run_result_status(const struct run *run)
{
    const struct mw_run_result *r = &run->result;
    bool differs = run_differs(run);

    /* A scenario may be about running out of memory: what it expects is no failure. */
    if (r->out_of_memory != 0 && (differs || r->format != MW_FORMAT_SCENARIO))
        return TOOL_RESOURCES;
    if (r->lines_bad != 0)
        return TOOL_INPUT;
    return differs ? TOOL_DIFFERS : TOOL_OK;
}

/*
 * Every missing fence that the detector found, a line each: a bug of the simulated kernel, whatever
 * the input was.
 */
static int run_stale_status(const struct run *run)
{
    struct mw_stale_finding finding;
    char line[RUN_STALE_BYTES];
    uint64_t count = 0;

    for (; mw_read_stale_finding(run->machine, count, &finding) == 0; count++) {
        mw_stale_format(&finding, line, sizeof(line));
        tool_complain("%s", line);
    }
    return count == 0 ? TOOL_OK : TOOL_STALE;
}

/* ---- the run ---- */

static int run_views_status(const struct run *run)
{
    if (!run->top.failed)
        return TOOL_OK;
    tool_complain("out of memory: the VMAs with the most faults are incomplete");
    return TOOL_RESOURCES;
}

/* Runs on a machine that is there, with outputs that are open. */
static int run_go(struct run *run)
{
    const struct mw_run_options options = {.diagnose = run_diagnose,
                                           .progress = run_progress,
                                           .context = run,
                                           .quantum_lines = run->request.quantum_lines,
                                           .head = run->input.head,
                                           .head_bytes = run->input.head_bytes,
                                           .on = run->request.on,
                                           .show = run->request.results ? run_show : NULL};
    int status = run_subscribe(run);
    int err;

    if (status != TOOL_OK)
        return status;
    progress_init(&run->progress, run->input.files, run->input.count);
    err = mw_run(run->machine, run->input.files, run->input.count, &options, &run->result);
    progress_clear(&run->progress);
    status = run_error_status(run, err);
    run_unsubscribe(run);
    if (run->out.explain != NULL)
        explain_finish(&run->explain);
    /* A run that never began has nothing to sum up. */
    if (err == 0 || run->result.lines != 0)
        run->request.results ? run_results_end(run) : run_summary(run);
    status = run_worse(status, run_result_status(run));
    status = run_worse(status, run_stale_status(run));
    return run_worse(status, run_views_status(run));
}

static int run_with_machine(struct run *run)
{
    int status = run_open_outputs(run);
    int err;

    explain_init(&run->explain, run->out.explain, (struct names){run_inode_name, run->machine});
    if (status == TOOL_OK)
        status = run_go(run);
    status = run_worse(status, run_close_outputs(run));
    err = mw_machine_free(run->machine);
    if (err == 0)
        return status;
    tool_complain("the simulated volume could not be written: %s", strerror(-err));
    return run_worse(status, tool_exit_of(err));
}

static int run_with_request(struct run *run)
{
    int status = input_prepare(&run->input, run->request.files, run->request.count);

    if (status == TOOL_OK)
        status = run_make_machine(run);
    if (status == TOOL_OK) {
        top_vmas_init(&run->top, &run->alloc);
        status = run_with_machine(run);
        top_vmas_destroy(&run->top);
    }
    input_free(&run->input);
    return status;
}

int tool_run(int argc, char **argv)
{
    struct run run = {.machine = NULL};
    int status = request_parse(argc, argv, &run.request);

    if (status == TOOL_OK && run.request.help) {
        usage_print(stdout, "run");
        status = tool_close(stdout, "standard output");
    } else if (status == TOOL_OK) {
        status = run_with_request(&run);
    }
    request_free(&run.request);
    return status;
}
