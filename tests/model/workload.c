/*
 * The generator of random operations.
 */
#include "model/workload.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#define WINDOW_BYTES (REFERENCE_PAGES * PAGE_BYTES)

/* One chance in `n`. */
static bool one_in(struct workload *w, uint64_t n)
{
    return prng_below(&w->prng, n) == 0;
}

static uint64_t below(struct workload *w, uint64_t bound)
{
    return prng_below(&w->prng, bound);
}

/* ---- the beginning ---- */

uint64_t workload_window(enum mw_mode mode)
{
    uint64_t boundary = mode == MW_MODE_SV39   ? (uint64_t)64 << 30
                        : mode == MW_MODE_SV48 ? (uint64_t)1 << 39
                                               : (uint64_t)1 << 48;

    return boundary - WINDOW_BYTES / 2;
}

void workload_configure(struct mw_config *config)
{
    config->brk_base = workload_window(config->mode);
    config->max_processes = REFERENCE_PROCESSES;
}

/*
 * Everything but the window is taken. NORESERVE keeps the fences apart from what the workload maps.
 * /
 */
static int workload_fence(struct mw_machine *m, uint64_t start, uint64_t end)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
    int64_t at = mw_mmap(m, 1, start, end - start, PROT_NONE, flags, -1, 0);

    return at < 0 ? (int)at : 0;
}

unsigned workload_open_flags(unsigned file)
{
    return file == 2 ? O_RDONLY : O_RDWR;
}

/* File n of `bytes` bytes on both sides, open as descriptor n. */
static int workload_make_file(struct workload *w, struct mw_machine *m, unsigned file,
                              uint64_t bytes)
{
    struct operation open = {
        .kind = OPERATION_OPEN, .pid = 1, .file = file, .flags = (int)workload_open_flags(file)};
    struct outcome outcome;
    int err;

    reference_vm_put_file(w->vm, file, bytes);
    err = mw_file_put(m, operation_path(file), w->vm->name[file]->bytes, bytes);
    if (err != 0)
        return err;
    operation_run(m, &open, &outcome);
    if (outcome.result < 0)
        return (int)outcome.result;
    reference_vm_run(w->vm, &open, &outcome);
    return 0;
}

static int workload_furnish(struct workload *w, struct mw_machine *m)
{
    static const uint64_t bytes[REFERENCE_NAMES] = {5 * 4096 + 100, 4096, 2 * 4096 - 1};
    int err = mw_spawn(m);

    if (err != 1)
        return err < 0 ? err : -EEXIST;
    err = workload_fence(m, w->vm->min_addr, w->vm->window);
    if (err == 0)
        err = workload_fence(m, w->vm->window + WINDOW_BYTES, w->vm->user_end);
    for (unsigned file = 0; file < REFERENCE_NAMES && err == 0; file++)
        err = workload_make_file(w, m, file, bytes[file]);
    return err;
}

int workload_begin(struct workload *w, const struct mw_config *config, uint64_t seed,
                   struct mw_machine **machine)
{
    static const unsigned va_bits[MW_MODE_COUNT] = {
        [MW_MODE_SV39] = 39, [MW_MODE_SV48] = 48, [MW_MODE_SV57] = 57};
    int err = mw_machine_new(config, machine);

    if (err != 0)
        return err;
    memset(w, 0, sizeof(*w));
    prng_seed(&w->prng, seed);
    w->mappings = 8;
    w->vm = reference_vm_new(config->brk_base, (uint64_t)1 << (va_bits[config->mode] - 1),
                             config->mmap_min_addr);
    err = w->vm == NULL ? -ENOMEM : workload_furnish(w, *machine);
    if (err != 0) {
        workload_end(w);
        (void)mw_machine_free(*machine);
    }
    return err;
}

void workload_end(struct workload *w)
{
    if (w->vm != NULL)
        reference_vm_free(w->vm);
    w->vm = NULL;
}

/* ---- addresses and sizes ---- */

static unsigned workload_live(const struct workload *w)
{
    unsigned live = 0;

    for (unsigned i = 0; i < REFERENCE_PROCESSES; i++)
        live += w->vm->process[i].live;
    return live;
}

static struct reference_process *draw_process(struct workload *w)
{
    struct reference_process *p;

    do
        p = &w->vm->process[below(w, REFERENCE_PROCESSES)];
    while (!p->live);
    return p;
}

