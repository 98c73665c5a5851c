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

#include "view/config_text.h"
#include "view/json.h"
#include "view/names.h"
#include "view/top_vmas.h"

/* What a summary is made of. It owns nothing. Names that other layers know are handed in. */
struct summary {
    const char *version;
    const char *format; /* name of the input's format */
    const struct mw_config *config;
    struct config_text_words words; /* of the configuration */
    const struct mw_stats *stats;
    const struct mw_run_result *run;
    const struct top_vma *top; /* best first */
    unsigned top_count;
    struct names names; /* of files */
};

/* Does the machine have this TLB? Those that it lacks are not told. */
static inline bool summary_has_tlb(const struct mw_tlbs *tlbs, enum mw_tlb_unit unit)
{
    const struct mw_tlb *all[MW_TLB_COUNT] = {[MW_TLB_L1D] = &tlbs->l1d,
                                              [MW_TLB_L1I] = &tlbs->l1i,
                                              [MW_TLB_L2] = &tlbs->l2,
                                              [MW_TLB_L2I] = &tlbs->l2i};

    return all[unit]->arrays != 0;
}

/* All sizes together. */
static inline uint64_t summary_sum_sizes(const uint64_t by_size[MW_SIZE_COUNT])
{
    uint64_t sum = 0;

    for (unsigned size = 0; size < MW_SIZE_COUNT; size++)
        sum += by_size[size];
    return sum;
}

/* The text. Errors stay in the stream. */
void summary_write_text(FILE *out, const struct summary *s);

/*
 * The members of the JSON object, into an object that the caller has begun and ends: it may add
 * members of its own (the final maps).
 */
void summary_write_json(struct json *j, const struct summary *s);

#endif
