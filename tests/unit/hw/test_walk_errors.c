/*
 * Every walk error for every access: the error, the architectural cause, and that a failed walk
 * writes nothing.
 *
 * Each test builds the mapping in question on a fresh world. Unless it says otherwise the walk is
 * made in S-mode with hardware A/D, so that a walk that went too far would be caught writing.
 */
#include "unit/hw/tables.h"

#define FRAME (WORLD_BASE + ((uint64_t)1 << 30))
#define VA    ((vaddr_t)0x40201238)
#define MODE  MW_MODE_SV39

struct context {
    bool user, sum, mxr, software_ad, svnapot, svpbmt;
};

static const struct context supervisor = {0};

/* The causes once more, from the table of exception codes, as the tests' own truth. */
static int page_fault_of(enum mw_access access)
{
    const int code[MW_ACCESS_COUNT] = {
        [MW_LOAD] = 13, [MW_STORE] = 15, [MW_FETCH] = 12, [MW_AMO] = 15};

    return code[access];
}

static int access_fault_of(enum mw_access access)
{
    const int code[MW_ACCESS_COUNT] = {[MW_LOAD] = 5, [MW_STORE] = 7, [MW_FETCH] = 1, [MW_AMO] = 7};

    return code[access];
}

/* Walks VA once and expects the error, its cause, and a last-level PTE that is what it was. */
static void expect(struct world *w, struct context c, enum mw_access access,
                   enum mw_walk_error error, int cause)
{
    struct walk_rules rules = {.mode = MODE,
                               .root = w->root,
                               .user = c.user,
                               .sum = c.sum,
                               .mxr = c.mxr,
                               .hardware_ad = !c.software_ad,
                               .svnapot = c.svnapot,
                               .svpbmt = c.svpbmt};
    uint8_t before[8 * PAGE_BYTES];
    struct walk_result r;

    memcpy(before, w->ram.host, sizeof(before));
    r = walk(&w->ram, &rules, VA, access, &w->bus);
    assert_int_equal(r.error, error);
    assert_int_equal(walk_cause(r.error, access), cause);
    if (error != MW_WALK_OK)
        assert_memory_equal(before, w->ram.host, sizeof(before));
}

/* One page with these flags at VA: what each access meets. MW_WALK_OK is no fault. */
static void expect_page(uint64_t flags, struct context c, enum mw_walk_error load,
                        enum mw_walk_error store, enum mw_walk_error fetch, enum mw_walk_error amo)
{
    const enum mw_walk_error error[MW_ACCESS_COUNT] = {
        [MW_LOAD] = load, [MW_STORE] = store, [MW_FETCH] = fetch, [MW_AMO] = amo};

    for (enum mw_access access = MW_LOAD; access < MW_ACCESS_COUNT; access++) {
        struct world w;

        world_init(&w);
        world_map(&w, MODE, VA, 0, pte_make(paddr(FRAME), flags));
        expect(&w, c, access, error[access],
               error[access] == MW_WALK_OK ? MW_CAUSE_NONE : page_fault_of(access));
        world_destroy(&w);
    }
}

/* A raw entry at a level of the walk for VA, which stops every access there with a page fault. */
static void expect_entry_in(struct context c, unsigned level, uint64_t raw,
                            enum mw_walk_error error)
{
    for (enum mw_access access = MW_LOAD; access < MW_ACCESS_COUNT; access++) {
        struct world w;

        world_init(&w);
        world_map(&w, MODE, VA, level, (pte_t){raw});
        expect(&w, c, access, error, page_fault_of(access));
        world_destroy(&w);
    }
}

static void expect_entry(unsigned level, uint64_t raw, enum mw_walk_error error)
{
    expect_entry_in(supervisor, level, raw, error);
}

