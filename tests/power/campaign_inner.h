/* Shared by campaign.c (runs scenarios) and cut.c (cuts one run). */
#ifndef MAPWALK_TESTS_POWER_CAMPAIGN_INNER_H
#define MAPWALK_TESTS_POWER_CAMPAIGN_INNER_H

#include "power/campaign.h"

/* What is cut, as it is printed and read back. */
struct cut_choice {
    uint64_t request; /* this one is in its middle */
    bool mask;        /* value: bits of whole requests; else a seed of sectors */
    uint64_t value;
};

/* What to do: all, or what MAPWALK_POWER says. */
struct campaign_wish {
    bool one; /* a run */
    char scenario[64];
    unsigned disk;
    uint64_t seed;
    bool one_cut;
    struct cut_choice cut;
};

struct campaign_counts {
    uint64_t runs;
    uint64_t requests; /* that could be cut at */
    uint64_t cuts;
    uint64_t repeated; /* outcomes that were the same as one before */
    uint64_t twice;    /* cut again while the journal was replayed */
    uint64_t fscks;
    uint64_t lost;
};

struct campaign {
    struct campaign_wish wish;
    struct campaign_counts counts;
    bool fsck;
    uint64_t longer;
};

/* One run, recorded. */
struct cut_run {
    struct campaign *campaign;
    const struct scenario *scenario;
    unsigned disk;
    struct rig *rig;
    struct dev *recorder;
    struct dev *start; /* the disk before the first request */
};

/* Cuts everywhere. Fails the test at the first loss. */
void cut_everywhere(const struct cut_run *run);

#endif
