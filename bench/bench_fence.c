/*
 * What a kernel on the hardware half pays beside translation: a fault value, sfence.vma of a page,
 * a switch between address spaces that have ASIDs.
 *
 * All on two levels of TLB. The yardsticks are again the shortest code that could do the job, on
 * direct-mapped arrays; they show the floor of the host, not a model.
 */
#include <stdlib.h>

#include "rig.h"

#define NEAR_SLOTS 256
#define FAR_SLOTS  4096
#define PAGES      256  /* side by side: all stay in both levels */
#define HOLES      64   /* pages of the same table that are not mapped */
#define VISITS     2048 /* a power of two */
#define SPACES     2

/* A fault as the ideal loop reports it. */
struct ideal_fault {
    enum mw_cause cause;
    vaddr_t va;
};

struct fence_state {
    struct rig rig;
    paddr_t root[SPACES];
    vaddr_t pages[PAGES];  /* mapped in every space, in random order */
    vaddr_t holes[VISITS]; /* addresses in pages that are not mapped */
    struct rig_slot near[SPACES][NEAR_SLOTS];
    struct rig_slot far[FAR_SLOTS];
};

static void *open_state(void)
{
    struct fence_state *s = rig_new(1, sizeof *s);
    uint64_t random = 88172645463325252u;
    struct mw_tlbs tlbs;

    bench_must(mw_tlbs_preset(&tlbs, "two-level") == 0, "mw_tlbs_preset");
    rig_init(&s->rig, &tlbs, 1);
    for (unsigned space = 0; space < SPACES; space++) {
        s->root[space] = rig_take_frames(&s->rig, 0);
        for (uint64_t i = 0; i < PAGES; i++)
            rig_map(&s->rig, s->root[space], RIG_FIRST_VA + i * PAGE_BYTES, 0);
    }
    for (uint64_t i = 0; i < PAGES; i++) {
        uint64_t j = bench_random(&random) % (i + 1);
        s->pages[i] = s->pages[j];
        s->pages[j] = RIG_FIRST_VA + i * PAGE_BYTES + rig_offset(&random, PAGE_BYTES);
    }
    for (uint64_t i = 0; i < VISITS; i++)
        s->holes[i] = RIG_FIRST_VA + (PAGES + bench_random(&random) % HOLES) * PAGE_BYTES +
                      rig_offset(&random, PAGE_BYTES);
    hart_set_satp(s->rig.harts, MW_MODE_SV39, s->root[0], 1);
    return s;
}

static void close_state(void *state)
{
    struct fence_state *s = state;

    rig_destroy(&s->rig);
    free(s);
}

static uint64_t load(struct hart *hart, vaddr_t va)
{
    struct trap trap;
    uint64_t value;

    if (!hart_load(hart, va, &value, sizeof value, MW_LOAD, &trap))
        bench_must(false, "a mapped page trapped");
    return value;
}

/* ---- a load of an unmapped page: nothing in the TLBs, a walk of three steps, a value ---- */

static uint64_t run_fault(void *state, uint64_t count)
{
    struct fence_state *s = state;
    uint64_t sum = 0;
    uint64_t begin = bench_now();

    for (uint64_t i = 0; i < count; i++) {
        struct trap trap;
        uint64_t value;
        if (hart_load(s->rig.harts, s->holes[i % VISITS], &value, sizeof value, MW_LOAD, &trap))
            bench_must(false, "a hole did not trap");
        event_op_end(&s->rig.bus, trap.opened_op);
        sum += trap.cause + trap.va;
    }
    bench_use(sum);
    return bench_now() - begin;
}

/* Kept out of line, as whoever handles a fault is in no loop with it. */
static __attribute__((noinline)) bool ideal_load(const struct fence_state *s, vaddr_t va,
                                                 uint64_t *value, struct ideal_fault *fault)
{
    uint8_t *host = rig_walk_ideal(&s->rig, s->root[0], va, 0);

    if (host == NULL) {
        *fault = (struct ideal_fault){MW_CAUSE_LOAD_PAGE, va};
        return false;
    }
    memcpy(value, host + (va & PAGE_MASK), sizeof *value);
    return true;
}

static uint64_t run_ideal_fault(void *state, uint64_t count)
{
    struct fence_state *s = state;
    uint64_t sum = 0;
    uint64_t begin = bench_now();

    for (uint64_t i = 0; i < count; i++) {
        struct ideal_fault fault;
        uint64_t value;
        if (ideal_load(s, s->holes[i % VISITS], &value, &fault))
            bench_must(false, "a hole did not trap");
        sum += fault.cause + fault.va;
    }
    bench_use(sum);
    return bench_now() - begin;
}

