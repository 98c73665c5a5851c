/*
 * Where mappings land, which calls of mmap are refused and why, and how many areas a process may
 * have.
 */
#include "behaviour/world.h"

#define USER_END (UINT64_C(1) << 38)
#define MMAP_TOP (USER_END - (UINT64_C(128) << 20)) /* what Linux keeps free for the stack */
#define HUGE     UINT64_C(0x8000000000000000)

static int64_t map(struct world *w, uint64_t addr, uint64_t bytes, int flags)
{
    return mw_mmap(w->machine, w->pid, addr, bytes, RW, flags, -1, 0);
}

/* ---- un-hinted ---- */

START_TEST(mappings_pack_downwards_from_mmap_base)
{
    struct world w = world_open();

    ck_assert_int_eq(map(&w, 0, PAGE, ANON), MMAP_TOP - PAGE);
    ck_assert_int_eq(map(&w, 0, 3 * PAGE, ANON), MMAP_TOP - 4 * PAGE);
    ck_assert_int_eq(map(&w, 0, 1, ANON), MMAP_TOP - 5 * PAGE);
    world_close(&w);
}
END_TEST

START_TEST(the_highest_hole_that_fits_is_filled_at_its_top)
{
    struct world w = world_open();
    uint64_t p = world_map(&w, 20 * PAGE, RW, MAP_PRIVATE);

    ck_assert_int_eq(mw_munmap(w.machine, w.pid, p + 2 * PAGE, 4 * PAGE), 0);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, p + 10 * PAGE, 2 * PAGE), 0);
    ck_assert_int_eq(map(&w, 0, 3 * PAGE, ANON), (int64_t)(p + 3 * PAGE));
    ck_assert_int_eq(map(&w, 0, PAGE, ANON), (int64_t)(p + 11 * PAGE));
    ck_assert_int_eq(map(&w, 0, 2 * PAGE, ANON), (int64_t)(p - 2 * PAGE));
    world_close(&w);
}
END_TEST

START_TEST(no_room_below_mmap_base_means_bottom_up_from_a_third)
{
    struct mw_config config = world_config();
    struct world w;

    config.mmap_base = config.mmap_min_addr + 2 * PAGE;
    w = world_open_with(&config);
    ck_assert_int_eq(map(&w, 0, 2 * PAGE, ANON), (int64_t)config.mmap_min_addr);
    ck_assert_int_eq(map(&w, 0, PAGE, ANON), (int64_t)((USER_END / 3 + PAGE - 1) / PAGE * PAGE));
    world_close(&w);
}
END_TEST

START_TEST(first_fit_packs_upwards)
{
    struct mw_config config = world_config();
    struct world w;

    config.placement = MW_PLACE_FIRST_FIT;
    config.mmap_base = BASE;
    w = world_open_with(&config);
    ck_assert_int_eq(map(&w, 0, 4 * PAGE, ANON), (int64_t)BASE);
    ck_assert_int_eq(map(&w, 0, PAGE, ANON), (int64_t)(BASE + 4 * PAGE));
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, BASE + PAGE, PAGE), 0);
    ck_assert_int_eq(map(&w, 0, PAGE, ANON), (int64_t)(BASE + PAGE));
    world_close(&w);
}
END_TEST

START_TEST(a_search_keeps_the_guard_gap_below_a_stack)
{
    struct world w = world_open();

    world_map_at(&w, MMAP_TOP - 10 * PAGE, PAGE, RW, MAP_PRIVATE | MAP_GROWSDOWN);
    ck_assert_int_eq(map(&w, 0, 9 * PAGE, ANON), MMAP_TOP - 9 * PAGE);
    ck_assert_int_eq(map(&w, 0, PAGE, ANON), MMAP_TOP - (10 + 256 + 1) * PAGE);
    world_close(&w);
}
END_TEST

/* ---- hints ---- */

START_TEST(a_free_hint_is_taken_and_an_occupied_one_ignored)
{
    struct world w = world_open();

    ck_assert_int_eq(map(&w, BASE, 2 * PAGE, ANON), (int64_t)BASE);
    ck_assert_int_eq(map(&w, BASE + PAGE, PAGE, ANON), MMAP_TOP - PAGE);
    ck_assert_int_eq(map(&w, BASE - PAGE, 2 * PAGE, ANON), MMAP_TOP - 3 * PAGE);
    ck_assert_int_eq(map(&w, BASE - PAGE, PAGE, ANON), (int64_t)(BASE - PAGE));
    world_close(&w);
}
END_TEST

