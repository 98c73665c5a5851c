/*
 * Faults on files beside the kernel of the host: the same mappings and accesses here, in this very
 * process, and on the simulator. After each access the number of faults that it took (getrusage) and
 * the pages that are present (/proc/self/pagemap) must be the same.
 *
 * The file's pages are all cached, and were written one by one, so that the host has no large folios
 * of it, which a fault would map as a whole.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <mapwalk/machine.h>

#include "base/prng.h"
#include "oracle/oracle.h"

#define PAGE       4096u
#define FILE_PAGES 96u
#define ROOM_PAGES ((uint64_t)1024) /* two leaf tables, in which mappings are placed */
#define ROUNDS     60
#define ACCESSES   40

struct pair {
    struct prng prng;
    struct mw_machine *machine;
    int pid;
    int fd; /* simulated */
    int host_fd;
    int pagemap;
    uint8_t *room;  /* of the host, aligned as BASE is */
    uint64_t first; /* of the mapping in the room, in pages */
    uint64_t pages;
    uint64_t offset; /* in the file */
    int prot;
};

#define BASE UINT64_C(0x100000000)

static void pair_open_host(struct pair *p)
{
    const char *folder = getenv("TMPDIR");
    uint8_t page[PAGE];
    uint8_t *reserved;
    char path[256];

    snprintf(path, sizeof(path), "%s/oracle-file-XXXXXX",
             folder != NULL && *folder != '\0' ? folder : "/tmp");
    p->host_fd = mkstemp(path);
    assert_int_not_equal(p->host_fd, -1);
    unlink(path);
    for (unsigned i = 0; i < FILE_PAGES; i++) {
        memset(page, (int)i + 1, sizeof(page));
        assert_int_equal(write(p->host_fd, page, sizeof(page)), sizeof(page));
    }
    p->pagemap = open("/proc/self/pagemap", O_RDONLY);
    assert_int_not_equal(p->pagemap, -1);
    reserved = mmap(NULL, 3 * ROOM_PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(reserved != MAP_FAILED);
    reserved += ROOM_PAGES * PAGE - (uintptr_t)reserved % (ROOM_PAGES * PAGE);
    p->room = reserved;
}

static void pair_open_simulator(struct pair *p)
{
    static uint8_t bytes[FILE_PAGES * PAGE];
    struct oracle o;

    oracle_init(&o);
    o.config.check = true;
    for (unsigned i = 0; i < FILE_PAGES; i++)
        memset(bytes + i * PAGE, (int)i + 1, PAGE);
    assert_int_equal(mw_machine_new(&o.config, &p->machine), 0);
    p->pid = mw_spawn(p->machine);
    assert_true(p->pid > 0);
    assert_int_equal(mw_file_put(p->machine, "/f", bytes, sizeof(bytes)), 0);
    p->fd = mw_open(p->machine, p->pid, "/f", O_RDWR);
    assert_int_equal(p->fd, 0);
}

static void pair_close(struct pair *p)
{
    assert_int_equal(mw_machine_free(p->machine), 0);
    close(p->host_fd);
    close(p->pagemap);
}

/* A mapping of a part of the file somewhere in the room, in place of the last. */
static void pair_map(struct pair *p, int flags)
{
    uint64_t bytes;
    void *at;

    p->pages = 1 + prng_below(&p->prng, FILE_PAGES + 4);
    p->first = prng_below(&p->prng, ROOM_PAGES - p->pages);
    p->offset = prng_below(&p->prng, FILE_PAGES);
    p->prot = prng_below(&p->prng, 3) == 0 ? PROT_READ : PROT_READ | PROT_WRITE;
    bytes = p->pages * PAGE;
    at = mmap(p->room + p->first * PAGE, bytes, p->prot, flags | MAP_FIXED, p->host_fd,
              (off_t)(p->offset * PAGE));
    assert_ptr_equal(at, p->room + p->first * PAGE);
    assert_int_equal(mw_mmap(p->machine, p->pid, BASE + p->first * PAGE, bytes, p->prot,
                             flags | MAP_FIXED, p->fd, p->offset * PAGE),
                     BASE + p->first * PAGE);
}

static void pair_unmap(struct pair *p)
{
    assert_int_equal(munmap(p->room + p->first * PAGE, p->pages * PAGE), 0);
    assert_int_equal(mw_munmap(p->machine, p->pid, BASE + p->first * PAGE, p->pages * PAGE), 0);
}

static long host_faults(void)
{
    struct rusage usage;

    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_minflt + usage.ru_majflt;
}

/* Nothing but the access: a sanitizer would look at memory of its own first, which may fault. */
__attribute__((noinline, no_sanitize("address"))) static void host_touch(volatile uint8_t *at,
                                                                         bool write)
{
    if (write)
        *at = 1;
    else
        (void)*at;
}

static long host_access(const struct pair *p, uint64_t page, bool write)
{
    long before = host_faults();

    host_touch(p->room + (p->first + page) * PAGE, write);
    return host_faults() - before;
}

static long simulated_access(const struct pair *p, uint64_t page, bool write)
{
    struct mw_stats before;
    struct mw_stats after;

    mw_stats(p->machine, &before);
    assert_int_equal(mw_touch(p->machine, p->pid, BASE + (p->first + page) * PAGE, 1,
                              write ? MW_STORE : MW_LOAD, NULL),
                     0);
    mw_stats(p->machine, &after);
    return (long)(after.faults.total - before.faults.total);
}

static void assert_same_pages(const struct pair *p)
{
    uint64_t words[FILE_PAGES + 4];
    uint64_t first = (uintptr_t)p->room / PAGE + p->first;

    assert_int_equal(
        pread(p->pagemap, words, p->pages * sizeof(words[0]), (off_t)(first * sizeof(words[0]))),
        p->pages * sizeof(words[0]));
    for (uint64_t i = 0; i < p->pages; i++) {
        struct mw_page page;

        assert_int_equal(mw_page_look(p->machine, p->pid, BASE + (p->first + i) * PAGE, &page), 0);
        if (page.present != (words[i] >> 63 != 0))
            fail_msg("page %u of %u, %u pages into the room: simulator %d, Linux %d", (unsigned)i,
                     (unsigned)p->pages, (unsigned)p->first, page.present, (int)(words[i] >> 63));
    }
}

static void run_rounds(int flags)
{
    struct pair p = {.machine = NULL};

    prng_seed(&p.prng, (uint64_t)flags);
    pair_open_host(&p);
    pair_open_simulator(&p);
    for (unsigned round = 0; round < ROUNDS; round++) {
        pair_map(&p, flags);
        for (unsigned i = 0; i < ACCESSES; i++) {
            uint64_t page = prng_below(&p.prng, p.pages);
            bool write = (p.prot & PROT_WRITE) && prng_below(&p.prng, 3) == 0;

            if (p.offset + page >= FILE_PAGES) /* SIGBUS */
                continue;
            assert_int_equal(simulated_access(&p, page, write), host_access(&p, page, write));
            assert_same_pages(&p);
        }
        pair_unmap(&p);
    }
    pair_close(&p);
}

static void shared_mappings_fault_as_often_and_map_the_same_pages(void **state)
{
    (void)state;
    oracle_need_host();
    if (!oracle_is_reference())
        skip();
    run_rounds(MAP_SHARED);
}

static void private_mappings_fault_as_often_and_map_the_same_pages(void **state)
{
    (void)state;
    oracle_need_host();
    if (!oracle_is_reference())
        skip();
    run_rounds(MAP_PRIVATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_mappings_fault_as_often_and_map_the_same_pages),
        cmocka_unit_test(private_mappings_fault_as_often_and_map_the_same_pages),
    };

    return oracle_end(cmocka_run_group_tests(tests, NULL, NULL), true);
}
