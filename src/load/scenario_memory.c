/*
 * What strace's syntax lacks: accesses, and a few directives that make files and look at the
 * machine.
 */
#include <string.h>

#include "base/addr.h"
#include "base/err.h"
#include "load/scenario_call.h"

#define FILE_MOST ((uint64_t)64 << 20) /* the largest file that file() makes at once */

static bool finish(struct outcome *out, int64_t value)
{
    out->kind = OUTCOME_VALUE;
    out->value = value;
    return true;
}

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
        finish(out, err);
    else
        *out = (struct outcome){.kind = OUTCOME_BYTES, .value = bytes};
    return true;
}

static bool do_load(struct scenario *s, const struct call *call, struct outcome *out)
{
    size_t bytes = call_number(call, 1);

    if (!check_size(s, call))
        return false;
    return finish_access(
        out, mw_load(s->machine, s->pid, call_number(call, 0), s->bytes, bytes, &out->signal),
        (int64_t)bytes);
}

static bool do_fetch(struct scenario *s, const struct call *call, struct outcome *out)
{
    size_t bytes = call_number(call, 1);

    if (!check_size(s, call))
        return false;
    return finish_access(
        out, mw_fetch(s->machine, s->pid, call_number(call, 0), s->bytes, bytes, &out->signal),
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
    return finish_access(
        out, mw_store(s->machine, s->pid, call_number(call, 0), s->bytes, bytes, &out->signal), 0);
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
        return finish(out, -ENOMEM);
    if (make_contents(s, call, bytes, count))
        finish(out, mw_file_put(s->machine, call_string(call, 0), bytes, count));
    alloc_release(s->alloc, bytes);
    return true;
}

static bool do_file_size(struct scenario *s, const struct call *call, struct outcome *out)
{
    return finish(out, mw_file_size(s->machine, call_string(call, 0)));
}

/*
 * file_load("/a", offset, bytes): what the machine's own hand reads, whatever processes have
 * mapped.
 */
static bool do_file_load(struct scenario *s, const struct call *call, struct outcome *out)
{
    uint64_t bytes = call_number(call, 2);
    int64_t count;

    if (bytes < 1 || bytes > SCENARIO_BYTES)
        return scenario_refuse(s, "file_load reads 1 to %d bytes", SCENARIO_BYTES);
    count = mw_file_get(s->machine, call_string(call, 0), call_number(call, 1), s->bytes, bytes);
    if (count <= 0)
        return finish(out, count);
    out->kind = OUTCOME_BYTES;
    out->value = count;
    return true;
}

/* The area that holds the address; false: none, and the outcome is -ENOENT. */
static bool find_area(struct scenario *s, const struct call *call, struct mw_vma *area,
                      struct outcome *out)
{
    uint64_t address = call_number(call, 0);
    int err = mw_vma_next(s->machine, s->pid, address, area);

    if (err == 0 && area->start <= address)
        return true;
    finish(out, err < 0 ? err : -ENOENT);
    return false;
}

static bool do_vma_start(struct scenario *s, const struct call *call, struct outcome *out)
{
    struct mw_vma area;

    return !find_area(s, call, &area, out) || finish(out, (int64_t)area.start);
}

static bool do_vma_end(struct scenario *s, const struct call *call, struct outcome *out)
{
    struct mw_vma area;

    return !find_area(s, call, &area, out) || finish(out, (int64_t)area.end);
}

static bool do_vma_prot(struct scenario *s, const struct call *call, struct outcome *out)
{
    struct mw_vma area;

    return !find_area(s, call, &area, out) || finish(out, area.prot);
}

/* All areas, as the lines of /proc/PID/maps would be. */
static bool do_vma_count(struct scenario *s, const struct call *call, struct outcome *out)
{
    struct mw_vma area = {.end = 0};
    int64_t count = 0;

    (void)call;
    while (mw_vma_next(s->machine, s->pid, area.end, &area) == 0)
        count++;
    return finish(out, count);
}

/* 1 when the page tables translate the address, without touching it; V is bit 0 of every PTE. */
static bool do_present(struct scenario *s, const struct call *call, struct outcome *out)
{
    uint64_t pte = 0;
    int err = mw_pte(s->machine, s->pid, call_number(call, 0), &pte);

    return finish(out, err < 0 ? err : (int64_t)(pte & 1));
}

/* Where the process runs from its next line on; a hart that is not there is the machine's to refuse. */
static bool do_set_hart(struct scenario *s, const struct call *call, struct outcome *out)
{
    uint64_t hart = call_number(call, 0);

    return finish(out,
                  mw_set_hart(s->machine, s->pid, hart > UINT32_MAX ? UINT32_MAX : (unsigned)hart));
}

static bool do_hart(struct scenario *s, const struct call *call, struct outcome *out)
{
    (void)call;
    return finish(out, mw_process_hart(s->machine, s->pid));
}

static const struct scenario_entry entries[] = {
    {"load", "nn", true, true, false, do_load},
    {"store", "nnx", false, true, false, do_store},
    {"fetch", "nn", true, true, false, do_fetch},
    {"file", "sx|n", false, false, true, do_file},
    {"file_size", "s", false, false, true, do_file_size},
    {"file_load", "snn", true, false, true, do_file_load},
    {"vma_start", "n", true, false, true, do_vma_start},
    {"vma_end", "n", true, false, true, do_vma_end},
    {"vma_prot", "n", false, false, true, do_vma_prot},
    {"vma_count", "", false, false, true, do_vma_count},
    {"present", "n", false, false, true, do_present},
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
