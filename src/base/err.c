/*
 * Names of errnos, both ways.
 *
 * Role: turns -ENOMEM into "ENOMEM" for people, and "ENOMEM" of a scenario into 12. Layer: base.
 * The names are the host's (glibc), so that a recorded log and a simulated result use the same
 * words.
 */
#include "base/err.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

/* Linux keeps errors in the last page of the number space (MAX_ERRNO in linux/err.h). */
#define ERR_NUMBER_MAX 4095

/*
 * Second names of one number: glibc reports only the first. The name is an array, not a pointer:
 * the table then needs no relocation and stays in read-only memory.
 */
struct err_alias {
    char name[16];
    int number;
};

static const struct err_alias err_aliases[] = {
    {"EWOULDBLOCK", EWOULDBLOCK},
    {"EDEADLOCK", EDEADLOCK},
    {"ENOTSUP", ENOTSUP},
};

const char *err_name(int err)
{
    if (err == 0 || err == INT_MIN) /* neither has a name, and -INT_MIN does not exist */
        return "E?";
    const char *name = strerrorname_np(err < 0 ? -err : err);
    return name != NULL ? name : "E?";
}

static int err_alias_number(const char *name)
{
    for (size_t i = 0; i < sizeof err_aliases / sizeof err_aliases[0]; i++) {
        if (strcmp(err_aliases[i].name, name) == 0)
            return err_aliases[i].number;
    }
    return 0;
}

int err_number(const char *name)
{
    /*
     * A search, not a table of our own: it is used while reading scenarios only, and cannot be out
     * of date.
     */
    for (int number = 1; number <= ERR_NUMBER_MAX; number++) {
        const char *known = strerrorname_np(number);
        if (known != NULL && strcmp(known, name) == 0)
            return number;
    }
    return err_alias_number(name);
}
