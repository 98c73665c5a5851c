/*
 * Running and comparing.
 */
#include "model/session.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/prng.h"

unsigned session_long(void)
{
    const char *text = getenv("MAPWALK_LONG");
    unsigned long factor = text == NULL ? 1 : strtoul(text, NULL, 10);

    return factor < 1 ? 1 : (unsigned)factor;
}

/* What workload_begin did, as lines of a scenario: a trace can be run from its first line on. */
static void session_print_beginning(const struct session *s)
{
    const struct reference_vm *vm = s->workload.vm;
    uint64_t end = vm->window + REFERENCE_PAGES * PAGE_BYTES;

    fprintf(stderr, "1 mmap(%#" PRIx64 ", %#" PRIx64 ", 0, 0x4032, -1, 0)\n", vm->min_addr,
            vm->window - vm->min_addr);
    fprintf(stderr, "1 mmap(%#" PRIx64 ", %#" PRIx64 ", 0, 0x4032, -1, 0)\n", end,
            vm->user_end - end);
    for (unsigned file = 0; file < REFERENCE_NAMES; file++) {
        const char *path = operation_path(file);

        fprintf(stderr, "file(\"%s\", %" PRIu64 ")\n", path, vm->name[file]->size);
        fprintf(stderr, "1 open(\"%s\", %#x)\n", path, workload_open_flags(file));
    }
}

struct session *session_begin(const struct mw_config *config, uint64_t seed)
{
    struct session *s = calloc(1, sizeof(*s));
    const char *trace = getenv("MAPWALK_TRACE");

    assert_non_null(s);
    s->seed = seed;
    s->trace = trace != NULL && *trace == '1';
    assert_int_equal(workload_begin(&s->workload, config, seed, &s->machine), 0);
    if (s->trace)
        session_print_beginning(s);
    return s;
}

void session_end(struct session *s)
{
    workload_end(&s->workload);
    assert_int_equal(mw_machine_free(s->machine), 0);
    free(s);
}

/* ---- when something differs ---- */

/* The machine once more, for a trace that was made into a file. */
static void session_print_config(const struct session *s)
{
    const struct mw_config *c = mw_machine_config(s->machine);
    const char *preset = mw_tlbs_preset_of(&c->tlbs);
    char tlb[MW_TLB_TEXT_BYTES];

    /* A variant is a preset, or one TLB for everything. */
    mw_tlb_format(&c->tlbs.l1d, tlb, sizeof(tlb));
    fprintf(stderr,
            "# of a trace: mapwalk run --mode %s --tlb %s --ram %" PRIu64 " --disk %" PRIu64
            " --set asid-bits=%u --set harts=%u --set hardware-ad=%d --set brk-base=%#" PRIx64
            " --set max-processes=%u\n",
            mw_mode_name(c->mode), preset != NULL ? preset : tlb, c->ram_bytes, c->disk_bytes,
            c->asid_bits, c->harts, c->hardware_ad, c->brk_base, c->max_processes);
}

static void session_print_history(const struct session *s)
{
    uint64_t first = s->done > SESSION_HISTORY ? s->done - SESSION_HISTORY : 0;

    for (uint64_t i = first; i < s->done; i++) {
        const struct session_step *step = &s->history[i % SESSION_HISTORY];

        operation_print(stderr, &step->op, &step->outcome);
    }
}

/* Ends the test. MAPWALK_TRACE=1 shows the operations before those printed here. */
static _Noreturn void session_fail(struct session *s, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "# seed %llu, operation %llu: ", (unsigned long long)s->seed,
            (unsigned long long)s->done);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    session_print_config(s);
    session_print_history(s);
    workload_end(&s->workload); /* or leaks would hide what was printed here */
    (void)mw_machine_free(s->machine);
    free(s);
    fail();
    abort();
}

/* ---- one operation ---- */

static void session_remember(struct session *s, const struct operation *op,
                             const struct outcome *outcome)
{
    struct session_step *step = &s->history[s->done++ % SESSION_HISTORY];

    step->op = *op;
    step->outcome = *outcome;
    if (s->trace)
        operation_print(stderr, op, outcome);
}