static void an_address_that_is_not_canonical_is_a_page_fault_of_each_access(void **state)
{
    const vaddr_t bad[] = {(vaddr_t)1 << 38, (vaddr_t)1 << 39, ~((vaddr_t)1 << 38),
                           (vaddr_t)1 << 63, ((vaddr_t)1 << 63) | VA};

    (void)state;
    for (enum mw_access access = MW_LOAD; access < MW_ACCESS_COUNT; access++) {
        struct world w;

        world_init(&w);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
            struct walk_rules rules = world_rules(&w, MODE);
            struct walk_result r = walk(&w.ram, &rules, bad[i], access, &w.bus);

            /* Before any fetch: the tables do not matter. */
            assert_int_equal(r.error, MW_WALK_NOT_CANONICAL);
            assert_int_equal(r.references, 0);
            assert_int_equal(walk_cause(r.error, access), page_fault_of(access));
        }
        world_destroy(&w);
    }
}

static void each_mode_has_its_own_canonical_addresses(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    for (enum mw_mode mode = MW_MODE_SV39; mode < MW_MODE_COUNT; mode++) {
        struct walk_rules rules = world_rules(&w, mode);
        vaddr_t end = mode_user_end(mode);

        assert_int_equal(walk(&w.ram, &rules, end - 1, MW_LOAD, NULL).error, MW_WALK_INVALID);
        assert_int_equal(walk(&w.ram, &rules, end, MW_LOAD, NULL).error, MW_WALK_NOT_CANONICAL);
        assert_int_equal(walk(&w.ram, &rules, ~end, MW_LOAD, NULL).error, MW_WALK_NOT_CANONICAL);
        assert_int_equal(walk(&w.ram, &rules, ~end + 1, MW_LOAD, NULL).error, MW_WALK_INVALID);
    }
    world_destroy(&w);
}

static void a_table_outside_ram_is_an_access_fault_of_the_original_access(void **state)
{
    const uint64_t outside[] = {0, WORLD_BASE - PAGE_BYTES, WORLD_BASE + WORLD_BYTES,
                                ((uint64_t)1 << 56) - PAGE_BYTES};

    (void)state;
    for (unsigned level = 1; level <= 2; level++) {
        for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
            for (enum mw_access access = MW_LOAD; access < MW_ACCESS_COUNT; access++) {
                struct world w;

                world_init(&w);
                world_map(&w, MODE, VA, level, pte_make(paddr(outside[i]), PTE_V));
                expect(&w, supervisor, access, MW_WALK_PTE_ACCESS, access_fault_of(access));
                world_destroy(&w);
            }
        }
    }
}

static void a_root_outside_ram_is_an_access_fault_without_a_fetch(void **state)
{
    struct walk_rules rules = {.mode = MODE, .root = paddr(PAGE_BYTES)};
    struct walk_result r;
    struct world w;

    (void)state;
    world_init(&w);
    r = walk(&w.ram, &rules, VA, MW_FETCH, &w.bus);
    assert_int_equal(r.error, MW_WALK_PTE_ACCESS);
    assert_int_equal(r.references, 0);
    assert_int_equal(r.level, 2);
    world_destroy(&w);
}

static void an_entry_without_v_is_invalid_whatever_else_it_says(void **state)
{
    (void)state;
    for (unsigned level = 0; level < 3; level++) {
        expect_entry(level, 0, MW_WALK_INVALID);
        expect_entry(level, ~PTE_V, MW_WALK_INVALID);
        expect_entry(level, PTE_PARKED | (LEAF_RWX & ~PTE_V), MW_WALK_INVALID);
    }
}

static void w_without_r_is_reserved_at_every_level(void **state)
{
    (void)state;
    for (unsigned level = 0; level < 3; level++) {
        expect_entry(level, PTE_V | PTE_W, MW_WALK_WRITE_WITHOUT_READ);
        expect_entry(level, PTE_V | PTE_W | PTE_X | PTE_A | PTE_D, MW_WALK_WRITE_WITHOUT_READ);
    }
}

/* ---- bits 63 to 54 ---- */

#define N_BIT     ((uint64_t)1 << 63)
#define MEMORY(n) ((uint64_t)(n) << 61) /* PBMT: 1 NC, 2 IO */
#define PPN(n)    ((uint64_t)(n) << 10) /* its low bits, in an entry of an aligned frame */
#define SUPER     (WORLD_BASE + ((uint64_t)1 << 31)) /* aligned for every superpage */

