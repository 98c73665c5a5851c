/*
 * Everything below mm, put together without a kernel: RAM, one hart, frames, a small formatted
 * disk, a cache.
 */
#ifndef TESTS_UNIT_MM_FIXTURE_H
#define TESTS_UNIT_MM_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mm/mm.h"
#include "mm/mm_private.h"

#define PAGE PAGE_BYTES
#define RW   (PROT_READ | PROT_WRITE)
#define BASE ((vaddr_t)0x100000000)

struct fixture {
    struct alloc alloc;
    struct mw_config config;
    struct clock clock;
    struct event_bus bus;
    struct ram ram;
    struct hart hart;
    struct hart_set harts;
    struct frame_table frames;
    struct dev *disk;
    struct volume *volume;
    struct cache cache;
    struct mm_env env;
    struct mm *mm;
};

/* cmocka set-up and tear-down; tear_down checks that no frame and no allocation is left. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);

/* An open file of `pages` pages of zeros, for mapping; put it when done. */
struct mapped_file *fixture_file(struct fixture *f, uint64_t pages);

/* mmap, which must succeed, at a fixed address. */
void fixture_map(struct fixture *f, vaddr_t va, uint64_t bytes, int prot, int flags,
                 struct mapped_file *file);

/* Repairs until an access succeeds, as the kernel's loop does: the byte on the host. */
uint8_t *fixture_access(struct fixture *f, struct mm *mm, vaddr_t va, enum mw_access access);

/* What a fault at va becomes. */
struct mm_outcome fixture_fault(struct fixture *f, vaddr_t va, enum mw_access access);

#endif
