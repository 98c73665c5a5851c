/*
 * Random operations on files, one line each.
 *
 * Layer 8; see fuzz.h. What writes pages back (MS_SYNC, fsync and its kin, O_SYNC) is made in half of
 * the scripts, and files end inside a page in three of four: see make_ftruncate.
 */
#include <stdio.h>
#include <string.h>

#include "load/fuzz.h"

#define FILES_FIRST 3u  /* descriptors f0, f1, f2 that a script begins with */
#define FILES_MOST  12u /* and has at most */

/* ---- descriptors ---- */

/* Rather one of those that a script begins with. */
static const char *name_of_file(struct fuzz_maker *maker)
{
    static const char *const names[] = {"/a", "/a", "/a", "/b", "/b", "/b", "/c", "/d/a"};

    return FUZZ_PICK(maker, names);
}

static bool make_open(struct fuzz_maker *maker, char *out)
{
    static const char *const flags[] = {"O_RDWR", "O_RDWR", "O_RDWR|O_CLOEXEC", "O_RDONLY",
                                        "O_WRONLY"};
    static const char *const synced[] = {"", "", "|O_SYNC", "|O_DSYNC"};

    if (maker->files >= FILES_MOST)
        return false;
    sprintf(out, "f%u = open(\"%s\", %s%s) = ?", maker->files++, name_of_file(maker),
            FUZZ_PICK(maker, flags), maker->syncs ? FUZZ_PICK(maker, synced) : "");
    return true;
}

/* Files without a device behind them. */
static bool make_memory_file(struct fuzz_maker *maker, char *out)
{
    static const char *const files[] = {
        "open(\"/dev/zero\", O_RDWR)", "open(\"/dev/zero\", O_RDONLY)",
        "memfd_create(\"m\", MFD_ALLOW_SEALING)", "memfd_create(\"m\", MFD_CLOEXEC)",
        "open(\"/dev/shm/s\", O_RDWR|O_CREAT)"};

    if (maker->files >= FILES_MOST)
        return false;
    sprintf(out, "f%u = %s = ?", maker->files++, FUZZ_PICK(maker, files));
    return true;
}

static bool make_seal(struct fuzz_maker *maker, char *out)
{
    static const char *const seals[] = {"F_SEAL_WRITE", "F_SEAL_GROW", "F_SEAL_SHRINK",
                                        "F_SEAL_FUTURE_WRITE"};

    sprintf(out, "fcntl(f%u, F_ADD_SEALS, %s) = ?", fuzz_below(maker, maker->files),
            FUZZ_PICK(maker, seals));
    return true;
}

static bool make_dup(struct fuzz_maker *maker, char *out)
{
    if (maker->files >= FILES_MOST)
        return false;
    sprintf(out, "f%u = dup(f%u) = ?", maker->files, fuzz_below(maker, maker->files));
    maker->files++;
    return true;
}

/* Onto one of those opened on the way, or onto itself. */
static bool make_dup_onto(struct fuzz_maker *maker, char *out)
{
    unsigned from = fuzz_below(maker, maker->files);
    unsigned to = FILES_FIRST + fuzz_below(maker, maker->files - FILES_FIRST + 1);

    if (to >= maker->files)
        to = from;
    if (fuzz_chance(maker, 2) && fuzz_makes(maker, "dup3"))
        sprintf(out, "dup3(f%u, f%u, %s) = ?", from, to, fuzz_chance(maker, 2) ? "O_CLOEXEC" : "0");
    else
        sprintf(out, "dup2(f%u, f%u) = ?", from, to);
    return true;
}

/* One of those opened on the way, so that the first ones stay. */
static bool make_close(struct fuzz_maker *maker, char *out)
{
    if (maker->files <= FILES_FIRST)
        return false;
    sprintf(out, "close(f%u) = ?", FILES_FIRST + fuzz_below(maker, maker->files - FILES_FIRST));
    return true;
}

/*
 * Never to 0: ext4 writes a file back at a close after that, which clears its tail. And not inside a
 * page where commits of a journal write that page: see fuzz_probe.c.
 */
static bool make_ftruncate(struct fuzz_maker *maker, char *out)
{
    unsigned part = fuzz_chance(maker, 2) ? fuzz_below(maker, 4096) : 4095;

    sprintf(out, "ftruncate(f%u, %u) = ?", fuzz_below(maker, maker->files),
            fuzz_below(maker, 8) * 4096 + 1 + (maker->cuts ? part : 4095));
    return true;
}