/* ---- sfence.vma of a page that both levels hold; filling them again is not timed ---- */

static uint64_t run_sfence(void *state, uint64_t count)
{
    struct fence_state *s = state;
    struct hart *hart = s->rig.harts;
    uint64_t spent = 0;

    for (uint64_t done = 0; done < count; done += PAGES) {
        for (unsigned i = 0; i < PAGES; i++)
            bench_use(load(hart, s->pages[i]));
        uint64_t begin = bench_now();
        for (unsigned i = 0; i < PAGES; i++)
            hart_sfence(hart, true, s->pages[i], true, 1);
        spent += bench_now() - begin;
    }
    return spent;
}

static void drop_slot(struct rig_slot *slots, unsigned count, vaddr_t va)
{
    struct rig_slot *slot = &slots[va >> PAGE_SHIFT & (count - 1)];

    if (slot->page == va >> PAGE_SHIFT)
        slot->page = 0;
}

static uint64_t run_ideal_sfence(void *state, uint64_t count)
{
    struct fence_state *s = state;
    uint64_t spent = 0;

    for (uint64_t done = 0; done < count; done += PAGES) {
        for (unsigned i = 0; i < PAGES; i++) {
            uint64_t page = s->pages[i] >> PAGE_SHIFT;
            s->near[0][page & (NEAR_SLOTS - 1)].page = page;
            s->far[page & (FAR_SLOTS - 1)].page = page;
        }
        uint64_t begin = bench_now();
        for (unsigned i = 0; i < PAGES; i++) {
            drop_slot(s->near[0], NEAR_SLOTS, s->pages[i]);
            drop_slot(s->far, FAR_SLOTS, s->pages[i]);
        }
        spent += bench_now() - begin;
        bench_use(s->near[0][0].page + s->far[0].page);
    }
    return spent;
}

/* ---- satp to the other of two address spaces, and an access there that hits ---- */

static uint64_t run_switch(void *state, uint64_t count)
{
    struct fence_state *s = state;
    struct hart *hart = s->rig.harts;
    uint64_t sum = 0;
    uint64_t begin = bench_now();

    for (uint64_t i = 0; i < count; i++) {
        uint64_t space = i % SPACES;
        hart_set_satp(hart, MW_MODE_SV39, s->root[space], (uint16_t)(1 + space));
        sum += load(hart, s->pages[space]);
    }
    bench_use(sum);
    return bench_now() - begin;
}

static uint64_t run_ideal_switch(void *state, uint64_t count)
{
    struct fence_state *s = state;
    uint64_t sum = 0;
    uint64_t begin = bench_now();

    for (uint64_t i = 0; i < count; i++) {
        uint64_t space = i % SPACES;
        vaddr_t va = s->pages[space];
        struct rig_slot *slot = &s->near[space][va >> PAGE_SHIFT & (NEAR_SLOTS - 1)];
        uint64_t value;
        if (slot->page != va >> PAGE_SHIFT)
            *slot =
                (struct rig_slot){va >> PAGE_SHIFT, rig_walk_ideal(&s->rig, s->root[space], va, 0)};
        memcpy(&value, slot->host + (va & PAGE_MASK), sizeof value);
        sum += value;
    }
    bench_use(sum);
    return bench_now() - begin;
}

/* ---- the table ---- */

#define FENCE_BENCH .open = open_state, .close = close_state

void bench_fence_register(struct bench_list *list)
{
    static const struct bench table[] = {
        {.name = "fault_value",
         .unit = "ns/fault",
         FENCE_BENCH,
         .run = run_fault,
         .yardstick = "ideal failing walk",
         .run_yardstick = run_ideal_fault,
         .median_max = 100},
        {.name = "sfence_page",
         .unit = "ns/fence",
         FENCE_BENCH,
         .run = run_sfence,
         .yardstick = "ideal invalidation",
         .run_yardstick = run_ideal_sfence,
         .median_max = 50,
         .count_step = PAGES},
        {.name = "switch_asid",
         .unit = "ns/switch",
         FENCE_BENCH,
         .run = run_switch,
         .yardstick = "ideal switch",
         .run_yardstick = run_ideal_switch,
         .median_max = 50},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        bench_list_add(list, &table[i]);
}
