/*
 * Simulated RAM: one sparse host mapping. A frame that was never written costs no host memory and
 * reads zero.
 */
#ifndef MAPWALK_HW_RAM_H
#define MAPWALK_HW_RAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"

struct ram {
    paddr_t base;   /* physical address of the first byte */
    uint64_t bytes; /* page-aligned */
    uint8_t *host;  /* where the first byte is on the host */
};

/*
 * Reserves `bytes` (page-aligned, > 0) of physical memory at `base` (page-aligned). With host_at !=
 * 0 the bytes are placed exactly there on the host (so that with host_at == base.raw a physical
 * address is a pointer). 0; -EINVAL for bad alignment or a range past 2^56; -EEXIST when host_at is
 * taken; -ENOMEM.
 */
MUST_CHECK int ram_init(struct ram *ram, paddr_t base, uint64_t bytes, uint64_t host_at);

void ram_destroy(struct ram *ram);

/* Do all of [pa, pa + bytes) lie in RAM? Safe against wrap-around. */
static inline bool ram_contains(const struct ram *ram, paddr_t pa, uint64_t bytes)
{
    uint64_t offset = pa.raw - ram->base.raw;

    return offset < ram->bytes && bytes <= ram->bytes - offset;
}

/* Host address of a physical address; pre: it lies in RAM. */
static inline void *ram_host(const struct ram *ram, paddr_t pa)
{
    return ram->host + (pa.raw - ram->base.raw);
}

/* Physical address of a byte of RAM on the host; pre: it lies in RAM. */
static inline paddr_t ram_paddr(const struct ram *ram, const void *host)
{
    return paddr(ram->base.raw + (uint64_t)((const uint8_t *)host - ram->host));
}

/* Gives host memory back to the host: the range reads zero again. Pre: page-aligned, in RAM. */
void ram_discard(struct ram *ram, paddr_t pa, uint64_t bytes);

#endif
