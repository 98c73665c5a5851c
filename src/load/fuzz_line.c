/*
 * Random operations, one line each; those on files are in fuzz_file.c.
 *
 * Layer 8; see fuzz.h. What is known to depend on more than the rules of mmap is left out: ranges
 * past the window's end; writes from buffers that may be missing; which pages of a disk's files are
 * in core; and MADV_PAGEOUT in scripts with MADV_FREE, as whether a page that was given up goes
 * depends on the processor that brought it. docs/SCENARIOS.md has them all.
 */
#include <stdio.h>
#include <string.h>

#include "load/fuzz.h"

/* Pages of a range that ends in the window, short ones first. */
static unsigned length_pages(struct fuzz_maker *maker, unsigned page)
{
    unsigned most = maker->pages - page;
    unsigned length = 1 + fuzz_below(maker, fuzz_chance(maker, 4) ? 16 : 4);

    if (maker->wide && fuzz_chance(maker, 2))
        length = 512 * (1 + fuzz_below(maker, 3)) + fuzz_below(maker, 3) - 1;
    return length < most ? length : most;
}

/* A range as "address, bytes", rarely unaligned or empty; its ends are where things happen next. */
static int print_range(struct fuzz_maker *maker, char *out)
{
    unsigned page = fuzz_page(maker);
    unsigned length = length_pages(maker, page);
    unsigned bytes = length * 4096;

    fuzz_remember(maker, page);
    fuzz_remember(maker, page + length);
    if (fuzz_chance(maker, 40))
        return sprintf(out, "w+%u*4096+1, %u", page, bytes);
    if (fuzz_chance(maker, 30))
        bytes = fuzz_chance(maker, 2) ? 0 : bytes - 4095;
    return sprintf(out, "w+%u*4096, %u", page, bytes);
}

static const char *protection(struct fuzz_maker *maker)
{
    static const char *const words[] = {"PROT_READ|PROT_WRITE",
                                        "PROT_READ|PROT_WRITE",
                                        "PROT_READ|PROT_WRITE",
                                        "PROT_READ",
                                        "PROT_READ",
                                        "PROT_NONE",
                                        "PROT_READ|PROT_EXEC",
                                        "PROT_EXEC",
                                        "PROT_WRITE",
                                        "PROT_READ|PROT_WRITE|PROT_EXEC"};

    return FUZZ_PICK(maker, words);
}

/* ---- mapping ---- */

static const char *map_flags(struct fuzz_maker *maker, bool *placed)
{
    static const char *const fixed[] = {"|MAP_FIXED", "|MAP_FIXED", "|MAP_FIXED",
                                        "|MAP_FIXED_NOREPLACE", ""};

    *placed = !fuzz_chance(maker, 4);
    return *placed ? FUZZ_PICK(maker, fixed) : "";
}

static unsigned file_page(struct fuzz_maker *maker)
{
    return maker->wide && fuzz_chance(maker, 2) ? 512 * fuzz_below(maker, 3) + fuzz_below(maker, 2)
                                                : fuzz_below(maker, 6);
}

static const char *map_extra(struct fuzz_maker *maker)
{
    static const char *const words[] = {"|MAP_NORESERVE", "|MAP_POPULATE", "|MAP_STACK",
                                        "|MAP_LOCKED", "|MAP_GROWSDOWN"};

    return fuzz_chance(maker, 8) ? FUZZ_PICK(maker, words) : "";
}

/*
 * Huge pages that are not there. Only where the window has room for them: what MAP_FIXED replaces is
 * as long as they are. One in eight asks for pages to be reserved, which is refused.
 */
static bool make_mmap_huge(struct fuzz_maker *maker, char *out)
{
    unsigned page = 512 * fuzz_below(maker, maker->pages / 512 - 4);
    unsigned bytes = ((1 + fuzz_below(maker, 4)) << 21) -
                     (fuzz_chance(maker, 3) ? 4096 * fuzz_below(maker, 512) : 0);
    bool placed;
    const char *flags = map_flags(maker, &placed);

    fuzz_remember(maker, page);
    fuzz_remember(maker, page + 512);
    if (fuzz_chance(maker, 16))
        page++;
    out += placed ? sprintf(out, "mmap(w+%u*4096", page) : sprintf(out, "mmap(NULL");
    sprintf(out, ", %u, %s, %s|MAP_ANONYMOUS%s%s%s, -1, %s) = ?", bytes, protection(maker),
            fuzz_chance(maker, 3) ? "MAP_SHARED" : "MAP_PRIVATE", flags,
            fuzz_chance(maker, 8) ? "" : "|MAP_NORESERVE",
            fuzz_chance(maker, 12) ? "|MAP_HUGETLB|MAP_LOCKED" : "|MAP_HUGETLB",
            fuzz_chance(maker, 12) ? "4096" : "0");
    return true;
}

