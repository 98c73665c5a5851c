/*
 * The geometry of TLBs as text, and whether it can be built.
 *
 * Layer 3. Implements <mapwalk/tlb.h> as far as it is about plain values; presets are in
 * tlb_presets.c. Knows nothing of what a TLB does. Text comes from command lines, so the parser
 * takes only what it understood wholly, and what it returns is valid by itself.
 *
 *   I-TLBCONFIG-1  what mw_tlb_format writes of a valid geometry, mw_tlb_parse reads as the same
 *   I-TLBCONFIG-2  parser and validator ask the same function what is wrong, so that they agree
 */
#include <mapwalk/tlb.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

#define TLB_CONFIG_SIZES    ((1u << MW_SIZE_COUNT) - 1)
#define TLB_CONFIG_POINTERS (TLB_CONFIG_SIZES & ~(1u << MW_SIZE_4K | 1u << MW_SIZE_64K))

/* More digits than any number that is allowed has; so a number is read without overflow. */
#define TLB_CONFIG_DIGITS 8

/* The reasons below name these numbers. */
_Static_assert(MW_TLB_SETS_MAX == 65536 && MW_TLB_WAYS_MAX == 4096, "as the reasons say");
_Static_assert(MW_TLB_ENTRIES_MAX == 1048576 && MW_TLB_PREFETCH_MAX == 8, "as the reasons say");
_Static_assert(MW_TLB_ARRAYS_MAX == 6, "as the reasons say");

const char *mw_replacement_name(unsigned replacement)
{
    static const char *const names[] = {
#define TLB_CONFIG_REPLACEMENT(identifier, name, text) name,
        MW_REPLACEMENTS(TLB_CONFIG_REPLACEMENT)
#undef TLB_CONFIG_REPLACEMENT
    };

    return replacement < MW_REPLACE_COUNT ? names[replacement] : "?";
}

/* ---- what is wrong with a geometry; NULL: nothing ---- */

static const char *tlb_config_array_fault(const struct mw_tlb_array *a, uint32_t possible)
{
    if (a->sets < 1 || a->sets > MW_TLB_SETS_MAX)
        return "an array must have 1 to 65536 sets";
    if (a->ways < 1 || a->ways > MW_TLB_WAYS_MAX)
        return "an array must have 1 to 4096 ways";
    if (a->sets > MW_TLB_ENTRIES_MAX / a->ways)
        return "an array must have at most 1048576 entries";
    if (a->sizes == 0)
        return "each array must hold some page size";
    if ((a->sizes & ~TLB_CONFIG_SIZES) != 0)
        return "no such page size";
    if ((a->sizes & ~possible) != 0)
        return "4K and 64K have no pointer, so a walk cache cannot hold them";
    if (a->replacement >= MW_REPLACE_COUNT)
        return "no such replacement";
    return NULL;
}

static const char *tlb_config_fault(const struct mw_tlb *tlb, uint32_t possible)
{
    uint32_t held = 0;

    if (tlb->arrays > MW_TLB_ARRAYS_MAX)
        return "at most 6 arrays";
    for (uint32_t i = 0; i < tlb->arrays; i++) {
        const struct mw_tlb_array *a = &tlb->array[i];
        const char *fault = tlb_config_array_fault(a, possible);

        if (fault != NULL)
            return fault;
        if ((held & a->sizes) != 0)
            return "two arrays hold the same page size";
        held |= a->sizes;
    }
    return NULL;
}

static int tlb_config_refuse(char *why, size_t why_bytes, const char *part, const char *fault)
{
    if (why_bytes > 0)
        snprintf(why, why_bytes, "tlb.%s: %s", part, fault);
    return -EINVAL;
}

int mw_tlbs_validate(const struct mw_tlbs *tlbs, char *why, size_t why_bytes)
{
    const struct {
        const char *name;
        const struct mw_tlb *tlb;
        uint32_t possible;
    } parts[] = {
        {"l1d", &tlbs->l1d, TLB_CONFIG_SIZES},
        {"l1i", &tlbs->l1i, TLB_CONFIG_SIZES},
        {"l2", &tlbs->l2, TLB_CONFIG_SIZES},
        {"l2i", &tlbs->l2i, TLB_CONFIG_SIZES},
        {"walk-cache", &tlbs->walk_cache, TLB_CONFIG_POINTERS},
    };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        const char *fault = tlb_config_fault(parts[i].tlb, parts[i].possible);

        if (fault != NULL)
            return tlb_config_refuse(why, why_bytes, parts[i].name, fault);
    }
    if (tlbs->l1d.arrays == 0)
        return tlb_config_refuse(why, why_bytes, "l1d", "must be there");
    if (tlbs->l2i.arrays != 0 && (tlbs->l1i.arrays == 0 || tlbs->l2.arrays == 0))
        return tlb_config_refuse(why, why_bytes, "l2i", "only with l1i and l2");
    if (tlbs->prefetch > MW_TLB_PREFETCH_MAX)
        return tlb_config_refuse(why, why_bytes, "prefetch", "at most 8 pages");
    return 0;
}

/* ---- text to geometry ---- */

/* The number of the word [at, at + length) among `count` names; `count`: none. */
static unsigned tlb_config_word(const char *(*name)(unsigned), unsigned count, const char *at,
                                size_t length)
{
    unsigned i = 0;

    while (i < count && (strlen(name(i)) != length || memcmp(name(i), at, length) != 0))
        i++;
    return i;
}

