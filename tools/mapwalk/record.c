/*
 * `mapwalk record`: valgrind's lackey with the options that make a log for `mapwalk run`.
 *
 * One log comes through a pipe and is written by the command (pump.h). Logs of a whole tree are
 * written by each process's own valgrind; then the command becomes valgrind.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pump.h"
#include "tool.h"

#define RECORD_LOG_FD 9 /* where the log goes with `-o -`: beyond what shells and programs use */
#define RECORD_OPTIONS \
    8 /* valgrind, its options and the ending NULL, beside the program's arguments */

struct record_request {
    const char *output; /* NULL: PROGRAM.lackey */
    char **program;     /* and its arguments, NULL-terminated */
    int argc;
};

/* Positive: go on; else the exit status, negated. */
static int record_parse(int argc, char **argv, struct record_request *r)
{
    static const struct option options[] = {{"output", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "+o:h", options, NULL)) != -1) {
        if (option == 'h') {
            usage_print(stdout, "record");
            return -tool_close(stdout, "standard output");
        }
        if (option != 'o')
            return -usage_hint("record");
        r->output = optarg;
    }
    if (optind == argc) {
        tool_complain("record: no program");
        return -usage_hint("record");
    }
    r->program = argv + optind;
    r->argc = argc - optind;
    return 1;
}

static bool record_is_template(const char *output)
{
    return strstr(output, "%p") != NULL;
}

/* A % that is not %p is an ordinary character, which valgrind wants doubled. */
static char *record_escape(char *to, const char *from, bool template)
{
    for (; *from != '\0'; from++) {
        *to++ = *from;
        if (*from == '%' && !(template && from[1] == 'p'))
            *to++ = '%';
    }
    *to = '\0';
    return to;
}

/*
 * --log-file=TEMPLATE as valgrind wants it: absolute, since children open theirs in whatever
 * directory they are by then. The caller frees it; NULL: no memory, or no directory.
 */
static char *record_log_option(const char *template)
{
    char *directory = *template == '/' ? strdup("") : getcwd(NULL, 0);
    char *option = NULL;
    char *to;

    if (directory != NULL)
        option = malloc(2 * (strlen(template) + strlen(directory)) + 32);
    if (option != NULL) {
        to = stpcpy(option, "--log-file=");
        to = record_escape(to, directory, false);
        if (*template != '/')
            *to++ = '/';
        record_escape(to, template, true);
    }
    free(directory);
    return option;
}

/* PROGRAM.lackey in this directory. The caller frees it. */
static char *record_default_name(const char *program)
{
    const char *slash = strrchr(program, '/');
    char *name;

    return asprintf(&name, "%s.lackey", slash == NULL ? program : slash + 1) < 0 ? NULL : name;
}

/*
 * The whole command line of valgrind, for freeing. NULL: no memory. `log` says where the log goes.
 * /
 */
static const char **record_arguments(const struct record_request *r, const char *log, bool children)
{
    const char **argv = calloc((size_t)r->argc + RECORD_OPTIONS, sizeof(*argv));
    int n = 0;

    if (argv == NULL)
        return NULL;
    argv[n++] = "valgrind";
    argv[n++] = "--tool=lackey";
    argv[n++] = "--trace-mem=yes";
    argv[n++] = "--trace-syscalls=yes";
    argv[n++] = children ? "--trace-children=yes" : "--child-silent-after-fork=yes";
    argv[n++] = log;
    for (int i = 0; i < r->argc; i++)
        argv[n++] = r->program[i];
    return argv;
}

/* A log for each process: becomes valgrind; comes back only when that fails. */
static int record_tree(const struct record_request *r)
{
    char *option = record_log_option(r->output);
    const char **argv = option == NULL ? NULL : record_arguments(r, option, true);

    if (argv == NULL) {
        free(option);
        return tool_complain_file(r->output, -ENOMEM);
    }
    execvp(argv[0], (char **)(void *)argv);
    tool_complain_exec(argv[0], errno);
    free(argv);
    free(option);
    return TOOL_NO_VALGRIND;
}

/* One log, to a descriptor. */
static int record_single(const struct record_request *r, int out, const char *name, bool to_stdout)
{
    const char **argv = record_arguments(r, "--log-fd=9", false);
    int status;

    if (argv == NULL)
        return tool_complain_file(name, -ENOMEM);
    status = pump_run((char **)(void *)argv, out, name, to_stdout);
    free(argv);
    return status;
}

static int record_to_file(const struct record_request *r, const char *name)
{
    int out = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    int status;

    if (out < 0)
        return tool_complain_file(name, -errno);
    status = record_single(r, out, name, false);
    if (close(out) < 0 && status == TOOL_OK)
        return tool_complain_file(name, -errno);
    return status;
}

int tool_record(int argc, char **argv)
{
    struct record_request request = {.program = argv};
    int parsed = record_parse(argc, argv, &request);
    char *name;
    int status;

    if (parsed <= 0)
        return -parsed;
    if (request.output != NULL && strcmp(request.output, "-") == 0)
        return record_single(&request, STDOUT_FILENO, "standard output", true);
    if (request.output != NULL && record_is_template(request.output))
        return record_tree(&request);
    if (request.output != NULL)
        return record_to_file(&request, request.output);
    name = record_default_name(request.program[0]);
    status = name == NULL ? tool_complain_file("PROGRAM.lackey", -ENOMEM)
                          : record_to_file(&request, name);
    free(name);
    return status;
}
