/*
 * What the kernel says of a process: /proc/PID/maps, mem and pagemap, read from outside.
 *
 * Layer 8; see native.h. The files are opened once for each process. Areas are read anew only when
 * the process has acted since. mem reads what is there whatever the protection says.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "load/native_private.h"

#define PAGE_BYTES ((uint64_t)4096)

void native_look_close(struct native_party *p)
{
    int *const files[] = {&p->maps, &p->mem, &p->pagemap};

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (*files[i] >= 0)
            close(*files[i]);
        *files[i] = -1;
    }
}

void native_look_destroy(struct native *n)
{
    alloc_release(n->alloc, n->areas);
    alloc_release(n->alloc, n->text);
    n->areas = NULL;
    n->text = NULL;
}

/* A file of the process, opened at its first use. */
static int look_open(const struct native_party *p, const char *name, int *fd)
{
    char path[64];

    if (*fd >= 0)
        return 0;
    snprintf(path, sizeof(path), "/proc/%d/%s", p->host_pid, name);
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    return *fd < 0 ? -errno : 0;
}

/* ---- areas ---- */

/* Twice the room for text, or the first of it. */
static int look_grow_text(struct native *n)
{
    size_t bytes = n->text_bytes == 0 ? 65536 : 2 * n->text_bytes;
    char *text = alloc_resize(n->alloc, n->text, bytes);

    if (text == NULL)
        return -ENOMEM;
    n->text = text;
    n->text_bytes = bytes;
    return 0;
}

/* All of the file as one string. */
static int look_read_maps(struct native *n, int fd)
{
    size_t length = 0;

    for (;;) {
        ssize_t got;

        if (length + 1 >= n->text_bytes) {
            int err = look_grow_text(n);

            if (err < 0)
                return err;
        }
        got = pread(fd, n->text + length, n->text_bytes - 1 - length, (off_t)length);
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        length += (size_t)got;
    }
    n->text[length] = '\0';
    return 0;
}

static struct mw_vma *look_new_area(struct native *n)
{
    size_t capacity = n->area_capacity == 0 ? 64 : 2 * n->area_capacity;
    struct mw_vma *areas;

    if (n->area_count == n->area_capacity) {
        areas = alloc_resize(n->alloc, n->areas, capacity * sizeof(*areas));
        if (areas == NULL)
            return NULL;
        n->areas = areas;
        n->area_capacity = capacity;
    }
    return &n->areas[n->area_count++];
}

/*
 * The name as the simulator would say it: a script's path without our directory; nothing for shared
 * anonymous memory, which Linux shows as a deleted /dev/zero.
 */
static void look_set_name(const struct native *n, struct mw_vma *area, const char *name)
{
    static const char deleted[] = " (deleted)";
    size_t own = strlen(n->directory);
    size_t length;

    if (strncmp(name, n->directory, own) == 0 && name[own] == '/')
        name += own;
    if (strncmp(name, "/dev/zero (deleted)", 19) == 0)
        name = "";
    if (native_shm_name(n, name) != NULL)
        snprintf(area->name, sizeof(area->name), "/dev/shm/%s", native_shm_name(n, name));
    else
        snprintf(area->name, sizeof(area->name), "%s", name);
    length = strlen(area->name);
    if (length > sizeof(deleted) - 1 &&
        strcmp(area->name + length - (sizeof(deleted) - 1), deleted) == 0)
        area->name[length - (sizeof(deleted) - 1)] = '\0';
    area->heap = strcmp(name, "[heap]") == 0;
    area->stack = strcmp(name, "[stack]") == 0;
}

/* "start-end rwxp offset device inode    name". False: it is not of this form. */
static bool look_parse_line(const struct native *n, char *line, struct mw_vma *area)
{
    unsigned long long start;
    unsigned long long end;
    unsigned long long offset;
    char rights[8];
    unsigned inode;
    int used = 0;

    if (sscanf(line, "%llx-%llx %7s %llx %*x:%*x %u%n", &start, &end, rights, &offset, &inode,
               &used) != 5)
        return false;
    *area = (struct mw_vma){.start = start, .end = end, .off_bytes = offset, .inode = inode};
    area->prot = (rights[0] == 'r' ? PROT_READ : 0) | (rights[1] == 'w' ? PROT_WRITE : 0) |
                 (rights[2] == 'x' ? PROT_EXEC : 0);
    area->shared = rights[3] == 's';
    look_set_name(n, area, line + used + strspn(line + used, " "));
    return true;
}

static int look_add_line(struct native *n, char *line)
{
    uint64_t start = strtoull(line, NULL, 16);
    struct mw_vma *area;

    if (start < n->channel->window_start || start >= n->channel->window_end)
        return 0;
    area = look_new_area(n);
    if (area == NULL)
        return -ENOMEM;
    return look_parse_line(n, line, area) ? 0 : -EIO;
}

/* Reads the areas of a process that are in the window. */
static int look_update(struct native *n, struct native_party *p)
{
    unsigned party = (unsigned)(p - n->parties);
    int err = look_open(p, "maps", &p->maps);
    char *rest;

    if (err == 0 && n->areas_of == party && !p->stale)
        return 0;
    n->areas_of = 0;
    n->area_count = 0;
    if (err == 0)
        err = look_read_maps(n, p->maps);
    if (err < 0)
        return err;
    for (char *line = strtok_r(n->text, "\n", &rest); line != NULL && err == 0;
         line = strtok_r(NULL, "\n", &rest))
        err = look_add_line(n, line);
    if (err < 0)
        return err;
    p->stale = false;
    n->areas_of = party;
    return 0;
}

int native_vma_next(struct native *n, int pid, uint64_t va, struct mw_vma *out)
{
    struct native_party *p = native_find(n, pid);
    int err = p == NULL ? -ESRCH : look_update(n, p);

    if (err < 0)
        return err;
    for (size_t i = 0; i < n->area_count; i++)
        if (n->areas[i].end > va) {
            *out = n->areas[i];
            return 0;
        }
    return -ENOENT;
}

/* ---- pages ---- */

/* The page's word: bit 63 is present in RAM, bit 58 a guard (proc(5), pagemap). */
static int look_pagemap(struct native *n, int pid, uint64_t va, uint64_t *word)
{
    struct native_party *p = native_find(n, pid);
    int err = p == NULL ? -ESRCH : look_open(p, "pagemap", &p->pagemap);

    if (err < 0)
        return err;
    if (pread(p->pagemap, word, sizeof(*word), (off_t)(va / PAGE_BYTES * sizeof(*word))) !=
        (ssize_t)sizeof(*word))
        *word = 0;
    return 0;
}

int native_present(struct native *n, int pid, uint64_t va)
{
    uint64_t word;
    int err = look_pagemap(n, pid, va, &word);

    return err < 0 ? err : (int)(word >> 63);
}

int native_guarded(struct native *n, int pid, uint64_t va)
{
    uint64_t word;
    int err = look_pagemap(n, pid, va, &word);

    return err < 0 ? err : (int)(word >> 58 & 1);
}

int native_page(struct native *n, int pid, uint64_t va, uint8_t out[4096])
{
    struct native_party *p = native_find(n, pid);
    int err = p == NULL ? -ESRCH : look_open(p, "mem", &p->mem);

    if (err < 0)
        return err;
    va &= ~(PAGE_BYTES - 1);
    return pread(p->mem, out, PAGE_BYTES, (off_t)va) == (ssize_t)PAGE_BYTES ? 0 : -EFAULT;
}
