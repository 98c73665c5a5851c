/*
 * Power cuts against a naive model: for each sector, what is durable and what is not yet. Every
 * write gives each of its sectors a content of its own, so that a sector tells what it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "dev/dev_volatile.h"

#define BLOCKS        12u
#define BLOCK_SECTORS (DEV_BLOCK_BYTES / DEV_SECTOR_BYTES)
#define SECTORS       (BLOCKS * BLOCK_SECTORS)
#define MOST_PENDING  256u

/* A sector: its contents as numbers; 0 is a sector of zeros. */
struct model_sector {
    uint64_t durable;
    uint64_t pending[MOST_PENDING]; /* oldest first */
    unsigned count;
};

struct model {
    struct alloc alloc;
    struct dev *ram;
    struct dev *dev;
    struct prng prng;
    struct model_sector sectors[SECTORS];
    uint64_t content; /* the last given */
    bool evicts;      /* the cache may write down what the model still takes for pending */
    uint8_t bytes[BLOCKS * DEV_BLOCK_BYTES];
};

static void model_up(struct model *m, uint64_t seed, const struct dev_volatile_options *options)
{
    memset(m, 0, sizeof *m);
    prng_seed(&m->prng, seed);
    m->evicts = options->capacity_blocks != 0;
    assert_int_equal(dev_ram_new(&m->alloc, sizeof(m->bytes), &m->ram), 0);
    assert_int_equal(dev_volatile_new(&m->alloc, m->ram, options, &m->dev), 0);
}

static void model_down(struct model *m)
{
    dev_destroy(m->dev);
    dev_destroy(m->ram);
    assert_int_equal(m->alloc.live_blocks, 0);
}

static uint64_t sector_newest(const struct model_sector *s)
{
    return s->count > 0 ? s->pending[s->count - 1] : s->durable;
}

static bool sector_allows(const struct model_sector *s, uint64_t content)
{
    for (unsigned i = 0; i < s->count; i++)
        if (s->pending[i] == content)
            return true;
    return s->durable == content;
}

static void sector_add(struct model_sector *s, uint64_t content)
{
    assert_true(s->count < MOST_PENDING);
    s->pending[s->count++] = content;
}

static void sector_settle(struct model_sector *s, uint64_t content)
{
    s->durable = content;
    s->count = 0;
}

/* ---- requests, on the device and on the model ---- */

static void fill_sector(uint8_t *sector, uint64_t content)
{
    for (size_t i = 0; i < DEV_SECTOR_BYTES; i += sizeof content)
        memcpy(sector + i, &content, sizeof content);
}

static uint64_t content_of(const uint8_t *sector)
{
    uint64_t content;

    memcpy(&content, sector, sizeof content);
    assert_memory_equal(sector, sector + sizeof content, DEV_SECTOR_BYTES - sizeof content);
    return content;
}

enum action { WRITE, WRITE_FUA, ZERO, FLUSH, ACTIONS };

/* Gives the sectors of the range new contents, in m->bytes. */
static void prepare(struct model *m, uint32_t count, bool zero)
{
    for (uint64_t i = 0; i < count * BLOCK_SECTORS; i++)
        fill_sector(m->bytes + i * DEV_SECTOR_BYTES, zero ? 0 : m->content + 1 + i);
}

static int ask(struct model *m, enum action action, uint64_t block, uint32_t count)
{
    struct dev_span spans[2] = {{m->bytes, count}, {NULL, 0}};

    if (action == FLUSH)
        return dev_flush(m->dev);
    prepare(m, count, action == ZERO);
    if (action == ZERO)
        return dev_zero(m->dev, block, count);
    if (count > 1) /* spans must not matter */
        spans[1] = (struct dev_span){m->bytes + DEV_BLOCK_BYTES, count - 1};
    spans[0].blocks = 1;
    return dev_write_gather(m->dev, block, spans, count > 1 ? 2 : 1,
                            action == WRITE_FUA ? DEV_FUA : 0);
}

static void note(struct model *m, enum action action, uint64_t block, uint32_t count, bool failed)
{
    uint64_t first = block * BLOCK_SECTORS;

    if (action == FLUSH) {
        for (unsigned i = 0; i < SECTORS && !failed; i++)
            sector_settle(&m->sectors[i], sector_newest(&m->sectors[i]));
        return;
    }
    for (uint64_t i = 0; i < count * BLOCK_SECTORS; i++) {
        struct model_sector *s = &m->sectors[first + i];
        uint64_t content = action == ZERO ? 0 : m->content + 1 + i;

        if (action == WRITE_FUA && !failed)
            sector_settle(s, content);
        else
            sector_add(s, content);
    }
    m->content += count * BLOCK_SECTORS;
}