START_TEST(a_hint_is_rounded_down_to_a_page_and_up_to_the_lowest_address)
{
    struct world w = world_open();

    ck_assert_int_eq(map(&w, BASE + 5, PAGE, ANON), (int64_t)BASE);
    ck_assert_int_eq(map(&w, PAGE, PAGE, ANON), (int64_t)world_config().mmap_min_addr);
    ck_assert_int_eq(map(&w, 5, PAGE, ANON), MMAP_TOP - PAGE); /* rounded down it is none */
    ck_assert_int_eq(map(&w, USER_END - PAGE, 2 * PAGE, ANON), MMAP_TOP - 3 * PAGE);
    ck_assert_int_eq(map(&w, HUGE, PAGE, ANON), MMAP_TOP - 4 * PAGE);
    ck_assert_int_eq(map(&w, USER_END - PAGE, PAGE, ANON), USER_END - PAGE);
    world_close(&w);
}
END_TEST

START_TEST(a_hint_in_the_guard_gap_of_a_stack_is_ignored)
{
    struct world w = world_open();

    world_map_at(&w, BASE, PAGE, RW, MAP_PRIVATE | MAP_GROWSDOWN);
    ck_assert_int_eq(map(&w, BASE - 256 * PAGE, PAGE, ANON), MMAP_TOP - PAGE);
    ck_assert_int_eq(map(&w, BASE - 257 * PAGE, PAGE, ANON), (int64_t)(BASE - 257 * PAGE));
    ck_assert_int_eq(map(&w, BASE - PAGE, PAGE, ANON | MAP_FIXED_NOREPLACE),
                     (int64_t)(BASE - PAGE));
    world_close(&w);
}
END_TEST

/* ---- fixed ---- */

START_TEST(fixed_replaces_what_was_there)
{
    struct world w = world_open();

    world_map_at(&w, BASE, 4 * PAGE, RW, MAP_PRIVATE);
    for (unsigned i = 0; i < 4; i++)
        world_store(&w, BASE + i * PAGE, 0x11);
    world_map_at(&w, BASE + PAGE, 2 * PAGE, PROT_READ, MAP_PRIVATE);
    ck_assert_uint_eq(world_load(&w, BASE), 0x11);
    ck_assert_uint_eq(world_load(&w, BASE + PAGE), 0);
    ck_assert_uint_eq(world_load(&w, BASE + 2 * PAGE), 0);
    ck_assert_uint_eq(world_load(&w, BASE + 3 * PAGE), 0x11);
    ck_assert_int_eq(world_store_signal(&w, BASE + PAGE).code, SEGV_ACCERR);
    ck_assert_uint_eq(world_vmas(&w, w.pid), 3);
    world_close(&w);
}
END_TEST

START_TEST(a_refused_fixed_mapping_replaces_nothing)
{
    struct world w = world_open();

    world_map_at(&w, BASE, PAGE, RW, MAP_PRIVATE);
    world_store(&w, BASE, 3);
    ck_assert_int_eq(mw_mmap(w.machine, w.pid, BASE, PAGE, RW, MAP_FIXED | MAP_ANONYMOUS, -1, 0),
                     -EINVAL);
    ck_assert_int_eq(mw_mmap(w.machine, w.pid, BASE, PAGE, RW, MAP_FIXED | MAP_PRIVATE, 9, 0),
                     -EBADF);
    ck_assert_uint_eq(world_load(&w, BASE), 3);
    world_close(&w);
}
END_TEST

START_TEST(noreplace_refuses_an_overlap)
{
    struct world w = world_open();
    const int flags = ANON | MAP_FIXED_NOREPLACE;

    ck_assert_int_eq(map(&w, BASE, 2 * PAGE, flags), (int64_t)BASE);
    world_store(&w, BASE, 3);
    ck_assert_int_eq(map(&w, BASE, PAGE, flags), -EEXIST);
    ck_assert_int_eq(map(&w, BASE + PAGE, PAGE, flags), -EEXIST);
    ck_assert_int_eq(map(&w, BASE - PAGE, 2 * PAGE, flags), -EEXIST);
    ck_assert_int_eq(map(&w, BASE, PAGE, flags | MAP_FIXED), -EEXIST);
    ck_assert_int_eq(map(&w, BASE + 2 * PAGE, PAGE, flags), (int64_t)(BASE + 2 * PAGE));
    ck_assert_uint_eq(world_load(&w, BASE), 3);
    world_close(&w);
}
END_TEST

