/*
 * The scenario executor: line, process, call, check, name.
 *
 * A line without a pid belongs to the first process, which the first executed line brings into
 * being (with the pid that it names, if it names one).
 */
#include "load/scenario.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load/flags.h"
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
    int result = pid == 0 ? mw_spawn(s->machine) : mw_spawn_pid(s->machine, pid);

    if (result < 0)
        return scenario_refuse(s, "the first process cannot be made: %s", err_name(result));
    s->first_pid = pid == 0 ? result : pid;
    return true;
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
    if (mw_process_next(s->machine, pid - 1) != pid)
        return scenario_refuse(s, "there is no process %d, or it has ended", pid);
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

/*
 * Everything that can be wrong with the line is found before the process is chosen, so a refused
 * line makes no process.
 */
static bool execute(struct scenario *s, const struct call_line *line, const struct call *call)
{
    const struct scenario_entry *entry = scenario_find_call(call->name);
    struct outcome outcome = {OUTCOME_VALUE, 0, {0, 0, 0, 0}};

    if (entry == NULL)
        entry = scenario_find_memory(call->name);
    if (entry == NULL)
        return scenario_refuse(s, "unknown call '%s'", call->name);
    if (!check_result_name(s, call->result_name) || !check_signature(s, call, entry->signature) ||
        !select_process(s, line))
        return false;
    s->report->result->accesses += entry->access;
    s->report->result->calls_replayed += !entry->access && !entry->directive;
    if (!entry->handler(s, call, &outcome))
        return false;
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

static int run_lines(struct scenario *s, struct reader *reader)
{
    char *line = NULL;
    size_t length = 0;
    int status;

    while ((status = reader_line(reader, &line, &length)) != READER_END) {
        if (status < 0)
            return status;
        s->place.line = reader->lines;
        s->report->result->lines++;
        if (status == READER_LONG)
            scenario_refuse(s, "the line is longer than %zu bytes", READER_BYTES);
        else
            run_line(s, line, length);
        report_progress(s->report, reader->bytes_done);
    }
    return 0;
}

int scenario_run(struct mw_machine *machine, struct alloc *a, struct reader *reader,
                 struct report *report)
{
    struct scenario *s = alloc_zeroed(a, sizeof(*s));
    int err;

    if (s == NULL)
        return -ENOMEM;
    s->machine = machine;
    s->alloc = a;
    s->report = report;
    s->place.file = reader->file;
    symbols_init(&s->symbols, a);
    err = run_lines(s, reader);
    symbols_destroy(&s->symbols);
    alloc_release(a, s);
    return err;
}
