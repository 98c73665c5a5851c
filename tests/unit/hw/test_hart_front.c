/*
 * The fast path is exact: the front changes no result, count, order of use, entry or event.
 *
 * Two harts, each with a world of its own, get the same random accesses. One of them is plain.
 */
#include "base/prng.h"
#include "model/tlb_shapes.h"
#include "unit/hw/one_hart.h"

#define PAGES      600
#define ROUNDS     6000 /* for each geometry */
#define GEOMETRIES 24

struct side {
    struct world w;
    uint64_t event_hash;
    uint64_t hits_told;
};

static void hash_event(void *context, const struct mw_event *event)
{
    struct side *side = context;

    side->event_hash = prng_mix(side->event_hash ^ event->kind ^ event->op << 8);
    side->event_hash = prng_mix(side->event_hash ^ event->time_ns);
    for (unsigned i = 0; i < MW_EVENT_ARGS; i++)
        side->event_hash = prng_mix(side->event_hash ^ event->arg[i]);
}

static void count_hit(void *context, const struct mw_event *event)
{
    struct side *side = context;

    side->hits_told += event->kind == MW_EVENT_TLB_HIT;
}

static vaddr_t page_address(uint64_t n)
{
    return n * 37 << PAGE_SHIFT; /* spread over sets and slots */
}

/* Half of them at one distance from their addresses, as kernels map memory. */
static paddr_t frame_of_page(uint64_t n)
{
    return paddr(n % 2 == 0 ? FRAME + page_address(n) : FRAME + n * PAGE_BYTES);
}

/* A hart that is listened to, and one with global pages, takes fewer short ways: some runs do without. */
#define LISTEN  1u
#define GLOBALS 2u

static void start_side(struct side *side, const struct mw_tlbs *tlbs, bool plain, unsigned variant)
{
    struct hart_setup setup = world_setup(*tlbs);

    setup.plain = plain;
    world_init(&side->w);
    side->event_hash = 1;
    side->hits_told = 0;
    for (uint64_t n = 0; n < PAGES; n++) {
        uint64_t flags = n % 7 == 0 ? PTE_V | PTE_R | PTE_A : n % 5 == 0 ? LEAF_RWX : LEAF_RW;

        if (n % 11 == 0 && (variant & GLOBALS) != 0)
            flags |= PTE_G;
        if (n % 17 == 0)
            flags |= PTE_U;
        world_map(&side->w, MW_MODE_SV39, page_address(n), 0,
                  pte_make(frame_of_page(n), n % 13 == 0 ? 0 : flags));
    }
    world_map(&side->w, MW_MODE_SV39, level_bytes(1) * 300, 1, pte_make(paddr(FRAME), LEAF_RW));
    world_start_setup(&side->w, &setup);
    if ((variant & LISTEN) != 0)
        assert_int_equal(event_subscribe(&side->w.bus, MW_EVENTS_NO_HITS, hash_event, side), 0);
    hart_listeners_changed(&side->w.hart);
}

static void finish_side(struct side *side)
{
    assert_true(hart_check(&side->w.hart));
    hart_destroy(&side->w.hart);
    world_destroy(&side->w);
}

/* Registers, fences and who listens, once in a while. */
static void disturb(struct side *side, uint64_t dice, vaddr_t va)
{
    struct hart *h = &side->w.hart;
    static const mw_event_mask hits = MW_EVENT_BIT(MW_EVENT_TLB_HIT);

    if (dice < 3)
        hart_sfence(h, dice > 0, va, dice > 1, h->asid);
    else if (dice < 10)
        hart_set_satp(h, MW_MODE_SV39, side->w.root, (uint16_t)(dice % 3));
    else if (dice < 14)
        hart_set_privilege(h, dice == 10, dice == 11, false);
    else if (dice == 14)
        assert_true(event_subscribe(&side->w.bus, hits, count_hit, side) <= 0);
    else if (dice < 17)
        event_unsubscribe(&side->w.bus, count_hit, side);
    if (dice >= 14 && dice < 17)
        hart_listeners_changed(h);
}

/* An access through the inline path for one of the sizes that it knows; where the byte lies. */
static uint8_t *touch(struct hart *h, vaddr_t va, unsigned bytes, enum mw_access access,
                      struct trap *trap)
{
    uint8_t *host;

    va -= va % bytes;
    if (front_serve(&h->front, va, bytes, access, &host))
        return host;
    return hart_translate_slow(h, va, access, trap);
}

