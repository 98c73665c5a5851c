/*
 * Images of file systems: ext2 in a file of the host, with a journal as ext3 has it. The machine's
 * disk can be one (config key `disk-image`); here they are made, filled, emptied and looked at.
 * e2fsck, debugfs, mke2fs -d and mount -o loop read and write the same images.
 *
 * Paths inside an image are absolute ("/a/b") and bytes, as on Linux. Times and owners are not
 * kept: the same tree gives the same image, byte for byte, whoever imports it and when. Permission
 * bits are kept.
 */
#ifndef MAPWALK_IMAGE_H
#define MAPWALK_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mw_image;

/* Room for a reason: one line. */
#define MW_IMAGE_WHY 160

/*
 * Makes `file`, which must not exist (-EEXIST), as an image of `bytes` bytes: sparse, formatted,
 * empty. From 16 MiB on it gets a journal, unless `journal` is false; without one a power cut may
 * leave what only e2fsck repairs. -EINVAL: under 64 KiB, or no multiple of 1 KiB; -errno of the
 * host's file system. A file that could not be made completely is removed.
 */
int mw_image_create(const char *file, uint64_t bytes, bool journal);

/*
 * Opens an image and locks it until mw_image_close: nobody else may write it meanwhile, nor read
 * it when `writable`. Without `writable` nothing of the file is changed; a journal that has to be
 * replayed is replayed in memory. -EBUSY: somebody has it locked; -EUCLEAN: no image that can be
 * used; -EINVAL: no regular file; -ENOMEM; -errno of open. `why`, when not NULL, gets the reason
 * in words.
 */
int mw_image_open(const char *file, bool writable, struct mw_image **out, char why[MW_IMAGE_WHY]);

/*
 * Writes what is not yet in the file, and frees the image in any case. 0, -EIO, -ENOSPC (the host's
 * disk is full), -EUCLEAN: what was changed since the image was opened may be lost; an image with a
 * journal is as sound as it was, one without may need e2fsck. NULL is allowed.
 */
int mw_image_close(struct mw_image *image);

enum mw_image_kind {
    MW_IMAGE_FILE,
    MW_IMAGE_DIRECTORY,
    MW_IMAGE_SYMLINK,
    MW_IMAGE_OTHER /* a device, a fifo, a socket */
};

struct mw_image_entry {
    const char *name;   /* without directory; may hold any byte but '/' and NUL */
    const char *target; /* of a symbolic link, else NULL */
    enum mw_image_kind kind;
    uint32_t number; /* of the inode */
    uint32_t links;
    uint32_t mode; /* as stat(2) has it */
    uint64_t bytes;
    uint64_t blocks_512; /* what it takes on the disk */
};

/* Valid during the call only. Not 0: no more; mw_image_list returns it. */
typedef int mw_image_entry_handler(void *context, const struct mw_image_entry *entry);

/*
 * The entries of a directory by their names' bytes, without "." and ".."; or the one thing that is
 * not a directory. -ENOENT, -ENOTDIR, -ELOOP (symbolic links are not followed), -EINVAL (not
 * absolute), -EUCLEAN (damaged; what can be read has been told), -EIO, -ENOMEM.
 */
int mw_image_list(struct mw_image *image, const char *path, mw_image_entry_handler *handler,
                  void *context);

/* Not 0: no more; mw_image_read returns it. */
typedef int mw_image_bytes_handler(void *context, const void *bytes, size_t count);

/* The bytes of a file, holes as zeros. Errors as above; -EISDIR; -ENXIO: no file. */
int mw_image_read(struct mw_image *image, const char *path, mw_image_bytes_handler *handler,
                  void *context);

/*
 * What copying has met. `what` is the path on the side that is read, and may hold any byte; `why` is
 * one line.
 */
typedef void mw_image_complaint_handler(void *context, const char *what, const char *why);

/* Called now and then. */
typedef void mw_image_progress_handler(void *context, uint64_t bytes, uint64_t files);

struct mw_image_copying {
    mw_image_complaint_handler *complain; /* NULL: silent */
    mw_image_progress_handler *progress;  /* NULL: none */
    void *context;                        /* of both */
};

struct mw_image_copied {
    uint64_t files;
    uint64_t directories; /* made; those that were there are not counted */
    uint64_t symlinks;
    uint64_t hard_links; /* further names of files that were copied */
    uint64_t bytes;      /* of data; holes stay holes */
    uint64_t left_out;   /* things that cannot be kept: sockets, fifos, devices */
    uint64_t no_room;    /* things that found the disk full */
    uint64_t failed;     /* things that could not be read or written */
    uint64_t damaged;    /* of an image: things that cannot be so */
};

/*
 * Copies what is in the host's directory `from` into the directory `path`, which is made when it is
 * missing (its parent is not); or the host's file `from` to the name `path`. What is there already
 * is kept when both are directories, and replaced when neither is. Symbolic links stay links, hard
 * links stay links. Each file is there as a whole or not at all: what fails is told, left out and
 * counted, and copying goes on. 0: done (look at *copied); an error is of `path` as a whole, or of
 * `from` when there is no such thing.
 */
int mw_image_import(struct mw_image *image, const char *from, const char *path,
                    const struct mw_image_copying *copying, struct mw_image_copied *copied);

/*
 * The other way: what is in the directory `path` goes into the host's directory `to`, which is made
 * when it is missing; or the file at `path` to the file `to`. Nothing outside `to` is ever written,
 * whatever names and links the image holds. An error is of `path` as a whole.
 */
int mw_image_export(struct mw_image *image, const char *path, const char *to,
                    const struct mw_image_copying *copying, struct mw_image_copied *copied);

/*
 * Looks at all of the image: every name, inode, block map, bitmap and counter. Each finding is told
 * as a complaint (what: "inode 12", "/a/b", "bitmaps"). The number of findings (0: sound), or
 * -EIO, -ENOMEM.
 */
int64_t mw_image_check(struct mw_image *image, const struct mw_image_copying *copying);

/* "free" is what files can still take; in units of 4 KiB. */
struct mw_image_space {
    uint64_t bytes;
    uint64_t free_bytes;
};

void mw_image_space(const struct mw_image *image, struct mw_image_space *out);

#ifdef __cplusplus
}
#endif

#endif
