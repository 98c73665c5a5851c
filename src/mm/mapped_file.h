/*
 * What a VMA holds of an open file. The kernel's open file description embeds one; its identity
 * decides whether two VMAs of the same file may merge (they must come from the same open file
 * description).
 */
#ifndef MAPWALK_MM_MAPPED_FILE_H
#define MAPWALK_MM_MAPPED_FILE_H

#include <stdbool.h>
#include <stdint.h>

struct file_map;

struct mapped_file {
    struct file_map *map; /* owned by whoever embeds this */
    uint32_t refs;        /* descriptors and VMAs */
    bool readable;        /* open mode, as it decides mmap rights */
    bool writable;
    void (*release)(struct mapped_file *file); /* called when refs falls to 0 */
};

static inline struct mapped_file *mapped_file_get(struct mapped_file *file)
{
    file->refs++;
    return file;
}

static inline void mapped_file_put(struct mapped_file *file)
{
    if (--file->refs == 0)
        file->release(file);
}

#endif