/*
 * A range of whole pages in the window; short ones are likelier, and so is its start (where the
 * heap is).
 */
static struct range draw_range(struct workload *w)
{
    uint64_t first = below(w, one_in(w, 3) ? 12 : REFERENCE_PAGES);
    uint64_t pages = 1 + below(w, one_in(w, 4) ? 16 : 4);

    if (one_in(w, 60)) { /* everything: more than one shootdown names page by page */
        first = 0;
        pages = REFERENCE_PAGES;
    }
    if (pages > REFERENCE_PAGES - first)
        pages = REFERENCE_PAGES - first;
    return (struct range){w->vm->window + first * PAGE_BYTES,
                          w->vm->window + (first + pages) * PAGE_BYTES};
}

/* A size near the end of some page, of a file that is not too long. */
static uint64_t draw_file_bytes(struct workload *w)
{
    uint64_t page = below(w, one_in(w, 3) ? WORKLOAD_FILE_PAGES - 1 : 8) * PAGE_BYTES;

    switch (below(w, 4)) {
    case 0:
        return page;
    case 1:
        return page + 1;
    case 2:
        return page + PAGE_BYTES - 1;
    default:
        return page + below(w, PAGE_BYTES);
    }
}

/* The size of the file that a descriptor of p names, or thereabouts. */
static uint64_t draw_known_bytes(struct workload *w, const struct reference_process *p, int fd)
{
    uint64_t bytes = p->fds[fd].object == NULL ? 0 : p->fds[fd].object->size;

    return one_in(w, 2) ? bytes : bytes + below(w, 40);
}

/* Where in its page an access begins: at an edge, anywhere. */
static uint64_t draw_page_offset(struct workload *w)
{
    switch (below(w, 4)) {
    case 0:
        return 0;
    case 1:
        return PAGE_BYTES - 1 - below(w, OPERATION_DATA);
    default:
        return below(w, PAGE_BYTES);
    }
}

/* What an access is aimed at. */
enum aim { AIM_MAPPED, AIM_WRITABLE, AIM_LAST_PAGE, AIMS };

static bool aim_fits(enum aim aim, const struct reference_page *page)
{
    if (!page->mapped || (aim != AIM_MAPPED && !(page->prot & PROT_WRITE)))
        return false;
    return aim != AIM_LAST_PAGE ||
           (page->object != NULL && page->index == page->object->size / PAGE_BYTES);
}

/* A fitting page, found from a random one on; else NULL. */
static const struct reference_page *find_page(struct workload *w, const struct reference_process *p,
                                              enum aim aim)
{
    uint64_t first = below(w, REFERENCE_PAGES);

    for (uint64_t n = 0; n < REFERENCE_PAGES; n++) {
        const struct reference_page *page = &p->page[(first + n) % REFERENCE_PAGES];

        if (aim_fits(aim, page))
            return page;
    }
    return NULL;
}

/*
 * An address that no page of the window has: its edges, the ends of user space, and what no mode
 * can translate.
 */
static uint64_t draw_strange_address(struct workload *w)
{
    const uint64_t edges[] = {0,
                              w->vm->min_addr,
                              w->vm->window,
                              w->vm->window + WINDOW_BYTES,
                              w->vm->user_end,
                              w->vm->user_end * 2,
                              (uint64_t)1 << 63,
                              UINT64_MAX - 7};

    return edges[below(w, sizeof(edges) / sizeof(edges[0]))] - below(w, 2) * below(w, 16);
}

/* Mostly in a page that is there; near the end of a file only the byte decides what happens. */
static uint64_t draw_address(struct workload *w, const struct reference_process *p)
{
    enum aim aim = (enum aim)below(w, AIMS);
    const struct reference_page *page = one_in(w, 4) ? NULL : find_page(w, p, aim);
    uint64_t va;

    if (one_in(w, 40))
        return draw_strange_address(w);
    if (page == NULL)
        return draw_range(w).start + draw_page_offset(w);
    va = w->vm->window + (uint64_t)(page - p->page) * PAGE_BYTES;
    if (aim == AIM_LAST_PAGE)
        return va + page->object->size % PAGE_BYTES + below(w, 60) - below(w, 30);
    return va + draw_page_offset(w);
}

/* A length that no call likes; it wraps around or is longer than user space. */
static uint64_t draw_strange_length(struct workload *w)
{
    const uint64_t lengths[] = {0, UINT64_MAX, UINT64_MAX - 4095, UINT64_MAX - 8191};

    return lengths[below(w, sizeof(lengths) / sizeof(lengths[0]))];
}

