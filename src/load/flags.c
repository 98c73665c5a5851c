/*
 * The table behind flags.h: name, value, in strcmp order.
 */
#include "load/flags.h"

#include <signal.h>
#include <string.h>

struct flag {
    const char *name;
    uint64_t value;
};

/*
 * Through int64_t, so that negative constants (AT_FDCWD) and pointers (NULL) both convert without
 * loss.
 */
#define FLAG_ENTRY(constant) {#constant, (uint64_t)(int64_t)(constant)},
static const struct flag flag_table[] = {FLAGS_NAMES(FLAG_ENTRY)};
#undef FLAG_ENTRY

#define FLAG_COUNT (sizeof(flag_table) / sizeof(flag_table[0]))

/* Like strcmp, for a name that is not terminated: a proper prefix of an entry sorts before it. */
static int flag_compare(const char *name, size_t length, const char *entry)
{
    int order = strncmp(name, entry, length);

    if (order != 0)
        return order;
    return entry[length] == '\0' ? 0 : -1;
}

/* By halves: a log of a million calls asks for several million names. */
bool flags_find(const char *name, size_t length, uint64_t *value)
{
    size_t low = 0;
    size_t high = FLAG_COUNT;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = flag_compare(name, length, flag_table[middle].name);

        if (order == 0) {
            *value = flag_table[middle].value;
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

/* One pass over the table: only diagnostics ask. */
const char *flags_signal_name(int signo)
{
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        const char *name = flag_table[i].name;

        if (strncmp(name, "SIG", 3) == 0 && flag_table[i].value == (uint64_t)(int64_t)signo)
            return name;
    }
    return "SIG?";
}

/* Codes of different signals share numbers, so the signal decides which names count. */
const char *flags_signal_code_name(int signo, int code)
{
    const char *prefix = signo == SIGSEGV ? "SEGV_" : signo == SIGBUS ? "BUS_" : NULL;

    for (size_t i = 0; prefix != NULL && i < FLAG_COUNT; i++) {
        const char *name = flag_table[i].name;

        if (strncmp(name, prefix, strlen(prefix)) == 0 &&
            flag_table[i].value == (uint64_t)(int64_t)code)
            return name;
    }
    return "";
}