static bool make_pwrite(struct fuzz_maker *maker, char *out)
{
    sprintf(out, "pwrite64(f%u, w, %u, %u) = ?", fuzz_below(maker, maker->files),
            1 + fuzz_below(maker, 4096), fuzz_below(maker, 5 * 4096));
    return true;
}

/*
 * Anywhere from a file that nobody maps, or from a mapped one into the buffer: a copy of a page onto
 * itself depends on how the processor copies.
 */
static bool make_pread(struct fuzz_maker *maker, char *out)
{
    if (fuzz_chance(maker, 3))
        sprintf(out, "pread64(f%u, w, %u, %u) = ?", fuzz_below(maker, maker->files),
                1 + fuzz_below(maker, 4096), fuzz_below(maker, 5 * 4096));
    else
        sprintf(out, "pread64(r, w+%u*4096+%u, %u, %u) = ?", fuzz_page(maker),
                fuzz_chance(maker, 2) ? 0 : fuzz_below(maker, 4096), 1 + fuzz_below(maker, 9000),
                fuzz_below(maker, 4 * 4096));
    return true;
}

/* ---- by the offset that a description has ---- */

static bool make_lseek(struct fuzz_maker *maker, char *out)
{
    static const char *const from[] = {"SEEK_SET", "SEEK_SET", "SEEK_CUR", "SEEK_END"};
    unsigned bytes = fuzz_below(maker, 5) * (maker->cuts ? 3000 : 4096);

    sprintf(out, "lseek(f%u, %s%u, %s) = ?", fuzz_below(maker, maker->files),
            fuzz_chance(maker, 4) ? "-" : "", bytes, FUZZ_PICK(maker, from));
    return true;
}

static bool make_read(struct fuzz_maker *maker, char *out)
{
    sprintf(out, "read(f%u, w, %u) = ?", fuzz_below(maker, maker->files),
            maker->cuts ? 1 + fuzz_below(maker, 4096) : 4096);
    return true;
}

/* From the buffer, which may be missing after an exec. */
static bool make_write(struct fuzz_maker *maker, char *out)
{
    sprintf(out, "write(f%u, w, %u) = ?", fuzz_below(maker, maker->files),
            maker->cuts ? 1 + fuzz_below(maker, 4096) : 4096);
    return true;
}

/* ---- room ---- */

/* Anywhere about the end of the file; whole pages as often as not. */
static int print_bytes(struct fuzz_maker *maker, char *out)
{
    unsigned offset = fuzz_below(maker, 6) * 4096;
    unsigned bytes = (1 + fuzz_below(maker, 3)) * 4096;

    if (maker->cuts && fuzz_chance(maker, 2)) {
        offset += fuzz_below(maker, 4096);
        bytes = 1 + fuzz_below(maker, 9000);
    }
    return sprintf(out, "%u, %u", offset, bytes);
}

static bool make_fallocate(struct fuzz_maker *maker, char *out)
{
    static const char *const modes[] = {"FALLOC_FL_PUNCH_HOLE|FALLOC_FL_KEEP_SIZE",
                                        "FALLOC_FL_PUNCH_HOLE|FALLOC_FL_KEEP_SIZE",
                                        "FALLOC_FL_KEEP_SIZE",
                                        "0",
                                        "FALLOC_FL_ZERO_RANGE",
                                        "FALLOC_FL_ZERO_RANGE|FALLOC_FL_KEEP_SIZE",
                                        "FALLOC_FL_PUNCH_HOLE"};

    out += sprintf(out, "fallocate(f%u, %s, ", fuzz_below(maker, maker->files),
                   FUZZ_PICK(maker, modes));
    out += print_bytes(maker, out);
    sprintf(out, ") = ?");
    return true;
}

static bool make_fadvise(struct fuzz_maker *maker, char *out)
{
    static const char *const advice[] = {"POSIX_FADV_NORMAL",     "POSIX_FADV_RANDOM",
                                         "POSIX_FADV_SEQUENTIAL", "POSIX_FADV_WILLNEED",
                                         "POSIX_FADV_NOREUSE",    "POSIX_FADV_DONTNEED"};

    out += sprintf(out, "fadvise64(f%u, ", fuzz_below(maker, maker->files));
    out += print_bytes(maker, out);
    /* DONTNEED begins to write, which clears the tail of a last page. */
    sprintf(out, ", %s) = ?", advice[fuzz_below(maker, maker->syncs ? 6 : 5)]);
    return true;
}

static bool make_readahead(struct fuzz_maker *maker, char *out)
{
    out += sprintf(out, "readahead(f%u, ", fuzz_below(maker, maker->files));
    out += print_bytes(maker, out);
    sprintf(out, ") = ?");
    return true;
}

/* ---- making it durable ---- */