/* One random thing; the offset of the byte in RAM, or the walk error's negative. */
static int64_t step(struct side *side, struct prng *random)
{
    uint64_t dice = prng_below(random, 3000), n = prng_below(random, 40) + dice % 8 * 70;
    vaddr_t va = n < 520 ? page_address(n) : level_bytes(1) * 300 + page_address(n - 520);
    enum mw_access access = (enum mw_access)prng_below(random, MW_ACCESS_COUNT);
    unsigned bytes = 1u << prng_below(random, 7), times = (unsigned)prng_below(random, 4) + 1;
    struct trap trap;
    uint8_t *host = NULL;

    disturb(side, dice, va);
    va += prng_below(random, PAGE_BYTES);
    for (unsigned i = 0; i < times; i++) {
        host = touch(&side->w.hart, va, bytes, access, &trap);
        if (host == NULL)
            event_op_end(&side->w.bus, trap.opened_op);
    }
    return host != NULL ? host - side->w.ram.host : -(int64_t)trap.error;
}

/* Same entries in the same ways; and in each set the same order of use. */
static void compare_arrays(const struct tlb_array *x, const struct tlb_array *y)
{
    for (uint32_t i = 0; i < tlb_array_count(x); i++) {
        const struct tlb_entry *e = &x->entries[i], *f = &y->entries[i];

        assert_int_equal(x->tags[i], y->tags[i]);
        for (uint32_t j = i - i % x->ways; j < i; j++)
            assert_int_equal(x->stamps[i] < x->stamps[j], y->stamps[i] < y->stamps[j]);
        if (!tlb_array_live(x, i))
            continue;
        assert_int_equal(e->pte.raw, f->pte.raw);
        assert_int_equal(e->allowed, f->allowed);
        assert_int_equal(e->prefetched, f->prefetched);
    }
}

static void compare_sides(struct side *a, struct side *b)
{
    struct hart *x = &a->w.hart, *y = &b->w.hart;

    assert_true(hart_check(x));
    hart_settle_time(x);
    hart_settle_time(y);
    for (unsigned access = 0; access < MW_ACCESS_COUNT; access++)
        assert_int_equal(hart_hits(x, (enum mw_access)access),
                         hart_hits(y, (enum mw_access)access));
    assert_memory_equal(x->misses, y->misses, sizeof(x->misses));
    assert_memory_equal(&x->walk_cache.counters, &y->walk_cache.counters,
                        sizeof(x->walk_cache.counters));
    for (unsigned unit = 0; unit < MW_TLB_COUNT; unit++) {
        struct mw_tlb_counters n = hart_tlb_counters(x, (enum mw_tlb_unit)unit);
        struct mw_tlb_counters m = hart_tlb_counters(y, (enum mw_tlb_unit)unit);

        assert_memory_equal(&n, &m, sizeof(n));
        for (uint32_t i = 0; i < x->tlb[unit].arrays; i++)
            compare_arrays(&x->tlb[unit].array[i], &y->tlb[unit].array[i]);
    }
    assert_int_equal(a->w.bus.last_op, b->w.bus.last_op);
    assert_int_equal(a->event_hash, b->event_hash);
    assert_int_equal(a->hits_told, b->hits_told);
    assert_int_equal(a->w.clock.now_ns, b->w.clock.now_ns);
}

/* What the front has served, of that again and again on one page. */
struct served {
    uint64_t hits, repeats;
};

static void run_sides(const struct mw_tlbs *tlbs, struct prng *random, struct served *served)
{
    unsigned variant = (unsigned)prng_below(random, 4);
    struct side front, plain;
    struct prng same;

    start_side(&front, tlbs, false, variant);
    start_side(&plain, tlbs, true, variant);
    for (unsigned i = 0; i < ROUNDS; i++) {
        int64_t result;

        same = *random;
        result = step(&front, random);
        assert_int_equal(result, step(&plain, &same));
        if (i % 50 == 0)
            compare_sides(&front, &plain);
    }
    compare_sides(&front, &plain);
    for (unsigned access = 0; access < MW_ACCESS_COUNT; access++) {
        assert_int_equal(front_hits(&plain.w.hart.front, (enum mw_access)access), 0);
        served->hits += front_hits(&front.w.hart.front, (enum mw_access)access);
        served->repeats += front.w.hart.front.repeats[access];
    }
    finish_side(&front);
    finish_side(&plain);
}

static void the_front_changes_nothing_that_anybody_can_see(void **state)
{
    struct served served = {0};
    struct prng random;

    (void)state;
    prng_seed(&random, 20);
    for (unsigned i = 0; i < GEOMETRIES; i++) {
        struct mw_tlbs tlbs = random_tlbs(&random);

        run_sides(&tlbs, &random, &served);
    }
    assert_true(served.repeats > GEOMETRIES * ROUNDS / 10);
    assert_true(served.hits - served.repeats > GEOMETRIES * ROUNDS / 200);
}

