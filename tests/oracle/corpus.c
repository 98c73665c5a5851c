/*
 * Holding a recorded script against the simulator, line by line.
 */
#include "oracle/corpus.h"

#include <dirent.h>

struct corpus {
    struct corpus_result *result;
    char *text; /* the script */
    char *next; /* its next line */
    unsigned line;
    bool stop; /* nothing after a hard difference can be compared */
};

/* ---- the recorded lines ---- */

static char *corpus_read(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text;
    long length;

    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    length = ftell(file);
    rewind(file);
    text = calloc((size_t)length + 1, 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)length, file), length);
    fclose(file);
    return text;
}

/* Takes a line; NULL: there is none. */
static char *corpus_take(struct corpus *c)
{
    char *line = c->next;
    char *end = strchr(line, '\n');

    if (*line == '\0')
        return NULL;
    assert_non_null(end);
    *end = '\0';
    c->next = end + 1;
    c->line++;
    return line;
}

static bool begins(const char *line, const char *with)
{
    return strncmp(line, with, strlen(with)) == 0;
}

static enum corpus_tier corpus_tier_of(const char *line)
{
    if (begins(line, "#     VmFlags:"))
        return CORPUS_FLAGS;
    if (begins(line, "#     ") && !begins(line, "#     Size:"))
        return CORPUS_SOFT;
    return strstr(line, " = ? # ") != NULL ? CORPUS_SOFT : CORPUS_HARD;
}

/* ---- comparing ---- */

/* "CALL = ? # RESULT" is what was recorded of a result that no rule decides. */
static bool corpus_equal(const char *recorded, const char *got)
{
    const char *open = strstr(recorded, " = ? # ");
    size_t length;

    if (open == NULL)
        return strcmp(recorded, got) == 0;
    length = (size_t)(open - recorded) + 3;
    return strncmp(recorded, got, length) == 0 && strcmp(open + 7, got + length) == 0;
}

/* The same call, or the same sort of remark? */
static bool corpus_same_kind(const char *recorded, const char *got)
{
    return strncmp(recorded, got, 8) == 0;
}

static void corpus_differ(struct corpus *c, const char *recorded, const char *got)
{
    if (c->result->first[0] == '\0')
        snprintf(c->result->first, sizeof(c->result->first),
                 "line %u:\n  Linux:     %.500s\n  simulator: %.500s", c->line, recorded, got);
}

/* A show handler. A line of another kind than was recorded is hard, whatever either says. */
static void corpus_compare(void *context, const char *got)
{
    struct corpus *c = context;
    const char *recorded;
    enum corpus_tier tier;

    if (c->stop)
        return;
    recorded = corpus_take(c);
    if (recorded == NULL)
        recorded = "(nothing more)";
    tier = corpus_same_kind(recorded, got) ? corpus_tier_of(recorded) : CORPUS_HARD;
    c->result->compared[tier]++;
    if (corpus_equal(recorded, got))
        return;
    c->result->differing[tier]++;
    if (tier != CORPUS_SOFT)
        corpus_differ(c, recorded, got);
    c->stop = tier == CORPUS_HARD;
}

/* The head: comments before the first line of the script. */
static void corpus_begin(struct corpus *c, const char *path)
{
    c->text = corpus_read(path);
    c->next = c->text;
    assert_true(begins(c->text, "# Linux 6.18"));
    while (*c->next == '#')
        assert_non_null(corpus_take(c));
}

void corpus_run(const char *path, struct corpus_result *result)
{
    struct corpus c = {.result = result};
    struct mw_run_options options = {.show = corpus_compare, .context = &c};
    struct mw_run_result run;
    struct mw_machine *machine;
    struct oracle o;

    oracle_init(&o);
    corpus_begin(&c, path);
    assert_int_equal(mw_machine_new(&o.config, &machine), 0);
    assert_int_equal(mw_run(machine, &path, 1, &options, &run), 0);
    if (!c.stop && *c.next != '\0') { /* the simulator refused lines */
        result->differing[CORPUS_HARD]++;
        corpus_differ(&c, corpus_take(&c), "(nothing more)");
    }
    assert_true(mw_check(machine));
    assert_int_equal(mw_machine_free(machine), 0);
    free(c.text);
}

/* ---- the archive ---- */

void corpus_unpack(const char *archive, char folder[static 64])
{
    char command[1024];

    strcpy(folder, "/tmp/corpus-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(command, sizeof(command), "zstd -dcq '%s' | tar -xf - -C '%s'", archive, folder);
    if (system(command) != 0)
        fail_msg("%s: cannot be unpacked; `tools/setup check' installs zstd", archive);
}

void corpus_remove(const char *folder)
{
    DIR *open = opendir(folder);
    const struct dirent *entry;

    assert_non_null(open);
    while ((entry = readdir(open)) != NULL)
        if (entry->d_name[0] != '.')
            assert_int_equal(unlinkat(dirfd(open), entry->d_name, 0), 0);
    closedir(open);
    assert_int_equal(rmdir(folder), 0);
}