/* "address, bytes, protection, " of an mmap, and whether the address is asked for. */
static int print_map_head(struct fuzz_maker *maker, bool placed, char *out)
{
    char range[48];
    const char *comma;

    print_range(maker, range);
    if (placed)
        return sprintf(out, "mmap(%s, %s, ", range, protection(maker));
    comma = strchr(range, ',');
    return sprintf(out, "mmap(NULL%s, %s, ", comma, protection(maker));
}

static bool make_mmap(struct fuzz_maker *maker, char *out)
{
    bool placed;
    const char *flags;

    if (maker->wide && fuzz_chance(maker, 6))
        return make_mmap_huge(maker, out);
    flags = map_flags(maker, &placed);
    out += print_map_head(maker, placed, out);
    sprintf(out, "%s|MAP_ANONYMOUS%s%s, -1, 0) = ?",
            fuzz_chance(maker, 5) ? "MAP_SHARED" : "MAP_PRIVATE", flags, map_extra(maker));
    return true;
}

static bool make_mmap_file(struct fuzz_maker *maker, char *out)
{
    static const char *const kinds[] = {"MAP_PRIVATE",        "MAP_PRIVATE", "MAP_PRIVATE",
                                        "MAP_SHARED",         "MAP_SHARED",  "MAP_SHARED",
                                        "MAP_SHARED_VALIDATE"};
    bool placed;
    const char *flags = map_flags(maker, &placed);

    out += print_map_head(maker, placed, out);
    sprintf(out, "%s%s%s, f%u, %u*4096) = ?", FUZZ_PICK(maker, kinds), flags,
            fuzz_chance(maker, 12) ? "|MAP_POPULATE" : "", fuzz_below(maker, maker->files),
            file_page(maker));
    return true;
}

static bool make_munmap(struct fuzz_maker *maker, char *out)
{
    out += sprintf(out, "munmap(");
    out += print_range(maker, out);
    sprintf(out, ") = ?");
    return true;
}

static bool make_mprotect(struct fuzz_maker *maker, char *out)
{
    out += sprintf(out, "mprotect(");
    out += print_range(maker, out);
    sprintf(out, ", %s) = ?", protection(maker));
    return true;
}

static bool make_mremap(struct fuzz_maker *maker, char *out)
{
    static const char *const flags[] = {"0", "MREMAP_MAYMOVE", "MREMAP_MAYMOVE"};
    static const char *const fixed[] = {"MREMAP_MAYMOVE|MREMAP_FIXED",
                                        "MREMAP_MAYMOVE|MREMAP_FIXED",
                                        "MREMAP_MAYMOVE|MREMAP_FIXED|MREMAP_DONTUNMAP"};
    unsigned to = fuzz_page(maker);
    unsigned bytes = length_pages(maker, to) * 4096;

    out += sprintf(out, "mremap(");
    if (fuzz_chance(maker, 12)) /* a shared mapping is duplicated */
        out += sprintf(out, "w+%u*4096, 0", fuzz_page(maker));
    else
        out += print_range(maker, out);
    if (fuzz_chance(maker, 2))
        sprintf(out, ", %u, %s) = ?", bytes, FUZZ_PICK(maker, flags));
    else
        sprintf(out, ", %u, %s, w+%u*4096) = ?", bytes, FUZZ_PICK(maker, fixed), to);
    return true;
}

static bool make_brk(struct fuzz_maker *maker, char *out)
{
    unsigned page = maker->pages / 4 + fuzz_below(maker, 12);

    fuzz_remember(maker, page);
    sprintf(out, "brk(w+%u*4096%s) = ?", page, fuzz_chance(maker, 4) ? "+100" : "");
    return true;
}

/* ---- advice and locks ---- */

/*
 * The last one is about pages that memory pressure would take. MADV_PAGEOUT frees those of MADV_FREE,
 * and those of shared memory that nobody has written, unless another processor than the present one
 * holds them in its batch: so never together with MADV_FREE, nor with in_core.
 */
