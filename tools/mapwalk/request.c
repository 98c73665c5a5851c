/*
 * The arguments of `mapwalk run`. See request.h.
 */
#include "request.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

/*
 * Options without a letter; those that are shortcuts for a --set have their key's place in
 * request_keys.
 */
enum request_option {
    REQUEST_EXPLAIN = 256,
    REQUEST_EVENTS,
    REQUEST_TRACE,
    REQUEST_HITS,
    REQUEST_JSON,
    REQUEST_MAPS,
    REQUEST_SMAPS,
    REQUEST_STRICT,
    REQUEST_ON,
    REQUEST_RESULTS,
    REQUEST_PROFILE,
    REQUEST_SET,
    REQUEST_CHECK,
    REQUEST_QUANTUM,
    REQUEST_RAM,
    REQUEST_MODE,
    REQUEST_TLB,
    REQUEST_DISK,
    REQUEST_IMAGE,
    REQUEST_SEED
};

static const struct option request_options[] = {
    {"explain", optional_argument, NULL, REQUEST_EXPLAIN},
    {"events", required_argument, NULL, REQUEST_EVENTS},
    {"trace", required_argument, NULL, REQUEST_TRACE},
    {"event-hits", no_argument, NULL, REQUEST_HITS},
    {"json", no_argument, NULL, REQUEST_JSON},
    {"maps", no_argument, NULL, REQUEST_MAPS},
    {"smaps", no_argument, NULL, REQUEST_SMAPS},
    {"strict", no_argument, NULL, REQUEST_STRICT},
    {"on", required_argument, NULL, REQUEST_ON},
    {"results", no_argument, NULL, REQUEST_RESULTS},
    {"output", required_argument, NULL, 'o'},
    {"profile", required_argument, NULL, REQUEST_PROFILE},
    {"set", required_argument, NULL, REQUEST_SET},
    {"check", no_argument, NULL, REQUEST_CHECK},
    {"quantum", required_argument, NULL, REQUEST_QUANTUM},
    {"ram", required_argument, NULL, REQUEST_RAM},
    {"mode", required_argument, NULL, REQUEST_MODE},
    {"tlb", required_argument, NULL, REQUEST_TLB},
    {"disk", required_argument, NULL, REQUEST_DISK},
    {"image", required_argument, NULL, REQUEST_IMAGE},
    {"seed", required_argument, NULL, REQUEST_SEED},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0}};

static void request_setting_add(struct request *r, const char *key, const char *value)
{
    r->settings[r->setting_count++] = (struct request_setting){.key = key, .value = value};
}

/* --set KEY=VALUE: the key is cut off in the argument itself, which is ours to change. */
static int request_set(struct request *r, char *argument)
{
    char *equals = strchr(argument, '=');

    if (equals == NULL) {
        tool_complain("--set '%s': not KEY=VALUE", argument);
        return usage_hint("run");
    }
    *equals = '\0';
    request_setting_add(r, argument, equals + 1);
    return TOOL_OK;
}

static int request_quantum(struct request *r, const char *argument)
{
    char *end;

    errno = 0;
    r->quantum_lines = strtoull(argument, &end, 10);
    if (errno == 0 && end != argument && *end == '\0' && *argument != '-' && r->quantum_lines != 0)
        return TOOL_OK;
    tool_complain("--quantum '%s': not a positive number", argument);
    return usage_hint("run");
}

/* Whoever asks the kernel wants to see what it says. */
static int request_on(struct request *r, const char *argument)
{
    static const char *const names[] = {
        [MW_ON_SIMULATOR] = "simulator", [MW_ON_LINUX] = "linux", [MW_ON_BOTH] = "both"};

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], argument) == 0) {
            r->on = (enum mw_on)i;
            r->results |= r->on != MW_ON_SIMULATOR;
            return TOOL_OK;
        }
    tool_complain("--on '%s': not simulator, linux or both", argument);
    return usage_hint("run");
}

/* Options that name a value of the machine. */
static int request_machine_option(struct request *r, int option, char *argument)
{
    switch (option) {
    case REQUEST_ON:
        return request_on(r, argument);
    case REQUEST_SET:
        return request_set(r, argument);
    case REQUEST_QUANTUM:
        return request_quantum(r, argument);
    case REQUEST_PROFILE:
        r->profile = argument;
        break;
    case REQUEST_CHECK:
        request_setting_add(r, "check", "yes");
        break;
    case REQUEST_RAM:
        request_setting_add(r, "ram", argument);
        break;
    case REQUEST_MODE:
        request_setting_add(r, "mode", argument);
        break;
    case REQUEST_TLB:
        request_setting_add(r, "tlb", argument);
        break;
    case REQUEST_DISK:
        request_setting_add(r, "disk", argument);
        break;
    case REQUEST_IMAGE:
        request_setting_add(r, "disk-image", argument);
        break;
    case REQUEST_SEED:
        request_setting_add(r, "seed", argument);
        break;
    default: /* getopt has complained */
        return usage_hint("run");
    }
    return TOOL_OK;
}