static const struct context neither = {0}, napot = {.svnapot = true}, pbmt = {.svpbmt = true},
                            both = {.svnapot = true, .svpbmt = true};

static uint64_t leaf_at(unsigned level)
{
    return pte_make(paddr(level == 0 ? FRAME : SUPER), LEAF_RWX).raw;
}

static uint64_t pointer_entry(void)
{
    return pte_make(paddr(FRAME), PTE_V).raw;
}

static void each_reserved_bit_of_leaf_or_pointer_faults_with_and_without_extensions(void **state)
{
    (void)state;
    for (unsigned bit = 54; bit <= 60; bit++)
        for (unsigned level = 0; level < 3; level++) {
            uint64_t reserved = (uint64_t)1 << bit;

            expect_entry_in(neither, level, leaf_at(level) | reserved, MW_WALK_RESERVED_BITS);
            expect_entry_in(neither, level, pointer_entry() | reserved, MW_WALK_RESERVED_BITS);
            expect_entry_in(both, level, leaf_at(level) | reserved, MW_WALK_RESERVED_BITS);
            expect_entry_in(both, level, pointer_entry() | reserved, MW_WALK_RESERVED_BITS);
        }
}

static void without_svnapot_n_is_reserved_in_leaves_and_pointers(void **state)
{
    (void)state;
    for (unsigned level = 0; level < 3; level++) {
        expect_entry_in(neither, level, leaf_at(level) | PPN(8) | N_BIT, MW_WALK_NAPOT_ABSENT);
        expect_entry_in(pbmt, level, leaf_at(level) | PPN(8) | N_BIT, MW_WALK_NAPOT_ABSENT);
        expect_entry_in(neither, level, pointer_entry() | N_BIT, MW_WALK_NAPOT_ABSENT);
    }
}

static void n_of_a_pointer_is_reserved_at_every_level(void **state)
{
    (void)state;
    for (unsigned level = 0; level < 3; level++) {
        expect_entry_in(napot, level, pointer_entry() | N_BIT, MW_WALK_NAPOT_POINTER);
        expect_entry_in(napot, level, pointer_entry() | PPN(8) | N_BIT, MW_WALK_NAPOT_POINTER);
    }
}

static void n_of_a_superpage_is_reserved_whatever_the_frame_says(void **state)
{
    (void)state;
    for (unsigned level = 1; level < 3; level++) {
        expect_entry_in(napot, level, leaf_at(level) | N_BIT, MW_WALK_NAPOT_SUPERPAGE);
        expect_entry_in(napot, level, leaf_at(level) | PPN(8) | N_BIT, MW_WALK_NAPOT_SUPERPAGE);
    }
}

static void every_encoding_but_64_kib_is_reserved(void **state)
{
    (void)state;
    for (uint64_t low = 0; low < 16; low++)
        if (low != 8)
            expect_entry_in(napot, 0, leaf_at(0) | PPN(low) | N_BIT, MW_WALK_NAPOT_ENCODING);
    for (enum mw_access access = MW_LOAD; access < MW_ACCESS_COUNT; access++) {
        struct world w;

        world_init(&w);
        world_map(&w, MODE, VA, 0, (pte_t){leaf_at(0) | PPN(8) | N_BIT});
        expect(&w, napot, access, MW_WALK_OK, MW_CAUSE_NONE);
        world_destroy(&w);
    }
}

static void without_svpbmt_every_memory_type_is_reserved(void **state)
{
    (void)state;
    for (uint64_t type = 1; type < 4; type++)
        for (unsigned level = 0; level < 3; level++) {
            expect_entry_in(neither, level, leaf_at(level) | MEMORY(type), MW_WALK_PBMT_ABSENT);
            expect_entry_in(napot, level, leaf_at(level) | MEMORY(type), MW_WALK_PBMT_ABSENT);
            expect_entry_in(neither, level, pointer_entry() | MEMORY(type), MW_WALK_PBMT_ABSENT);
        }
}