static bool make_fsync(struct fuzz_maker *maker, char *out)
{
    static const char *const calls[] = {"fsync", "fdatasync", "fdatasync", "syncfs"};

    if (!maker->syncs)
        return false;
    sprintf(out, "%s(f%u) = ?", FUZZ_PICK(maker, calls), fuzz_below(maker, maker->files));
    return true;
}

static bool make_sync_file_range(struct fuzz_maker *maker, char *out)
{
    static const char *const flags[] = {
        "SYNC_FILE_RANGE_WRITE", "SYNC_FILE_RANGE_WAIT_BEFORE",
        "SYNC_FILE_RANGE_WAIT_BEFORE|SYNC_FILE_RANGE_WRITE|SYNC_FILE_RANGE_WAIT_AFTER", "0"};

    if (!maker->syncs)
        return false;
    out += sprintf(out, "sync_file_range(f%u, ", fuzz_below(maker, maker->files));
    out += print_bytes(maker, out);
    sprintf(out, ", %s) = ?", FUZZ_PICK(maker, flags));
    return true;
}

/* ---- names ---- */

static const char *any_name(struct fuzz_maker *maker)
{
    static const char *const names[] = {"/a", "/b", "/c", "/c", "/d", "/d/a", "/d/a", "/e", "/a/b"};

    return FUZZ_PICK(maker, names);
}

/*
 * No file takes another's place: ext4 writes a file back that does and has blocks to find yet, which
 * clears its tail. Directories do.
 */
static bool make_rename(struct fuzz_maker *maker, char *out)
{
    static const char *const targets[] = {"/a", "/b", "/c", "/c", "/d/a", "/a/b"};
    const char *from = any_name(maker);
    const char *to = FUZZ_PICK(maker, targets);

    if (fuzz_chance(maker, 4))
        strcpy(out,
               fuzz_chance(maker, 2) ? "rename(\"/d\", \"/e\") = ?" : "rename(\"/e\", \"/d\") = ?");
    else
        sprintf(out, "renameat2(AT_FDCWD, \"%s\", AT_FDCWD, \"%s\", RENAME_NOREPLACE) = ?", from,
                to);
    return true;
}

/* Of a file with two names, maps shows the one that it was opened by: nothing opens this one. */
static bool make_link(struct fuzz_maker *maker, char *out)
{
    sprintf(out, "link(\"%s\", \"/l%u\") = ?", any_name(maker), fuzz_below(maker, 3));
    return true;
}

static bool make_directory(struct fuzz_maker *maker, char *out)
{
    static const char *const names[] = {"/d", "/d", "/e", "/d/d", "/a", "/a/b"};

    sprintf(out, "%s(\"%s\") = ?", fuzz_chance(maker, 3) ? "rmdir" : "mkdir",
            FUZZ_PICK(maker, names));
    return true;
}

static bool make_unlink(struct fuzz_maker *maker, char *out)
{
    static const char *const names[] = {"/c", "/d/a", "/l0", "/l1", "/d", "/a/b"};

    sprintf(out, "unlink(\"%s\") = ?", FUZZ_PICK(maker, names));
    return true;
}

static bool make_truncate(struct fuzz_maker *maker, char *out)
{
    sprintf(out, "truncate(\"%s\", %u) = ?", any_name(maker),
            fuzz_below(maker, 8) * 4096 + (maker->cuts ? 1 + fuzz_below(maker, 4096) : 4096));
    return true;
}

static const struct fuzz_operation operations[] = {
    {"open", 2, make_open},
    {"memfd_create", 2, make_memory_file},
    {"fcntl", 1, make_seal},
    {"dup", 1, make_dup},
    {"dup2", 1, make_dup_onto},
    {"close", 1, make_close},
    {"ftruncate", 3, make_ftruncate},
    {"pwrite64", 3, make_pwrite},
    {"pread64", 3, make_pread},
    {"lseek", 1, make_lseek},
    {"read", 1, make_read},
    {"write", 1, make_write},
    {"fallocate", 4, make_fallocate},
    {"fadvise64", 1, make_fadvise},
    {"readahead", 1, make_readahead},
    {"fdatasync", 2, make_fsync},
    {"sync_file_range", 1, make_sync_file_range},
    {"renameat2", 2, make_rename},
    {"link", 1, make_link},
    {"mkdir", 1, make_directory},
    {"unlink", 1, make_unlink},
    {"truncate", 1, make_truncate},
};

const struct fuzz_operation *fuzz_file_operation(unsigned i)
{
    return i < sizeof(operations) / sizeof(operations[0]) ? &operations[i] : NULL;
}