/* Runs op on both; they must agree. */
static void session_run(struct session *s, const struct operation *op)
{
    struct outcome machine;
    struct outcome reference;

    operation_run(s->machine, op, &machine);
    session_remember(s, op, &machine);
    reference_vm_run(s->workload.vm, op, &reference);
    if (!operation_outcomes_equal(op, &machine, &reference)) {
        fputs("# the reference says:\n", stderr);
        operation_print(stderr, op, &reference);
        session_fail(s,
                     "results differ: %lld signal %d code %d at %#llx, not %lld signal %d code "
                     "%d at %#llx",
                     (long long)machine.result, machine.signal.signo, machine.signal.code,
                     (unsigned long long)machine.signal.va, (long long)reference.result,
                     reference.signal.signo, reference.signal.code,
                     (unsigned long long)reference.signal.va);
    }
}

static void session_check(struct session *s)
{
    if (!mw_check(s->machine))
        session_fail(s, "a checker found a broken invariant");
}

/*
 * With several harts, now and then a process moves on to another: nothing that it could see. It is
 * no operation, as the reference has no harts. The number that seldom is 0 comes from the seed, but
 * not from the workload's own numbers, so that a workload is the same on any number of harts.
 */
static void session_migrate(struct session *s)
{
    uint32_t harts = mw_machine_config(s->machine)->harts;
    uint64_t number = prng_mix(s->seed ^ s->done << 20);
    int pid = mw_process_next(s->machine, (int)(number >> 8 & 7));

    if (harts == 1 || (number & 7) != 0 || pid == 0)
        return;
    assert_int_equal(mw_set_hart(s->machine, pid, (unsigned)(number >> 16) % harts), 0);
    if (s->trace)
        fprintf(stderr, "%d set_hart(%u)\n", pid, (unsigned)(number >> 16) % harts);
}

void session_step(struct session *s)
{
    struct operation op;

    session_migrate(s);
    workload_draw(&s->workload, &op);
    session_run(s, &op);
    session_check(s);
}

/*
 * Is it an operation of which a part may remain when the rest fails? write(2), what goes area
 * by area, and what writes back.
 */
static bool session_is_partial(const struct operation *op)
{
    switch (op->kind) {
    case OPERATION_MPROTECT:
    case OPERATION_MREMAP:
    case OPERATION_MADVISE:
    case OPERATION_PREAD:
    case OPERATION_PWRITE:
    case OPERATION_MSYNC:
    case OPERATION_FSYNC:
    case OPERATION_SYNC:
        return true;
    default:
        return false;
    }
}

static bool session_ran_out(const struct operation *op, const struct outcome *outcome,
                            const struct outcome *before)
{
    if (op->kind == OPERATION_BRK) /* tells failure by not moving */
        return outcome->result == before->result;
    return outcome->result == -ENOMEM || outcome->signal.reason == MW_REASON_OUT_OF_MEMORY;
}

void session_step_without_memory(struct session *s)
{
    const struct operation where_is_brk = {.kind = OPERATION_BRK};
    struct operation op;
    struct operation ask = where_is_brk;
    struct outcome before;
    struct outcome machine;

    workload_draw(&s->workload, &op);
    if (session_is_partial(&op)) {
        session_run(s, &op);
        return;
    }
    ask.pid = op.pid;
    operation_run(s->machine, &ask, &before);
    mw_fail_allocation(s->machine, 1 + prng_below(&s->workload.prng, 4));
    operation_run(s->machine, &op, &machine);
    mw_fail_allocation(s->machine, 0);
    session_check(s);
    if (session_ran_out(&op, &machine, &before)) {
        session_remember(s, &op, &machine);
        session_compare(s);
        session_run(s, &op);
    } else {
        struct outcome reference;

        session_remember(s, &op, &machine);
        reference_vm_run(s->workload.vm, &op, &reference);
        if (!operation_outcomes_equal(&op, &machine, &reference))
            session_fail(s, "results differ although memory was found");
    }
    session_check(s);
}

/* ---- everything ---- */

static bool session_page_like_area(const struct reference_page *page, const struct mw_vma *area,
                                   uint64_t va)
{
    bool is_file = page->object != NULL && !page->object->anonymous;
    uint64_t off_bytes = page->object == NULL ? 0 : page->index * PAGE_BYTES;
    uint64_t area_off = page->object == NULL ? 0 : area->off_bytes + (va - area->start);

    return area->prot == page->prot && area->shared == page->shared && off_bytes == area_off &&
           (area->inode != 0) == is_file;
}

