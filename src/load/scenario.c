/*
 * The scenario executor: line, process, call, check, name.
 *
 * A line without a pid belongs to the first process, which the first executed line brings into
 * being (with the pid that it names, if it names one).
 */
#include "load/scenario.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load/flags.h"
#include "load/native.h"
#include "load/scenario_call.h"

/* A line that cannot be executed: counted as not understood, told, and the next one follows. */
bool scenario_refuse(struct scenario *s, const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    s->report->result->lines_bad++;
    report_line(s->report, s->place, false, "%s", text);
    return false;
}

static bool refuse_syntax(struct scenario *s, const struct call_error *error)
{
    return scenario_refuse(s, "column %zu: %s", error->column, error->text);
}

static bool resolve_name(void *context, const char *name, size_t length, uint64_t *value)
{
    const struct scenario *s = context;

    return symbols_find(&s->symbols, name, length, value);
}

/* The number that a line's pid stands for; 0: it stands for none. */
static int pid_number(const struct scenario *s, struct call_slice pid)
{
    uint64_t value = 0;

    if (pid.bytes[0] >= '0' && pid.bytes[0] <= '9') {
        for (size_t i = 0; i < pid.length && value <= INT32_MAX; i++)
            value = value * 10 + (uint64_t)(pid.bytes[i] - '0');
    } else if (!symbols_find(&s->symbols, pid.bytes, pid.length, &value)) {
        return 0;
    }
    return value <= INT32_MAX ? (int)value : 0;
}

/* A recorded pid is kept, so that results of getpid, fork and wait4 agree with the record. */
static bool start_first_process(struct scenario *s, int pid)
{
    int result = scenario_window_begin(s, pid);

    if (result < 0) {
        /* Without the host there is nothing to run; every line would say so again. */
        s->stop = s->on != MW_ON_SIMULATOR;
        return false;
    }
    s->first_pid = result;
    s->last_pid = result;
    return true;
}

/* Is there such a process that has not ended? */
static bool is_live(const struct scenario *s, int pid)
{
    if (s->on == MW_ON_LINUX)
        return native_is_live(s->native, pid);
    return mw_process_next(s->machine, pid - 1) == pid;
}

/* Looked up among live processes only: what an ended one would do is a mistake in the scenario. */
static bool select_process(struct scenario *s, const struct call_line *line)
{
    int pid = line->has_pid ? pid_number(s, line->pid) : s->first_pid;

    if (line->has_pid && pid <= 0)
        return scenario_refuse(s, "'%.*s' is no process",
                               (int)(line->pid.length < 40 ? line->pid.length : 40),
                               line->pid.bytes);
    if (s->first_pid == 0) {
        if (!start_first_process(s, pid))
            return false;
        pid = s->first_pid;
    }
    s->pid = pid;
    if (!is_live(s, pid))
        return scenario_refuse(s, "there is no process %d, or it has ended", pid);
    if (scenario_vfork_child(s, pid) != 0)
        return scenario_refuse(s, "process %d waits until its vfork child %d execs or exits", pid,
                               scenario_vfork_child(s, pid));
    return true;
}

/* A path with a NUL inside would silently be a shorter one, so it does not fit. */
static bool argument_fits(char type, const struct call_arg *arg)
{
    bool is_text = arg->kind == CALL_ARG_STRING;

    switch (type) {
    case 'n':
        return arg->kind == CALL_ARG_NUMBER;
    case 's':
        return is_text && strlen(arg->text.bytes) == arg->text.length;
    case 'x':
        return is_text || arg->kind == CALL_ARG_NUMBER;
    default:
        return true;
    }
}

/* By the entry's signature, so that no handler has to look at kinds or numbers of arguments. */
static bool check_signature(struct scenario *s, const struct call *call, const char *signature)
{
    bool optional = false;
    unsigned index = 0;

    for (const char *type = signature; *type != '\0'; type++) {
        if (*type == '|') {
            optional = true;
            continue;
        }
        if (index >= call->arg_count && optional)
            return true;
        if (index >= call->arg_count)
            return scenario_refuse(s, "%s: argument %u is missing", call->name, index + 1);
        if (!argument_fits(*type, &call->args[index]))
            return scenario_refuse(s, "%s: argument %u is not %s", call->name, index + 1,
                                   *type == 's' ? "a path in quotes" : "a number");
        index++;
    }
    if (index < call->arg_count)
        return scenario_refuse(s, "%s takes no more than %u arguments", call->name, index);
    return true;
}

