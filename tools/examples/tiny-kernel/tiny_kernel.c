/*
 * A demand-paging kernel for one program on one hart, on <mapwalk/hw.h> alone.
 *
 * RAM has FRAMES frames: some become page tables, the others hold pages of the program. A page that
 * was never touched has no frame and no block. The first touch gives it a zeroed frame; when no
 * frame is left, the page that came in first goes out, to the disk if its D bit is set. RAM lies at
 * its physical address on the host too, so tables and frames are reached by plain dereference.
 *
 * What an invalid PTE means is the kernel's own business, because hardware ignores its other bits:
 *
 *     0                     never touched: reads zero
 *     SWAPPED | PPN field   its content is in this slot of the disk
 */
#include <errno.h>
#include <inttypes.h>
#include <mapwalk/hw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE       4096u
#define FRAMES     12u
#define SLOT       (PAGE / MW_DISK_BLOCK_BYTES) /* blocks of a page on the disk */
#define USER_BASE  0x400000u
#define USER_PAGES 40u /* many more than frames */
#define ASID       1u

/* Privileged specification, "Sv39": the bits of a PTE. Bit 8 is for software. */
#define V       0x01u
#define RWU     0x16u
#define A       0x40u
#define D       0x80u
#define SWAPPED 0x100u

struct kernel {
    struct mw_board *board;
    uint64_t next_frame; /* frames from here to the end were never used */
    uint64_t ram_end;
    uint64_t root;
    uint64_t resident[FRAMES]; /* ring of pages with a frame, the oldest first */
    unsigned oldest, residents;
    unsigned zeroed, in, out, dropped; /* what happened to pages */
};

/* Physical memory is memory. */
static uint64_t *table_at(uint64_t pa)
{
    return (uint64_t *)(uintptr_t)pa;
}

static void die(const char *what)
{
    fprintf(stderr, "tiny kernel: %s\n", what);
    exit(1);
}

static uint64_t new_frame(struct kernel *k)
{
    uint64_t frame = k->next_frame;

    if (frame == k->ram_end)
        return 0;
    k->next_frame += PAGE;
    return frame;
}

/* The PTE of va, with the tables above it; tables are never swapped out. */
static uint64_t *pte_of(struct kernel *k, uint64_t va)
{
    uint64_t table = k->root;

    for (unsigned level = 2; level > 0; level--) {
        uint64_t *pte = &table_at(table)[va >> (12 + 9 * level) & 511];

        if ((*pte & V) == 0) {
            uint64_t below = new_frame(k);

            if (below == 0)
                die("no frame for a page table");
            *pte = below >> 12 << 10 | V; /* RAM reads zero at first, as an empty table does */
        }
        table = *pte >> 10 << 12;
    }
    return &table_at(table)[va >> 12 & 511];
}

/* Each page has a slot of its own: a swap without an allocator. */
static uint64_t slot_of(uint64_t va)
{
    return (va - USER_BASE) / PAGE;
}

/* Takes the frame of the oldest page: unhook, invalidate, save, and only then use it again. */
static uint64_t evict(struct kernel *k)
{
    uint64_t va = k->resident[k->oldest];
    uint64_t *pte = pte_of(k, va);
    uint64_t old = *pte;
    uint64_t frame = old >> 10 << 12;

    k->oldest = (k->oldest + 1) % FRAMES;
    k->residents--;
    /* A clean page is still on the disk as it is, or was never anything but zeros. */
    *pte = old & (D | SWAPPED) ? slot_of(va) << 10 | SWAPPED : 0;
    mw_hart_sfence(k->board, 0, true, va, true, ASID);
    if ((old & D) == 0) {
        k->dropped++;
    } else {
        if (mw_board_disk_write(k->board, slot_of(va) * SLOT, SLOT, table_at(frame)) != 0)
            die("the disk failed a write");
        k->out++;
    }
    return frame;
}