/* Options without an argument. False: it is none of these. */
static bool request_switch(struct request *r, int option)
{
    const struct {
        int option;
        bool *flag;
    } switches[] = {
        {REQUEST_HITS, &r->event_hits},
        {REQUEST_JSON, &r->json},
        {REQUEST_MAPS, &r->maps},
        {REQUEST_SMAPS, &r->smaps},
        {REQUEST_STRICT, &r->strict},
        {REQUEST_RESULTS, &r->results},
        {'h', &r->help},
    };

    for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
        if (switches[i].option == option) {
            *switches[i].flag = true;
            return true;
        }
    return false;
}

static int request_option(struct request *r, int option, char *argument)
{
    switch (option) {
    case REQUEST_EXPLAIN:
        r->explain = argument == NULL ? "-" : argument;
        break;
    case REQUEST_EVENTS:
        r->events = argument;
        break;
    case REQUEST_TRACE:
        r->trace = argument;
        break;
    case 'o':
        r->output = argument;
        break;
    default:
        if (!request_switch(r, option))
            return request_machine_option(r, option, argument);
    }
    return TOOL_OK;
}

static bool request_is_stdout(const char *name)
{
    return name != NULL && strcmp(name, "-") == 0;
}

/*
 * Standard output takes one thing, or explanations followed by a summary in text: anything else
 * mixed would be of use to neither programs nor people.
 */
static int request_check_stdout(const struct request *r)
{
    int streams = request_is_stdout(r->events) + request_is_stdout(r->trace) +
                  request_is_stdout(r->explain) + request_is_stdout(r->output);
    bool story =
        request_is_stdout(r->explain) && request_is_stdout(r->output) && !r->json && !r->results;

    if (streams - story <= 1)
        return TOOL_OK;
    tool_complain("only one of summary, --explain, --events and --trace can go to standard output "
                  "(see --output)");
    return usage_hint("run");
}

/* What can be wrong with the request as a whole. */
static int request_check(const struct request *r)
{
    struct mw_config scratch;

    if (r->count == 0) {
        tool_complain("run: no input file");
        return usage_hint("run");
    }
    if (r->event_hits && r->events == NULL && r->trace == NULL) {
        tool_complain("--event-hits needs --events or --trace");
        return usage_hint("run");
    }
    if (r->results && r->json) {
        tool_complain("--results (and --on=linux, --on=both) prints no summary: --json has no use");
        return usage_hint("run");
    }
    if (request_check_stdout(r) != TOOL_OK)
        return TOOL_USAGE;
    /*
     * Keys and values are checked before any file is looked at. Whether they make a machine
     * together depends on the input's format as well, and is checked later.
     */
    mw_config_init(&scratch);
    if (r->profile != NULL && mw_config_profile(&scratch, r->profile) < 0) {
        tool_complain("--profile '%s': not known", r->profile);
        return usage_hint("run");
    }
    return request_configure(r, &scratch);
}

int request_parse(int argc, char **argv, struct request *r)
{
    int option;

    *r = (struct request){.output = "-"};
    /* Each argument makes at most one setting. */
    r->settings = calloc((size_t)argc, sizeof(*r->settings));
    if (r->settings == NULL)
        return tool_complain_file("run", -ENOMEM);
    while (!r->help && (option = getopt_long(argc, argv, "o:h", request_options, NULL)) != -1) {
        int status = request_option(r, option, optarg);

        if (status != TOOL_OK)
            return status;
    }
    r->files = argv + optind;
    r->count = (unsigned)(argc - optind);
    return r->help ? TOOL_OK : request_check(r);
}

void request_free(struct request *r)
{
    free(r->settings);
}

int request_configure(const struct request *r, struct mw_config *config)
{
    for (unsigned i = 0; i < r->setting_count; i++) {
        const struct request_setting *s = &r->settings[i];
        int err = mw_config_set(config, s->key, s->value);

        if (err < 0) {
            tool_complain(err == -ENOENT ? "no key '%s' (value '%s') can be set"
                                         : "'%s' cannot be set to '%s'",
                          s->key, s->value);
            return usage_hint(err == -ENOENT ? "config" : "run");
        }
    }
    return TOOL_OK;
}

int request_validate(const struct mw_config *config)
{
    char why[160];

    if (mw_config_validate(config, why, sizeof(why)) == 0)
        return TOOL_OK;
    tool_complain("the machine cannot be built: %s", why);
    return usage_hint("config");
}
