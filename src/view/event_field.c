/*
 * The event schema taken apart, and the words for its values. See event_field.h.
 *
 * Role: layer 9. Names of signals and their codes are POSIX's; those of everything else are the
 * schema's own and come from <mapwalk/event.h>.
 */
#include "view/event_field.h"

#include <mapwalk/tlb.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "base/contract.h"
#include "base/err.h"

/* The type that `count` bytes at `name` spell. */
static enum event_field_type event_field_type_of(const char *name, size_t count)
{
    static const char *const names[EVENT_FIELD_TYPES] = {
        [EVENT_FIELD_U] = "u",           [EVENT_FIELD_S] = "s",
        [EVENT_FIELD_X] = "x",           [EVENT_FIELD_ACCESS] = "access",
        [EVENT_FIELD_CAUSE] = "cause",   [EVENT_FIELD_WALK] = "walk",
        [EVENT_FIELD_REASON] = "reason", [EVENT_FIELD_SIGNAL] = "signal",
        [EVENT_FIELD_PROT] = "prot",     [EVENT_FIELD_OWNER] = "owner",
        [EVENT_FIELD_PTE] = "pte",       [EVENT_FIELD_ERRNO] = "errno",
        [EVENT_FIELD_CALL] = "call",     [EVENT_FIELD_TLB] = "tlb",
        [EVENT_FIELD_SIZE] = "size",     [EVENT_FIELD_STALE] = "stale",
        [EVENT_FIELD_LOSS] = "loss",     [EVENT_FIELD_FENCE] = "fence"};
    unsigned type = 0;

    while (type < EVENT_FIELD_TYPES &&
           (strlen(names[type]) != count || memcmp(names[type], name, count) != 0))
        type++;
    contract(type < EVENT_FIELD_TYPES);
    return (enum event_field_type)type;
}

/* "name:type name:type": each call takes one pair and what blanks stand before it. */
bool event_field_next(const char **list, struct event_field *out)
{
    const char *name = *list + strspn(*list, " ");
    size_t name_bytes = strcspn(name, ":");
    const char *type = name + name_bytes + 1;
    size_t type_bytes;

    if (*name == '\0')
        return false;
    contract(name[name_bytes] == ':' && name_bytes < sizeof(out->name));
    memcpy(out->name, name, name_bytes);
    out->name[name_bytes] = '\0';
    type_bytes = strcspn(type, " ");
    out->type = event_field_type_of(type, type_bytes);
    *list = type + type_bytes;
    return true;
}

void event_field_prot(uint64_t prot, char out[4])
{
    out[0] = (prot & PROT_READ) ? 'r' : '-';
    out[1] = (prot & PROT_WRITE) ? 'w' : '-';
    out[2] = (prot & PROT_EXEC) ? 'x' : '-';
    out[3] = '\0';
}

/* Only what a fault can become: the simulated kernel sends no other signal. */
const char *event_field_signal(uint64_t signal)
{
    switch (signal) {
    case 0:
        return "none";
    case SIGSEGV:
        return "SIGSEGV";
    case SIGBUS:
        return "SIGBUS";
    case SIGKILL:
        return "SIGKILL";
    default:
        return "SIG?";
    }
}

const char *event_field_signal_code(uint64_t signal, int64_t code)
{
    if (signal == SIGSEGV && code == SEGV_MAPERR)
        return "SEGV_MAPERR";
    if (signal == SIGSEGV && code == SEGV_ACCERR)
        return "SEGV_ACCERR";
    if (signal == SIGBUS && code == BUS_ADRALN)
        return "BUS_ADRALN";
    if (signal == SIGBUS && code == BUS_ADRERR)
        return "BUS_ADRERR";
    if (signal == SIGBUS && code == BUS_OBJERR)
        return "BUS_OBJERR";
    return "?";
}

/* Linux's own range for errors in a return value: -4095 to -1 (an address is never there). */
const char *event_field_errno(uint64_t value)
{
    int64_t result = (int64_t)value;

    return result < 0 && result > -4096 ? err_name((int)-result) : NULL;
}

const char *event_field_word(enum event_field_type type, uint64_t value)
{
    /* The name functions take an unsigned: what does not fit is as unknown as UINT32_MAX. */
    unsigned number = value > UINT32_MAX ? UINT32_MAX : (unsigned)value;

    switch (type) {
    case EVENT_FIELD_ACCESS:
        return mw_access_name(number);
    case EVENT_FIELD_CAUSE:
        return mw_cause_name(number);
    case EVENT_FIELD_WALK:
        return mw_walk_error_name(number);
    case EVENT_FIELD_REASON:
        return mw_reason_name(number);
    case EVENT_FIELD_SIGNAL:
        return event_field_signal(value);
    case EVENT_FIELD_OWNER:
        return mw_owner_name(number);
    case EVENT_FIELD_CALL:
        return mw_call_name(number);
    case EVENT_FIELD_TLB:
        return mw_tlb_name(number);
    case EVENT_FIELD_SIZE:
        return mw_page_size_name(number);
    case EVENT_FIELD_STALE:
        return mw_stale_name(number);
    case EVENT_FIELD_LOSS:
        return mw_loss_name(number);
    case EVENT_FIELD_FENCE:
        return mw_fence_name(number);
    default:
        return NULL;
    }
}
