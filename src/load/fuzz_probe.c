/*
 * What the differ asks the host before it begins: does its file system keep a journal?
 *
 * Layer 8; see fuzz.h. A file that is cut inside a page has its last page written by the next commit
 * of ext4's journal, whoever asks for that commit, and writing clears the bytes beyond the end that a
 * mapping still shows. Without a journal only what writes the file itself does. So a script that cuts
 * files and makes others durable has answers of its own in the second case only.
 */
#include <stdio.h>
#include <string.h>

#include "load/fuzz.h"

/* The byte is gone where fsync of one file has written another one. */
static const char *const probe_lines[] = {
    "w = window(262144)",
    "file(\"/a\", 16384)",
    "file(\"/b\", 4096)",
    "f0 = open(\"/a\", O_RDWR)",
    "f1 = open(\"/b\", O_RDWR)",
    "mmap(w, 16384, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_FIXED, f0, 0)",
    "fsync(f0)",
    "ftruncate(f0, 9000)",
    "store(w+9500, 1, 7)",
    "ftruncate(f1, 100)",
    "fsync(f1)",
    "load(w+9500, 1)",
};

/* A show handler: has the last line told the byte? */
static void probe_note(void *context, const char *line)
{
    bool *kept = context;

    *kept |= strcmp(line, "load(w+9500, 1) = 0x7") == 0;
}

int fuzz_probe_tails(struct fuzz *f, bool *kept)
{
    const struct mw_run_options options = {.on = MW_ON_LINUX, .show = probe_note, .context = kept};
    struct mw_run_result result;

    *kept = false;
    f->script->count = sizeof(probe_lines) / sizeof(probe_lines[0]);
    for (unsigned i = 0; i < f->script->count; i++)
        strcpy(f->script->lines[i], probe_lines[i]);
    return fuzz_run(f, f->script, &options, &result);
}
