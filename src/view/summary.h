/*
 * The summary of a run: what the machine did, as aligned text or as one JSON object.
 *
 * Layer 9, view. Made from snapshots only: the counters, the result of the run, the areas with the
 * most faults. The JSON form has every number of the text and more; docs/SUMMARY.md describes its
 * keys.
 */
#ifndef MAPWALK_VIEW_SUMMARY_H
#define MAPWALK_VIEW_SUMMARY_H

#include <mapwalk/config.h>
#include <mapwalk/machine.h>
#include <mapwalk/run.h>
#include <stdio.h>

#include "view/json.h"
#include "view/names.h"
#include "view/top_vmas.h"

/* What a summary is made of. It owns nothing. Names that other layers know are handed in. */
struct summary {
    const char *version;
    const char *mode;   /* name of the paging mode */
    const char *format; /* name of the input's format */
    const struct mw_config *config;
    const struct mw_stats *stats;
    const struct mw_run_result *run;
    const struct top_vma *top; /* best first */
    unsigned top_count;
    struct names names; /* of files */
};

/* The text. Errors stay in the stream. */
void summary_write_text(FILE *out, const struct summary *s);

/*
 * The members of the JSON object, into an object that the caller has begun and ends: it may add
 * members of its own (the final maps).
 */
void summary_write_json(struct json *j, const struct summary *s);

#endif
