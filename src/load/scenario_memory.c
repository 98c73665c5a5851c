/*
 * What strace's syntax lacks: accesses, and directives that make files and look at them.
 *
 * Layer 8. On the simulator or on the host, whichever side executes now.
 */
#include <string.h>

#include "base/addr.h"
#include "base/err.h"
#include "load/native.h"
#include "load/scenario_call.h"

#define FILE_MOST ((uint64_t)64 << 20) /* the largest file that file() makes at once */

/*
 * The machine would refuse with -EINVAL, which no access of a program can meet: it is the
 * scenario that is wrong.
 */
static bool check_size(struct scenario *s, const struct call *call)
{
    uint64_t bytes = call_number(call, 1);

    if (bytes >= 1 && bytes <= SCENARIO_BYTES)
        return true;
    return scenario_refuse(s, "%s moves 1 to %d bytes, not %llu", call->name, SCENARIO_BYTES,
                           (unsigned long long)bytes);
}

/*
 * An access of the machine returns 0 or -EFAULT with a signal; anything else is a result like a
 * call's.
 */
static bool finish_access(struct outcome *out, int err, int64_t bytes)
{
    if (err == -EFAULT)
        out->kind = OUTCOME_SIGNAL;
    else if (err < 0 || bytes == 0)
        outcome_value(out, err);
    else
        *out = (struct outcome){.kind = OUTCOME_BYTES, .value = bytes};
    return true;
}

int scenario_load(struct scenario *s, uint64_t va, size_t bytes, struct mw_signal *signal)
{
    if (s->side == SIDE_LINUX)
        return native_load(s->native, s->pid, va, s->bytes, bytes, signal);
    return mw_load(s->machine, s->pid, va, s->bytes, bytes, signal);
}

int scenario_store(struct scenario *s, uint64_t va, size_t bytes, struct mw_signal *signal)
{
    if (s->side == SIDE_LINUX)
        return native_store(s->native, s->pid, va, s->bytes, bytes, signal);
    return mw_store(s->machine, s->pid, va, s->bytes, bytes, signal);
}

static int access_fetch(struct scenario *s, uint64_t va, size_t bytes, struct mw_signal *signal)
{
    if (s->side == SIDE_LINUX)
        return native_fetch(s->native, s->pid, va, s->bytes, bytes, signal);
    return mw_fetch(s->machine, s->pid, va, s->bytes, bytes, signal);
}

static bool do_load(struct scenario *s, const struct call *call, struct outcome *out)
{
    size_t bytes = call_number(call, 1);

    if (!check_size(s, call))
        return false;
    return finish_access(out, scenario_load(s, call_number(call, 0), bytes, &out->signal),
                         (int64_t)bytes);
}

static bool do_fetch(struct scenario *s, const struct call *call, struct outcome *out)
{
    size_t bytes = call_number(call, 1);

    if (!check_size(s, call))
        return false;
    return finish_access(out, access_fetch(s, call_number(call, 0), bytes, &out->signal),
                         (int64_t)bytes);
}

/*
 * A string is padded with zeros; a number is little-endian, and over eight bytes it fills every
 * byte.
 */
static bool fill_bytes(struct scenario *s, const struct call_arg *value, uint8_t *bytes,
                       size_t count)
{
    uint64_t number = value->value;

    if (value->kind == CALL_ARG_STRING) {
        if (value->text.length > count)
            return scenario_refuse(s, "the string has %zu bytes, more than %zu", value->text.length,
                                   count);
        memset(bytes, 0, count);
        memcpy(bytes, value->text.bytes, value->text.length);
        return true;
    }
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(count <= 8 ? number >> (8 * i) : number);
    return true;
}

static bool do_store(struct scenario *s, const struct call *call, struct outcome *out)
{
    size_t bytes = call_number(call, 1);

    if (!check_size(s, call) || !fill_bytes(s, &call->args[2], s->bytes, bytes))
        return false;
    return finish_access(out, scenario_store(s, call_number(call, 0), bytes, &out->signal), 0);
}

