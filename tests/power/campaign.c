/* Runs of the power-cut campaign: see campaign.h. */
#include "power/campaign_inner.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dev/dev_recorder.h"
#include "fs/volume.h"
#include "power/overlay.h"
#include "power/verify.h"

/* The same bytes each time. */
#define MAKE_EXT3                                                                     \
    "E2FSPROGS_FAKE_TIME=1 mke2fs -q -F -t ext3 -b 1024 -O ^resize_inode,^dir_index " \
    "-U 6d617077-616c-6b00-0000-000000000000 "                                        \
    "-E hash_seed=6d617077-616c-6b00-0000-000000000001 $image"

static const char *const disk_names[DISK_KINDS] = {"journal", "ext3", "plain"};

static unsigned disk_of_name(const char *name)
{
    for (unsigned i = 0; i < DISK_KINDS; i++)
        if (strcmp(disk_names[i], name) == 0)
            return i;
    fail_msg("MAPWALK_POWER: there is no disk %s", name);
    return DISK_KINDS;
}

/* SCENARIO:DISK:SEED or SCENARIO:DISK:SEED:REQUEST:mask|sectors:VALUE */
static void campaign_read_wish(struct campaign_wish *wish, const char *text)
{
    char disk[16];
    char how[16];
    int fields;

    if (text == NULL || text[0] == '\0')
        return;
    fields = sscanf(text, "%63[^:]:%15[^:]:%" SCNu64 ":%" SCNu64 ":%15[^:]:%" SCNu64,
                    wish->scenario, disk, &wish->seed, &wish->cut.request, how, &wish->cut.value);
    if (fields != 3 && fields != 6)
        fail_msg("MAPWALK_POWER=SCENARIO:DISK:SEED[:REQUEST:mask|sectors:VALUE]");
    wish->one = true;
    wish->disk = disk_of_name(disk);
    wish->one_cut = fields == 6;
    wish->cut.mask = wish->one_cut && strcmp(how, "mask") == 0;
}

int campaign_begin(void **state)
{
    struct campaign *c = calloc(1, sizeof *c);
    const char *longer = getenv("MAPWALK_LONG");

    if (c == NULL)
        return -1;
    campaign_read_wish(&c->wish, getenv("MAPWALK_POWER"));
    c->longer = longer != NULL ? strtoull(longer, NULL, 10) : 1;
    c->fsck = fsck_is_there();
    if (!c->fsck)
        print_message(
            "there is no e2fsck here: images are not checked by it, nor made by mke2fs\n");
    *state = c;
    return 0;
}

int campaign_end(void **state)
{
    struct campaign *c = *state;

    print_message("%" PRIu64 " cuts at %" PRIu64 " requests of %" PRIu64 " runs, %" PRIu64
                  " of them cut again during recovery, %" PRIu64 " looked at by e2fsck (%" PRIu64
                  " outcomes were like another): %s lost\n",
                  c->counts.cuts, c->counts.requests, c->counts.runs, c->counts.twice,
                  c->counts.fscks, c->counts.repeated, c->counts.lost == 0 ? "zero" : "SOMETHING");
    free(c);
    return 0;
}

/* ---- one run ---- */

static struct dev *disk_make(struct alloc *a, unsigned kind, unsigned mib)
{
    struct dev *disk;

    assert_int_equal(dev_ram_new(a, (uint64_t)mib << 20, &disk), 0);
    if (kind == DISK_EXT3)
        assert_int_equal(fsck_run(disk, MAKE_EXT3, true), 0);
    else
        assert_int_equal(volume_format_with(a, disk, kind == DISK_JOURNAL), 0);
    return disk;
}

static void campaign_configure(struct mw_config *config, const struct scenario *scenario)
{
    mw_config_init(config);
    config->ram_bytes = (uint64_t)(scenario->ram_mib != 0 ? scenario->ram_mib : 16) << 20;
    config->check = true;
    if (scenario->dirty_percent != 0) {
        config->dirty_ratio = scenario->dirty_percent;
        config->dirty_background_ratio = scenario->dirty_percent / 2;
    }
    if (scenario->latency != NULL)
        assert_int_equal(mw_config_set(config, "disk-latency", scenario->latency), 0);
}

static void campaign_run_once(struct campaign *c, const struct scenario *scenario, unsigned kind,
                              struct dev *formatted, uint64_t seed)
{
    static const struct dev_recorder_options options = {.data = true};
    struct alloc alloc = {0};
    struct dev *disk = overlay_new(formatted);
    struct mw_config config;
    struct rig *rig = calloc(1, sizeof *rig);
    struct cut_run run = {
        .campaign = c, .scenario = scenario, .disk = kind, .rig = rig, .start = formatted};

    assert_non_null(rig);
    assert_int_equal(dev_recorder_new(&alloc, disk, &options, &run.recorder), 0);
    campaign_configure(&config, scenario);
    rig_open(rig, &config, run.recorder, seed);
    scenario->run(rig);
    rig_close(rig);
    c->counts.runs++;
    cut_everywhere(&run);
    rig_free(rig);
    dev_destroy(run.recorder);
    dev_destroy(disk);
    free(rig);
}

static bool campaign_wants(const struct campaign *c, const struct scenario *scenario, unsigned kind)
{
    if ((scenario->disks & 1u << kind) == 0 || (kind == DISK_EXT3 && !c->fsck))
        return false;
    return !c->wish.one || (strcmp(c->wish.scenario, scenario->name) == 0 && c->wish.disk == kind);
}

static void campaign_run_on(struct campaign *c, const struct scenario *scenario, unsigned kind)
{
    struct alloc alloc = {0};
    struct dev *formatted =
        disk_make(&alloc, kind, scenario->disk_mib != 0 ? scenario->disk_mib : 16);

    if (c->wish.one)
        campaign_run_once(c, scenario, kind, formatted, c->wish.seed);
    for (uint64_t seed = 1; !c->wish.one && seed <= scenario->seeds * c->longer; seed++)
        campaign_run_once(c, scenario, kind, formatted, seed);
    dev_destroy(formatted);
}

void campaign_run(struct campaign *c, const struct scenario *scenario)
{
    for (unsigned kind = 0; kind < DISK_KINDS; kind++)
        if (campaign_wants(c, scenario, kind))
            campaign_run_on(c, scenario, kind);
}
