/*
 * The frame table's checker: counts everything again from the records.
 */
#include "frame/frame.h"

/* Does the frame read as zeros? */
static bool frame_bytes_zero(const struct frame_table *t, const struct frame *f)
{
    const uint8_t *bytes = frame_bytes(t, f);

    for (uint64_t i = 0; i < PAGE_BYTES; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

/* Length of the free stack, or UINT64_MAX when it is not a list of free frames below fresh. */
static uint64_t frame_count_recycled(const struct frame_table *t)
{
    uint64_t count = 0;

    for (uint32_t i = t->recycled; i != FRAME_NONE; i = t->frames[i].next) {
        if (i >= t->fresh || t->frames[i].refs != 0 || count++ > t->fresh)
            return UINT64_MAX;
    }
    return count;
}

bool frame_check(const struct frame_table *t, bool deep)
{
    uint64_t used = 0;
    uint64_t by_owner[MW_OWNER_COUNT] = {0};

    for (uint64_t i = 0; i < t->fresh; i++) {
        const struct frame *f = &t->frames[i];

        if ((f->refs == 0) != (f->owner == MW_OWNER_FREE) || f->owner >= MW_OWNER_COUNT)
            return false;
        if (deep && f->zero && !frame_bytes_zero(t, f))
            return false;
        if (f->refs > 0) {
            used++;
            by_owner[f->owner]++;
        }
    }
    for (unsigned owner = 0; owner < MW_OWNER_COUNT; owner++)
        if (by_owner[owner] != t->by_owner[owner])
            return false;
    return used == t->used && frame_count_recycled(t) == t->fresh - used;
}