/* A range for a call that takes any address and length: a good one, mostly. */
static void draw_call_range(struct workload *w, struct operation *op)
{
    struct range r = draw_range(w);

    op->addr = r.start;
    op->bytes = range_bytes(r) - (one_in(w, 4) ? below(w, PAGE_BYTES) : 0);
    if (one_in(w, 40))
        op->addr += 1 + below(w, PAGE_BYTES - 1);
    if (one_in(w, 40))
        op->bytes = draw_strange_length(w);
}

/* ---- memory ---- */

static int draw_prot(struct workload *w)
{
    static const int common[] = {PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE,
                                 PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE};

    return one_in(w, 4) ? (int)below(w, 8) : common[below(w, 5)];
}

static int draw_map_type(struct workload *w)
{
    if (one_in(w, 25))
        return one_in(w, 2) ? 0 : MAP_SHARED_VALIDATE;
    return one_in(w, 2) ? MAP_PRIVATE : MAP_SHARED;
}

static int draw_map_extras(struct workload *w)
{
    int flags = 0;

    if (one_in(w, 8))
        flags |= MAP_POPULATE;
    if (one_in(w, 20))
        flags |= MAP_NONBLOCK;
    if (one_in(w, 20))
        flags |= MAP_STACK;
    if (one_in(w, 50))
        flags |= MAP_SYNC;
    return flags;
}

/*
 * Where to: mostly MAP_FIXED in the window. An address outside it is a hint, or
 * MAP_FIXED_NOREPLACE, or refused: MAP_FIXED must not take pieces of the fences away.
 */
static void draw_map_place(struct workload *w, struct operation *op)
{
    switch (below(w, 10)) {
    case 0:
        op->addr = 0;
        break;
    case 1:
        op->addr = one_in(w, 4) ? draw_strange_address(w) : op->addr + below(w, 3);
        break;
    case 2:
        op->flags |= MAP_FIXED_NOREPLACE;
        if (one_in(w, 8))
            op->addr = page_floor(draw_strange_address(w));
        break;
    case 3:
        op->flags |= MAP_FIXED;
        if (one_in(w, 8))
            op->addr = one_in(w, 2) ? below(w, w->vm->min_addr) : w->vm->user_end;
        break;
    default:
        op->flags |= MAP_FIXED;
    }
}

static void draw_mmap(struct workload *w, struct operation *op)
{
    draw_call_range(w, op);
    op->prot = draw_prot(w);
    op->flags = draw_map_type(w) | draw_map_extras(w);
    op->fd = one_in(w, 30) ? -1 : (int)below(w, 6);
    if (one_in(w, 2))
        op->flags |= MAP_ANONYMOUS;
    else
        op->offset = below(w, one_in(w, 3) ? 8 : 2) * PAGE_BYTES;
    if (one_in(w, 60))
        op->offset = one_in(w, 2) ? op->offset + 1 : (uint64_t)INT64_MAX + 1 - PAGE_BYTES;
    draw_map_place(w, op);
}

static void draw_mprotect(struct workload *w, struct operation *op)
{
    draw_call_range(w, op);
    op->prot = one_in(w, 40) ? 0x10 : draw_prot(w);
}

static void draw_msync(struct workload *w, struct operation *op)
{
    static const int flags[] = {MS_SYNC,  MS_SYNC,       MS_SYNC, MS_SYNC | MS_INVALIDATE,
                                MS_ASYNC, MS_INVALIDATE, 0,       MS_SYNC | MS_ASYNC};

    draw_call_range(w, op);
    op->flags = flags[below(w, sizeof(flags) / sizeof(flags[0]))];
}

/* Plain moves, which may span areas, inside of the window: the fences outside must stay. */
static void draw_mremap(struct workload *w, struct operation *op)
{
    static const int flags[] = {MREMAP_MAYMOVE | MREMAP_FIXED, MREMAP_MAYMOVE | MREMAP_FIXED,
                                MREMAP_MAYMOVE | MREMAP_FIXED | REFERENCE_DONTUNMAP};
    struct range r = draw_range(w);
    uint64_t pages = range_bytes(r) / PAGE_BYTES;

    op->addr = r.start;
    op->bytes = range_bytes(r) - (one_in(w, 4) ? below(w, PAGE_BYTES) : 0);
    op->offset = w->vm->window + below(w, REFERENCE_PAGES - pages + 1) * PAGE_BYTES;
    op->flags = flags[below(w, 3)];
    if (one_in(w, 40))
        op->addr += 1 + below(w, PAGE_BYTES - 1);
    if (one_in(w, 40))
        op->offset++;
}

