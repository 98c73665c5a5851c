/* How the shadow timeline is kept: shared by shadow.c (writes it) and shadow_cut.c (reads it). */
#ifndef MAPWALK_TESTS_POWER_SHADOW_INNER_H
#define MAPWALK_TESTS_POWER_SHADOW_INNER_H

#include "power/shadow.h"

#define STAMP_WORDS (CELL_BYTES / sizeof(uint64_t))
#define STAMP_MAGIC (UINT64_C(0x5a3c) << 48)

enum shadow_kind { SHADOW_GONE, SHADOW_ZERO, SHADOW_WRITTEN };

/* From this operation on, cells [first, end) of a page have this version. */
struct shadow_event {
    uint32_t op;
    enum shadow_kind kind;
    uint8_t first;
    uint8_t end;
};

struct shadow_page {
    uint64_t index;
    struct shadow_event *events; /* in the order of time */
    uint32_t event_count;
    uint32_t event_room;
    uint32_t floor[CELLS_PER_PAGE]; /* the operation that acknowledged the cell last; 0: none */
};

struct shadow_size {
    uint32_t op;
    uint64_t from; /* a write grows the file page by page from here; else the same as bytes */
    uint64_t bytes;
};

struct shadow_file {
    struct shadow_page *pages; /* that were ever written to, by index */
    uint32_t page_count;
    uint32_t page_room;
    struct shadow_size *sizes; /* in the order of time; before the first: 0 */
    uint32_t size_count;
    uint32_t size_room;
    uint32_t size_floor;
    uint64_t bytes; /* now */
};

/* The names from this operation on: who has each. */
struct shadow_state {
    uint32_t op;
    uint16_t *files; /* SHADOW_NAMES of them */
};

struct shadow_ack {
    uint32_t op;
    uint32_t file; /* SHADOW_FOLDER: the names */
    uint64_t start;
    uint64_t end;
};

struct shadow_op {
    uint64_t begin; /* requests made before it */
    char text[96];
};

struct shadow {
    struct shadow_op *ops;
    uint32_t op_count;
    uint32_t op_room;
    struct shadow_file files[SHADOW_FILES];
    uint32_t file_count;
    char *names[SHADOW_NAMES];
    uint32_t name_count;
    struct shadow_state *states;
    uint32_t state_count;
    uint32_t state_room;
    struct shadow_ack *acks; /* by operation */
    uint32_t ack_count;
    uint32_t ack_room;
    /* The cut: */
    uint32_t last_op;     /* the one that was going on */
    uint32_t next_ack;    /* the first that is not in force yet */
    uint32_t names_floor; /* the operation that acknowledged names last */
};

struct shadow_page *shadow_page_find(const struct shadow_file *file, uint64_t index);

/* UINT16_MAX: nobody ever had it. */
uint16_t shadow_name_number(const struct shadow *s, const char *path);

void stamp_fill(uint32_t file, uint32_t op, uint64_t cell, uint64_t words[STAMP_WORDS]);

#endif