/* ---- merging ---- */

START_TEST(neighbours_of_one_kind_become_one_area)
{
    struct world w = world_open();

    world_map_at(&w, BASE, PAGE, RW, MAP_PRIVATE);
    world_map_at(&w, BASE + 2 * PAGE, PAGE, RW, MAP_PRIVATE);
    ck_assert_uint_eq(world_vmas(&w, w.pid), 2);
    world_map_at(&w, BASE + PAGE, PAGE, RW, MAP_PRIVATE);
    ck_assert_uint_eq(world_vmas(&w, w.pid), 1);
    world_map_at(&w, BASE + 3 * PAGE, PAGE, PROT_READ, MAP_PRIVATE);
    world_map_at(&w, BASE + 4 * PAGE, PAGE, RW, MAP_PRIVATE | MAP_NORESERVE);
    world_map_at(&w, BASE + 5 * PAGE, PAGE, RW, MAP_PRIVATE);
    world_map_at(&w, BASE + 6 * PAGE, PAGE, RW, MAP_PRIVATE | MAP_STACK);
    ck_assert_uint_eq(world_vmas(&w, w.pid), 5);
    world_close(&w);
}
END_TEST

START_TEST(two_shared_anonymous_mappings_stay_two)
{
    struct world w = world_open();

    world_map_at(&w, BASE, PAGE, RW, MAP_SHARED);
    world_map_at(&w, BASE + PAGE, PAGE, RW, MAP_SHARED);
    ck_assert_uint_eq(world_vmas(&w, w.pid), 2);
    world_store(&w, BASE, 1);
    ck_assert_uint_eq(world_load(&w, BASE + PAGE), 0);
    world_close(&w);
}
END_TEST

START_TEST(file_mappings_merge_when_offset_and_open_file_continue)
{
    struct world w = world_open();
    int fd, other;

    world_file(&w, "/f", 4 * PAGE, 'f');
    fd = world_open_file(&w, "/f", O_RDWR);
    other = world_open_file(&w, "/f", O_RDWR);
    for (unsigned i = 0; i < 2; i++)
        ck_assert_int_gt(mw_mmap(w.machine, w.pid, BASE + i * PAGE, PAGE, RW,
                                 MAP_SHARED | MAP_FIXED, fd, i * PAGE),
                         0);
    ck_assert_uint_eq(world_vmas(&w, w.pid), 1);
    ck_assert_uint_eq(world_vma(&w, BASE + PAGE).off_bytes, 0);
    ck_assert_str_eq(world_vma(&w, BASE).name, "/f");
    /* A hole in the offsets, and the right offset of another open file description. */
    ck_assert_int_gt(
        mw_mmap(w.machine, w.pid, BASE + 2 * PAGE, PAGE, RW, MAP_SHARED | MAP_FIXED, fd, 3 * PAGE),
        0);
    ck_assert_int_gt(mw_mmap(w.machine, w.pid, BASE + 2 * PAGE, PAGE, RW, MAP_SHARED | MAP_FIXED,
                             other, 2 * PAGE),
                     0);
    ck_assert_uint_eq(world_vmas(&w, w.pid), 2);
    world_close(&w);
}
END_TEST

/* ---- errors, in the order in which Linux finds them ---- */

/* Descriptors of the table below. */
enum { NONE = -1, READ_WRITE, READ_ONLY, WRITE_ONLY, NEITHER, BAD };

struct refusal {
    uint64_t addr;
    uint64_t bytes;
    int prot;
    int flags;
    int fd;
    uint64_t off_bytes;
    int64_t result;
};