/* Lazy zero page, or back from the disk. */
static void fault(struct kernel *k, const struct mw_trap *trap)
{
    uint64_t va = trap->va & ~(uint64_t)(PAGE - 1);
    uint64_t *pte, frame;

    if (va < USER_BASE || va - USER_BASE >= (uint64_t)USER_PAGES * PAGE ||
        trap->error != MW_WALK_INVALID)
        die("the program made an access that is forbidden");
    pte = pte_of(k, va);
    frame = new_frame(k);
    if (frame == 0)
        frame = evict(k);
    if ((*pte & SWAPPED) == 0) {
        memset(table_at(frame), 0, PAGE);
        k->zeroed++;
    } else {
        if (mw_board_disk_read(k->board, (*pte >> 10) * SLOT, SLOT, table_at(frame)) != 0)
            die("the disk failed a read");
        k->in++;
    }
    /* SWAPPED stays as a note: the disk has this page. Hardware ignores the bit. */
    *pte = frame >> 12 << 10 | (*pte & SWAPPED) | RWU | V;
    k->resident[(k->oldest + k->residents++) % FRAMES] = va;
}

static void store(struct kernel *k, uint64_t va, uint64_t value)
{
    struct mw_trap trap;

    while (mw_hart_store(k->board, 0, va, &value, sizeof(value), &trap) == -EFAULT)
        fault(k, &trap);
}

static uint64_t load(struct kernel *k, uint64_t va)
{
    struct mw_trap trap;
    uint64_t value = 0;

    while (mw_hart_load(k->board, 0, va, &value, sizeof(value), &trap) == -EFAULT)
        fault(k, &trap);
    return value;
}

/* RAM wherever the host leaves room: 0x80000000 as on real boards, or far away from everything. */
static void boot(struct kernel *k)
{
    const uint64_t bases[] = {0x80000000, (uint64_t)1 << 45};
    struct mw_board_config config;
    int err = -EEXIST;

    mw_board_config_init(&config);
    config.ram_bytes = (uint64_t)FRAMES * PAGE;
    config.ram_identity = true;
    for (unsigned i = 0; i < 2 && err == -EEXIST; i++) {
        config.ram_base = bases[i];
        err = mw_board_new(&config, &k->board);
    }
    if (err != 0)
        die(strerror(-err));
    k->next_frame = config.ram_base;
    k->ram_end = config.ram_base + config.ram_bytes;
    k->root = new_frame(k);
    mw_hart_write_satp(k->board, 0, (uint64_t)8 << 60 | (uint64_t)ASID << 44 | k->root >> 12);
    mw_hart_set_privilege(k->board, 0, true, false, false);
}

/* Where the program keeps the value of a page: somewhere else in each. */
static uint64_t place(uint64_t page)
{
    return USER_BASE + page * PAGE + page * 8;
}

/* The number of loads that returned something else than was stored last. */
static unsigned program(struct kernel *k)
{
    const uint64_t across = USER_BASE + PAGE - 4; /* four bytes in each of two pages */
    unsigned wrong = 0;

    for (uint64_t page = 0; page < USER_PAGES; page++) /* clean pages of zeros: nothing to save */
        wrong += load(k, place(page)) != 0;
    for (uint64_t page = 0; page < USER_PAGES; page++)
        store(k, place(page), 1000 + page);
    for (uint64_t page = 0; page < USER_PAGES; page++) /* from the disk, and dropped clean again */
        wrong += load(k, place(page)) != 1000 + page;
    store(k, across, 0x1122334455667788);
    for (uint64_t page = 0; page < USER_PAGES; page += 2)
        store(k, place(page), 2000 + page);
    for (uint64_t page = 0; page < USER_PAGES; page++)
        wrong += load(k, place(page)) != (page % 2 == 0 ? 2000 : 1000) + page;
    return wrong + (load(k, across) != 0x1122334455667788);
}

int main(void)
{
    struct kernel k = {0};
    struct mw_hart_counters seen;
    struct mw_disk_counters disk;
    unsigned wrong;

    boot(&k);
    wrong = program(&k);
    mw_hart_read_counters(k.board, 0, &seen);
    mw_board_read_disk_counters(k.board, &disk);
    printf("%u pages in %u frames: %u zeroed, %u swapped in, %u swapped out, %u dropped clean\n",
           USER_PAGES, FRAMES, k.zeroed, k.in, k.out, k.dropped);
    printf("hart: %" PRIu64 " walks, %" PRIu64 " traps; disk: %" PRIu64 " reads, %" PRIu64
           " writes; %" PRIu64 " ns\n",
           seen.walks, seen.traps, disk.reads, disk.writes, mw_board_time_ns(k.board));
    printf("%u wrong values\n", wrong);
    mw_board_free(k.board);
    return wrong == 0 && k.zeroed >= USER_PAGES && k.in > 0 && k.out > 0 && k.dropped > 0 ? 0 : 1;
}
