/*
 * Running scenarios for the tests of the oracle.
 */
#include "oracle/oracle.h"

#include <dirent.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "kernel/machine.h"
#include "load/native.h"

#define ORACLE_SKIPPED 77 /* tests/CMakeLists.txt knows it */

static const char *oracle_folder(void)
{
    const char *folder = getenv("TMPDIR");

    return folder != NULL && *folder != '\0' ? folder : "/tmp";
}

/* Why the host cannot be asked, in `why`; true: it can. */
static bool oracle_can_ask(char why[static NATIVE_WHY_BYTES])
{
    struct alloc alloc = {.live_blocks = 0};
    struct native *native;
    int err = native_new(&alloc, 1 << 20, &native, why);

    if (err == 0)
        native_free(native);
    return err == 0 && alloc.live_blocks == 0;
}

void oracle_need_host(void)
{
    char why[NATIVE_WHY_BYTES] = "";

    if (!oracle_can_ask(why)) {
        assert_string_not_equal(why, "");
        skip();
    }
}

bool oracle_is_reference(void)
{
    struct utsname name;

    assert_int_equal(uname(&name), 0);
    return strncmp(name.release, "6.18.", 5) == 0;
}

int oracle_end(int failed, bool need_reference)
{
    char why[NATIVE_WHY_BYTES] = "";
    struct utsname name;

    if (failed != 0)
        return failed;
    if (need_reference && uname(&name) == 0 && !oracle_is_reference())
        snprintf(why, sizeof(why), "this is %.60s, the reference is 6.18", name.release);
    else if (oracle_can_ask(why))
        return 0;
    fprintf(stderr, "NOT COMPARED WITH LINUX: %s\n", why);
    return ORACLE_SKIPPED;
}

void oracle_init(struct oracle *o)
{
    memset(o, 0, sizeof(*o));
    mw_config_init(&o->config);
    o->config.isa = MW_ISA_X86_64; /* of the host that the simulator is compared with */
    o->config.ram_bytes = (uint64_t)64 << 20;
    o->config.disk_bytes = (uint64_t)16 << 20;
}

static void oracle_append(char *text, size_t room, const char *line)
{
    size_t length = strlen(text);

    snprintf(text + length, room - length, "%s\n", line);
}

static void oracle_note(void *context, const struct mw_diagnostic *d)
{
    struct oracle *o = context;
    char line[600];

    snprintf(line, sizeof(line), "%" PRIu64 ": %s", d->line, d->text);
    oracle_append(o->said, sizeof(o->said), line);
}

static void oracle_show(void *context, const char *text)
{
    struct oracle *o = context;

    oracle_append(o->shown, sizeof(o->shown), text);
}

int oracle_run_file(struct oracle *o, enum mw_on on, const char *path)
{
    struct mw_run_options options = {
        .on = on, .diagnose = oracle_note, .show = oracle_show, .context = o};
    struct mw_machine *machine;
    uint64_t before;
    int err;

    o->said[0] = '\0';
    o->shown[0] = '\0';
    assert_int_equal(mw_machine_new(&o->config, &machine), 0);
    before = machine->alloc.calls;
    mw_fail_allocation(machine, o->fail_allocation);
    err = mw_run(machine, &path, 1, &options, &o->result);
    mw_fail_allocation(machine, 0);
    o->allocations = machine->alloc.calls - before;
    assert_true(mw_check(machine));
    assert_int_equal(mw_machine_free(machine), 0);
    return err;
}

int oracle_run(struct oracle *o, enum mw_on on, const char *text)
{
    char path[] = "/tmp/oracle-XXXXXX";
    int fd = mkstemp(path);
    int err;

    assert_int_not_equal(fd, -1);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    err = oracle_run_file(o, on, path);
    unlink(path);
    return err;
}

/* waitid with WNOWAIT leaves a child as it is, so one is enough to know that there are some. */
unsigned oracle_count_children(void)
{
    siginfo_t info;

    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 ? 1 : 0;
}

unsigned oracle_count_directories(void)
{
    DIR *folder = opendir(oracle_folder());
    const struct dirent *entry;
    unsigned count = 0;

    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL)
        /* "mapwalk-" and six characters that mkdtemp has chosen */
        count += strncmp(entry->d_name, "mapwalk-", 8) == 0 && strlen(entry->d_name) == 14;
    closedir(folder);
    return count;
}
