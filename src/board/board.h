/*
 * The board: hardware put together without a kernel above it; private to board.
 *
 * Layer 5, beside pt and cache and ignorant of them, of frames and of files: who uses which byte of
 * RAM is the business of the kernel that somebody else writes. The public contracts stand in
 * <mapwalk/hw.h>.
 *
 *   I-BOARD-1  between two calls no event operation is under way
 *   I-BOARD-2  only the running hart has hits whose time is not on the clock yet
 */
#ifndef MAPWALK_BOARD_BOARD_H
#define MAPWALK_BOARD_BOARD_H

#include <mapwalk/hw.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "dev/dev.h"
#include "event/event.h"
#include "hw/hart.h"
#include "hw/ram.h"
#include "hw/stale.h"

struct mw_board {
    struct alloc alloc; /* also of this struct itself */
    struct clock clock;
    struct event_bus bus;
    struct ram ram;
    struct hart *harts;
    unsigned hart_count;  /* those that are up */
    struct hart *running; /* the last one that did something (I-BOARD-2) */
    struct stale *stale;  /* NULL: nobody wants to know of missing fences */
    struct dev *disk;     /* NULL: none */
    struct mw_costs costs;
};

#endif