/* PROT_READ = getpid() would change the meaning of every later line. */
static bool check_result_name(struct scenario *s, struct call_slice name)
{
    uint64_t value;

    if (!flags_find(name.bytes, name.length, &value))
        return true;
    return scenario_refuse(s, "%.*s is a constant and cannot name a result", (int)name.length,
                           name.bytes);
}

/* After the check: a failed call is named, too (-1), as C code would have it. */
static bool name_result(struct scenario *s, struct call_slice name, const struct outcome *outcome)
{
    int err;

    if (name.length == 0)
        return true;
    err = symbols_set(&s->symbols, name.bytes, name.length, scenario_number(s, outcome));
    if (err < 0)
        return scenario_refuse(s, "the result cannot be named: %s", err_name(err));
    return true;
}

/* On the side that is set. Directives know about sides themselves. */
static bool execute_once(struct scenario *s, const struct scenario_entry *entry,
                         const struct call *call, struct outcome *out)
{
    bool executed;

    if (s->side == SIDE_LINUX && !entry->access && !entry->directive)
        return scenario_native_call(s, call, out);
    executed = entry->handler(s, call, out);
    if (executed && s->side == SIDE_SIMULATOR && strcmp(call->name, "execve") == 0) {
        int err = scenario_window_fence(s);

        if (err < 0)
            return scenario_refuse(s, "the window cannot be made anew: %s", err_name(err));
    }
    return executed;
}

/*
 * A fetch without the right to execute: RISC-V asks for the right first (SIGSEGV); x86-64 takes a
 * page that is not there for a read, so that beyond the end of a file it says SIGBUS.
 */
static bool is_fetch_of_x86(const struct scenario_entry *entry, const struct outcome *simulator,
                            const struct outcome *native)
{
    return strcmp(entry->name, "fetch") == 0 && simulator->kind == OUTCOME_SIGNAL &&
           native->kind == OUTCOME_SIGNAL && simulator->signal.code == SEGV_ACCERR &&
           native->signal.signo == SIGBUS && simulator->signal.va == native->signal.va;
}

/* After both have executed a line: is everything that it may have changed still equal? */
static bool compare_sides(struct scenario *s, const struct scenario_entry *entry,
                          const struct outcome *simulator, const struct outcome *native)
{
    if (strcmp(s->text[SIDE_SIMULATOR], s->text[SIDE_LINUX]) != 0 &&
        !is_fetch_of_x86(entry, simulator, native))
        return scenario_differ(s, "result", s->text[SIDE_SIMULATOR], s->text[SIDE_LINUX]);
    if (entry->directive || s->report->options->ignore_maps || !is_live(s, s->pid))
        return true;
    return scenario_compare_areas(s);
}

/*
 * The simulator first: what it refuses is not tried on the host. The host's fork hears which pid
 * the simulator gave. False: refused, or they differ.
 */
static bool execute_both(struct scenario *s, const struct scenario_entry *entry,
                         const struct call *call, struct outcome *out)
{
    struct outcome native = {OUTCOME_VALUE, 0, {0, 0, 0, 0}};
    bool executed;

    s->side = SIDE_SIMULATOR;
    if (!execute_once(s, entry, call, out))
        return false;
    scenario_format(s, entry, out, s->text[SIDE_SIMULATOR]);
    native.value = out->value;
    s->side = SIDE_LINUX;
    executed = execute_once(s, entry, call, &native);
    if (executed)
        scenario_format(s, entry, &native, s->text[SIDE_LINUX]);
    s->side = SIDE_SIMULATOR;
    if (executed && compare_sides(s, entry, out, &native))
        return true;
    s->stop = true;
    return false;
}

static bool execute_call(struct scenario *s, const struct scenario_entry *entry,
                         const struct call *call, struct outcome *out)
{
    if (s->on == MW_ON_BOTH)
        return execute_both(s, entry, call, out);
    s->side = s->on == MW_ON_LINUX ? SIDE_LINUX : SIDE_SIMULATOR;
    if (!execute_once(s, entry, call, out))
        return false;
    if (s->report->options->show != NULL)
        scenario_format(s, entry, out, s->text[s->side]);
    return true;
}

/* window() decides what the first process will be, power_cut() ends all: neither makes one. */
static bool needs_process(const struct scenario_entry *entry)
{
    return strcmp(entry->name, "window") != 0 && strcmp(entry->name, "power_cut") != 0;
}

static const struct scenario_entry *find_entry(const char *name)
{
    static const struct scenario_entry *(*const finders[])(const char *) = {
        scenario_find_call, scenario_find_memory, scenario_find_look, scenario_find_smaps,
        scenario_find_fault};
    const struct scenario_entry *entry = NULL;

    for (size_t i = 0; entry == NULL && i < sizeof(finders) / sizeof(finders[0]); i++)
        entry = finders[i](name);
    return entry;
}

