/*
 * An array's memory, its bookkeeping, and the checker. Layer 3.
 *
 * What is live is kept three times, each for one reader: the tag (a lookup), the bitmap (a flush,
 * which must not cost what is empty) and the counts by form (a lookup that skips forms).
 */
#include "hw/tlb_array.h"

#include <string.h>

#include "base/contract.h"

#define TLB_PAGE_BITS  45
#define TLB_TAG_PAGE   18 /* where the fields of a tag begin, see tlb_tag */
#define TLB_TAG_GLOBAL 16

vaddr_t tlb_array_va(const struct tlb_array *a, uint32_t index)
{
    unsigned digits = tlb_size_shift(a->entries[index].size) - PAGE_SHIFT;
    unsigned above = 64 - PAGE_SHIFT - TLB_PAGE_BITS;
    uint64_t page = a->tags[index] >> TLB_TAG_PAGE >> digits << digits;

    /* Sign-extended from the widest mode, and so from any. */
    return (vaddr_t)((int64_t)(page << PAGE_SHIFT << above) >> above);
}

bool tlb_array_global(const struct tlb_array *a, uint32_t index)
{
    return (a->tags[index] >> TLB_TAG_GLOBAL & 1) != 0;
}

uint16_t tlb_array_asid(const struct tlb_array *a, uint32_t index)
{
    return (uint16_t)a->tags[index];
}

bool tlb_array_serves(const struct tlb_array *a, uint32_t index, uint16_t asid)
{
    return tlb_array_live(a, index) &&
           (tlb_array_global(a, index) || tlb_array_asid(a, index) == asid);
}

static unsigned tlb_array_form(const struct tlb_array *a, uint32_t index)
{
    return a->entries[index].size * 2u + tlb_array_global(a, index);
}

/* ---- memory ---- */

static size_t tlb_array_words(uint32_t count)
{
    return ((size_t)count + 63) / 64;
}

static bool tlb_array_allocate(struct tlb_array *a)
{
    size_t count = tlb_array_count(a);

    a->tags = alloc_zeroed(a->alloc, count * sizeof(*a->tags));
    a->stamps = alloc_zeroed(a->alloc, count * sizeof(*a->stamps));
    a->marks = alloc_zeroed(a->alloc, count * sizeof(*a->marks));
    a->entries = alloc_zeroed(a->alloc, count * sizeof(*a->entries));
    a->live = alloc_zeroed(a->alloc, tlb_array_words((uint32_t)count) * sizeof(*a->live));
    a->hands = alloc_zeroed(a->alloc, a->sets * sizeof(*a->hands));
    return a->tags != NULL && a->stamps != NULL && a->marks != NULL && a->entries != NULL &&
           a->live != NULL && a->hands != NULL;
}

int tlb_array_init(struct tlb_array *a, struct alloc *alloc, const struct mw_tlb_array *geometry,
                   uint64_t seed)
{
    uint32_t sets = geometry->sets;

    *a = (struct tlb_array){.sets = sets,
                            .ways = geometry->ways,
                            .set_mask = (sets & (sets - 1)) == 0 ? sets - 1 : 0,
                            .sizes = geometry->sizes,
                            .replacement = (enum mw_replacement)geometry->replacement,
                            .alloc = alloc};
    if (!tlb_array_allocate(a)) {
        tlb_array_destroy(a);
        return -ENOMEM;
    }
    memset(a->tags, 0xff, tlb_array_count(a) * sizeof(*a->tags)); /* all TLB_EMPTY */
    prng_seed(&a->prng, seed);
    return 0;
}

void tlb_array_destroy(struct tlb_array *a)
{
    alloc_release(a->alloc, a->tags);
    alloc_release(a->alloc, a->stamps);
    alloc_release(a->alloc, a->marks);
    alloc_release(a->alloc, a->entries);
    alloc_release(a->alloc, a->live);
    alloc_release(a->alloc, a->hands);
    *a = (struct tlb_array){0};
}

/* ---- entries come and go ---- */

static bool tlb_array_broken(const struct tlb_entry *entry)
{
    return entry->leaf_size != entry->size;
}

static void tlb_array_count_in(struct tlb_array *a, uint32_t index)
{
    unsigned form = tlb_array_form(a, index);

    a->form_count[form]++;
    a->forms |= 1u << form;
    a->broken[a->entries[index].leaf_size] += tlb_array_broken(&a->entries[index]);
    a->live[index / 64] |= (uint64_t)1 << index % 64;
}

