/* Every cut of one recorded run: see campaign.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dev/dev_recorder.h"
#include "dev/dev_volatile.h"
#include "fs/volume.h"
#include "power/campaign_inner.h"
#include "power/overlay.h"
#include "power/verify.h"

#define BUDGET       1500u
#define FEW_REQUESTS 5u /* so many pending ones are tried in all subsets */
#define LEAST_TRIES  6u /* of a request with more pending */
#define TWICE_EVERY  16u
#define USE_EVERY    32u
#define FSCK_EVERY   160u
#define SEEN_ROOM    4096u

struct cutter {
    const struct cut_run *run;
    struct alloc alloc;
    struct dev *base;    /* what is durable */
    struct dev *disk;    /* the write cache on it */
    struct dev *outcome; /* what a cut left, on base */
    struct dev *scratch; /* for damaging an outcome further */
    struct prng prng;
    uint64_t points;          /* requests that can be cut at */
    uint64_t tries;           /* for each of them */
    uint64_t skip;            /* of so many, one is tried */
    bool promised_more;       /* something was acknowledged since the last try */
    uint64_t seen[SEEN_ROOM]; /* hashes of outcomes since base and promises changed */
    uint32_t seen_count;
};

/* ---- one outcome ---- */

static void cut_fail(const struct cutter *k, const struct cut_choice *choice, const char *what,
                     const char *why)
{
    static const char *const disks[DISK_KINDS] = {"journal", "ext3", "plain"};
    const struct cut_run *run = k->run;

    run->campaign->counts.lost++;
    fail_msg("%s, disk %s, seed %" PRIu64 ": power cut at request %" PRIu64
             ", in the middle of [%s], %s %" PRIu64 " of %" PRIu64
             " pending requests%s: %s\n  again: MAPWALK_POWER=%s:%s:%" PRIu64 ":%" PRIu64
             ":%s:%" PRIu64,
             run->scenario->name, disks[run->disk], run->rig->seed, choice->request,
             shadow_text(run->rig->shadow), choice->mask ? "keeping the mask" : "sectors by seed",
             choice->value, dev_volatile_pending(k->disk), what, why, run->scenario->name,
             disks[run->disk], run->rig->seed, choice->request, choice->mask ? "mask" : "sectors",
             choice->value);
}

static void cut_verify(const struct cutter *k, const struct cut_choice *choice, struct dev *image,
                       const char *what)
{
    const struct shadow_promise promise = {.acknowledged_only = k->run->disk == DISK_PLAIN};
    char why[SHADOW_WHY_ROOM] = "";

    if (!verify_image(k->run->rig->shadow, image, &promise, why))
        cut_fail(k, choice, what, why);
}

/* The power goes again while the volume is mounted on the outcome; then it must be as good. */
static void cut_twice(struct cutter *k, const struct cut_choice *choice, uint64_t chance)
{
    struct dev *cache;
    struct volume *v;

    overlay_reset(k->scratch);
    assert_int_equal(dev_volatile_new(&k->alloc, k->scratch, NULL, &cache), 0);
    dev_volatile_cut_at(cache, 1 + chance % 24, chance);
    if (volume_mount(&k->alloc, cache, &v) == 0)
        volume_abandon(v);
    if (dev_volatile_is_powered(cache))
        dev_volatile_cut(cache, chance);
    dev_destroy(cache);
    cut_verify(k, choice, k->scratch, ", and again during recovery");
    overlay_reset(k->scratch);
    k->run->campaign->counts.twice++;
}

/* e2fsck instead of our replay, and after it. */
static void cut_fsck(struct cutter *k, const struct cut_choice *choice)
{
    char why[SHADOW_WHY_ROOM];
    int status = fsck_run(k->outcome, "e2fsck -fy $image", false);

    overlay_reset(k->scratch);
    if (status != 0 && status != 1) {
        snprintf(why, sizeof why, "e2fsck -fy on what is left answered %d", status);
        cut_fail(k, choice, "", why);
    }
    (void)fsck_run(k->scratch, "e2fsck -fy $image", true);
    cut_verify(k, choice, k->scratch, ", repaired by e2fsck");
    overlay_reset(k->scratch);
    k->run->campaign->counts.fscks++;
}

