/*
 * What a VMA holds of an open file. The kernel's open file description embeds one; its identity
 * decides whether two VMAs of the same file may merge (they must come from the same open file
 * description).
 */
#ifndef MAPWALK_MM_MAPPED_FILE_H
#define MAPWALK_MM_MAPPED_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/readahead.h"

struct file_map;
struct mapped_file;

/*
 * What mapping means for a kind of file. The kernel above has a table of these, one a kind; files
 * without one are ordinary ones, mapped by the pages of their map.
 */
struct mapped_ops {
    /*
     * The mmap operation; NULL: files of this kind cannot be mapped (-ENODEV). `shared`: stores
     * would reach the file. 0; 0 with a reference in *instead: that object is mapped in its place;
     * or -errno. Changes nothing.
     */
    int (*map)(struct mapped_file *file, bool shared, uint64_t bytes, struct mapped_file **instead);
    /* May nobody write to it any more (F_SEAL_WRITE)? NULL: everybody may. */
    bool (*sealed)(const struct mapped_file *file);
    /* What maps shows; NULL: the name of the inode. */
    const char *(*name)(const struct mapped_file *file);
    bool aligned;        /* large mappings are placed so that superpages could back them, */
    bool aligned_shared; /* also shared ones */
    bool moves_alone;    /* mremap does not move it together with other areas */
    uint64_t huge_bytes; /* size of its huge pages, of which there are none; 0: ordinary pages */
};

struct mapped_file {
    struct file_map *map; /* owned by whoever embeds this; NULL: mapped memory is anonymous */
    const struct mapped_ops *ops; /* NULL: an ordinary file */
    uint32_t refs;                /* descriptors and VMAs */
    bool readable;                /* open mode, as it decides mmap rights */
    bool writable;
    struct cache_readahead ra;                 /* cache_readahead_init when it is opened */
    uint32_t error_seen;                       /* errseq_sample of the map then */
    uint32_t all_errors_seen;                  /* and of the cache, for all files: syncfs */
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

static inline bool mapped_file_sealed(const struct mapped_file *file)
{
    return file->ops != NULL && file->ops->sealed != NULL && file->ops->sealed(file);
}

#endif