static void draw_madvise(struct workload *w, struct operation *op)
{
    static const int advice[] = {MADV_DONTNEED, MADV_DONTNEED, MADV_DONTNEED, MADV_RANDOM,
                                 MADV_NORMAL,   MADV_DONTFORK, MADV_DOFORK};

    draw_call_range(w, op);
    op->flags = advice[below(w, sizeof(advice) / sizeof(advice[0]))];
}

static void draw_brk(struct workload *w, struct operation *op)
{
    op->addr = w->vm->window + below(w, 10) * PAGE_BYTES + below(w, 2) * below(w, PAGE_BYTES);
    if (one_in(w, 20))
        op->addr = draw_strange_address(w);
}

static void draw_access(struct workload *w, const struct reference_process *p, struct operation *op)
{
    op->addr = draw_address(w, p);
    op->bytes = 1 + below(w, OPERATION_DATA);
    for (unsigned i = 0; i < OPERATION_DATA; i++)
        op->data[i] = (uint8_t)prng_next(&w->prng);
}

/* ---- files ---- */

static void draw_open(struct workload *w, struct operation *op)
{
    static const int modes[] = {O_RDWR, O_RDWR, O_RDONLY, O_WRONLY};

    op->file = (unsigned)below(w, REFERENCE_NAMES);
    op->flags = modes[below(w, 4)];
    if (!one_in(w, 3))
        op->flags |= O_CREAT;
    if (one_in(w, 6) && (op->flags & O_ACCMODE) != O_RDONLY)
        op->flags |= O_TRUNC;
    if (one_in(w, 10))
        op->flags |= O_EXCL;
}

static void draw_transfer(struct workload *w, const struct reference_process *p,
                          struct operation *op)
{
    op->fd = (int)below(w, 6);
    op->addr = draw_address(w, p);
    op->bytes = below(w, one_in(w, 4) ? 2 * PAGE_BYTES : 64);
    op->offset = one_in(w, 2) ? draw_known_bytes(w, p, op->fd) : draw_file_bytes(w);
    if (op->offset + op->bytes > WORKLOAD_FILE_PAGES * PAGE_BYTES)
        op->offset -= op->bytes + 40;
    if (one_in(w, 60))
        op->offset = (uint64_t)1 << 63;
}

static void draw_ftruncate(struct workload *w, const struct reference_process *p,
                           struct operation *op)
{
    op->fd = (int)below(w, 6);
    op->bytes = one_in(w, 3) ? draw_known_bytes(w, p, op->fd) : draw_file_bytes(w);
    if (op->bytes > WORKLOAD_FILE_PAGES * PAGE_BYTES)
        op->bytes -= PAGE_BYTES;
    if (one_in(w, 60))
        op->bytes = (uint64_t)1 << 63;
}

/* ---- choosing ---- */

/* How often, relative to the sum of all. */
static const unsigned weights[OPERATION_KINDS] = {
    [OPERATION_MMAP] = 14,   [OPERATION_MUNMAP] = 5,    [OPERATION_MPROTECT] = 9,
    [OPERATION_MSYNC] = 5,   [OPERATION_BRK] = 4,       [OPERATION_LOAD] = 16,
    [OPERATION_STORE] = 24,  [OPERATION_FETCH] = 2,     [OPERATION_FORK] = 4,
    [OPERATION_EXIT] = 3,    [OPERATION_WAIT] = 2,      [OPERATION_OPEN] = 3,
    [OPERATION_CLOSE] = 2,   [OPERATION_DUP2] = 1,      [OPERATION_PREAD] = 6,
    [OPERATION_PWRITE] = 7,  [OPERATION_FTRUNCATE] = 6, [OPERATION_FSYNC] = 2,
    [OPERATION_SYNC] = 1,    [OPERATION_UNLINK] = 1,    [OPERATION_MREMAP] = 7,
    [OPERATION_MADVISE] = 5,
};

static enum operation_kind draw_kind(struct workload *w)
{
    uint64_t total = 0;
    uint64_t at;
    unsigned kind = 0;