static const struct refusal refusals[] = {
    /* An unaligned offset comes before a bad descriptor, which comes before a length of 0. */
    {0, 0, RW, MAP_SHARED, BAD, 1, -EINVAL},
    {0, 0, RW, MAP_SHARED, BAD, 0, -EBADF},
    {0, 0, RW, MAP_SHARED, READ_WRITE, 0, -EINVAL},
    {0, 0, RW, ANON, NONE, 0, -EINVAL},
    {BASE, 0, RW, ANON_FIXED, NONE, 0, -EINVAL},
    /* Lengths: rounded to 0, longer than user space. */
    {0, UINT64_MAX, RW, ANON, NONE, 0, -ENOMEM},
    {0, UINT64_MAX - PAGE, RW, ANON, NONE, 0, -ENOMEM},
    {0, USER_END + PAGE, RW, ANON, NONE, 0, -ENOMEM},
    {0, USER_END, RW, ANON, NONE, 0, -ENOMEM},
    {BASE, USER_END + PAGE, RW, ANON_FIXED, NONE, 0, -ENOMEM},
    {BASE, UINT64_MAX - PAGE, RW, ANON_FIXED, NONE, 0, -ENOMEM},
    {0, UINT64_MAX - PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, NONE, 0, -ENOMEM},
    /* Fixed: beyond the top comes before unaligned, that before too low. */
    {USER_END, PAGE, RW, ANON_FIXED, NONE, 0, -ENOMEM},
    {USER_END - PAGE, 2 * PAGE, RW, ANON_FIXED, NONE, 0, -ENOMEM},
    {HUGE + 1, PAGE, RW, ANON_FIXED, NONE, 0, -ENOMEM},
    {BASE + 1, PAGE, RW, ANON_FIXED, NONE, 0, -EINVAL},
    {BASE + 1, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, NONE, 0, -EINVAL},
    {1, PAGE, RW, ANON_FIXED, NONE, 0, -EINVAL},
    {PAGE, PAGE, RW, ANON_FIXED, NONE, 0, -EPERM},
    /* Exactly one type. */
    {0, PAGE, RW, MAP_ANONYMOUS, NONE, 0, -EINVAL},
    {0, PAGE, RW, MAP_ANONYMOUS | MAP_PRIVATE | MAP_SHARED, NONE, 0, -EINVAL},
    {0, PAGE, RW, 0, READ_WRITE, 0, -EINVAL},
    {0, PAGE, RW, 0, BAD, 0, -EBADF},
    /* Only private anonymous memory grows down. */
    {0, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, NONE, 0, -EINVAL},
    {0, PAGE, RW, MAP_SHARED | MAP_GROWSDOWN, READ_WRITE, 0, -EINVAL},
    {0, PAGE, RW, MAP_PRIVATE | MAP_GROWSDOWN, READ_WRITE, 0, -EINVAL},
    /* Flags that a file does not support are only found when they are to be validated. */
    {0, PAGE, RW, MAP_SHARED_VALIDATE | 0x80000, READ_WRITE, 0, -EOPNOTSUPP},
    {BASE, PAGE, RW, MAP_SHARED_VALIDATE | MAP_FIXED_NOREPLACE, READ_WRITE, 0, -EOPNOTSUPP},
    {BASE, PAGE, RW, MAP_SHARED_VALIDATE | MAP_FIXED | 0x80000, READ_ONLY, 0, -EOPNOTSUPP},
    /* Rights: reading is always needed, writing for what is shared and writable. */
    {0, PAGE, RW, MAP_SHARED, READ_ONLY, 0, -EACCES},
    {0, PAGE, PROT_WRITE, MAP_SHARED_VALIDATE, READ_ONLY, 0, -EACCES},
    {0, PAGE, PROT_NONE, MAP_SHARED, WRITE_ONLY, 0, -EACCES},
    {0, PAGE, PROT_NONE, MAP_PRIVATE, WRITE_ONLY, 0, -EACCES},
    {0, PAGE, RW, MAP_SHARED, WRITE_ONLY, 0, -EACCES},
    {0, PAGE, PROT_READ, MAP_SHARED, NEITHER, 0, -EACCES},
    /* Offsets: the end of the mapping must be an offset, too. */
    {0, PAGE, RW, MAP_SHARED, READ_WRITE, HUGE - PAGE, -EOVERFLOW},
    {0, 2 * PAGE, RW, MAP_SHARED, READ_WRITE, HUGE - 2 * PAGE, -EOVERFLOW},
    {0, PAGE, RW, MAP_SHARED, READ_WRITE, UINT64_MAX - PAGE + 1, -EOVERFLOW},
    {0, PAGE, RW, MAP_SHARED, READ_ONLY, HUGE - PAGE, -EOVERFLOW},
    {USER_END, PAGE, RW, MAP_SHARED | MAP_FIXED, READ_WRITE, HUGE - PAGE, -ENOMEM},
};

