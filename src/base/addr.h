/*
 * Addresses and page arithmetic.
 *
 * A virtual address is a plain integer, a physical address is a one-member struct: passing one for
 * the other does not compile. Ranges are half-open, [start, end), and page-aligned unless a
 * function says otherwise. The base page is 4 KiB in every RISC-V paging mode (privileged
 * specification, "Sv39").
 */
#ifndef MAPWALK_BASE_ADDR_H
#define MAPWALK_BASE_ADDR_H

#include <stdbool.h>
#include <stdint.h>

typedef uint64_t vaddr_t;

typedef struct {
    uint64_t raw;
} paddr_t;

#define PAGE_SHIFT 12
#define PAGE_BYTES ((uint64_t)1 << PAGE_SHIFT)
#define PAGE_MASK  (PAGE_BYTES - 1)

struct range {
    vaddr_t start;
    vaddr_t end;
};

static inline paddr_t paddr(uint64_t raw)
{
    return (paddr_t){raw};
}

static inline bool paddr_equal(paddr_t a, paddr_t b)
{
    return a.raw == b.raw;
}

static inline uint64_t page_floor(uint64_t address)
{
    return address & ~PAGE_MASK;
}

/*
 * Rounds up to a page; a value in the last page of the address space wraps to 0, as it does in
 * Linux.
 */
static inline uint64_t page_ceil(uint64_t address)
{
    return (address + PAGE_MASK) & ~PAGE_MASK;
}

static inline bool page_aligned(uint64_t address)
{
    return (address & PAGE_MASK) == 0;
}

static inline uint64_t range_bytes(struct range r)
{
    return r.end - r.start;
}

static inline bool range_contains(struct range r, vaddr_t va)
{
    return r.start <= va && va < r.end;
}

static inline bool range_overlaps(struct range a, struct range b)
{
    return a.start < b.end && b.start < a.end;
}

#endif
