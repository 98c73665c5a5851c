/*
 * Simulated RAM as one private anonymous host mapping.
 *
 * Layer 3. Knows no frames and no page tables: who uses which bytes is not its business. The
 * mapping is made with MAP_NORESERVE and the host gives it memory page by page on first touch, so
 * that a machine costs what it touches, not what it has. For the same reason it does not ask for
 * huge host pages: one touched byte would cost 2 MiB.
 */
#include "hw/ram.h"

#include <string.h>
#include <sys/mman.h>

/* Of a physical address: 44 bits of page number and the offset ("Sv39"). */
#define RAM_ADDRESS_BITS 56

static bool ram_valid_range(paddr_t base, uint64_t bytes)
{
    uint64_t end = (uint64_t)1 << RAM_ADDRESS_BITS;

    if (bytes == 0 || !page_aligned(base.raw) || !page_aligned(bytes))
        return false;
    return base.raw < end && bytes <= end - base.raw;
}

/* Where on the host the bytes lie now; or NULL, and errno says why. */
static void *ram_reserve(uint64_t bytes, uint64_t host_at)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *host;

    if (host_at != 0)
        flags |= MAP_FIXED_NOREPLACE;
    host = mmap((void *)(uintptr_t)host_at, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (host == MAP_FAILED)
        return NULL;
    /* A kernel before 4.17 takes the unknown flag for a mere hint. */
    if (host_at != 0 && host != (void *)(uintptr_t)host_at) {
        munmap(host, bytes);
        errno = EEXIST;
        return NULL;
    }
    return host;
}

int ram_init(struct ram *ram, paddr_t base, uint64_t bytes, uint64_t host_at)
{
    void *host;

    if (!ram_valid_range(base, bytes) || !page_aligned(host_at))
        return -EINVAL;
    host = ram_reserve(bytes, host_at);
    if (host == NULL) /* EPERM: the host keeps the lowest addresses to itself */
        return errno == EEXIST || errno == EPERM ? -EEXIST : -ENOMEM;
    *ram = (struct ram){.base = base, .bytes = bytes, .host = host};
    return 0;
}

void ram_destroy(struct ram *ram)
{
    if (ram->host != NULL)
        munmap(ram->host, ram->bytes);
    *ram = (struct ram){0};
}

void ram_discard(struct ram *ram, paddr_t pa, uint64_t bytes)
{
    void *host = ram_host(ram, pa);

    /*
     * The host refuses when somebody has locked the process's memory; the range must read zero all
     * the same.
     */
    if (madvise(host, bytes, MADV_DONTNEED) != 0)
        memset(host, 0, bytes);
}