static bool make_madvise(struct fuzz_maker *maker, char *out)
{
    static const char *const advice[] = {
        "MADV_DONTNEED",       "MADV_DONTNEED",      "MADV_NORMAL",        "MADV_RANDOM",
        "MADV_SEQUENTIAL",     "MADV_WILLNEED",      "MADV_DONTFORK",      "MADV_DOFORK",
        "MADV_WIPEONFORK",     "MADV_KEEPONFORK",    "MADV_DONTDUMP",      "MADV_DODUMP",
        "MADV_REMOVE",         "MADV_COLD",          "MADV_POPULATE_READ", "MADV_NOHUGEPAGE",
        "MADV_POPULATE_WRITE", "MADV_GUARD_INSTALL", "MADV_GUARD_REMOVE",  "MADV_DONTNEED_LOCKED"};
    unsigned what = fuzz_below(maker, sizeof(advice) / sizeof(advice[0]) + 1);
    bool last = what == sizeof(advice) / sizeof(advice[0]);

    out += sprintf(out, "madvise(");
    out += print_range(maker, out);
    sprintf(out, ", %s) = ?",
            last ? maker->frees || !maker->looks ? "MADV_FREE" : "MADV_PAGEOUT" : advice[what]);
    return true;
}

/*
 * Contents by the directive, which leaves out what the host's disk cache has. Else no vector is ever
 * there: a hole is found before it is missed.
 */
static bool make_mincore(struct fuzz_maker *maker, char *out)
{
    unsigned page = fuzz_page(maker);

    if (!maker->wide && !maker->looks) {
        sprintf(out, "in_core(w+%u*4096, %u, w) = ?", page, length_pages(maker, page) * 4096);
        return true;
    }
    out += sprintf(out, "mincore(");
    out += print_range(maker, out);
    sprintf(out, ", 1) = ?");
    return true;
}

static bool make_mlock(struct fuzz_maker *maker, char *out)
{
    out += sprintf(out, "mlock(");
    out += print_range(maker, out);
    sprintf(out, ") = ?");
    return true;
}

static bool make_mlock2(struct fuzz_maker *maker, char *out)
{
    out += sprintf(out, "mlock2(");
    out += print_range(maker, out);
    sprintf(out, ", %s) = ?", fuzz_chance(maker, 4) ? "0" : "MLOCK_ONFAULT");
    return true;
}

static bool make_mlockall(struct fuzz_maker *maker, char *out)
{
    static const char *const flags[] = {"MCL_FUTURE", "MCL_FUTURE|MCL_ONFAULT", "MCL_ONFAULT",
                                        "MCL_CURRENT"};

    sprintf(out, "mlockall(%s) = ?", FUZZ_PICK(maker, flags));
    return true;
}

static bool make_munlockall(struct fuzz_maker *maker, char *out)
{
    (void)maker;
    sprintf(out, "munlockall() = ?");
    return true;
}

/* Only when asked for: not every kernel is built with CONFIG_ANON_VMA_NAME. */
static bool make_name(struct fuzz_maker *maker, char *out)
{
    static const char *const names[] = {"\"one\"", "\"one\"", "\"two\"", "NULL"};

    if (maker->calls == NULL)
        return false;
    out += sprintf(out, "prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, ");
    out += print_range(maker, out);
    sprintf(out, ", %s) = ?", FUZZ_PICK(maker, names));
    return true;
}

/* What is sealed stays so: seldom, or nothing would happen any more. */
static bool make_mseal(struct fuzz_maker *maker, char *out)
{
    if (!maker->seals || !fuzz_chance(maker, 4))
        return false;
    out += sprintf(out, "mseal(");
    out += print_range(maker, out);
    sprintf(out, ", 0) = ?");
    return true;
}

static bool make_munlock(struct fuzz_maker *maker, char *out)
{
    out += sprintf(out, "munlock(");
    out += print_range(maker, out);
    sprintf(out, ") = ?");
    return true;
}

static bool make_msync(struct fuzz_maker *maker, char *out)
{
    static const char *const flags[] = {"MS_ASYNC", "MS_ASYNC", "MS_ASYNC|MS_INVALIDATE", "0",
                                        "MS_SYNC"};

    const char *chosen = FUZZ_PICK(maker, flags);

    out += sprintf(out, "msync(");
    out += print_range(maker, out);
    sprintf(out, ", %s) = ?", !maker->syncs && strcmp(chosen, "MS_SYNC") == 0 ? "0" : chosen);
    return true;
}

/*
 * Low enough to be met; half of the time it goes again, as far as everybody may raise it. No limit of
 * data is 0, which the kernel takes for none.
 */
static bool make_setrlimit(struct fuzz_maker *maker, char *out)
{
    static const char *const limits[] = {"RLIMIT_AS", "RLIMIT_MEMLOCK", "RLIMIT_DATA"};
    const char *limit = FUZZ_PICK(maker, limits);

    if (fuzz_chance(maker, 2))
        sprintf(out, "setrlimit(%s, 8M) = ?", limit);
    else
        sprintf(out, "setrlimit(%s, %u) = ?", limit,
                fuzz_below(maker, 60) * 4096 + (limit[7] == 'D' ? 1 : fuzz_below(maker, 2)));
    return true;
}

