/*
 * What the tests of the board share: a board with one Sv39 address space that the test builds by
 * writing PTEs as plain memory, as a kernel on it would, and a listener that keeps what it heard.
 */
#ifndef MAPWALK_TESTS_UNIT_BOARD_RIG_H
#define MAPWALK_TESTS_UNIT_BOARD_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <mapwalk/hw.h>

#define RIG_BASE   ((uint64_t)0x80000000)
#define RIG_BYTES  ((uint64_t)1 << 24)
#define RIG_FRAME  (RIG_BASE + ((uint64_t)1 << 23)) /* frames that tests map begin here */
#define RIG_VA     ((uint64_t)0x40201000)
#define RIG_PAGE   ((uint64_t)4096)
#define RIG_EVENTS 64

/* PTE bits as the specification numbers them: V, R, W, X, U, A, D. */
#define RIG_V  ((uint64_t)0x01)
#define RIG_RW ((uint64_t)0x07) /* V, R, W */
#define RIG_RX ((uint64_t)0x0b)
#define RIG_U  ((uint64_t)0x10)
#define RIG_AD ((uint64_t)0xc0)

struct rig {
    struct mw_board *board;
    uint64_t next_table;
    uint64_t root;
    struct mw_event event[RIG_EVENTS]; /* since rig_listen */
    unsigned events;
};

/* Two harts, a TLB of 4 x 2, hardware A/D as asked, a disk of 64 blocks. */
void rig_config(struct mw_board_config *config, bool hardware_ad);

/* A board of that configuration; hart 0 runs in S-mode under Sv39 with ASID 1. */
void rig_start(struct rig *r, bool hardware_ad);
void rig_start_as(struct rig *r, const struct mw_board_config *config);
void rig_stop(struct rig *r);

/* Where the PTE of va at level 0 lies on the host; makes the tables above it. */
uint64_t *rig_pte(struct rig *r, uint64_t va);

/* Maps va to the n-th frame behind RIG_FRAME. */
void rig_map(struct rig *r, uint64_t va, uint64_t n, uint64_t flags);

/* The eight bytes at a physical address. */
uint64_t *rig_word(struct rig *r, uint64_t pa);

/* Records events of all kinds from now on. */
void rig_listen(struct rig *r);

/* The n-th recorded event of a kind (counted from 0); fails the test when there is none. */
const struct mw_event *rig_event(const struct rig *r, unsigned kind, unsigned n);

#endif
