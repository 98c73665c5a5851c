/*
 * A pager in user space: memory whose pages a program of ours provides, in both of the ways that
 * <mapwalk/fault.h> has.
 *
 * 1. A file that is mapped block by block by a fault handler, as an exokernel's mmap library does
 *    it: the handler of the region asks for the block of the page that was touched.
 * 2. A snapshot of running memory by userfaultfd: pages are write-protected; before the first store
 *    to each is let through, its old bytes are saved.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */

#include <errno.h>
#include <fcntl.h>
#include <mapwalk/mapwalk.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE        UINT64_C(4096)
#define PAGES       8u
#define REGION      UINT64_C(0x100000000)
#define UFFD_API    0xaau
#define USER_FAULTS 1u /* UFFD_USER_MODE_ONLY */

static void expect(int is_so, const char *what)
{
    if (is_so)
        return;
    fprintf(stderr, "user pager: %s\n", what);
    exit(1);
}

/* ---- a file, block by block ---- */

struct region {
    uint64_t start;
    int fd;
    unsigned requests;
};

static enum mw_fault_answer bring_block(void *context, struct mw_machine *m,
                                        const struct mw_fault *fault)
{
    struct region *r = context;
    uint64_t page = fault->va & ~(PAGE - 1);
    struct mw_page look;

    /* A page that is there and faults (a first store, a missing right) is the kernel's business. */
    if (mw_page_look(m, fault->pid, page, &look) != 0 || look.present)
        return MW_FAULT_NOT_MINE;
    r->requests++;
    printf("  %s at %#llx: block %llu\n", fault->access == MW_STORE ? "store" : "load",
           (unsigned long long)fault->va, (unsigned long long)((page - r->start) / PAGE));
    if (mw_request_block(m, fault->pid, page, r->fd, page - r->start, PROT_READ | PROT_WRITE,
                         MAP_SHARED) != 0)
        return MW_FAULT_NOT_MINE;
    return MW_FAULT_REPAIRED;
}

static void map_blocks(struct mw_machine *m, int pid)
{
    static const char text[] = "from the second block";
    char file[2 * PAGE] = "";
    struct region r = {.start = REGION};
    char bytes[sizeof(text)];

    memcpy(file + PAGE, text, sizeof(text));
    expect(mw_file_put(m, "/file", file, sizeof(file)) == 0, "no file");
    r.fd = mw_open(m, pid, "/file", O_RDWR);
    printf("a file, block by block\n");
    expect(mw_set_range_handler(m, pid, REGION, 2 * PAGE, bring_block, &r) == 0, "no handler");
    expect(mw_load(m, pid, REGION + PAGE, bytes, sizeof(bytes), NULL) == 0, "load");
    expect(strcmp(bytes, text) == 0, "another block came");
    expect(mw_store(m, pid, REGION + PAGE, "F", 1, NULL) == 0, "store");
    expect(r.requests == 1, "the block came in once");
    expect(mw_file_get(m, "/file", PAGE, bytes, 1) == 1 && bytes[0] == 'F', "the file has it");
    expect(mw_munmap(m, pid, REGION, 2 * PAGE) == 0, "munmap");
    expect(mw_load(m, pid, REGION, bytes, 1, NULL) == -EFAULT, "the handler went, too");
}

/* ---- a snapshot ---- */

struct snapshot {
    int uffd;
    uint64_t start;
    unsigned saved;
    char pages[PAGES][PAGE];
};

/* What a monitor's thread would do: reads the message, saves the page, lets the store go on. */
static void save_one(struct snapshot *s, struct mw_machine *m, int pid)
{
    struct mw_uffd_message message;
    unsigned page;

    expect(mw_uffd_read(m, s->uffd, &message) == 0, "no message");
    expect(message.flags == (MW_UFFD_FAULT_WP | MW_UFFD_FAULT_WRITE), "another message");
    page = (unsigned)((message.va - s->start) / PAGE);
    expect(mw_load(m, pid, message.va, s->pages[page], PAGE, NULL) == 0, "loads never wait");
    expect(mw_uffd_writeprotect(m, s->uffd, message.va, PAGE, 0) == 0, "it does not go on");
    s->saved++;
    printf("  page %u saved\n", page);
}

/* A store of the program: it waits until the monitor has answered. */
static void program_stores(struct snapshot *s, struct mw_machine *m, int pid, unsigned page,
                           char byte)
{
    int err = mw_store(m, pid, s->start + page * PAGE, &byte, 1, NULL);

    while (err == -EAGAIN) {
        save_one(s, m, pid);
        err = mw_store(m, pid, s->start + page * PAGE, &byte, 1, NULL);
    }
    expect(err == 0, "store");
}

static void take_snapshot(struct mw_machine *m, int pid)
{
    static struct snapshot s;
    int64_t at = mw_mmap(m, pid, 0, PAGES * PAGE, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    printf("a snapshot\n");
    expect(at > 0, "mmap");
    s.start = (uint64_t)at;
    for (unsigned page = 0; page < PAGES; page++)
        program_stores(&s, m, pid, page, (char)('a' + page));
    s.uffd = mw_uffd_open(m, pid, USER_FAULTS);
    expect(mw_uffd_api(m, s.uffd, UFFD_API, 0) == 0, "api");
    expect(mw_uffd_register(m, s.uffd, s.start, PAGES * PAGE, MW_UFFD_WP) == 0, "register");
    expect(mw_uffd_writeprotect(m, s.uffd, s.start, PAGES * PAGE, MW_UFFD_PROTECT) == 0, "protect");
    program_stores(&s, m, pid, 3, 'X');
    program_stores(&s, m, pid, 5, 'Y');
    program_stores(&s, m, pid, 3, 'Z');
    expect(s.saved == 2, "each page is saved once");
    expect(s.pages[3][0] == 'd' && s.pages[5][0] == 'f', "as it was before");
    expect(mw_uffd_close(m, s.uffd) == 0, "close");
}

int main(void)
{
    struct mw_machine *m;
    int pid;

    expect(mw_machine_new(NULL, &m) == 0, "no machine");
    pid = mw_spawn(m);
    map_blocks(m, pid);
    take_snapshot(m, pid);
    expect(mw_check(m), "an invariant is broken");
    expect(mw_machine_free(m) == 0, "the disk complains");
    return 0;
}