/* After our own replay, and some work, the volume must be clean. */
static void cut_use(struct cutter *k, const struct cut_choice *choice, bool fsck)
{
    char why[SHADOW_WHY_ROOM];
    int status;

    if (!verify_use(k->outcome, why))
        cut_fail(k, choice, ", worked on", why);
    status = fsck ? fsck_run(k->outcome, "e2fsck -fn $image", false) : 0;
    if (status != 0) {
        snprintf(why, sizeof why, "e2fsck -fn after recovery answered %d", status);
        cut_fail(k, choice, "", why);
    }
}

/* Pre: k->outcome is what the cut left. All that can be wrong with it. */
static void cut_examine(struct cutter *k, const struct cut_choice *choice, uint64_t chance)
{
    bool fsck = k->run->campaign->fsck && chance % FSCK_EVERY == 0;

    if (chance % TWICE_EVERY == 0)
        cut_twice(k, choice, chance);
    if (fsck)
        cut_fsck(k, choice);
    cut_verify(k, choice, k->outcome, "");
    if (fsck || chance % USE_EVERY == 1)
        cut_use(k, choice, fsck);
    k->run->campaign->counts.cuts++;
}

/* For whoever looks into a failure: the image as the cut left it. */
static void cut_keep(const struct cutter *k)
{
    if (k->run->campaign->wish.one_cut && getenv("MAPWALK_POWER_KEEP") != NULL)
        (void)fsck_run(k->outcome, "cp $image \"$MAPWALK_POWER_KEEP\"", false);
}

/* Was an outcome like this one tried since the base or the promises changed? */
static bool cut_seen(struct cutter *k, uint64_t hash)
{
    for (uint32_t i = 0; i < k->seen_count; i++)
        if (k->seen[i] == hash)
            return true;
    if (k->seen_count < SEEN_ROOM)
        k->seen[k->seen_count++] = hash;
    return false;
}

static void cut_try(struct cutter *k, const struct cut_choice *choice)
{
    uint64_t hash;

    overlay_reset(k->outcome);
    if (choice->mask)
        assert_int_equal(dev_volatile_cut_mask_onto(k->disk, choice->value, k->outcome), 0);
    else
        assert_int_equal(dev_volatile_cut_onto(k->disk, choice->value, k->outcome), 0);
    cut_keep(k);
    hash = overlay_hash(k->outcome);
    if (cut_seen(k, hash))
        k->run->campaign->counts.repeated++;
    else
        cut_examine(k, choice, prng_mix(hash ^ choice->request));
    overlay_reset(k->outcome);
}

/* ---- all outcomes of one moment ---- */

static void cut_try_mask(struct cutter *k, uint64_t request, uint64_t mask)
{
    cut_try(k, &(struct cut_choice){.request = request, .mask = true, .value = mask});
}

static void cut_try_sectors(struct cutter *k, uint64_t request, uint64_t tries)
{
    for (uint64_t i = 0; i < tries; i++)
        cut_try(k, &(struct cut_choice){.request = request, .value = 1 + prng_next(&k->prng) / 2});
}

/* Nothing, all, all but the newest, the newest alone; others by chance; single sectors. */
static void cut_sample(struct cutter *k, uint64_t request, uint64_t pending)
{
    uint64_t all = pending < 64 ? (UINT64_C(1) << pending) - 1 : UINT64_MAX;
    uint64_t newest = pending <= 64 ? UINT64_C(1) << (pending - 1) : 0;
    uint64_t rest = k->tries > 4 ? k->tries - 4 : 0;

    cut_try_mask(k, request, 0);
    cut_try(k, &(struct cut_choice){.request = request, .value = DEV_CUT_KEEP_ALL});
    cut_try_mask(k, request, all & ~newest);
    cut_try_mask(k, request, newest);
    for (uint64_t i = 0; i < rest / 2; i++)
        cut_try_mask(k, request, prng_next(&k->prng) & all);
    cut_try_sectors(k, request, rest - rest / 2);
}

static void cut_moment(struct cutter *k, uint64_t request)
{
    uint64_t pending = dev_volatile_pending(k->disk);
    bool few = pending <= FEW_REQUESTS && (k->skip == 1 || pending <= 2);
    uint64_t subsets = few ? UINT64_C(1) << pending : 0;

    k->promised_more = false;
    if (k->run->campaign->wish.one_cut) {
        if (k->run->campaign->wish.cut.request == request)
            cut_try(k, &k->run->campaign->wish.cut);
        return;
    }
    if (!few) {
        cut_sample(k, request, pending);
        return;
    }
    for (uint64_t mask = 0; mask < subsets; mask++)
        cut_try_mask(k, request, mask);
    if (pending > 0)
        cut_try_sectors(k, request, subsets + 3 < k->tries ? k->tries - subsets : 3);
}