static void the_front_is_exact_under_every_policy_where_much_hits(void **state)
{
    struct served served = {0};
    struct prng random;

    (void)state;
    prng_seed(&random, 21);
    for (unsigned policy = 0; policy < MW_REPLACE_COUNT; policy++) {
        struct mw_tlbs tlbs = unified_tlbs(32, 16, policy);

        run_sides(&tlbs, &random, &served);
        tlbs = unified_tlbs(1, 64, policy);
        tlbs.l1i = tlbs.l1d;
        run_sides(&tlbs, &random, &served);
    }
    if (served.hits <= MW_REPLACE_COUNT * ROUNDS / 2)
        fail_msg("the front has served %llu hits only", (unsigned long long)served.hits);
}

/* ---- what the front must forget ---- */

static bool front_knows(struct world *w, vaddr_t va, enum mw_access access)
{
    uint8_t *host;

    return front_serve(&w->hart.front, va, 1, access, &host);
}

/* VA is mapped, has been loaded from, and is known. */
static void start_known(struct world *w)
{
    start(w);
    map(w, VA, 0, LEAF_RWX);
    assert_true(access_ok(w, VA, MW_LOAD) && access_ok(w, VA, MW_LOAD));
    assert_true(front_knows(w, VA, MW_LOAD));
}

static void the_front_serves_only_what_was_asked_for_before(void **state)
{
    struct world w;

    (void)state;
    start_known(&w);
    assert_false(front_knows(&w, VA, MW_FETCH));
    assert_false(front_knows(&w, VA, MW_STORE));
    assert_true(access_ok(&w, VA, MW_STORE));
    assert_true(front_knows(&w, VA, MW_AMO)); /* what may store may do both */
    assert_false(front_knows(&w, VA + PAGE_BYTES, MW_LOAD));
    for (unsigned bit = 38; bit < 64; bit++)
        assert_false(front_knows(&w, VA ^ (vaddr_t)1 << bit, MW_LOAD));
    finish(&w);
}

static void the_front_leaves_accesses_that_are_not_aligned_to_others(void **state)
{
    struct world w;
    uint8_t *host;

    (void)state;
    start_known(&w);
    for (unsigned bytes = 2; bytes <= FRONT_BYTES_MAX; bytes *= 2) {
        assert_true(front_serve(&w.hart.front, VA + bytes, bytes, MW_LOAD, &host));
        assert_ptr_equal(host, ram_host(&w.ram, paddr(FRAME + bytes)));
        for (unsigned off = 1; off < bytes; off++)
            assert_false(front_serve(&w.hart.front, VA + off, bytes, MW_LOAD, &host));
    }
    finish(&w);
}

static void a_new_context_or_listener_empties_the_front(void **state)
{
    struct world w;

    (void)state;
    for (unsigned change = 0; change < 4; change++) {
        start_known(&w);
        if (change == 0)
            hart_set_satp(&w.hart, MW_MODE_SV39, w.root, 2);
        else if (change == 1)
            hart_set_privilege(&w.hart, true, false, false);
        else if (change == 2)
            world_listen(&w);
        else
            hart_sfence(&w.hart, true, VA, true, 1);
        assert_false(front_knows(&w, VA, MW_LOAD));
        finish(&w);
    }
}

static void who_listens_to_hits_is_told_of_every_one(void **state)
{
    struct world w;

    (void)state;
    start_known(&w);
    world_listen(&w);
    for (unsigned i = 0; i < 5; i++)
        assert_true(access_ok(&w, VA, MW_LOAD));
    assert_int_equal(w.events, 5);
    assert_false(front_knows(&w, VA, MW_LOAD));
    event_unsubscribe(&w.bus, world_record, &w);
    hart_listeners_changed(&w.hart);
    assert_true(access_ok(&w, VA, MW_LOAD));
    assert_true(front_knows(&w, VA, MW_LOAD));
    finish(&w);
}

static void the_front_forgets_an_entry_that_is_dropped_evicted_or_renewed(void **state)
{
    vaddr_t same_slot = VA + ((vaddr_t)FRONT_SLOTS << PAGE_SHIFT);
    struct trap trap;
    struct world w;

    (void)state;
    world_init(&w);
    world_start_hart(&w, 1, 1);
    map(&w, VA, 0, LEAF_RW);
    map(&w, same_slot, 1, LEAF_RW);
    for (unsigned i = 0; i < 4; i++) {
        assert_ptr_equal(hart_translate(&w.hart, VA, MW_LOAD, &trap),
                         ram_host(&w.ram, paddr(FRAME)));
        assert_ptr_equal(hart_translate(&w.hart, same_slot, MW_LOAD, &trap),
                         ram_host(&w.ram, paddr(FRAME + PAGE_BYTES)));
        assert_false(front_knows(&w, VA, MW_LOAD));
    }
    expect_counts(&w, MW_LOAD, 0, 8);
    map(&w, same_slot, 0, 0);
    hart_sfence(&w.hart, true, same_slot, true, 1);
    assert_null(hart_translate(&w.hart, same_slot, MW_LOAD, &trap));
    event_op_end(&w.bus, trap.opened_op);
    finish(&w);
}