START_TEST(every_refusal_has_its_error)
{
    static const int modes[] = {O_RDWR, O_RDONLY, O_WRONLY, O_ACCMODE};
    struct world w = world_open();
    uint64_t hash;

    world_file(&w, "/f", PAGE, 'f');
    for (int fd = READ_WRITE; fd < BAD; fd++)
        ck_assert_int_eq(world_open_file(&w, "/f", modes[fd]), fd);
    hash = mw_state_hash(w.machine);
    for (unsigned i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        const struct refusal *r = &refusals[i];
        int64_t got =
            mw_mmap(w.machine, w.pid, r->addr, r->bytes, r->prot, r->flags, r->fd, r->off_bytes);

        ck_assert_msg(got == r->result, "row %u: %lld", i, (long long)got);
        ck_assert_uint_eq(mw_state_hash(w.machine), hash);
    }
    ck_assert_int_eq(mw_mmap(w.machine, w.pid + 1, 0, PAGE, RW, ANON, -1, 0), -ESRCH);
    world_close(&w);
}
END_TEST

START_TEST(what_looks_wrong_but_is_not)
{
    static const struct refusal good[] = {
        {0, PAGE, RW | 0xf0, ANON, NONE, 0, 0},    /* unknown protection bits */
        {0, PAGE, RW, ANON | 0x80000, NONE, 0, 0}, /* unknown flags */
        {0, PAGE, RW, ANON, BAD, 0, 0},            /* anonymous memory ignores the descriptor */
        {0, PAGE, RW, ANON, NONE, HUGE, 0},        /* ... and the offset */
        {0, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, NONE, HUGE, 0},
        {0, PAGE, PROT_READ, MAP_SHARED, READ_ONLY, 0, 0},
        {0, PAGE, RW, MAP_PRIVATE, READ_ONLY, 0, 0}, /* stores stay private */
        {0, PAGE, RW, MAP_SHARED_VALIDATE, READ_WRITE, 0, 0},
        {0, PAGE, RW, MAP_SHARED, READ_WRITE, 100 * PAGE,
         0}, /* beyond the end: only accesses fail */
        {0, PAGE, PROT_READ, MAP_PRIVATE, READ_ONLY, HUGE - 2 * PAGE, 0},
    };
    struct world w = world_open();

    world_file(&w, "/f", PAGE, 'f');
    ck_assert_int_eq(world_open_file(&w, "/f", O_RDWR), READ_WRITE);
    ck_assert_int_eq(world_open_file(&w, "/f", O_RDONLY), READ_ONLY);
    for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        const struct refusal *r = &good[i];
        int64_t got =
            mw_mmap(w.machine, w.pid, r->addr, r->bytes, r->prot, r->flags, r->fd, r->off_bytes);

        ck_assert_msg(got > 0, "row %u: %lld", i, (long long)got);
    }
    world_close(&w);
}
END_TEST

START_TEST(noreplace_is_found_before_anything_about_the_file)
{
    struct world w = world_open();

    world_file(&w, "/f", PAGE, 'f');
    ck_assert_int_eq(world_open_file(&w, "/f", O_RDONLY), 0);
    world_map_at(&w, BASE, PAGE, RW, MAP_PRIVATE);
    ck_assert_int_eq(
        mw_mmap(w.machine, w.pid, BASE, PAGE, RW, MAP_SHARED | MAP_FIXED_NOREPLACE, 0, HUGE - PAGE),
        -EEXIST);
    ck_assert_int_eq(
        mw_mmap(w.machine, w.pid, BASE, PAGE, RW, MAP_SHARED_VALIDATE | MAP_FIXED_NOREPLACE, 0, 0),
        -EEXIST);
    world_close(&w);
}
END_TEST

/* ---- how many areas ---- */

/* A process whose areas, each a page with a hole after it, number `count`; the limit is 8. */
static struct world world_of_areas(unsigned count)
{
    struct mw_config config = world_config();
    struct world w;

    config.max_map_count = 8;
    w = world_open_with(&config);
    for (unsigned i = 0; i < count; i++)
        world_map_at(&w, BASE + 2 * i * PAGE, PAGE, RW, MAP_PRIVATE);
    ck_assert_uint_eq(world_vmas(&w, w.pid), count);
    return w;
}

START_TEST(mmap_may_exceed_the_number_of_areas_by_one)
{
    struct world w = world_of_areas(8);

    ck_assert_int_eq(map(&w, BASE + 100 * PAGE, PAGE, ANON), (int64_t)(BASE + 100 * PAGE));
    ck_assert_int_eq(map(&w, BASE + 200 * PAGE, PAGE, ANON), -ENOMEM);
    ck_assert_int_eq(map(&w, BASE, PAGE, ANON_FIXED), -ENOMEM); /* even where it would add none */
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, BASE, PAGE), 0);
    ck_assert_int_eq(map(&w, BASE + 200 * PAGE, PAGE, ANON), (int64_t)(BASE + 200 * PAGE));
    world_close(&w);
}
END_TEST