/* ---- all moments ---- */

static bool record_writes(const struct dev_record *record)
{
    return record->kind == DEV_RECORD_WRITE || record->kind == DEV_RECORD_ZERO;
}

static void cut_forget_seen(struct cutter *k)
{
    k->seen_count = 0;
}

/* What the request makes of the disk while it is not durable. */
static void cut_write(struct cutter *k, const struct dev_record *record, unsigned flags)
{
    const struct dev_span span = {.bytes = record->bytes, .blocks = record->count};

    if (record->kind == DEV_RECORD_ZERO)
        assert_int_equal(dev_zero(k->disk, record->block, record->count), 0);
    else
        assert_int_equal(dev_write_gather(k->disk, record->block, &span, 1, flags), 0);
}

/* Cuts in the middle of the i-th request, then does it. */
static void cut_request(struct cutter *k, uint64_t i, bool try)
{
    const struct dev_record *record = dev_recorder_get(k->run->recorder, i);

    if (shadow_advance(k->run->rig->shadow, i)) {
        cut_forget_seen(k);
        k->promised_more = true;
    }
    /* What was promised with what is pending is to be tried before a flush makes it durable. */
    if (try && k->promised_more && record->kind != DEV_RECORD_READ)
        cut_moment(k, i);
    if (record_writes(record)) {
        cut_write(k, record, 0);
        if (try)
            cut_moment(k, i);
    }
    if (record_writes(record) && (record->flags & DEV_FUA) != 0)
        cut_write(k, record, DEV_FUA);
    else if (record->kind == DEV_RECORD_FLUSH)
        assert_int_equal(dev_flush(k->disk), 0);
    else
        return;
    cut_forget_seen(k);
}

static uint64_t cut_count_points(const struct cut_run *run)
{
    uint64_t points = 0;

    for (uint64_t i = run->rig->first_cut; i < dev_recorder_count(run->recorder); i++)
        points += record_writes(dev_recorder_get(run->recorder, i));
    return points;
}

static void cut_plan(struct cutter *k)
{
    const struct scenario *scenario = k->run->scenario;
    uint64_t budget = scenario->budget != 0 ? scenario->budget : BUDGET;

    k->points = cut_count_points(k->run);
    assert_true(k->points > 0);
    k->tries = budget / k->points;
    k->skip = k->points / budget + 1;
    if (k->tries < LEAST_TRIES)
        k->tries = LEAST_TRIES;
    k->run->campaign->counts.requests += k->points;
}

static void cut_open(struct cutter *k, const struct cut_run *run)
{
    const struct dev_volatile_options all_of_it = {.capacity_blocks = UINT32_MAX};

    k->run = run;
    prng_seed(&k->prng, run->rig->seed);
    k->base = overlay_new(run->start);
    assert_int_equal(dev_volatile_new(&k->alloc, k->base, &all_of_it, &k->disk), 0);
    k->outcome = overlay_new(k->base);
    k->scratch = overlay_new(k->outcome);
    cut_plan(k);
}

static void cut_close(struct cutter *k)
{
    dev_destroy(k->scratch);
    dev_destroy(k->outcome);
    dev_destroy(k->disk);
    dev_destroy(k->base);
    assert_int_equal(k->alloc.live_blocks, 0);
}

void cut_everywhere(const struct cut_run *run)
{
    struct cutter *k = calloc(1, sizeof *k);
    uint64_t count = dev_recorder_count(run->recorder);

    assert_non_null(k);
    cut_open(k, run);
    shadow_rewind(run->rig->shadow);
    for (uint64_t i = 0; i < count; i++)
        cut_request(k, i, i >= run->rig->first_cut && (i + run->rig->seed) % k->skip == 0);
    /* After the last one: everything was acknowledged, and nothing may depend on what is pending. */
    shadow_advance(run->rig->shadow, count);
    cut_forget_seen(k);
    cut_moment(k, count);
    cut_close(k);
    free(k);
}
