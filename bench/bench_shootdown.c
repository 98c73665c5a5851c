/*
 * TLB shootdown through the kernel's own batch: what one cached page costs on one hart, and what
 * that does not depend on.
 *
 * Each figure has the same work beside it in another shape: a smaller TLB, fewer pages a batch,
 * fewer harts. The cost is linear in what is cached, so all ratios should be near 1 or below. The
 * pages stay mapped, and are loaded again on all harts before each measurement, outside of it.
 */
#include <stdlib.h>

#include "pt/tlb_batch.h"
#include "rig.h"

#define SMALL_PAGES 256 /* fill 64x4, side by side */
#define LARGE_PAGES 512

struct shape {
    uint32_t sets; /* of four ways */
    unsigned harts;
    uint64_t pages; /* cached on every hart, all of them */
    uint64_t batch; /* pages a batch: up to TLB_BATCH_PAGES are fenced one by one */
};

struct machine {
    struct shape shape;
    struct rig rig;
    struct frame_table frames;
    struct hart_set set;
    struct pt pt;
    struct tlb_batch batch;
};

struct shootdown_state {
    struct machine measured;
    struct machine beside;
};

static vaddr_t page_at(uint64_t i)
{
    return RIG_FIRST_VA + i * PAGE_BYTES;
}

/* ---- one measurement ---- */

static void cache_pages(struct machine *m)
{
    for (unsigned hart = 0; hart < m->shape.harts; hart++)
        for (uint64_t i = 0; i < m->shape.pages; i++) {
            struct trap trap;
            uint64_t value;
            bool done =
                hart_load(&m->rig.harts[hart], page_at(i), &value, sizeof value, MW_LOAD, &trap);
            bench_must(done, "a mapped page trapped");
        }
}

static void shoot_down(struct machine *m)
{
    for (uint64_t first = 0; first < m->shape.pages; first += m->shape.batch) {
        tlb_batch_begin(&m->batch, &m->pt, MW_FENCE_UNMAP);
        for (uint64_t i = first; i < first + m->shape.batch; i++)
            tlb_batch_add_page(&m->batch, page_at(i));
        tlb_batch_finish(&m->batch);
    }
}

/* An operation is one page on one hart. */
static uint64_t measure(struct machine *m, uint64_t count)
{
    uint64_t spent = 0;

    for (uint64_t done = 0; done < count; done += m->shape.pages * m->shape.harts) {
        cache_pages(m);
        uint64_t begin = bench_now();
        shoot_down(m);
        spent += bench_now() - begin;
    }
    return spent;
}

static uint64_t run_measured(void *state, uint64_t count)
{
    return measure(&((struct shootdown_state *)state)->measured, count);
}

static uint64_t run_beside(void *state, uint64_t count)
{
    return measure(&((struct shootdown_state *)state)->beside, count);
}

/* ---- machines ---- */

static void map_page(struct machine *m, vaddr_t va)
{
    struct frame *frame = frame_alloc(&m->frames, MW_OWNER_ANONYMOUS, true);

    bench_must(frame != NULL, "simulated RAM is full");
    bench_must(pt_install(&m->pt, va,
                          pte_make(frame_paddr(&m->frames, frame),
                                   PTE_V | PTE_R | PTE_W | PTE_U | PTE_A | PTE_D),
                          &m->batch) == 0,
               "pt_install");
}

/* One batch drops every page from every hart: else the figure would not be what it says. */
static void prove_work(struct machine *m)
{
    cache_pages(m);
    shoot_down(m);
    for (unsigned hart = 0; hart < m->shape.harts; hart++)
        bench_must(hart_tlb_counters(&m->rig.harts[hart], MW_TLB_L1D).dropped == m->shape.pages,
                   "not all pages were cached");
}

static void open_machine(struct machine *m, const struct shape *shape)
{
    const struct mw_tlbs tlbs = {
        .l1d = {.arrays = 1,
                .array = {{.sets = shape->sets,
                           .ways = 4,
                           .sizes = (1u << MW_SIZE_COUNT) - 1,
                           .replacement = MW_REPLACE_LRU}}},
    };

    m->shape = *shape;
    rig_init(&m->rig, &tlbs, shape->harts);
    bench_must(frame_table_init(&m->frames, &m->rig.ram, &m->rig.bus, &m->rig.clock, 0, 0) == 0,
               "frame_table_init");
    hart_set_init(&m->set, m->rig.harts, shape->harts, 16, &m->rig.clock, 0, 0);
    bench_must(pt_init(&m->pt, &m->frames, &m->set, MW_MODE_SV39) == 0, "pt_init");
    for (unsigned hart = 0; hart < shape->harts; hart++)
        pt_activate(&m->pt, &m->rig.harts[hart]);
    tlb_batch_begin(&m->batch, &m->pt, MW_FENCE_NONE);
    for (uint64_t i = 0; i < shape->pages; i++)
        map_page(m, page_at(i));
    tlb_batch_finish(&m->batch);
    prove_work(m);
}

static void close_machine(struct machine *m)
{
    frame_table_destroy(&m->frames);
    rig_destroy(&m->rig);
}

static void *open_pair(const struct shape *measured, const struct shape *beside)
{
    struct shootdown_state *s = rig_new(1, sizeof *s);

    open_machine(&s->measured, measured);
    open_machine(&s->beside, beside);
    return s;
}

static void close_pair(void *state)
{
    struct shootdown_state *s = state;

    close_machine(&s->measured);
    close_machine(&s->beside);
    free(s);
}

/* Page by page, in a TLB sixteen times as large. */
static void *open_size(void)
{
    return open_pair(&(struct shape){1024, 4, SMALL_PAGES, 8},
                     &(struct shape){64, 4, SMALL_PAGES, 8});
}

/* The whole address space at once, in a TLB sixteen times as large. */
static void *open_size_all(void)
{
    return open_pair(&(struct shape){1024, 4, SMALL_PAGES, SMALL_PAGES},
                     &(struct shape){64, 4, SMALL_PAGES, SMALL_PAGES});
}

static void *open_pages(void)
{
    return open_pair(&(struct shape){1024, 4, LARGE_PAGES, LARGE_PAGES},
                     &(struct shape){1024, 4, LARGE_PAGES, 8});
}

static void *open_harts(void)
{
    return open_pair(&(struct shape){1024, 4, SMALL_PAGES, 8},
                     &(struct shape){1024, 1, SMALL_PAGES, 8});
}

/* ---- the table ---- */

/* Whole measurements of either side. */
#define SHOOTDOWN_BENCH                                                                       \
    .unit = "ns/page", .close = close_pair, .run = run_measured, .run_yardstick = run_beside, \
    .ratio_max = 1.5, .count_step = (uint64_t)4 * LARGE_PAGES

void bench_shootdown_register(struct bench_list *list)
{
    static const struct bench table[] = {
        {.name = "shootdown", SHOOTDOWN_BENCH, .open = open_size, .yardstick = "TLB of 64x4"},
        {.name = "shootdown_all",
         SHOOTDOWN_BENCH,
         .open = open_size_all,
         .yardstick = "TLB of 64x4"},
        {.name = "shootdown_512_pages",
         SHOOTDOWN_BENCH,
         .open = open_pages,
         .yardstick = "8 pages a batch"},
        {.name = "shootdown_4_harts", SHOOTDOWN_BENCH, .open = open_harts, .yardstick = "1 hart"},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        bench_list_add(list, &table[i]);
}