START_TEST(a_hole_in_an_area_needs_room_for_one_more)
{
    struct world w = world_of_areas(7);

    world_map_at(&w, BASE + 100 * PAGE, 5 * PAGE, RW, MAP_PRIVATE);
    world_store(&w, BASE + 102 * PAGE, 1);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, BASE + 102 * PAGE, PAGE), -ENOMEM);
    ck_assert_uint_eq(world_load(&w, BASE + 102 * PAGE), 1);
    ck_assert_int_eq(
        mw_mmap(w.machine, w.pid, BASE + 102 * PAGE, PAGE, PROT_READ, ANON_FIXED, -1, 0), -ENOMEM);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, BASE + 100 * PAGE, PAGE), 0);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, BASE + 104 * PAGE, PAGE), 0); /* ends need none */
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, BASE, PAGE), 0);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, BASE + 102 * PAGE, PAGE), 0);
    ck_assert_uint_eq(world_vmas(&w, w.pid), 8);
    world_close(&w);
}
END_TEST

START_TEST(mprotect_needs_room_for_each_split)
{
    struct world w = world_of_areas(6);
    const uint64_t p = BASE + 100 * PAGE;

    world_map_at(&w, p, 5 * PAGE, RW, MAP_PRIVATE);
    /* Seven: the middle would make nine of them, and Linux stops at the second split. */
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, p + 2 * PAGE, PAGE, PROT_READ), -ENOMEM);
    ck_assert_uint_eq(world_vmas(&w, w.pid), 8); /* the first split stays */
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, p, 2 * PAGE, RW | PROT_EXEC), 0);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, p, 2 * PAGE, RW), 0); /* and makes one again */
    ck_assert_uint_eq(world_vmas(&w, w.pid), 7);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, p, PAGE, PROT_READ), 0);
    ck_assert_uint_eq(world_vmas(&w, w.pid), 8);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, p + 4 * PAGE, PAGE, PROT_READ), -ENOMEM);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, p + 3 * PAGE, PAGE, RW),
                     0); /* no change, no split */
    /* Whole areas, and boundaries that only move, can always change. */
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, p + PAGE, PAGE, PROT_READ), 0);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, p + PAGE, PAGE, RW), 0);
    ck_assert_int_eq(mw_mprotect(w.machine, w.pid, BASE, PAGE, PROT_NONE), 0);
    ck_assert_uint_eq(world_vmas(&w, w.pid), 8);
    world_close(&w);
}
END_TEST

START_TEST(brk_heeds_the_number_of_areas_too)
{
    struct world w = world_of_areas(8);
    const int64_t heap = 0x10000000;

    ck_assert_int_eq(map(&w, BASE + 100 * PAGE, PAGE, ANON), (int64_t)(BASE + 100 * PAGE));
    ck_assert_int_eq(mw_brk(w.machine, w.pid, (uint64_t)heap + PAGE), heap);
    ck_assert_int_eq(mw_munmap(w.machine, w.pid, BASE, PAGE), 0);
    ck_assert_int_eq(mw_brk(w.machine, w.pid, (uint64_t)heap + PAGE), heap + PAGE);
    world_close(&w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        mappings_pack_downwards_from_mmap_base,
        the_highest_hole_that_fits_is_filled_at_its_top,
        no_room_below_mmap_base_means_bottom_up_from_a_third,
        first_fit_packs_upwards,
        a_search_keeps_the_guard_gap_below_a_stack,
        a_free_hint_is_taken_and_an_occupied_one_ignored,
        a_hint_is_rounded_down_to_a_page_and_up_to_the_lowest_address,
        a_hint_in_the_guard_gap_of_a_stack_is_ignored,
        fixed_replaces_what_was_there,
        a_refused_fixed_mapping_replaces_nothing,
        noreplace_refuses_an_overlap,
        neighbours_of_one_kind_become_one_area,
        two_shared_anonymous_mappings_stay_two,
        file_mappings_merge_when_offset_and_open_file_continue,
        every_refusal_has_its_error,
        what_looks_wrong_but_is_not,
        noreplace_is_found_before_anything_about_the_file,
        mmap_may_exceed_the_number_of_areas_by_one,
        a_hole_in_an_area_needs_room_for_one_more,
        mprotect_needs_room_for_each_split,
        brk_heeds_the_number_of_areas_too,
    };

    return world_run("placement", tests, sizeof(tests) / sizeof(tests[0]));
}
