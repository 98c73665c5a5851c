/*
 * The session: machine, shadow, history; what happens to the machine as a whole.
 */
#include "model/fsx.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"

/* ---- what failed ---- */

static void fsx_line(char *line, size_t room, const char *format, va_list arguments)
{
    int length = vsnprintf(line, room, format, arguments);

    (void)length; /* a line that is cut is still a line */
}

void fsx_say(struct fsx *s, const char *format, ...)
{
    char *line = s->history[s->lines++ % FSX_HISTORY];
    va_list arguments;
    int head = snprintf(line, FSX_LINE, "%6llu ", (unsigned long long)s->op);

    va_start(arguments, format);
    fsx_line(line + head, FSX_LINE - (size_t)head, format, arguments);
    va_end(arguments);
    if (s->trace)
        fprintf(stderr, "%s\n", line);
}

void fsx_fail(struct fsx *s, const char *format, ...)
{
    va_list arguments;

    if (s->failed)
        return;
    s->failed = true;
    va_start(arguments, format);
    fsx_line(s->what, sizeof(s->what), format, arguments);
    va_end(arguments);
}

bool fsx_succeeded(struct fsx *s, int64_t result, bool may_be_full)
{
    if (result >= 0)
        return true;
    if (result != -ENOSPC || !s->variant->full || !may_be_full)
        fsx_fail(s, "returned %lld", (long long)result);
    return false;
}

void fsx_compare(struct fsx *s, const char *what, const uint8_t *machine, const uint8_t *shadow,
                 uint64_t bytes)
{
    uint64_t at = 0;
    uint64_t count = 0;

    if (s->failed || bytes == 0 || memcmp(machine, shadow, bytes) == 0)
        return;
    while (machine[at] == shadow[at])
        at++;
    for (uint64_t i = at; i < bytes; i++)
        count += machine[i] != shadow[i];
    fsx_fail(s, "%s: byte %llu is %02x, not %02x; %llu of %llu differ", what,
             (unsigned long long)at, machine[at], shadow[at], (unsigned long long)count,
             (unsigned long long)bytes);
}

static void fsx_print_failure(const struct fsx *s)
{
    uint64_t first = s->lines > FSX_HISTORY ? s->lines - FSX_HISTORY : 0;

    for (uint64_t i = first; i < s->lines; i++)
        fprintf(stderr, "%s\n", s->history[i % FSX_HISTORY]);
    fprintf(stderr, "# %s, seed %llu, operation %llu: %s\n", s->variant->name,
            (unsigned long long)s->seed, (unsigned long long)s->op, s->what);
}

/* ---- what all operations draw ---- */

struct fsx_process *fsx_any_process(struct fsx *s)
{
    struct fsx_process *p = &s->process[fsx_below(s, FSX_PROCESSES)];

    return p->pid != 0 ? p : &s->process[0];
}

const char *fsx_path(unsigned name)
{
    static const char *const paths[FSX_NAMES] = {"/a", "/b", "/c", "/d", "/x/e", "/x/f"};

    return paths[name];
}

/* Mostly near the beginning; now and then at the end, at a page's edge, or where blocks get far. */
static uint64_t fsx_offset(struct fsx *s, const struct shadow_file *f)
{
    uint64_t most = s->variant->file_pages * SHADOW_PAGE_BYTES;
    uint64_t near = most < 100 * SHADOW_PAGE_BYTES ? most : 100 * SHADOW_PAGE_BYTES;
    uint64_t offset;

    switch (fsx_below(s, 8)) {
    case 0:
        offset = f->bytes;
        break;
    case 1:
        offset = f->bytes - fsx_below(s, f->bytes < 9000 ? f->bytes + 1 : 9000);
        break;
    case 2:
        offset = fsx_chance(s, 4) ? fsx_below(s, most) : f->bytes + fsx_below(s, 20000);
        break;
    default:
        offset = fsx_below(s, f->bytes > 0 && fsx_chance(s, 2) ? f->bytes : near);
        break;
    }
    if (fsx_chance(s, 3))
        offset &= ~(uint64_t)(SHADOW_PAGE_BYTES - 1);
    return offset < most ? offset : most - 1;
}

void fsx_range(struct fsx *s, const struct shadow_file *f, uint64_t most, uint64_t *offset,
               uint64_t *bytes)
{
    uint64_t end = s->variant->file_pages * SHADOW_PAGE_BYTES;

    *offset = fsx_offset(s, f);
    switch (fsx_below(s, 4)) {
    case 0:
        *bytes = 1 + fsx_below(s, most);
        break;
    case 1:
        *bytes = SHADOW_PAGE_BYTES * (1 + fsx_below(s, 1 + most / SHADOW_PAGE_BYTES));
        break;
    default:
        *bytes = 1 + fsx_below(s, 300);
        break;
    }
    if (*bytes > most)
        *bytes = most;
    if (*bytes > end - *offset)
        *bytes = end - *offset;
}