/* ---- accesses ---- */

static bool make_access(struct fuzz_maker *maker, char *out)
{
    static const char *const bytes[] = {"1", "8", "8", "100", "4096"};
    unsigned page = fuzz_page(maker);
    unsigned offset = fuzz_chance(maker, 3)   ? 4092
                      : fuzz_chance(maker, 2) ? 0
                                              : fuzz_below(maker, 4088);
    unsigned what = fuzz_below(maker, 8);

    if (what < 5)
        sprintf(out, "store(w+%u*4096+%u, %s, %u) = ?", page, offset, FUZZ_PICK(maker, bytes),
                1 + fuzz_below(maker, 255));
    else if (what < 7)
        sprintf(out, "load(w+%u*4096+%u, %s) = ?", page, offset, FUZZ_PICK(maker, bytes));
    else
        sprintf(out, "fetch(w+%u*4096+%u, %u) = ?", page,
                fuzz_chance(maker, 4) ? 4094 : offset & ~1u, fuzz_chance(maker, 3) ? 4 : 2);
    return true;
}

/* What areas are made of: compared on both sides as far as rules alone decide it. */
static bool make_smaps(struct fuzz_maker *maker, char *out)
{
    (void)maker;
    strcpy(out, "smaps() = ?");
    return true;
}

static const struct fuzz_operation operations[] = {
    {NULL, 30, make_access},
    {"mmap", 14, make_mmap},
    {"mmap", 10, make_mmap_file},
    {"munmap", 8, make_munmap},
    {"mprotect", 10, make_mprotect},
    {"mremap", 10, make_mremap},
    {"madvise", 8, make_madvise},
    {"mincore", 2, make_mincore},
    {"mlock", 2, make_mlock},
    {"mlock2", 2, make_mlock2},
    {"munlock", 2, make_munlock},
    {"mlockall", 1, make_mlockall},
    {"munlockall", 1, make_munlockall},
    {"prctl", 3, make_name},
    {"mseal", 1, make_mseal},
    {"setrlimit", 1, make_setrlimit},
    {"brk", 4, make_brk},
    {"msync", 3, make_msync},
    {"smaps", 2, make_smaps},
};

#define OPERATIONS ((unsigned)(sizeof(operations) / sizeof(operations[0])))

/* The i-th of both tables, or NULL. */
static const struct fuzz_operation *operation_at(unsigned i)
{
    return i < OPERATIONS ? &operations[i] : fuzz_file_operation(i - OPERATIONS);
}

bool fuzz_line_make(struct fuzz_maker *maker, char *out)
{
    const struct fuzz_operation *o;
    unsigned total = 0;
    unsigned at;

    for (unsigned i = 0; (o = operation_at(i)) != NULL; i++)
        total += o->weight;
    at = fuzz_below(maker, total);
    for (unsigned i = 0; (o = operation_at(i)) != NULL; i++) {
        if (at < o->weight)
            return (o->name == NULL || fuzz_makes(maker, o->name)) && o->make(maker, out);
        at -= o->weight;
    }
    return false;
}

/*
 * Something to meet: files with a last page in part, the buffer, a few areas, and a file that nobody
 * maps.
 */
void fuzz_line_begin(const struct fuzz_maker *maker, struct fuzz_script *script)
{
    static const char *const lines[] = {
        "file(\"/b\", 4*4096) = ?",
        "file(\"/r\", 15000, 0xee) = ?",
        "mmap(w, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED, -1, 0) = ?",
        "store(w, 4096, 0xbb) = ?",
        "f0 = open(\"/a\", O_RDWR) = ?",
        "f1 = open(\"/b\", O_RDWR) = ?",
        "f2 = open(\"/a\", O_RDONLY) = ?",
        "r = open(\"/r\", O_RDONLY) = ?",
        ("mmap(w+8*4096, 32768, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED, -1, 0) "
         "= ?"),
        "mmap(w+40*4096, 20480, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_FIXED, f0, 0) = ?",
        "mmap(w+46*4096, 20480, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED, f1, 0) = ?",
    };

    sprintf(script->lines[0], "w = window(%u) = ?", maker->pages * 4096);
    sprintf(script->lines[1], "file(\"/a\", %u) = ?", maker->wide ? 3 << 21 : 14000);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        strcpy(script->lines[i + 2], lines[i]);
    script->count = 2 + (unsigned)(sizeof(lines) / sizeof(lines[0]));
}