static void tlb_array_count_out(struct tlb_array *a, uint32_t index)
{
    unsigned form = tlb_array_form(a, index);

    if (--a->form_count[form] == 0)
        a->forms &= ~(1u << form);
    a->broken[a->entries[index].leaf_size] -= tlb_array_broken(&a->entries[index]);
    a->live[index / 64] &= ~((uint64_t)1 << index % 64);
}

void tlb_array_clear(struct tlb_array *a, uint32_t index)
{
    tlb_array_count_out(a, index);
    a->tags[index] = TLB_EMPTY;
    if (a->replacement == MW_REPLACE_LRU)
        a->stamps[index] = 0;
}

struct tlb_entry *tlb_array_put(struct tlb_array *a, uint32_t index, uint64_t tag, unsigned size,
                                unsigned leaf_size, uint64_t stamp)
{
    struct tlb_entry *entry = &a->entries[index];
    bool alike = tlb_array_live(a, index) && entry->size == size && entry->leaf_size == leaf_size &&
                 ((a->tags[index] ^ tag) >> TLB_TAG_GLOBAL & 1) == 0;

    if (!alike && tlb_array_live(a, index))
        tlb_array_count_out(a, index);
    a->tags[index] = tag;
    a->stamps[index] = stamp;
    if (a->replacement == MW_REPLACE_FIFO)
        a->marks[index] = stamp;
    entry->size = (uint8_t)size;
    entry->leaf_size = (uint8_t)leaf_size;
    if (!alike) /* else one goes and one comes in each count */
        tlb_array_count_in(a, index);
    return entry;
}

uint32_t tlb_array_next(const struct tlb_array *a, uint32_t index)
{
    size_t words = tlb_array_words(tlb_array_count(a));
    size_t word = index / 64;
    uint64_t bits;

    if (word >= words)
        return UINT32_MAX;
    bits = a->live[word] & ~(uint64_t)0 << index % 64;
    while (bits == 0) {
        if (++word == words)
            return UINT32_MAX;
        bits = a->live[word];
    }
    return (uint32_t)(word * 64) + (uint32_t)__builtin_ctzll(bits);
}

/* ---- the checker ---- */

/* I-ARRAY-2 and 3 for one entry, against the other ways of its set. */
static bool tlb_array_check_entry(const struct tlb_array *a, uint32_t index, uint64_t stamp)
{
    const struct tlb_entry *entry = &a->entries[index];
    uint32_t first = index - index % a->ways;
    vaddr_t va = tlb_array_va(a, index);

    if ((a->sizes >> entry->size & 1) == 0 || entry->leaf_size < entry->size)
        return false;
    if (tlb_array_set(a, va, entry->size) != first || a->stamps[index] > stamp)
        return false;
    if (a->tags[index] !=
        tlb_tag(va, entry->size, tlb_array_global(a, index), tlb_array_asid(a, index)))
        return false;
    for (uint32_t i = first; i < first + a->ways; i++)
        if (i != index && tlb_array_live(a, i) &&
            (a->tags[i] == a->tags[index] || a->stamps[i] == a->stamps[index]))
            return false;
    return true;
}

bool tlb_array_check(const struct tlb_array *a, uint64_t stamp)
{
    uint32_t count[TLB_FORMS] = {0}, broken[MW_SIZE_COUNT] = {0}, forms = 0;

    for (uint32_t i = 0; i < tlb_array_count(a); i++) {
        const struct tlb_entry *entry = &a->entries[i];

        if ((a->live[i / 64] >> i % 64 & 1) != tlb_array_live(a, i))
            return false;
        if (!tlb_array_live(a, i))
            continue;
        if (!tlb_array_check_entry(a, i, stamp))
            return false;
        count[tlb_array_form(a, i)]++;
        broken[entry->leaf_size] += tlb_array_broken(entry);
    }
    for (unsigned form = 0; form < TLB_FORMS; form++)
        forms |= (uint32_t)(count[form] != 0) << form;
    return forms == a->forms && memcmp(count, a->form_count, sizeof(count)) == 0 &&
           memcmp(broken, a->broken, sizeof(broken)) == 0;
}
