/*
 * The helper behind world.h.
 */
#include "unit/load/world.h"

static void note_diagnostic(void *context, const struct mw_diagnostic *d)
{
    struct world *w = context;
    size_t length = strlen(w->said);
    const char *slash = strrchr(d->file, '/');

    snprintf(w->said + length, sizeof(w->said) - length, "%s:%" PRIu64 ": %s\n",
             slash != NULL ? slash + 1 : d->file, d->line, d->text);
    assert_false(d->failure);
}

static void note_event(void *context, const struct mw_event *e)
{
    struct world *w = context;
    size_t length = strlen(w->events);
    const char *word = e->kind == MW_EVENT_PROCESS_NEW    ? "new"
                       : e->kind == MW_EVENT_PROCESS_EXEC ? "exec"
                                                          : "exit";
    uint64_t pid = e->kind == MW_EVENT_PROCESS_NEW ? e->arg[0] : e->pid;

    snprintf(w->events + length, sizeof(w->events) - length, "%s %" PRIu64 " ", word, pid);
}

void world_config(struct world *w, enum mw_format format)
{
    memset(w, 0, sizeof(*w));
    mw_config_init(&w->config);
    w->config.ram_bytes = 64 << 20;
    w->config.disk_bytes = 16 << 20;
    w->config.check = true;
    mw_run_configure(format, &w->config);
    w->options = (struct mw_run_options){.diagnose = note_diagnostic, .context = w};
}

void world_start(struct world *w)
{
    mw_event_mask processes = MW_EVENT_BIT(MW_EVENT_PROCESS_NEW) |
                              MW_EVENT_BIT(MW_EVENT_PROCESS_EXEC) |
                              MW_EVENT_BIT(MW_EVENT_PROCESS_EXIT);

    assert_int_equal(mw_machine_new(&w->config, &w->machine), 0);
    assert_int_equal(mw_subscribe(w->machine, processes, note_event, w), 0);
}

void world_end(struct world *w)
{
    assert_true(mw_check(w->machine));
    mw_unsubscribe(w->machine, note_event, w);
    assert_int_equal(mw_machine_free(w->machine), 0);
}

int world_run(struct world *w, const char *const *files, unsigned count)
{
    return mw_run(w->machine, files, count, &w->options, &w->result);
}

int world_run_bytes(struct world *w, const char *bytes, size_t count)
{
    char folder[] = "/tmp/mapwalk-logs-XXXXXX";
    char path[64];
    const char *file = path;
    FILE *f;
    int err;

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/log", folder);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, count, f), count);
    fclose(f);
    err = world_run(w, &file, 1);
    unlink(path);
    rmdir(folder);
    return err;
}

int world_run_text(struct world *w, const char *text)
{
    return world_run_bytes(w, text, strlen(text));
}

void lackey_text(struct world *w, const char *text)
{
    world_config(w, MW_FORMAT_LACKEY);
    world_start(w);
    assert_int_equal(world_run_text(w, text), 0);
    world_end(w);
}

void strace_text(struct world *w, const char *text)
{
    world_config(w, MW_FORMAT_STRACE);
    world_start(w);
    assert_int_equal(world_run_text(w, text), 0);
    world_end(w);
}

size_t read_data(const char *name, char *out, size_t most)
{
    char path[256];
    FILE *f;
    size_t count;

    snprintf(path, sizeof(path), "%s%s", DATA, name);
    f = fopen(path, "r");
    assert_non_null(f);
    count = fread(out, 1, most - 1, f);
    out[count] = '\0';
    fclose(f);
    return count;
}