static int random_request(struct model *m)
{
    enum action action = WRITE;
    uint64_t dice = prng_below(&m->prng, 20);
    uint64_t block = prng_below(&m->prng, BLOCKS);
    uint32_t count = 1 + (uint32_t)prng_below(&m->prng, BLOCKS - block);
    int err;

    if (dice < 2)
        action = WRITE_FUA;
    else if (dice < 5)
        action = ZERO;
    else if (dice < 6)
        action = FLUSH;
    err = ask(m, action, block, count);
    note(m, action, block, count, err != 0);
    return err;
}

/* ---- what must hold ---- */

static void assert_reads_see_the_newest(struct model *m)
{
    assert_int_equal(dev_read(m->dev, 0, BLOCKS, m->bytes), 0);
    for (unsigned i = 0; i < SECTORS; i++)
        assert_true(content_of(m->bytes + i * DEV_SECTOR_BYTES) == sector_newest(&m->sectors[i]));
    assert_true(dev_volatile_check(m->dev));
}

/* After a cut by `seed`: each sector is one that it may be, and is durable from now on. */
static void assert_cut_kept_what_it_may(struct model *m, uint64_t seed)
{
    assert_int_equal(dev_read(m->ram, 0, BLOCKS, m->bytes), 0);
    for (unsigned i = 0; i < SECTORS; i++) {
        struct model_sector *s = &m->sectors[i];
        uint64_t content = content_of(m->bytes + i * DEV_SECTOR_BYTES);

        assert_true(sector_allows(s, content));
        if (seed == DEV_CUT_LOSE_ALL && !m->evicts)
            assert_true(content == s->durable);
        if (seed == DEV_CUT_KEEP_ALL)
            assert_true(content == sector_newest(s));
        sector_settle(s, content);
    }
}

static uint64_t random_seed(struct model *m)
{
    switch (prng_below(&m->prng, 6)) {
    case 0:
        return DEV_CUT_LOSE_ALL;
    case 1:
        return DEV_CUT_KEEP_ALL;
    default:
        return prng_next(&m->prng);
    }
}

/* Lives of a disk between power cuts, some of which come by themselves in the middle of a write. */
static void live_and_die(uint64_t seed, const struct dev_volatile_options *options)
{
    struct model *m = test_malloc(sizeof *m);

    model_up(m, seed, options);
    for (unsigned life = 0; life < 20; life++) {
        uint64_t cut = random_seed(m);
        uint64_t requests = 1 + prng_below(&m->prng, 24);
        bool by_itself = prng_below(&m->prng, 2) == 0;

        if (by_itself)
            dev_volatile_cut_at(m->dev, requests, cut);
        for (uint64_t i = 1; i <= requests; i++) {
            assert_int_equal(random_request(m), by_itself && i == requests ? -EIO : 0);
            if (dev_volatile_is_powered(m->dev))
                assert_reads_see_the_newest(m);
        }
        if (!by_itself)
            dev_volatile_cut(m->dev, cut);
        assert_false(dev_volatile_is_powered(m->dev));
        assert_cut_kept_what_it_may(m, cut);
        dev_volatile_power_on(m->dev);
        assert_reads_see_the_newest(m);
    }
    model_down(m);
    test_free(m);
}

static void each_sector_is_what_it_was_or_may_have_become(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++)
        live_and_die(seed, &(struct dev_volatile_options){0});
}

static void with_little_room_too_in_order_or_not(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++)
        live_and_die(seed, &(struct dev_volatile_options){.capacity_blocks = 1 + seed % 30,
                                                          .reorder_seed = seed % 3});
}

/* ---- every outcome of a small case ---- */

#define SMALL_SECTORS 4u

/*
 * Sectors 0 and 1 (block 0), 2 and 3 (block 1); | is a flush:
 *
 *     block 0:  a | b  c
 *     block 1:    | b     0
 *
 * so that each sector has three versions: 3^4 outcomes.
 */
static void small_case(struct dev *dev)
{
    uint8_t bytes[2 * DEV_BLOCK_BYTES];

    memset(bytes, 'a', sizeof bytes);
    assert_int_equal(dev_write(dev, 0, 2, bytes), 0);
    assert_int_equal(dev_flush(dev), 0);
    memset(bytes, 'b', sizeof bytes);
    assert_int_equal(dev_write(dev, 0, 2, bytes), 0);
    memset(bytes, 'c', sizeof bytes);
    assert_int_equal(dev_write(dev, 0, 1, bytes), 0);
    assert_int_equal(dev_zero(dev, 1, 1), 0);
}

/* The outcome as a number of SMALL_SECTORS digits to base 4: a, b, c, zeros. */
static unsigned small_outcome(struct dev *dev)
{
    uint8_t bytes[2 * DEV_BLOCK_BYTES];
    unsigned outcome = 0;

    assert_int_equal(dev_read(dev, 0, 2, bytes), 0);
    for (unsigned i = 0; i < SMALL_SECTORS; i++) {
        const uint8_t *sector = bytes + i * DEV_SECTOR_BYTES;

        assert_memory_equal(sector, sector + 1, DEV_SECTOR_BYTES - 1);
        assert_true(sector[0] == 0 || (sector[0] >= 'a' && sector[0] <= 'c'));
        outcome = outcome << 2 | (sector[0] == 0 ? 3u : sector[0] - (unsigned)'a');
    }
    return outcome;
}