/*
 * Everything that can be wrong with the line is found before the process is chosen, so a refused
 * line makes no process.
 */
static bool execute(struct scenario *s, const struct call_line *line, const struct call *call)
{
    const struct scenario_entry *entry = find_entry(call->name);
    struct outcome outcome = {OUTCOME_VALUE, 0, {0, 0, 0, 0}};

    if (entry == NULL)
        return scenario_refuse(s, "unknown call '%s'", call->name);
    if (!check_result_name(s, call->result_name) || !check_signature(s, call, entry->signature) ||
        (needs_process(entry) && !select_process(s, line)))
        return false;
    s->report->result->accesses += entry->access;
    s->report->result->calls_replayed += !entry->access && !entry->directive;
    if (!execute_call(s, entry, call, &outcome))
        return false;
    scenario_note_vfork(s, call, &outcome);
    scenario_show(s, s->text[s->side]);
    scenario_check(s, entry, call, &outcome);
    return name_result(s, call->result_name, &outcome);
}

static bool run_line(struct scenario *s, char *text, size_t length)
{
    struct call_rules rules = {.strict = true, .resolve = resolve_name, .context = s};
    struct call_line line;
    struct call_error error;
    struct call call;

    if (!call_line_split(text, length, &line, &error))
        return refuse_syntax(s, &error);
    if (line.kind == CALL_LINE_BLANK)
        return true;
    if (line.kind != CALL_LINE_CALL)
        return scenario_refuse(s, "this is a line of a log, not of a scenario");
    if (!call_parse(line.start, line.body, line.body_length, &rules, &call, &error))
        return refuse_syntax(s, &error);
    return execute(s, &line, &call);
}

/* One line, however long. 0, or -ENOMEM. */
static int run_raw_line(struct scenario *s, int status, char *line, size_t length)
{
    int err;

    if (status == READER_LONG) {
        scenario_refuse(s, "the line is longer than %zu bytes", READER_BYTES);
        return 0;
    }
    err = scenario_keep_line(s, line, length);
    if (err == 0)
        run_line(s, line, length);
    return err;
}

static int run_lines(struct scenario *s, struct reader *reader)
{
    char *line = NULL;
    size_t length = 0;
    int status;

    while (!s->stop && (status = reader_line(reader, &line, &length)) != READER_END) {
        int err;

        if (status < 0)
            return status;
        s->place.line = reader->lines;
        s->report->result->lines++;
        err = run_raw_line(s, status, line, length);
        if (err < 0)
            return err;
        report_progress(s->report, reader->bytes_done);
    }
    /* What no load has looked at may differ all the same. */
    if (s->on == MW_ON_BOTH && s->first_pid != 0 && !s->stop) {
        s->raw_length = 0;
        scenario_compare_pages(s);
    }
    return 0;
}

static int scenario_init(struct scenario *s, struct reader *reader, struct report *report)
{
    s->report = report;
    s->on = report->options->on;
    s->place.file = reader->file;
    symbols_init(&s->symbols, s->alloc);
    for (unsigned side = 0; side < 2; side++) {
        s->text[side] = alloc_zeroed(s->alloc, SCENARIO_TEXT);
        if (s->text[side] == NULL)
            return -ENOMEM;
    }
    return 0;
}

static void scenario_destroy(struct scenario *s)
{
    scenario_drop_handlers(s);
    for (unsigned side = 0; side < 2; side++) {
        alloc_release(s->alloc, s->text[side]);
        alloc_release(s->alloc, s->areas[side].text);
    }
    alloc_release(s->alloc, s->shown.text);
    alloc_release(s->alloc, s->raw);
    symbols_destroy(&s->symbols);
}

int scenario_run_on(struct mw_machine *machine, struct native **native, struct alloc *a,
                    struct reader *reader, struct report *report)
{
    struct scenario *s = alloc_zeroed(a, sizeof(*s));
    int err;

    if (s == NULL)
        return -ENOMEM;
    s->machine = machine;
    s->native = *native;
    s->alloc = a;
    err = scenario_init(s, reader, report);
    if (err == 0)
        err = run_lines(s, reader);
    *native = s->native;
    scenario_destroy(s);
    alloc_release(a, s);
    return err;
}

int scenario_run(struct mw_machine *machine, struct alloc *a, struct reader *reader,
                 struct report *report)
{
    struct native *native = NULL;
    int err = scenario_run_on(machine, &native, a, reader, report);

    native_free(native);
    return err;
}
