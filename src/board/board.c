/*
 * Switching a board on and off; its RAM, disk, clock and listeners.
 *
 * Layer 5. What the harts do is in board_hart.c. Assembly goes bottom up, and a step that fails
 * undoes those before it, as in every operation here: validate, then commit.
 */
#include "board/board.h"

#include <stdio.h>
#include <string.h>

#define BOARD_PHYSICAL_END ((uint64_t)1 << 56) /* of every mode of RV64 */

_Static_assert(MW_DISK_BLOCK_BYTES == DEV_BLOCK_BYTES, "the public block is the device's");
_Static_assert(MW_ACCESS_BYTES_MAX == PAGE_BYTES, "an access touches two pages at most");

void mw_board_config_init(struct mw_board_config *config)
{
    /* The costs of the `linux` profile, as far as there is something here that they belong to. */
    *config = (struct mw_board_config){
        .ram_base = 0x80000000,
        .ram_bytes = (uint64_t)128 << 20,
        .hardware_ad = true,
        .harts = 1,
        .asid_bits = 16,
        .seed = 1,
        .disk_bytes = (uint64_t)64 << 20,
        .costs = {.tlb_hit = 1,
                  .tlb_l2_hit = 8,
                  .walk_step = 20,
                  .trap = 400,
                  .flush = 30,
                  .block_read = 80000,
                  .block_write = 20000,
                  .block_flush = 200000,
                  .block_byte_ps = 500},
    };
    contract(mw_tlbs_preset(&config->tlbs, "simple") == 0);
}

/* The first thing that is wrong, TLBs aside, or NULL. */
static const char *board_config_fault(const struct mw_board_config *c)
{
    if (c->harts < 1 || c->harts > MW_BOARD_HARTS_MAX)
        return "harts must be 1 to 64";
    if (c->ram_bytes == 0 || !page_aligned(c->ram_bytes) || !page_aligned(c->ram_base))
        return "ram_bytes and ram_base must be multiples of 4096, and ram_bytes not 0";
    if (c->ram_bytes > BOARD_PHYSICAL_END || c->ram_base > BOARD_PHYSICAL_END - c->ram_bytes)
        return "RAM must end at 2^56 at most";
    if (c->ram_identity && c->ram_base == 0) /* which ram_init takes for "anywhere" */
        return "with ram_identity, ram_base must not be 0";
    if (c->asid_bits > 16)
        return "asid_bits must be 0 to 16";
    if (c->disk_bytes % MW_DISK_BLOCK_BYTES != 0)
        return "disk_bytes must be a multiple of 1024";
    return NULL;
}

int mw_board_config_validate(const struct mw_board_config *config, char *why, size_t why_bytes)
{
    const char *fault = board_config_fault(config);

    if (fault == NULL)
        return mw_tlbs_validate(&config->tlbs, why, why_bytes);
    if (why_bytes > 0)
        snprintf(why, why_bytes, "%s", fault);
    return -EINVAL;
}

static int board_harts_up(struct mw_board *b, const struct mw_board_config *c)
{
    const struct hart_setup setup = {.asid_bits = c->asid_bits,
                                     .hardware_ad = c->hardware_ad,
                                     .svnapot = c->svnapot,
                                     .svpbmt = c->svpbmt,
                                     .tlbs = c->tlbs,
                                     .seed = c->seed,
                                     .plain = c->detect_stale,
                                     .costs = {.hit_ns = c->costs.tlb_hit,
                                               .l2_hit_ns = c->costs.tlb_l2_hit,
                                               .walk_step_ns = c->costs.walk_step}};
    int err = hart_new_all(&b->harts, c->harts, &setup, &b->alloc, &b->ram, &b->bus, &b->clock);

    if (err != 0)
        return err;
    b->hart_count = c->harts;
    b->running = &b->harts[0];
    return 0;
}

/* The detector that sees every hit, if it is wanted. */
static int board_stale_up(struct mw_board *b, const struct mw_board_config *c)
{
    if (!c->detect_stale)
        return 0;
    b->stale = stale_new(&b->alloc, &b->ram, &b->bus, b->harts, b->hart_count);
    if (b->stale == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < b->hart_count; i++)
        b->harts[i].stale = b->stale;
    return 0;
}

static int board_disk_up(struct mw_board *b, const struct mw_board_config *c)
{
    int err;

    if (c->disk_bytes == 0)
        return 0;
    err = dev_ram_new(&b->alloc, c->disk_bytes, &b->disk);
    if (err != 0)
        return err;
    dev_set_latency(b->disk, &(struct dev_latency){.read_ns = c->costs.block_read,
                                                   .write_ns = c->costs.block_write,
                                                   .zero_ns = c->costs.block_write,
                                                   .flush_ns = c->costs.block_flush,
                                                   .byte_ps = c->costs.block_byte_ps});
    dev_attach(b->disk, &b->bus, &b->clock);
    return 0;
}