static void a_memory_type_of_a_pointer_is_reserved_at_every_level(void **state)
{
    (void)state;
    for (uint64_t type = 1; type < 4; type++)
        for (unsigned level = 0; level < 3; level++)
            expect_entry_in(pbmt, level, pointer_entry() | MEMORY(type), MW_WALK_PBMT_POINTER);
}

static void memory_type_three_is_reserved_and_the_others_are_not(void **state)
{
    (void)state;
    for (unsigned level = 0; level < 3; level++)
        expect_entry_in(pbmt, level, leaf_at(level) | MEMORY(3), MW_WALK_PBMT_RESERVED);
    for (uint64_t type = 0; type < 3; type++)
        for (unsigned level = 0; level < 3; level++)
            for (enum mw_access access = MW_LOAD; access < MW_ACCESS_COUNT; access++) {
                struct world w;

                world_init(&w);
                world_map(&w, MODE, VA, level, (pte_t){leaf_at(level) | MEMORY(type)});
                expect(&w, pbmt, access, MW_WALK_OK, MW_CAUSE_NONE);
                world_destroy(&w);
            }
}

/* As walk.h says; each entry here breaks the rule named and all that come after it. */
static void of_several_reserved_things_the_first_is_reported(void **state)
{
    uint64_t all = N_BIT | MEMORY(3) | (uint64_t)1 << 54;
    uint64_t wrong_leaf = leaf_at(1) | N_BIT | MEMORY(3);
    uint64_t wrong_pointer = pointer_entry() | N_BIT | MEMORY(1);

    (void)state;
    expect_entry_in(neither, 0, all, MW_WALK_INVALID);
    expect_entry_in(neither, 0, all | PTE_V | PTE_W, MW_WALK_WRITE_WITHOUT_READ);
    expect_entry_in(neither, 0, all | PTE_V, MW_WALK_RESERVED_BITS);
    expect_entry_in(neither, 0, wrong_pointer | PTE_A, MW_WALK_NAPOT_ABSENT);
    expect_entry_in(napot, 0, wrong_pointer | PTE_A, MW_WALK_PBMT_ABSENT);
    expect_entry_in(both, 0, wrong_pointer | PTE_A, MW_WALK_POINTER_BITS);
    expect_entry_in(both, 0, wrong_pointer, MW_WALK_NAPOT_POINTER);
    expect_entry_in(both, 1, wrong_leaf, MW_WALK_PBMT_RESERVED);
    expect_entry_in(both, 1, (wrong_leaf & ~MEMORY(3)) | PPN(1), MW_WALK_NAPOT_SUPERPAGE);
    /* Step 3 comes before rights. */
    expect_entry_in(napot, 0, (leaf_at(0) & ~(PTE_RWX | PTE_A)) | PTE_X | PTE_U | N_BIT,
                    MW_WALK_NAPOT_ENCODING);
}

static void d_a_and_u_of_a_pointer_are_reserved(void **state)
{
    const uint64_t bits[] = {PTE_D, PTE_A, PTE_U, PTE_D | PTE_A | PTE_U};

    (void)state;
    for (unsigned level = 0; level < 3; level++)
        for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
            expect_entry(level, pte_make(paddr(FRAME), PTE_V | bits[i]).raw, MW_WALK_POINTER_BITS);
}

static void a_pointer_may_be_global_and_have_software_bits(void **state)
{
    struct walk_rules rules;
    struct world w;
    paddr_t top;

    (void)state;
    world_init(&w);
    rules = world_rules(&w, MODE);
    world_map(&w, MODE, VA, 0, pte_make(paddr(FRAME), LEAF_RWX));
    top = world_slot(w.root, VA, 2);
    world_write_pte(&w, top, pte_with(world_read_pte(&w, top), PTE_G | (uint64_t)0x300));
    assert_int_equal(walk(&w.ram, &rules, VA, MW_LOAD, NULL).error, MW_WALK_OK);
    world_destroy(&w);
}

static void a_pointer_at_the_last_level_leads_nowhere(void **state)
{
    (void)state;
    expect_entry(0, pte_make(paddr(FRAME), PTE_V).raw, MW_WALK_NO_LEAF);
    expect_entry(0, pte_make(paddr(0), PTE_V | PTE_G).raw, MW_WALK_NO_LEAF);
}

