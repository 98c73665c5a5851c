/*
 * The names in the event schema: tables made from the X lists of the public header, so that a kind,
 * its name and its fields cannot drift apart.
 */
#include <mapwalk/event.h>
#include <mapwalk/tlb.h>
#include <stdio.h>
#include <string.h>

#define NAME_OF(table, number) \
    ((number) < sizeof(table) / sizeof((table)[0]) ? (table)[number] : "?")

const char *mw_event_name(unsigned kind)
{
    static const char *const names[] = {
#define EVENT_NAME(identifier, name, fields) name,
        MW_EVENT_KINDS(EVENT_NAME)
#undef EVENT_NAME
    };

    return NAME_OF(names, kind);
}

const char *mw_event_fields(unsigned kind)
{
    static const char *const lists[] = {
#define EVENT_FIELDS(identifier, name, fields) fields,
        MW_EVENT_KINDS(EVENT_FIELDS)
#undef EVENT_FIELDS
    };

    return NAME_OF(lists, kind);
}

const char *mw_access_name(unsigned access)
{
    static const char *const names[MW_ACCESS_COUNT] = {
        [MW_LOAD] = "load", [MW_STORE] = "store", [MW_FETCH] = "fetch", [MW_AMO] = "amo"};

    return NAME_OF(names, access);
}

const char *mw_tlb_name(unsigned unit)
{
    static const char *const names[] = {
#define TLB_NAME(identifier, name) name,
        MW_TLB_UNITS(TLB_NAME)
#undef TLB_NAME
            [MW_TLB_COUNT] = "walk_cache",
    };

    return NAME_OF(names, unit);
}

const char *mw_page_size_name(unsigned size)
{
    static const char *const names[] = {
#define SIZE_NAME(identifier, name, shift) name,
        MW_PAGE_SIZES(SIZE_NAME)
#undef SIZE_NAME
    };

    return NAME_OF(names, size);
}

/* Wording of the privileged specification's table of scause values. */
const char *mw_cause_name(unsigned cause)
{
    switch (cause) {
    case MW_CAUSE_FETCH_ACCESS:
        return "instruction access fault";
    case MW_CAUSE_LOAD_ACCESS:
        return "load access fault";
    case MW_CAUSE_STORE_ACCESS:
        return "store/AMO access fault";
    case MW_CAUSE_FETCH_PAGE:
        return "instruction page fault";
    case MW_CAUSE_LOAD_PAGE:
        return "load page fault";
    case MW_CAUSE_STORE_PAGE:
        return "store/AMO page fault";
    case MW_CAUSE_NONE:
        return "none";
    default:
        return "?";
    }
}

const char *mw_walk_error_name(unsigned error)
{
    static const char *const names[] = {
#define WALK_NAME(identifier, name, text) name,
        MW_WALK_ERRORS(WALK_NAME)
#undef WALK_NAME
    };

    return NAME_OF(names, error);
}

const char *mw_walk_error_text(unsigned error)
{
    static const char *const texts[] = {
#define WALK_TEXT(identifier, name, text) text,
        MW_WALK_ERRORS(WALK_TEXT)
#undef WALK_TEXT
    };

    return NAME_OF(texts, error);
}

const char *mw_reason_name(unsigned reason)
{
    static const char *const names[] = {
#define REASON_NAME(identifier, name, text) name,
        MW_REASONS(REASON_NAME)
#undef REASON_NAME
    };

    return NAME_OF(names, reason);
}

const char *mw_reason_text(unsigned reason)
{
    static const char *const texts[] = {
#define REASON_TEXT(identifier, name, text) text,
        MW_REASONS(REASON_TEXT)
#undef REASON_TEXT
    };

    return NAME_OF(texts, reason);
}

const char *mw_owner_name(unsigned owner)
{
    static const char *const names[] = {
#define OWNER_NAME(identifier, name) name,
        MW_OWNERS(OWNER_NAME)
#undef OWNER_NAME
    };

    return NAME_OF(names, owner);
}

const char *mw_stale_name(unsigned stale)
{
    static const char *const names[] = {
#define STALE_NAME(identifier, name, text) name,
        MW_STALES(STALE_NAME)
#undef STALE_NAME
    };

    return NAME_OF(names, stale);
}

const char *mw_stale_text(unsigned stale)
{
    static const char *const texts[] = {
#define STALE_TEXT(identifier, name, text) text,
        MW_STALES(STALE_TEXT)
#undef STALE_TEXT
    };

    return NAME_OF(texts, stale);
}

const char *mw_loss_name(unsigned loss)
{
    static const char *const names[] = {
#define LOSS_NAME(identifier, name, text) name,
        MW_LOSSES(LOSS_NAME)
#undef LOSS_NAME
    };

    return NAME_OF(names, loss);
}

const char *mw_loss_text(unsigned loss)
{
    static const char *const texts[] = {
#define LOSS_TEXT(identifier, name, text) text,
        MW_LOSSES(LOSS_TEXT)
#undef LOSS_TEXT
    };

    return NAME_OF(texts, loss);
}

const char *mw_fence_name(unsigned fence)
{
    static const char *const names[] = {
#define FENCE_NAME(identifier, name, text) name,
        MW_FENCES(FENCE_NAME)
#undef FENCE_NAME
    };

    return NAME_OF(names, fence);
}

const char *mw_fence_text(unsigned fence)
{
    static const char *const texts[] = {
#define FENCE_TEXT(identifier, name, text) text,
        MW_FENCES(FENCE_TEXT)
#undef FENCE_TEXT
    };

    return NAME_OF(texts, fence);
}

static const char *const call_names[MW_CALL_COUNT] = {
#define CALL_NAME(name) #name,
    MW_CALLS(CALL_NAME)
#undef CALL_NAME
};

const char *mw_call_name(unsigned call)
{
    return NAME_OF(call_names, call);
}

int mw_call_number(const char *name)
{
    for (int call = 0; call < MW_CALL_COUNT; call++)
        if (strcmp(call_names[call], name) == 0)
            return call;
    return -1;
}

void mw_pte_format(uint64_t pte, char *out, size_t bytes)
{
    static const char letters[] = "DAGUXWRV"; /* bit 7 down to bit 0 */
    char bits[sizeof(letters)] = "";

    for (unsigned i = 0; i < 8; i++)
        bits[i] = (pte >> (7 - i) & 1) ? letters[i] : '-';
    snprintf(out, bytes, "0x%016llx %s", (unsigned long long)pte, bits);
}