static int board_up(struct mw_board *b, const struct mw_board_config *c)
{
    uint64_t host_at = c->ram_identity ? c->ram_base : 0;
    int err = ram_init(&b->ram, paddr(c->ram_base), c->ram_bytes, host_at);

    if (err == 0)
        err = board_harts_up(b, c);
    if (err == 0)
        err = board_stale_up(b, c);
    if (err == 0)
        err = board_disk_up(b, c);
    return err;
}

/* Takes apart a board or as much of one as there is: what never came up is zero. */
static void board_down(struct mw_board *b)
{
    struct alloc last;

    dev_destroy(b->disk);
    stale_free(b->stale);
    hart_free_all(b->harts, b->hart_count, &b->alloc);
    ram_destroy(&b->ram);
    last = b->alloc; /* it lies in the block that it gives back now */
    alloc_release(&last, b);
    contract(last.live_blocks == 0);
}

int mw_board_new(const struct mw_board_config *config, struct mw_board **out)
{
    struct mw_board_config standard;
    struct alloc first = {0};
    struct mw_board *b;
    int err;

    if (config == NULL) {
        mw_board_config_init(&standard);
        config = &standard;
    }
    err = mw_board_config_validate(config, NULL, 0);
    if (err != 0)
        return err;
    first.fail_at = config->fail_allocation;
    b = alloc_zeroed(&first, sizeof(*b));
    if (b == NULL)
        return -ENOMEM;
    b->alloc = first; /* from here on it counts in its own block */
    b->costs = config->costs;
    event_bus_init(&b->bus, &b->clock);
    err = board_up(b, config);
    if (err != 0) {
        board_down(b);
        return err;
    }
    *out = b;
    return 0;
}

void mw_board_free(struct mw_board *b)
{
    if (b != NULL)
        board_down(b);
}

/* ---- RAM ---- */

void *mw_board_ram(const struct mw_board *b, uint64_t pa, uint64_t bytes)
{
    return ram_contains(&b->ram, paddr(pa), bytes) ? ram_host(&b->ram, paddr(pa)) : NULL;
}

/* ---- the disk: hits are paid for first, because requests are told with a time stamp ---- */

int mw_board_disk_read(struct mw_board *b, uint64_t block, uint32_t count, void *out)
{
    if (b->disk == NULL)
        return -ENODEV;
    hart_settle_time(b->running);
    return dev_read(b->disk, block, count, out);
}

int mw_board_disk_write(struct mw_board *b, uint64_t block, uint32_t count, const void *in)
{
    if (b->disk == NULL)
        return -ENODEV;
    hart_settle_time(b->running);
    return dev_write(b->disk, block, count, in);
}

int mw_board_disk_flush(struct mw_board *b)
{
    if (b->disk == NULL)
        return -ENODEV;
    hart_settle_time(b->running);
    return dev_flush(b->disk);
}

uint64_t mw_board_disk_blocks(const struct mw_board *b)
{
    return b->disk == NULL ? 0 : b->disk->blocks;
}

void mw_board_read_disk_counters(const struct mw_board *b, struct mw_disk_counters *out)
{
    struct dev_counters seen = {0};

    if (b->disk != NULL)
        seen = b->disk->counters;
    *out = (struct mw_disk_counters){.reads = seen.reads,
                                     .writes = seen.writes,
                                     .flushes = seen.flushes,
                                     .blocks_read = seen.blocks_read,
                                     .blocks_written = seen.blocks_written};
}

/* ---- time and events ---- */

uint64_t mw_board_time_ns(const struct mw_board *b)
{
    return b->clock.now_ns + hart_unsettled_ns(b->running);
}

void mw_board_advance(struct mw_board *b, uint64_t ns)
{
    hart_settle_time(b->running);
    clock_advance(&b->clock, ns);
}

/* Somebody began to listen, or stopped: hits may have to be told from here on. */
static void board_listeners_changed(struct mw_board *b)
{
    for (unsigned i = 0; i < b->hart_count; i++)
        hart_listeners_changed(&b->harts[i]);
}

int mw_board_subscribe(struct mw_board *b, mw_event_mask mask, mw_event_handler *handler,
                       void *context)
{
    int err;

    if (handler == NULL) /* an empty place among the sinks looks like that */
        return -EINVAL;
    err = event_subscribe(&b->bus, mask, handler, context);
    board_listeners_changed(b);
    return err;
}

void mw_board_unsubscribe(struct mw_board *b, mw_event_handler *handler, void *context)
{
    event_unsubscribe(&b->bus, handler, context);
    board_listeners_changed(b);
}
