/*
 * Reading recorded maps.
 */
#include "load/maps.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "load/lackey_lex.h"

void maps_init(struct maps *m, struct alloc *a)
{
    *m = (struct maps){.alloc = a};
}

void maps_destroy(struct maps *m)
{
    while (m->first != NULL) {
        struct maps_snapshot *s = m->first;

        m->first = s->next;
        for (size_t i = 0; i < s->count; i++)
            alloc_release(m->alloc, s->lines[i].path);
        alloc_release(m->alloc, s->lines);
        alloc_release(m->alloc, s);
    }
}

struct cursor {
    const char *at;
    const char *end;
};

static bool take_byte(struct cursor *c, char byte)
{
    if (c->at >= c->end || *c->at != byte)
        return false;
    c->at++;
    return true;
}

static bool take_word(struct cursor *c, const char *word)
{
    size_t length = strlen(word);

    if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length) != 0)
        return false;
    c->at += length;
    return true;
}

/* A number of at most 16 digits of the base, 10 or 16. */
static bool take_number(struct cursor *c, unsigned base, uint64_t *value)
{
    const char *start = c->at;
    uint64_t sum = 0;

    while (c->at < c->end && c->at - start < 16 && lackey_digits[(uint8_t)*c->at] < base)
        sum = sum * base + lackey_digits[(uint8_t)*c->at++];
    *value = sum;
    return c->at > start;
}

/* At least one: columns are separated by any number of blanks. */
static bool take_blanks(struct cursor *c)
{
    const char *start = c->at;

    while (c->at < c->end && *c->at == ' ')
        c->at++;
    return c->at > start;
}

/* "r-xp" */
static bool take_rights(struct cursor *c, struct maps_line *line)
{
    static const char letters[] = "rwx";
    static const int bits[] = {PROT_READ, PROT_WRITE, PROT_EXEC};

    for (int i = 0; i < 3; i++) {
        if (take_byte(c, letters[i]))
            line->prot |= bits[i];
        else if (!take_byte(c, '-'))
            return false;
    }
    line->shared = take_byte(c, 's');
    return line->shared || take_byte(c, 'p');
}

/* START-END RIGHTS OFFSET MAJOR:MINOR INODE, and what is left is the name. */
static bool parse_line(const char *text, size_t length, struct maps_line *line,
                       struct call_slice *name)
{
    struct cursor c = {text, text + length};
    uint64_t ignored;

    memset(line, 0, sizeof(*line));
    if (!take_number(&c, 16, &line->start) || !take_byte(&c, '-') ||
        !take_number(&c, 16, &line->end) || !take_blanks(&c) || !take_rights(&c, line) ||
        !take_blanks(&c) || !take_number(&c, 16, &line->off_bytes) || !take_blanks(&c) ||
        !take_number(&c, 16, &ignored) || !take_byte(&c, ':') || !take_number(&c, 16, &ignored) ||
        !take_blanks(&c) || !take_number(&c, 10, &ignored))
        return false;
    (void)take_blanks(&c);
    *name = (struct call_slice){c.at, (size_t)(c.end - c.at)};
    return line->start < line->end && ((line->start | line->end | line->off_bytes) & 4095) == 0;
}

/* "# PID exec", "# PID exit" */
static bool parse_head(const char *text, size_t length, int *log_pid, bool *at_exit)
{
    struct cursor c = {text, text + length};
    uint64_t pid;

    if (!take_word(&c, "# ") || !take_number(&c, 10, &pid) || pid == 0 || pid > INT32_MAX ||
        !take_blanks(&c))
        return false;
    *log_pid = (int)pid;
    *at_exit = take_word(&c, "exit");
    return *at_exit || take_word(&c, "exec");
}

/* "# start_brk=... startstack=..." */
static bool parse_break(const char *text, size_t length, uint64_t *start_brk)
{
    struct cursor c = {text, text + length};

    return take_word(&c, "# start_brk=") && take_number(&c, 16, start_brk);
}