void fsx_pattern(const struct fsx *s, uint8_t *out, uint64_t bytes)
{
    uint64_t mix = prng_mix(s->op);

    for (uint64_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(1 + (mix + i * 7 + (i >> 8) * 13) % 255); /* never 0, which holes are */
}

/* Ordinary memory is always there. */
void fsx_poke(struct fsx *s, const struct fsx_process *p, uint64_t va, const void *in, uint64_t n)
{
    for (uint64_t done = 0; done < n; done += SHADOW_PAGE_BYTES) {
        uint64_t piece = n - done < SHADOW_PAGE_BYTES ? n - done : SHADOW_PAGE_BYTES;

        if (mw_store(s->machine, p->pid, va + done, (const uint8_t *)in + done, piece, NULL) != 0)
            fsx_fail(s, "a store to ordinary memory failed");
    }
}

void fsx_peek(struct fsx *s, const struct fsx_process *p, uint64_t va, void *out, uint64_t n)
{
    for (uint64_t done = 0; done < n; done += SHADOW_PAGE_BYTES) {
        uint64_t piece = n - done < SHADOW_PAGE_BYTES ? n - done : SHADOW_PAGE_BYTES;

        if (mw_load(s->machine, p->pid, va + done, (uint8_t *)out + done, piece, NULL) != 0)
            fsx_fail(s, "a load from ordinary memory failed");
    }
}

/* ---- the machine ---- */

static int fsx_shell(const char *format, const char *arguments, const char *image)
{
    char command[256];

    snprintf(command, sizeof(command), format, arguments, image);
    return system(command);
}

void fsx_image_path(char path[FSX_IMAGE], int pid)
{
    const char *folder = getenv("TMPDIR");

    if (folder == NULL || strlen(folder) > 30)
        folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(path, FSX_IMAGE, "%s/fsx-%d.img", folder, pid);
}

static void fsx_make_image(struct fsx *s)
{
    if (s->variant->disk == FSX_RAM)
        return;
    fsx_image_path(s->image, (int)getpid());
    unlink(s->image);
    assert_int_equal(mw_image_create(s->image, s->variant->disk_bytes, true), 0);
    if (s->variant->disk == FSX_IMAGE_FOREIGN)
        assert_int_equal(
            fsx_shell("mke2fs -q -F %s %s >/dev/null 2>&1", s->variant->mke2fs, s->image), 0);
}

static void fsx_switch_on(struct fsx *s)
{
    const struct fsx_variant *v = s->variant;
    struct mw_config config;

    mw_config_init(&config);
    config.ram_bytes = v->ram_bytes;
    config.disk_bytes = v->disk_bytes;
    config.harts = v->harts;
    config.check = v->check;
    config.disk_cache = v->disk_cache;
    config.disk_latency = v->latency;
    config.seed = s->seed;
    snprintf(config.disk_image, sizeof(config.disk_image), "%s", s->image);
    assert_int_equal(mw_machine_new(&config, &s->machine), 0);
}

/* Leaves a few dozen pages of the disk. */
static void fsx_fill_disk(struct fsx *s)
{
    const struct fsx_process *p = &s->process[0];
    int fd = mw_open(s->machine, p->pid, "/ballast", O_CREAT | O_RDWR);
    uint64_t end = 0;
    const uint64_t step = 16 * SHADOW_PAGE_BYTES;

    assert_true(fd >= 0);
    while (mw_fallocate(s->machine, p->pid, fd, 0, end, step) == 0)
        end += step;
    assert_true(end > 8 * step);
    assert_int_equal(mw_ftruncate(s->machine, p->pid, fd, end - 6 * step), 0);
    assert_int_equal(mw_close(s->machine, p->pid, fd), 0);
}

struct fsx *fsx_begin(const struct fsx_variant *variant, uint64_t seed)
{
    struct fsx *s = calloc(1, sizeof(*s));
    const char *trace = getenv("MAPWALK_TRACE");

    assert_non_null(s);
    s->variant = variant;
    s->seed = seed;
    s->trace = trace != NULL && *trace == '1';
    fsx_make_image(s);
    fsx_switch_on(s);
    fsx_spawn(s);
    assert_int_equal(mw_mkdir(s->machine, s->process[0].pid, "/x"), 0);
    if (variant->full)
        fsx_fill_disk(s);
    return s;
}

static void fsx_compare_all(struct fsx *s)
{
    fsx_names_compare(s);
    fsx_maps_compare(s);
    if (!mw_check(s->machine))
        fsx_fail(s, "a checker found the machine broken");
}

/*
 * Off and on again. With an image, by the switch; without, by a power cut after a sync, which takes
 * nothing that was synced. Processes are gone, and with them every file that has no name.
 */
static void fsx_op_remount(struct fsx *s)
{
    uint64_t seed = prng_next(&s->prng);
    bool by_switch = s->image[0] != '\0' && fsx_chance(s, 2);
    int err;

    fsx_say(s, "%s", by_switch ? "off and on" : "sync, power cut");
    err = by_switch ? mw_machine_free(s->machine) : mw_sync(s->machine);
    if (err != 0)
        fsx_fail(s, "switching off or syncing reports %d", err);
    if (by_switch)
        fsx_switch_on(s);
    else if ((err = mw_power_cut(s->machine, seed)) != 0)
        fsx_fail(s, "mounting again reports %d", err);
    fsx_forget_processes(s);
    if (s->failed)
        return;
    fsx_spawn(s);
    fsx_compare_all(s);
}

/* ---- time, memory, harts: what must change nothing ---- */

static void fsx_op_nothing(struct fsx *s)
{
    const struct fsx_process *p = fsx_any_process(s);
    uint64_t ns = fsx_below(s, fsx_chance(s, 4) ? 40000000000u : 2000000);

    switch (fsx_below(s, 4)) {
    case 0:
        fsx_say(s, "drop_caches");
        (void)fsx_succeeded(s, mw_drop_caches(s->machine), false);
        break;
    case 1:
        fsx_say(s, "%d set_hart", p->pid);
        (void)fsx_succeeded(
            s, mw_set_hart(s->machine, p->pid, (unsigned)fsx_below(s, s->variant->harts)), false);
        break;
    default:
        fsx_say(s, "advance %llu", (unsigned long long)ns);
        (void)fsx_succeeded(s, mw_advance(s->machine, ns), false);
        break;
    }
}

static void fsx_op_compare(struct fsx *s)
{
    fsx_say(s, "compare all");
    fsx_compare_all(s);
}

/* ---- one operation ---- */

static const struct {
    void (*run)(struct fsx *s);
    unsigned weight;
} fsx_operations[] = {
    {fsx_op_transfer, 300}, {fsx_op_store, 160}, {fsx_op_load, 140},   {fsx_op_truncate, 40},
    {fsx_op_allocate, 50},  {fsx_op_sync, 50},   {fsx_op_advise, 20},  {fsx_op_map, 50},
    {fsx_op_unmap, 20},     {fsx_op_msync, 40},  {fsx_op_madvise, 20}, {fsx_op_open, 50},
    {fsx_op_close, 20},     {fsx_op_unlink, 5},  {fsx_op_rename, 8},   {fsx_op_link, 4},
    {fsx_op_fork, 4},       {fsx_op_exit, 4},    {fsx_op_look, 10},    {fsx_op_nothing, 40},
    {fsx_op_compare, 1},    {fsx_op_remount, 1},
};

#define FSX_OPERATIONS (sizeof(fsx_operations) / sizeof(fsx_operations[0]))

void fsx_step(struct fsx *s, uint64_t op)
{
    uint64_t total = 0;
    uint64_t at;
    size_t i = 0;

    if (s->failed)
        return;
    s->op = op;
    prng_seed(&s->prng, prng_mix(s->seed) ^ prng_mix(~op));
    for (size_t k = 0; k < FSX_OPERATIONS; k++)
        total += fsx_operations[k].weight;
    at = fsx_below(s, total);
    while (at >= fsx_operations[i].weight)
        at -= fsx_operations[i++].weight;
    fsx_operations[i].run(s);
}

bool fsx_end(struct fsx *s)
{
    bool good;
    int err;

    if (!s->failed)
        fsx_op_compare(s);
    err = mw_machine_free(s->machine);
    if (err != 0)
        fsx_fail(s, "switching off reports %d", err);
    if (!s->failed && s->image[0] != '\0' &&
        fsx_shell("found=$(e2fsck -fn%s %s 2>&1) || { echo \"$found\" >&2; exit 1; }", "",
                  s->image) != 0)
        fsx_fail(s, "e2fsck finds something");
    if (s->failed)
        fsx_print_failure(s);
    if (s->image[0] != '\0')
        unlink(s->image);
    fsx_forget_processes(s);
    for (unsigned i = 0; i < FSX_NAMES; i++)
        fsx_name_set(s, i, NULL);
    good = !s->failed;
    free(s);
    return good;
}