/*
 * The machine chose the inode number: it must be one for each file, at least as long as the file
 * lives.
 */
static bool session_inode_fits(struct reference_page *page, const struct mw_vma *area)
{
    if (page->object == NULL || page->object->anonymous)
        return true;
    if (page->object->inode == 0)
        page->object->inode = area->inode;
    return page->object->inode == area->inode;
}

static void session_compare_areas(struct session *s, struct reference_process *p)
{
    struct mw_vma area = {.end = 0};

    for (unsigned n = 0; n < REFERENCE_PAGES; n++) {
        struct reference_page *page = &p->page[n];
        uint64_t va = s->workload.vm->window + n * PAGE_BYTES;
        bool mapped;

        if (area.end <= va && mw_vma_next(s->machine, p->pid, va, &area) != 0)
            session_fail(s, "process %d has no area at or above %#llx", p->pid,
                         (unsigned long long)va);
        mapped = area.start <= va;
        if (mapped != page->mapped)
            session_fail(s, "page %#llx of process %d is %smapped", (unsigned long long)va, p->pid,
                         mapped ? "" : "not ");
        if (mapped &&
            (!session_page_like_area(page, &area, va) || !session_inode_fits(page, &area)))
            session_fail(s, "page %#llx of process %d has other attributes than its area",
                         (unsigned long long)va, p->pid);
    }
}

/* Reads whole pages as the process would; those that cannot be read must not be. */
static void session_compare_bytes(struct session *s, struct reference_process *p)
{
    struct operation op = {.pid = p->pid, .bytes = PAGE_BYTES};

    for (unsigned n = 0; n < REFERENCE_PAGES; n++) {
        op.addr = s->workload.vm->window + n * PAGE_BYTES;
        op.kind = p->page[n].prot == PROT_EXEC ? OPERATION_FETCH : OPERATION_LOAD;
        session_run(s, &op);
    }
}

static void session_compare_file(struct session *s, unsigned file)
{
    const struct reference_object *object = s->workload.vm->name[file];
    const char *path = operation_path(file);
    uint8_t *bytes;

    if (object == NULL) {
        if (mw_file_size(s->machine, path) != -ENOENT)
            session_fail(s, "%s was unlinked and is there", path);
        return;
    }
    if (mw_file_size(s->machine, path) != (int64_t)object->size)
        session_fail(s, "%s has %lld bytes, not %llu", path,
                     (long long)mw_file_size(s->machine, path), (unsigned long long)object->size);
    bytes = malloc(object->size + 1);
    assert_non_null(bytes);
    if (mw_file_get(s->machine, path, 0, bytes, object->size + 1) != (int64_t)object->size ||
        memcmp(bytes, object->bytes, object->size) != 0)
        session_fail(s, "%s has other bytes", path);
    free(bytes);
}

/* Living processes, in both directions, and their breaks. */
static void session_compare_processes(struct session *s)
{
    unsigned live = 0;

    for (int pid = mw_process_next(s->machine, 0); pid != 0;
         pid = mw_process_next(s->machine, pid)) {
        const struct reference_process *p = reference_vm_process(s->workload.vm, pid);

        live++;
        if (p == NULL)
            session_fail(s, "process %d should have ended", pid);
        if (mw_brk(s->machine, pid, 0) != (int64_t)p->brk)
            session_fail(s, "process %d has its break elsewhere", pid);
    }
    for (unsigned i = 0; i < REFERENCE_PROCESSES; i++)
        live -= s->workload.vm->process[i].live;
    if (live != 0)
        session_fail(s, "a process is missing");
}

void session_compare(struct session *s)
{
    session_compare_processes(s);
    for (unsigned i = 0; i < REFERENCE_PROCESSES; i++) {
        struct reference_process *p = &s->workload.vm->process[i];

        if (!p->live)
            continue;
        session_compare_areas(s, p);
        session_compare_bytes(s, p);
    }
    for (unsigned file = 0; file < REFERENCE_NAMES; file++)
        session_compare_file(s, file);
}