static void a_renewed_entry_is_served_as_it_is_now(void **state)
{
    struct trap trap;
    struct world w;

    (void)state;
    start(&w);
    map(&w, VA, 0, PTE_V | PTE_R | PTE_A);
    assert_true(access_ok(&w, VA, MW_LOAD) && access_ok(&w, VA, MW_LOAD));
    map(&w, VA, 1, LEAF_RW);                  /* a software error, without a fence */
    assert_true(access_ok(&w, VA, MW_STORE)); /* forbidden: walked, the entry is another now */
    assert_ptr_equal(hart_translate(&w.hart, VA, MW_LOAD, &trap),
                     ram_host(&w.ram, paddr(FRAME + PAGE_BYTES)));
    finish(&w);
}

/* Both lie at one distance from their addresses, so that nothing but their entries differs. */
static void two_pages_of_one_slot_take_turns(void **state)
{
    vaddr_t same_slot = VA + ((vaddr_t)FRONT_SLOTS << PAGE_SHIFT);
    struct world w;

    (void)state;
    start(&w);
    map(&w, VA, 0, LEAF_RW);
    map(&w, same_slot, FRONT_SLOTS, LEAF_RW);
    for (unsigned i = 0; i < 10; i++) {
        assert_true(access_ok(&w, VA, MW_LOAD));
        assert_true(access_ok(&w, same_slot, MW_STORE));
        assert_true(hart_check(&w.hart));
    }
    expect_counts(&w, MW_LOAD, 9, 1);
    expect_counts(&w, MW_STORE, 9, 1);
    finish(&w);
}

/* ---- the checker ---- */

/* The checker finds `wrong` and is content again once it is undone. */
#define FOUND(w, field, wrong)                \
    do {                                      \
        __typeof__(field) right = (field);    \
        assert_true(hart_check(&(w)->hart));  \
        (field) = (__typeof__(field))(wrong); \
        assert_false(hart_check(&(w)->hart)); \
        (field) = right;                      \
    } while (0)

static void the_checker_finds_each_broken_invariant_of_the_front(void **state)
{
    struct front_slot *slot, *other;
    struct front *front;
    struct world w;

    (void)state;
    start(&w);
    front = &w.hart.front;
    map(&w, VA, 0, PTE_V | PTE_R | PTE_A);
    map(&w, VA + PAGE_BYTES, 1, LEAF_RW);
    for (unsigned i = 0; i < 2; i++) /* a fill teaches the front nothing, the first hit does */
        assert_true(access_ok(&w, VA, MW_LOAD) && access_ok(&w, VA + PAGE_BYTES, MW_LOAD));
    slot = front_slot(front, VA, MW_LOAD);
    other = front_slot(front, VA + PAGE_BYTES, MW_LOAD);
    FOUND(&w, slot->load_key, VA + 2 * PAGE_BYTES);               /* of no entry */
    FOUND(&w, slot->load_key, VA + PAGE_BYTES);                   /* of another slot */
    FOUND(&w, slot->store_key, front_key(VA, 1, MW_STORE));       /* the entry forbids it */
    FOUND(&w, slot->load_key, slot->load_key | (vaddr_t)1 << 63); /* not canonical */
    FOUND(&w, slot->addend, slot->addend + PAGE_BYTES);
    FOUND(&w, slot->stamp, other->stamp);
    FOUND(&w, front->last, slot); /* was not used last */
    FOUND(&w, w.hart.asid, 2);
    FOUND(&w, w.hart.plain, true);
    for (unsigned word = 0; word < FRONT_SLOTS * 2 / 64; word++)
        if (front->used[word] != 0)
            FOUND(&w, front->used[word], 0);
    finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_front_changes_nothing_that_anybody_can_see),
        cmocka_unit_test(the_front_is_exact_under_every_policy_where_much_hits),
        cmocka_unit_test(the_front_serves_only_what_was_asked_for_before),
        cmocka_unit_test(the_front_leaves_accesses_that_are_not_aligned_to_others),
        cmocka_unit_test(a_new_context_or_listener_empties_the_front),
        cmocka_unit_test(who_listens_to_hits_is_told_of_every_one),
        cmocka_unit_test(the_front_forgets_an_entry_that_is_dropped_evicted_or_renewed),
        cmocka_unit_test(a_renewed_entry_is_served_as_it_is_now),
        cmocka_unit_test(two_pages_of_one_slot_take_turns),
        cmocka_unit_test(the_checker_finds_each_broken_invariant_of_the_front),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
