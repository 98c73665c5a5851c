/*
 * What the kernel says of a process's pages: /proc/PID/smaps and pagemap.
 *
 * Layer 8; see native.h. Asked rarely, so files are opened and read anew each time.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load/native_private.h"

/* A file of the process. -errno. */
static int smaps_open(struct native *n, int pid, const char *name)
{
    const struct native_party *p = native_find(n, pid);
    char path[64];
    int fd;

    if (p == NULL)
        return -ESRCH;
    snprintf(path, sizeof(path), "/proc/%d/%s", p->host_pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Where a row's number goes; NULL: it is not kept. */
static uint64_t *smaps_field(struct mw_smaps *s, const char *name)
{
    const struct {
        const char *name;
        uint64_t *at;
    } fields[] = {
        {"KernelPageSize:", &s->page_bytes},
        {"Rss:", &s->rss_bytes},
        {"Pss:", &s->pss_bytes},
        {"Pss_Dirty:", &s->pss_dirty_bytes},
        {"Shared_Clean:", &s->shared_clean_bytes},
        {"Shared_Dirty:", &s->shared_dirty_bytes},
        {"Private_Clean:", &s->private_clean_bytes},
        {"Private_Dirty:", &s->private_dirty_bytes},
        {"Referenced:", &s->referenced_bytes},
        {"Anonymous:", &s->anonymous_bytes},
        {"LazyFree:", &s->lazy_free_bytes},
        {"Locked:", &s->locked_bytes},
    };

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (strcmp(name, fields[i].name) == 0)
            return fields[i].at;
    return NULL;
}

/* "VmFlags: rd wr mr mw me ac ", without soft-dirty, which not every kernel keeps. */
static void smaps_flags(struct mw_smaps *s, char *text)
{
    char *rest;

    s->vm_flags[0] = '\0';
    for (char *flag = strtok_r(text, " \n", &rest); flag != NULL;
         flag = strtok_r(NULL, " \n", &rest)) {
        size_t used = strlen(s->vm_flags);

        if (strcmp(flag, "sd") != 0 && used + strlen(flag) + 2 < sizeof(s->vm_flags))
            sprintf(s->vm_flags + used, used == 0 ? "%s" : " %s", flag);
    }
}

/* One row below an area's line. False: it is the next area's line. */
static bool smaps_row(struct mw_smaps *s, char *line)
{
    unsigned long long number;
    uint64_t *field;
    char name[32];

    if (strncmp(line, "VmFlags:", 8) == 0) {
        smaps_flags(s, line + 8);
        return true;
    }
    if (sscanf(line, "%31s %llu", name, &number) != 2 || name[strlen(name) - 1] != ':')
        return false;
    field = smaps_field(s, name);
    if (field != NULL)
        *field = number * 1024;
    s->thp_eligible |= strcmp(name, "THPeligible:") == 0 && number != 0;
    return true;
}

/* The rows of the area that begins at `start`. */
static int smaps_read(FILE *in, uint64_t start, struct mw_smaps *out)
{
    char line[512];
    bool found = false;

    while (fgets(line, sizeof(line), in) != NULL) {
        if (found && !smaps_row(out, line))
            return 0;
        if (!found) {
            char *end;
            uint64_t at = strtoull(line, &end, 16);

            found = *end == '-' && at == start;
        }
    }
    return found ? 0 : -EIO;
}

int native_smaps_next(struct native *n, int pid, uint64_t va, struct mw_smaps *out)
{
    FILE *in;
    int fd;
    int err;

    memset(out, 0, sizeof(*out));
    err = native_vma_next(n, pid, va, &out->vma);
    if (err < 0)
        return err;
    fd = smaps_open(n, pid, "smaps");
    if (fd < 0)
        return fd;
    in = fdopen(fd, "r");
    if (in == NULL) {
        close(fd);
        return -ENOMEM;
    }
    err = smaps_read(in, out->vma.start, out);
    fclose(in);
    return err;
}

int native_pagemap(struct native *n, int pid, uint64_t va, uint64_t *word)
{
    int fd = smaps_open(n, pid, "pagemap");
    ssize_t got;

    *word = 0;
    if (fd < 0)
        return fd;
    got = pread(fd, word, sizeof(*word), (off_t)(va / 4096 * sizeof(*word)));
    close(fd);
    return got == (ssize_t)sizeof(*word) ? 0 : -EFAULT;
}
