/*
 * `mapwalk fuzz`: random scenarios on the simulator and on the host's Linux.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <mapwalk/mapwalk.h>
#include <stdlib.h>
#include <string.h>

#include "progress.h"
#include "tool.h"

enum fuzz_option {
    FUZZ_SEED = 256,
    FUZZ_OPS,
    FUZZ_PROCESSES,
    FUZZ_CALLS,
    FUZZ_SCRIPT,
    FUZZ_MAPS,
    FUZZ_CHECK,
    FUZZ_RECORD
};

struct fuzz {
    struct mw_fuzz_options options;
    struct mw_config config;
    char name[64]; /* of the file, unless the user gives one */
    bool help;
};

static const struct option fuzz_options[] = {{"seed", required_argument, NULL, FUZZ_SEED},
                                             {"ops", required_argument, NULL, FUZZ_OPS},
                                             {"processes", required_argument, NULL, FUZZ_PROCESSES},
                                             {"calls", required_argument, NULL, FUZZ_CALLS},
                                             {"script", required_argument, NULL, FUZZ_SCRIPT},
                                             {"ignore-maps", no_argument, NULL, FUZZ_MAPS},
                                             {"check", no_argument, NULL, FUZZ_CHECK},
                                             {"record", required_argument, NULL, FUZZ_RECORD},
                                             {"output", required_argument, NULL, 'o'},
                                             {"help", no_argument, NULL, 'h'},
                                             {NULL, 0, NULL, 0}};

/* A number from `least` to `most`. TOOL_OK or TOOL_USAGE, complained about. */
static int fuzz_number(const char *name, const char *text, uint64_t least, uint64_t most,
                       uint64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoull(text, &end, 10);
    if (errno == 0 && end != text && *end == '\0' && *text != '-' && *out >= least && *out <= most)
        return TOOL_OK;
    tool_complain("--%s '%s': not a number from %" PRIu64 " to %" PRIu64, name, text, least, most);
    return usage_hint("fuzz");
}

static int fuzz_processes(struct fuzz *f, const char *argument)
{
    uint64_t number;
    int status = fuzz_number("processes", argument, 1, 8, &number);

    f->options.processes = (unsigned)number;
    return status;
}

static int fuzz_option(struct fuzz *f, int option, const char *argument)
{
    switch (option) {
    case FUZZ_SEED:
        return fuzz_number("seed", argument, 0, UINT64_MAX, &f->options.seed);
    case FUZZ_OPS:
        return fuzz_number("ops", argument, 1, UINT64_MAX, &f->options.operations);
    case FUZZ_SCRIPT:
        return fuzz_number("script", argument, 0, UINT64_MAX, &f->options.first_script);
    case FUZZ_PROCESSES:
        return fuzz_processes(f, argument);
    case FUZZ_CALLS:
        f->options.calls = argument;
        return TOOL_OK;
    case FUZZ_MAPS:
        f->options.ignore_maps = true;
        return TOOL_OK;
    case FUZZ_CHECK:
        f->config.check = true;
        return TOOL_OK;
    case FUZZ_RECORD:
        f->options.record = argument;
        return TOOL_OK;
    case 'o':
        f->options.file = argument;
        return TOOL_OK;
    case 'h':
        f->help = true;
        return TOOL_OK;
    default:
        return usage_hint("fuzz");
    }
}

static int fuzz_parse(struct fuzz *f, int argc, char **argv)
{
    int option;

    while (!f->help && (option = getopt_long(argc, argv, "o:h", fuzz_options, NULL)) != -1) {
        int status = fuzz_option(f, option, optarg);

        if (status != TOOL_OK)
            return status;
    }
    if (!f->help && optind != argc) {
        tool_complain("fuzz: takes no file");
        return usage_hint("fuzz");
    }
    if (f->options.file == NULL) {
        snprintf(f->name, sizeof(f->name), "fuzz-%" PRIu64 ".mw", f->options.seed);
        f->options.file = f->name;
    }
    return TOOL_OK;
}

static void fuzz_progress(void *context, uint64_t bytes, uint64_t operations)
{
    progress_show(context, bytes, operations);
}

/* Why nothing could be compared. */
static int fuzz_fail(const struct fuzz *f, const struct mw_fuzz_result *result, int err)
{
    if (err == -ENOTSUP) {
        tool_complain("fuzz: %s",
                      result->why[0] != '\0' ? result->why : "the host cannot be asked");
        return TOOL_IO;
    }
    if (err == -EINVAL && f->options.calls != NULL) {
        tool_complain("--calls '%s': not names of calls with commas between", f->options.calls);
        return usage_hint("fuzz");
    }
    return tool_complain_file(f->options.record != NULL ? f->options.record : f->options.file, err);
}

static int fuzz_tell(const struct fuzz *f, const struct mw_fuzz_result *r)
{
    printf("%" PRIu64 " operations, %" PRIu64 " scripts, seed %" PRIu64 ": ", r->operations,
           r->scripts - f->options.first_script, f->options.seed);
    if (r->refused != 0)
        printf("%" PRIu64 " not executed (%s), ", r->refused, r->why);
    if (r->lines == 0) {
        puts(f->options.record != NULL ? "recorded" : "no difference");
        return TOOL_OK;
    }
    printf("the %s differs\n  simulator: %s\n  Linux:     %s\nscript %" PRIu64
           ", shrunk to %u lines: %s\n",
           r->difference.what, r->difference.simulator, r->difference.native, r->scripts - 1,
           r->lines, f->options.file);
    return TOOL_DIFFERS;
}

int tool_fuzz(int argc, char **argv)
{
    struct fuzz f = {.options = {.seed = 1, .operations = 10000, .processes = 3}};
    struct progress progress;
    struct mw_fuzz_result result;
    int status;
    int err;

    mw_config_init(&f.config);
    f.config.isa = MW_ISA_X86_64; /* the host's */
    f.config.ram_bytes = (uint64_t)64 << 20;
    f.config.disk_bytes = (uint64_t)16 << 20;
    f.options.config = &f.config;
    status = fuzz_parse(&f, argc, argv);
    if (status == TOOL_OK && f.help) {
        usage_print(stdout, "fuzz");
        return tool_close(stdout, "standard output");
    }
    if (status != TOOL_OK)
        return status;
    progress_init(&progress, NULL, 0);
    f.options.progress = fuzz_progress;
    f.options.context = &progress;
    err = mw_fuzz(&f.options, &result);
    progress_clear(&progress);
    status = err < 0 ? fuzz_fail(&f, &result, err) : fuzz_tell(&f, &result);
    err = tool_close(stdout, "standard output");
    return status > err ? status : err;
}
