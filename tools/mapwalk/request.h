/*
 * What the arguments of `mapwalk run` ask for.
 */
#ifndef TOOLS_MAPWALK_REQUEST_H
#define TOOLS_MAPWALK_REQUEST_H

#include <mapwalk/run.h>
#include <stdbool.h>
#include <stdint.h>

/* One --set, or a shortcut that stands for one. */
struct request_setting {
    const char *key;
    const char *value;
};

struct request {
    char *const *files;
    unsigned count;
    const char *profile; /* NULL: the default */
    struct request_setting *settings;
    unsigned setting_count;
    const char *output;  /* "-": standard output */
    const char *explain; /* NULL: no; "-": standard output */
    const char *events;
    const char *trace;
    uint64_t quantum_lines;
    enum mw_on on; /* who executes */
    bool results;  /* every line of a scenario with its result, in place of the summary */
    bool event_hits;
    bool json;
    bool maps;
    bool smaps;
    bool strict;
    bool help; /* the help was printed: nothing else is to be done */
};

/* TOOL_OK, TOOL_USAGE or TOOL_RESOURCES, complained about. The request points into argv. */
int request_parse(int argc, char **argv, struct request *r);
void request_free(struct request *r);

/* Applies the settings in their order. TOOL_OK or TOOL_USAGE, complained about. */
int request_configure(const struct request *r, struct mw_config *config);

/* Can a machine be made of it? TOOL_OK or TOOL_USAGE, complained about. */
int request_validate(const struct mw_config *config);

#endif