static void each_low_frame_bit_of_a_superpage_misaligns_it(void **state)
{
    (void)state;
    for (unsigned level = 1; level < 3; level++)
        for (unsigned bit = PAGE_SHIFT; bit < level_shift(level); bit++)
            expect_entry(level, pte_make(paddr((uint64_t)1 << bit), LEAF_RWX).raw,
                         MW_WALK_MISALIGNED);
}

static void rights_are_looked_at_before_alignment(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    world_map(&w, MODE, VA, 1, pte_make(paddr(FRAME + PAGE_BYTES), PTE_V | PTE_R));
    expect(&w, supervisor, MW_LOAD, MW_WALK_MISALIGNED, page_fault_of(MW_LOAD));
    expect(&w, supervisor, MW_STORE, MW_WALK_NO_WRITE, page_fault_of(MW_STORE));
    world_destroy(&w);
}

static void a_load_needs_r_or_with_mxr_x_and_an_amo_needs_r(void **state)
{
    const struct context mxr = {.mxr = true};

    (void)state;
    expect_page(PTE_V | PTE_X, supervisor, MW_WALK_NO_READ, MW_WALK_NO_WRITE, MW_WALK_OK,
                MW_WALK_NO_READ);
    expect_page(PTE_V | PTE_X, mxr, MW_WALK_OK, MW_WALK_NO_WRITE, MW_WALK_OK, MW_WALK_NO_READ);
}

static void a_store_and_an_amo_need_w(void **state)
{
    (void)state;
    expect_page(PTE_V | PTE_R | PTE_X, supervisor, MW_WALK_OK, MW_WALK_NO_WRITE, MW_WALK_OK,
                MW_WALK_NO_WRITE);
}

static void a_fetch_needs_x(void **state)
{
    (void)state;
    expect_page(PTE_V | PTE_R | PTE_W, supervisor, MW_WALK_OK, MW_WALK_OK, MW_WALK_NO_EXECUTE,
                MW_WALK_OK);
}

static void user_mode_needs_u_whatever_sum_says(void **state)
{
    (void)state;
    for (unsigned sum = 0; sum < 2; sum++) {
        const struct context user = {.user = true, .sum = sum != 0};

        expect_page(PTE_V | PTE_RWX, user, MW_WALK_NOT_USER, MW_WALK_NOT_USER, MW_WALK_NOT_USER,
                    MW_WALK_NOT_USER);
        expect_page(PTE_V | PTE_RWX | PTE_U, user, MW_WALK_OK, MW_WALK_OK, MW_WALK_OK, MW_WALK_OK);
    }
}

static void supervisor_mode_needs_sum_for_user_pages_and_never_fetches_from_them(void **state)
{
    const struct context sum = {.sum = true};

    (void)state;
    expect_page(PTE_V | PTE_RWX | PTE_U, supervisor, MW_WALK_USER_PAGE, MW_WALK_USER_PAGE,
                MW_WALK_USER_PAGE, MW_WALK_USER_PAGE);
    expect_page(PTE_V | PTE_RWX | PTE_U, sum, MW_WALK_OK, MW_WALK_OK, MW_WALK_USER_PAGE,
                MW_WALK_OK);
}

static void a_clear_faults_every_access_under_software_ad(void **state)
{
    const struct context software = {.software_ad = true};

    (void)state;
    expect_page(PTE_V | PTE_RWX | PTE_D, software, MW_WALK_ACCESSED_CLEAR, MW_WALK_ACCESSED_CLEAR,
                MW_WALK_ACCESSED_CLEAR, MW_WALK_ACCESSED_CLEAR);
}

static void d_clear_faults_writes_under_software_ad(void **state)
{
    const struct context software = {.software_ad = true};

    (void)state;
    expect_page(PTE_V | PTE_RWX | PTE_A, software, MW_WALK_OK, MW_WALK_DIRTY_CLEAR, MW_WALK_OK,
                MW_WALK_DIRTY_CLEAR);
}