/* The first line is enough, and it must be whole: nothing else begins with it. */
bool maps_recognise(const char *bytes, size_t count)
{
    const char *newline = memchr(bytes, '\n', count);
    int log_pid;
    bool at_exit;

    return newline != NULL && parse_head(bytes, (size_t)(newline - bytes), &log_pid, &at_exit);
}

/* Appended, so that several execs of one process are taken in the order in which they happened. */
static int add_snapshot(struct maps *m, const char *file, int log_pid, bool at_exit,
                        struct maps_snapshot **out)
{
    struct maps_snapshot *s = alloc_zeroed(m->alloc, sizeof(*s));
    struct maps_snapshot **link = &m->first;

    if (s == NULL)
        return -ENOMEM;
    s->file = file;
    s->log_pid = log_pid;
    s->at_exit = at_exit;
    while (*link != NULL)
        link = &(*link)->next;
    *link = s;
    *out = s;
    return 0;
}

/*
 * The path is the line's last field and may hold blanks; other names ([heap], [vdso]) are no
 * files and are not kept.
 */
static int add_line(struct maps *m, struct maps_snapshot *s, struct maps_line *line,
                    struct call_slice name)
{
    size_t capacity = s->capacity == 0 ? 64 : 2 * s->capacity;

    if (m->lines >= MAPS_LINES_MOST)
        return -EFBIG;
    if (s->count == s->capacity) {
        struct maps_line *lines = alloc_resize(m->alloc, s->lines, capacity * sizeof(*lines));

        if (lines == NULL)
            return -ENOMEM;
        s->lines = lines;
        s->capacity = capacity;
    }
    line->stack = name.length == 7 && memcmp(name.bytes, "[stack]", 7) == 0;
    if (name.length > 0 && name.bytes[0] == '/') {
        line->path = alloc_zeroed(m->alloc, name.length + 1);
        if (line->path == NULL)
            return -ENOMEM;
        memcpy(line->path, name.bytes, name.length);
    }
    s->lines[s->count++] = *line;
    m->lines++;
    return 0;
}

/* One line of the file; *s is the snapshot under way. */
static int read_line(struct maps *m, struct reader *reader, struct report *report,
                     struct maps_snapshot **s, const char *text, size_t length, uint64_t *bad)
{
    struct maps_line line;
    struct call_slice name;
    int log_pid;
    bool at_exit;

    if (parse_head(text, length, &log_pid, &at_exit))
        return add_snapshot(m, reader->file, log_pid, at_exit, s);
    if (*s != NULL && parse_break(text, length, &(*s)->start_brk))
        return 0;
    if (length == 0 || text[0] == '#')
        return 0;
    if (*s != NULL && parse_line(text, length, &line, &name)) {
        line.number = reader->lines;
        return add_line(m, *s, &line, name);
    }
    report_bad(report, bad, (struct report_place){reader->file, reader->lines},
               "not a line of recorded maps");
    return 0;
}

/*
 * A line that is too long to read counts as an empty one; it cannot be one of maps, whose paths
 * end at 4096 bytes.
 */
int maps_read(struct maps *m, struct reader *reader, struct report *report)
{
    struct maps_snapshot *snapshot = NULL;
    uint64_t bad = 0;
    char *text = NULL;
    size_t length = 0;
    int status;
    int err = 0;

    while (err == 0 && (status = reader_line(reader, &text, &length)) != READER_END) {
        if (status < 0)
            return status;
        if (status == READER_LONG)
            length = 0;
        err = read_line(m, reader, report, &snapshot, text, length, &bad);
    }
    report_bad_total(report, bad, reader->file);
    return err;
}

struct maps_snapshot *maps_take(struct maps *m, int log_pid, bool at_exit)
{
    struct maps_snapshot *s = m != NULL ? m->first : NULL;

    while (s != NULL && (s->used || s->log_pid != log_pid || s->at_exit != at_exit))
        s = s->next;
    if (s != NULL)
        s->used = true;
    return s;
}
