/*
 * The fast path is exact: the guesses of the TLB change no result, count, stamp, entry or event.
 *
 * Two worlds get the same random accesses. In one, the guess that an access would use is spoiled
 * before it, so that it always searches the set, which is the plain model.
 */
#include "base/prng.h"
#include "unit/hw/tables.h"

#define FRAMES (WORLD_BASE + ((uint64_t)1 << 30))
#define PAGES  600
#define ROUNDS 40000

struct side {
    struct world w;
    uint64_t event_hash;
};

static void hash_event(void *context, const struct mw_event *event)
{
    struct side *side = context;

    side->event_hash = prng_mix(side->event_hash ^ event->kind ^ event->op << 8);
    side->event_hash = prng_mix(side->event_hash ^ event->time_ns);
    for (unsigned i = 0; i < MW_EVENT_ARGS; i++)
        side->event_hash = prng_mix(side->event_hash ^ event->arg[i]);
}

static vaddr_t page_address(uint64_t n)
{
    return n * 37 << PAGE_SHIFT; /* spread over sets and guesses */
}

static void start(struct side *side)
{
    world_init(&side->w);
    side->event_hash = 1;
    for (uint64_t n = 0; n < PAGES; n++) {
        uint64_t flags = n % 7 == 0 ? PTE_V | PTE_R | PTE_A : n % 5 == 0 ? LEAF_RWX : LEAF_RW;

        if (n % 11 == 0)
            flags |= PTE_G;
        world_map(&side->w, MW_MODE_SV39, page_address(n), 0,
                  pte_make(paddr(FRAMES + n * PAGE_BYTES), n % 13 == 0 ? 0 : flags));
    }
    world_map(&side->w, MW_MODE_SV39, level_bytes(1) * 300, 1, pte_make(paddr(FRAMES), LEAF_RW));
    world_start_hart(&side->w, 16, 4);
    assert_int_equal(event_subscribe(&side->w.bus, MW_EVENTS_ALL, hash_event, side), 0);
}

/* Points the guess for va into the set beside its own, where it cannot be right. */
static void spoil_guess(struct tlb *tlb, vaddr_t va)
{
    *tlb_guess(tlb, va) = tlb_set(tlb, va + PAGE_BYTES, 0);
}

/* One random thing; the offset of the byte in RAM, or the walk error's negative. */
static int64_t step(struct side *side, struct prng *random, bool plain)
{
    struct hart *h = &side->w.hart;
    struct trap trap;
    uint64_t dice = prng_below(random, 1000), n = prng_below(random, 80) + dice % 8 * 70;
    vaddr_t va = n < 550 ? page_address(n) : level_bytes(1) * 300 + page_address(n - 550);
    enum mw_access access = (enum mw_access)prng_below(random, MW_ACCESS_COUNT);
    uint8_t *host;

    if (dice < 3)
        hart_sfence(h, dice > 0, va, dice > 1, h->asid);
    if (dice < 10)
        hart_set_satp(h, MW_MODE_SV39, side->w.root, (uint16_t)(dice % 3));
    if (plain)
        spoil_guess(&h->tlb, va);
    host = hart_translate(h, va, access, &trap);
    if (host != NULL)
        return host - side->w.ram.host;
    event_op_end(&side->w.bus, trap.opened_op);
    return -(int64_t)trap.error;
}

static void compare_sides(const struct side *a, const struct side *b)
{
    const struct hart *x = &a->w.hart, *y = &b->w.hart;

    assert_memory_equal(&x->counters, &y->counters, sizeof(x->counters));
    assert_memory_equal(x->tlb.form_count, y->tlb.form_count, sizeof(x->tlb.form_count));
    assert_int_equal(x->tlb.stamp, y->tlb.stamp);
    assert_int_equal(x->tlb.evictions, y->tlb.evictions);
    assert_int_equal(x->tlb.dropped, y->tlb.dropped);
    for (uint32_t i = 0; i < x->tlb.sets * x->tlb.ways; i++) {
        const struct tlb_entry *e = &x->tlb.entries[i], *f = &y->tlb.entries[i];

        assert_int_equal(e->tag, f->tag);
        assert_int_equal(e->stamp, f->stamp);
        assert_int_equal(e->pte.raw, f->pte.raw);
        assert_int_equal(e->allowed, f->allowed);
    }
    assert_int_equal(a->event_hash, b->event_hash);
    assert_int_equal(a->w.clock.now_ns, b->w.clock.now_ns);
}

static void guesses_change_nothing_that_anybody_can_see(void **state)
{
    struct prng random, same;
    struct side guessing, plain;

    (void)state;
    prng_seed(&random, 20);
    start(&guessing);
    start(&plain);
    for (unsigned i = 0; i < ROUNDS; i++) {
        int64_t result;

        same = random;
        result = step(&guessing, &random, false);
        assert_int_equal(result, step(&plain, &same, true));
        if (i % 100 == 0)
            compare_sides(&guessing, &plain);
    }
    compare_sides(&guessing, &plain);
    assert_true(guessing.w.hart.counters.hits[MW_LOAD] > ROUNDS / 100);
    assert_true(guessing.w.hart.tlb.evictions > ROUNDS / 100);
    assert_true(tlb_check(&plain.w.hart.tlb, &plain.w.ram));
    for (struct side *side = &guessing; side != NULL; side = side == &guessing ? &plain : NULL) {
        hart_destroy(&side->w.hart);
        world_destroy(&side->w);
    }
}

static void a_guess_of_a_dropped_or_replaced_entry_does_not_match(void **state)
{
    struct world w;
    struct trap trap;
    vaddr_t va = page_address(1), same_guess = va + ((uint64_t)TLB_GUESSES << PAGE_SHIFT);

    (void)state;
    world_init(&w);
    world_map(&w, MW_MODE_SV39, va, 0, pte_make(paddr(FRAMES), LEAF_RW));
    world_map(&w, MW_MODE_SV39, same_guess, 0, pte_make(paddr(FRAMES + PAGE_BYTES), LEAF_RW));
    world_start_hart(&w, 1, 2);
    assert_ptr_equal(hart_translate(&w.hart, va, MW_LOAD, &trap), ram_host(&w.ram, paddr(FRAMES)));
    assert_ptr_equal(hart_translate(&w.hart, same_guess, MW_LOAD, &trap),
                     ram_host(&w.ram, paddr(FRAMES + PAGE_BYTES)));
    assert_ptr_equal(hart_translate(&w.hart, va, MW_LOAD, &trap), ram_host(&w.ram, paddr(FRAMES)));
    assert_int_equal(w.hart.counters.hits[MW_LOAD], 1);
    world_map(&w, MW_MODE_SV39, va, 0, pte_none());
    hart_sfence(&w.hart, true, va, true, 1);
    assert_null(hart_translate(&w.hart, va, MW_LOAD, &trap));
    event_op_end(&w.bus, trap.opened_op);
    hart_destroy(&w.hart);
    world_destroy(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guesses_change_nothing_that_anybody_can_see),
        cmocka_unit_test(a_guess_of_a_dropped_or_replaced_entry_does_not_match),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