static void a_frame_outside_ram_is_an_access_fault_of_the_original_access(void **state)
{
    const uint64_t outside[] = {0, WORLD_BASE - PAGE_BYTES, WORLD_BASE + WORLD_BYTES,
                                ((uint64_t)1 << 56) - PAGE_BYTES};

    (void)state;
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        for (enum mw_access access = MW_LOAD; access < MW_ACCESS_COUNT; access++) {
            struct world w;

            world_init(&w);
            world_map(&w, MODE, VA, 0, pte_make(paddr(outside[i]), PTE_V | PTE_RWX));
            expect(&w, supervisor, access, MW_WALK_PHYSICAL, access_fault_of(access));
            world_destroy(&w);
        }
    }
}

static void no_error_is_no_cause(void **state)
{
    (void)state;
    for (enum mw_access access = MW_LOAD; access < MW_ACCESS_COUNT; access++)
        assert_int_equal(walk_cause(MW_WALK_OK, access), MW_CAUSE_NONE);
}

/*
 * So that a new error cannot be forgotten here: all but OK and the two violations are page faults.
 * /
 */
static void every_error_has_the_cause_of_its_kind(void **state)
{
    (void)state;
    for (enum mw_walk_error error = MW_WALK_OK + 1; error < MW_WALK_COUNT; error++) {
        bool violation = error == MW_WALK_PTE_ACCESS || error == MW_WALK_PHYSICAL;

        for (enum mw_access access = MW_LOAD; access < MW_ACCESS_COUNT; access++)
            assert_int_equal(walk_cause(error, access),
                             violation ? access_fault_of(access) : page_fault_of(access));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_that_is_not_canonical_is_a_page_fault_of_each_access),
        cmocka_unit_test(each_mode_has_its_own_canonical_addresses),
        cmocka_unit_test(a_table_outside_ram_is_an_access_fault_of_the_original_access),
        cmocka_unit_test(a_root_outside_ram_is_an_access_fault_without_a_fetch),
        cmocka_unit_test(an_entry_without_v_is_invalid_whatever_else_it_says),
        cmocka_unit_test(w_without_r_is_reserved_at_every_level),
        cmocka_unit_test(each_reserved_bit_of_leaf_or_pointer_faults_with_and_without_extensions),
        cmocka_unit_test(without_svnapot_n_is_reserved_in_leaves_and_pointers),
        cmocka_unit_test(n_of_a_pointer_is_reserved_at_every_level),
        cmocka_unit_test(n_of_a_superpage_is_reserved_whatever_the_frame_says),
        cmocka_unit_test(every_encoding_but_64_kib_is_reserved),
        cmocka_unit_test(without_svpbmt_every_memory_type_is_reserved),
        cmocka_unit_test(a_memory_type_of_a_pointer_is_reserved_at_every_level),
        cmocka_unit_test(memory_type_three_is_reserved_and_the_others_are_not),
        cmocka_unit_test(of_several_reserved_things_the_first_is_reported),
        cmocka_unit_test(d_a_and_u_of_a_pointer_are_reserved),
        cmocka_unit_test(a_pointer_may_be_global_and_have_software_bits),
        cmocka_unit_test(a_pointer_at_the_last_level_leads_nowhere),
        cmocka_unit_test(each_low_frame_bit_of_a_superpage_misaligns_it),
        cmocka_unit_test(rights_are_looked_at_before_alignment),
        cmocka_unit_test(a_load_needs_r_or_with_mxr_x_and_an_amo_needs_r),
        cmocka_unit_test(a_store_and_an_amo_need_w),
        cmocka_unit_test(a_fetch_needs_x),
        cmocka_unit_test(user_mode_needs_u_whatever_sum_says),
        cmocka_unit_test(supervisor_mode_needs_sum_for_user_pages_and_never_fetches_from_them),
        cmocka_unit_test(a_clear_faults_every_access_under_software_ad),
        cmocka_unit_test(d_clear_faults_writes_under_software_ad),
        cmocka_unit_test(a_frame_outside_ram_is_an_access_fault_of_the_original_access),
        cmocka_unit_test(no_error_is_no_cause),
        cmocka_unit_test(every_error_has_the_cause_of_its_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