static bool small_outcome_is_reachable(unsigned outcome)
{
    for (unsigned i = 0; i < SMALL_SECTORS; i++, outcome >>= 2) {
        unsigned impossible = i < 2 ? 2 : 3; /* the last two are in block 1, which has no c */

        if ((outcome & 3) == impossible)
            return false;
    }
    return true;
}

static void every_outcome_of_a_small_case_is_reached_and_no_other(void **state)
{
    struct alloc alloc = {0};
    bool reached[1u << 2 * SMALL_SECTORS] = {false};
    struct dev *overlay;
    struct dev *ram;
    struct dev *dev;
    unsigned count = 0;

    (void)state;
    assert_int_equal(dev_ram_new(&alloc, 2 * DEV_BLOCK_BYTES, &ram), 0);
    assert_int_equal(dev_volatile_new(&alloc, ram, NULL, &dev), 0);
    assert_int_equal(dev_volatile_new(&alloc, ram, NULL, &overlay), 0);
    small_case(dev);
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        assert_int_equal(dev_volatile_cut_onto(dev, seed, overlay), 0);
        reached[small_outcome(overlay)] = true;
        dev_volatile_cut(overlay, DEV_CUT_LOSE_ALL);
        dev_volatile_power_on(overlay);
    }
    for (unsigned i = 0; i < sizeof reached; i++) {
        assert_int_equal(reached[i], small_outcome_is_reachable(i));
        count += reached[i];
    }
    assert_int_equal(count, 81);
    dev_destroy(overlay);
    dev_destroy(dev);
    dev_destroy(ram);
}

/* The same seed does the same, here or on an overlay, at once or after a stop. */
static void an_outcome_is_the_seeds_alone(void **state)
{
    struct alloc alloc = {0};
    struct dev *ram;
    struct dev *dev;
    struct dev *overlay;

    (void)state;
    assert_int_equal(dev_ram_new(&alloc, 2 * DEV_BLOCK_BYTES, &ram), 0);
    assert_int_equal(dev_volatile_new(&alloc, ram, NULL, &dev), 0);
    assert_int_equal(dev_volatile_new(&alloc, ram, NULL, &overlay), 0);
    for (uint64_t seed = 0; seed < 50; seed++) {
        unsigned outcome;

        small_case(dev);
        assert_int_equal(dev_volatile_cut_onto(dev, seed, overlay), 0);
        outcome = small_outcome(overlay);
        dev_volatile_cut(overlay, DEV_CUT_LOSE_ALL);
        dev_volatile_power_on(overlay);
        dev_volatile_cut(dev, seed);
        assert_int_equal(small_outcome(ram), outcome);
        dev_volatile_power_on(dev);
    }
    dev_destroy(overlay);
    dev_destroy(dev);
    dev_destroy(ram);
}

/* Bit 0: b over both blocks, bit 1: c over block 0, bit 2: zeros over block 1. */
static void a_mask_keeps_whole_requests_in_their_order(void **state)
{
    static const char expected[8][2] = {{'a', 'a'}, {'b', 'b'}, {'c', 'a'}, {'c', 'b'},
                                        {'a', 0},   {'b', 0},   {'c', 0},   {'c', 0}};
    struct alloc alloc = {0};
    struct dev *ram;
    struct dev *dev;

    (void)state;
    assert_int_equal(dev_ram_new(&alloc, 2 * DEV_BLOCK_BYTES, &ram), 0);
    assert_int_equal(dev_volatile_new(&alloc, ram, NULL, &dev), 0);
    for (uint64_t mask = 0; mask < 8; mask++) {
        uint8_t bytes[2 * DEV_BLOCK_BYTES];

        small_case(dev);
        assert_int_equal(dev_volatile_pending(dev), 3);
        dev_volatile_cut_mask(dev, mask);
        assert_int_equal(dev_read(ram, 0, 2, bytes), 0);
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(bytes[i * DEV_BLOCK_BYTES], expected[mask][i]);
            assert_memory_equal(bytes + i * DEV_BLOCK_BYTES, bytes + i * DEV_BLOCK_BYTES + 1,
                                DEV_BLOCK_BYTES - 1);
        }
        dev_volatile_power_on(dev);
    }
    dev_destroy(dev);
    dev_destroy(ram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_sector_is_what_it_was_or_may_have_become),
        cmocka_unit_test(with_little_room_too_in_order_or_not),
        cmocka_unit_test(every_outcome_of_a_small_case_is_reached_and_no_other),
        cmocka_unit_test(an_outcome_is_the_seeds_alone),
        cmocka_unit_test(a_mask_keeps_whole_requests_in_their_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
