/*
 * Errors: what libext2fs reports, as the negative errno of this project.
 *
 * Layer 4. libext2fs returns errno values (among them those that our own io_manager gave it) and
 * codes of its own table, most of which say in detail what is damaged. Above fs nobody can act on
 * such detail: it all becomes -EUCLEAN.
 */
#include "fs/volume_inner.h"

/* Codes of libext2fs's own table begin far above every errno. */
#define ERRNO_END 4096

int volume_errno(errcode_t code)
{
    if (code >= 0 && code < ERRNO_END)
        return -(int)code;
    switch (code) {
    case EXT2_ET_NO_MEMORY:
        return -ENOMEM;
    case EXT2_ET_BLOCK_ALLOC_FAIL:
    case EXT2_ET_INODE_ALLOC_FAIL:
    case EXT2_ET_DIR_NO_SPACE:
    case EXT2_ET_TOOSMALL:
        return -ENOSPC;
    case EXT2_ET_FILE_NOT_FOUND:
        return -ENOENT;
    case EXT2_ET_NO_DIRECTORY:
        return -ENOTDIR;
    case EXT2_ET_DIR_EXISTS:
    case EXT2_ET_FILE_EXISTS:
        return -EEXIST;
    case EXT2_ET_FILE_TOO_BIG:
        return -EFBIG;
    /* These hide the error of our io_manager, which was an I/O error more likely than not. */
    case EXT2_ET_BLOCK_BITMAP_READ:
    case EXT2_ET_BLOCK_BITMAP_WRITE:
    case EXT2_ET_INODE_BITMAP_READ:
    case EXT2_ET_INODE_BITMAP_WRITE:
    case EXT2_ET_GDESC_READ:
    case EXT2_ET_GDESC_WRITE:
    case EXT2_ET_INODE_TABLE_READ:
    case EXT2_ET_INODE_TABLE_WRITE:
    case EXT2_ET_SHORT_READ:
    case EXT2_ET_SHORT_WRITE:
        return -EIO;
    default:
        return -EUCLEAN;
    }
}