    for (unsigned i = 0; i < OPERATION_KINDS; i++)
        total += weights[i];
    at = below(w, total);
    while (at >= weights[kind])
        at -= weights[kind++];
    return (enum operation_kind)kind;
}

static void draw_arguments(struct workload *w, const struct reference_process *p,
                           struct operation *op)
{
    switch (op->kind) {
    case OPERATION_MMAP:
        draw_mmap(w, op);
        break;
    case OPERATION_MUNMAP:
        draw_call_range(w, op);
        break;
    case OPERATION_MPROTECT:
        draw_mprotect(w, op);
        break;
    case OPERATION_MSYNC:
        draw_msync(w, op);
        break;
    case OPERATION_BRK:
        draw_brk(w, op);
        break;
    case OPERATION_MREMAP:
        draw_mremap(w, op);
        break;
    case OPERATION_MADVISE:
        draw_madvise(w, op);
        break;
    case OPERATION_LOAD:
    case OPERATION_STORE:
    case OPERATION_FETCH:
        draw_access(w, p, op);
        break;
    case OPERATION_WAIT:
        op->fd = one_in(w, 3) ? 1 + (int)below(w, 8) : -1;
        break;
    case OPERATION_OPEN:
        draw_open(w, op);
        break;
    case OPERATION_PREAD:
    case OPERATION_PWRITE:
        draw_transfer(w, p, op);
        break;
    case OPERATION_FTRUNCATE:
        draw_ftruncate(w, p, op);
        break;
    case OPERATION_UNLINK:
        op->file = (unsigned)below(w, REFERENCE_NAMES);
        break;
    default: /* close, dup2, fsync; exit's status */
        op->fd = (int)below(w, 6);
        op->new_fd = (int)below(w, REFERENCE_FDS);
    }
}

/* ---- what is not drawn ---- */

/*
 * Frames that everything takes at most: each private page, each page of an object, tables. Objects
 * count once for each page that shows them: too many, never too few.
 */
static uint64_t workload_frames(const struct workload *w)
{
    uint64_t frames = REFERENCE_NAMES * WORKLOAD_FILE_PAGES + WORKLOAD_LIVE * 10 + 16;

    for (unsigned i = 0; i < REFERENCE_PROCESSES; i++)
        for (unsigned n = 0; n < REFERENCE_PAGES; n++)
            frames += w->vm->process[i].page[n].mapped;
    return frames;
}

/* At most so many frames more does an operation need. */
static uint64_t operation_frames(const struct workload *w, const struct operation *op)
{
    switch (op->kind) {
    case OPERATION_MMAP:
        return op->bytes > WINDOW_BYTES ? 0 : op->bytes / PAGE_BYTES + 1;
    case OPERATION_BRK:
        return 10;
    case OPERATION_MREMAP:
        return op->flags & REFERENCE_DONTUNMAP ? op->bytes / PAGE_BYTES + 1 : 1;
    case OPERATION_FORK:
        return (workload_frames(w) / WORKLOAD_LIVE) + REFERENCE_PAGES / 2;
    default:
        return 0;
    }
}

static bool descriptors_full(const struct reference_process *p)
{
    for (unsigned fd = 0; fd < REFERENCE_FDS; fd++)
        if (p->fds[fd].object == NULL)
            return false;
    return true;
}

/* Is it an operation that the reference cannot follow, or that leaves no process behind? */
static bool workload_refuses(struct workload *w, const struct reference_process *p,
                             const struct operation *op)
{
    if (op->kind == OPERATION_FORK && workload_live(w) >= WORKLOAD_LIVE)
        return true;
    if (op->kind == OPERATION_EXIT && workload_live(w) <= 1)
        return true;
    if (op->kind == OPERATION_OPEN && descriptors_full(p))
        return true;
    if (w->avoid_tails && reference_vm_stores_tail(w->vm, op))
        return true;
    return w->frames != 0 && workload_frames(w) + operation_frames(w, op) > w->frames &&
           operation_frames(w, op) > 0;
}

void workload_draw(struct workload *w, struct operation *op)
{
    const struct reference_process *p;

    do {
        p = draw_process(w);
        memset(op, 0, sizeof(*op));
        op->pid = p->pid;
        op->kind = w->mappings > 0 ? OPERATION_MMAP : draw_kind(w);
        w->mappings -=
            w->mappings > 0; /* also when it is refused: there may be no frames for more */
        draw_arguments(w, p, op);
    } while (workload_refuses(w, p, op));
}