/*
 * Without a value, each page's bytes hold the number of the page, from 1: a load tells which page
 * it sees.
 */
static bool make_contents(struct scenario *s, const struct call *call, uint8_t *bytes, size_t count)
{
    if (call->args[1].kind == CALL_ARG_STRING)
        return fill_bytes(s, &call->args[1], bytes, count);
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(call->arg_count > 2 ? call_number(call, 2) : (i >> PAGE_SHIFT) + 1);
    return true;
}

/* The contents as the machine's own hand, or the engine's, puts them there. */
static int put_file(struct scenario *s, const char *path, const uint8_t *bytes, size_t count)
{
    if (s->side == SIDE_LINUX)
        return native_file_put(s->native, path, bytes, count);
    return mw_file_put(s->machine, path, bytes, count);
}

/* file("/a", 8192), file("/a", 8192, 0x55), file("/a", "text") */
static bool do_file(struct scenario *s, const struct call *call, struct outcome *out)
{
    bool is_text = call->args[1].kind == CALL_ARG_STRING;
    uint64_t count = is_text ? call->args[1].text.length : call_number(call, 1);
    uint8_t *bytes;

    if (count > FILE_MOST)
        return scenario_refuse(s, "file: more than 64M");
    bytes = alloc_zeroed(s->alloc, count + 1);
    if (bytes == NULL)
        return outcome_value(out, -ENOMEM);
    if (make_contents(s, call, bytes, count))
        outcome_value(out, put_file(s, call_string(call, 0), bytes, count));
    alloc_release(s->alloc, bytes);
    return true;
}

static bool do_file_size(struct scenario *s, const struct call *call, struct outcome *out)
{
    const char *path = call_string(call, 0);

    return outcome_value(out, s->side == SIDE_LINUX ? native_file_size(s->native, path)
                                                    : mw_file_size(s->machine, path));
}

/*
 * file_load("/a", offset, bytes): what somebody else would read, whatever processes have mapped.
 */
static bool do_file_load(struct scenario *s, const struct call *call, struct outcome *out)
{
    const char *path = call_string(call, 0);
    uint64_t bytes = call_number(call, 2);
    uint64_t offset = call_number(call, 1);
    int64_t count;

    if (bytes < 1 || bytes > SCENARIO_BYTES)
        return scenario_refuse(s, "file_load reads 1 to %d bytes", SCENARIO_BYTES);
    count = s->side == SIDE_LINUX ? native_file_get(s->native, path, offset, s->bytes, bytes)
                                  : mw_file_get(s->machine, path, offset, s->bytes, bytes);
    if (count <= 0)
        return outcome_value(out, count);
    out->kind = OUTCOME_BYTES;
    out->value = count;
    return true;
}

/* Where the process runs from its next line on; a hart that is not there is the machine's to refuse. */
static bool do_set_hart(struct scenario *s, const struct call *call, struct outcome *out)
{
    uint64_t hart = call_number(call, 0);

    return outcome_value(
        out, mw_set_hart(s->machine, s->pid, hart > UINT32_MAX ? UINT32_MAX : (unsigned)hart));
}

static bool do_hart(struct scenario *s, const struct call *call, struct outcome *out)
{
    (void)call;
    return outcome_value(out, mw_process_hart(s->machine, s->pid));
}

static const struct scenario_entry entries[] = {
    {"load", "nn", true, true, false, do_load},
    {"store", "nnx", false, true, false, do_store},
    {"fetch", "nn", true, true, false, do_fetch},
    {"file", "sx|n", false, false, true, do_file},
    {"file_size", "s", false, false, true, do_file_size},
    {"file_load", "snn", true, false, true, do_file_load},
    {"set_hart", "n", false, false, true, do_set_hart},
    {"hart", "", false, false, true, do_hart},
};

const struct scenario_entry *scenario_find_memory(const char *name)
{
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
        if (strcmp(entries[i].name, name) == 0)
            return &entries[i];
    return NULL;
}