/*
 * Reads a decimal number, without sign or leading zero: one number has one text. Returns what
 * follows it, or NULL.
 */
static const char *tlb_config_number(const char *at, uint32_t *out)
{
    const char *first = at;
    uint32_t number = 0;

    for (; *at >= '0' && *at <= '9' && at - first < TLB_CONFIG_DIGITS; at++)
        number = number * 10 + (uint32_t)(*at - '0');
    *out = number;
    return at == first || *first == '0' ? NULL : at;
}

/* "4K,2M" in [at, end). */
static bool tlb_config_sizes(const char *at, const char *end, uint32_t *out)
{
    *out = 0;
    for (;; at++) {
        size_t length = strcspn(at, ",:"); /* a colon stands at `end` */
        unsigned size = tlb_config_word(mw_page_size_name, MW_SIZE_COUNT, at, length);

        if (size == MW_SIZE_COUNT || (*out & 1u << size) != 0)
            return false;
        *out |= 1u << size;
        at += length;
        if (at == end)
            return true;
    }
}

/* "[SIZES:]SETSxWAYS[/POLICY]" in [at, end); sizes 0 when there are none. */
static bool tlb_config_array(const char *at, const char *end, struct mw_tlb_array *out)
{
    const char *colon = memchr(at, ':', (size_t)(end - at));

    *out = (struct mw_tlb_array){.replacement = MW_REPLACE_LRU};
    if (colon != NULL && !tlb_config_sizes(at, colon, &out->sizes))
        return false;
    at = tlb_config_number(colon == NULL ? at : colon + 1, &out->sets);
    if (at == NULL || *at != 'x')
        return false;
    at = tlb_config_number(at + 1, &out->ways);
    if (at == NULL || at == end)
        return at != NULL;
    if (*at != '/')
        return false;
    out->replacement =
        tlb_config_word(mw_replacement_name, MW_REPLACE_COUNT, at + 1, (size_t)(end - at) - 1);
    return true;
}

/*
 * Gives an array without sizes all that no other holds. That may be nothing, and two such arrays get
 * the same; both are faults like any other.
 */
static void tlb_config_share_out(struct mw_tlb *tlb, uint32_t possible)
{
    uint32_t left = possible;

    for (uint32_t i = 0; i < tlb->arrays; i++)
        left &= ~tlb->array[i].sizes;
    for (uint32_t i = 0; i < tlb->arrays; i++)
        if (tlb->array[i].sizes == 0)
            tlb->array[i].sizes = left;
}

int mw_tlb_parse(const char *text, int walk_cache, struct mw_tlb *out)
{
    uint32_t possible = walk_cache ? TLB_CONFIG_POINTERS : TLB_CONFIG_SIZES;
    struct mw_tlb tlb = {0};
    const char *end = NULL;

    if (strcmp(text, "none") == 0) {
        *out = tlb;
        return 0;
    }
    for (const char *at = text; end == NULL || *end != '\0'; at = end + 1) {
        end = at + strcspn(at, "+");
        if (tlb.arrays == MW_TLB_ARRAYS_MAX || !tlb_config_array(at, end, &tlb.array[tlb.arrays]))
            return -EINVAL;
        tlb.arrays++;
    }
    tlb_config_share_out(&tlb, possible);
    if (tlb_config_fault(&tlb, possible) != NULL)
        return -EINVAL;
    *out = tlb;
    return 0;
}

/* ---- geometry to text ---- */

struct tlb_config_text {
    char *out;
    size_t bytes;
    size_t length; /* that it has or would have */
};

__attribute__((format(printf, 2, 3))) static void tlb_config_say(struct tlb_config_text *t,
                                                                 const char *format, ...)
{
    size_t room = t->length < t->bytes ? t->bytes - t->length : 0;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(room == 0 ? NULL : t->out + t->length, room, format, arguments);
    va_end(arguments);
    t->length += length < 0 ? 0 : (size_t)length;
}

/* Sizes are left out where they say nothing: of one array that holds all. */
static void tlb_config_say_array(struct tlb_config_text *t, const struct mw_tlb_array *a)
{
    const char *separator = "";

    for (unsigned size = 0; a->sizes != TLB_CONFIG_SIZES && size < MW_SIZE_COUNT; size++)
        if ((a->sizes & 1u << size) != 0) {
            tlb_config_say(t, "%s%s", separator, mw_page_size_name(size));
            separator = ",";
        }
    if (*separator != '\0')
        tlb_config_say(t, ":");
    tlb_config_say(t, "%ux%u", (unsigned)a->sets, (unsigned)a->ways);
    if (a->replacement != MW_REPLACE_LRU)
        tlb_config_say(t, "/%s", mw_replacement_name(a->replacement));
}

int mw_tlb_format(const struct mw_tlb *tlb, char *out, size_t bytes)
{
    struct tlb_config_text t = {.out = out, .bytes = bytes};

    if (tlb->arrays == 0)
        tlb_config_say(&t, "none");
    for (uint32_t i = 0; i < tlb->arrays && i < MW_TLB_ARRAYS_MAX; i++) {
        if (i > 0)
            tlb_config_say(&t, "+");
        tlb_config_say_array(&t, &tlb->array[i]);
    }
    return (int)t.length;
}
