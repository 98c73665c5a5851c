/*
 * Help for the tests of views. See capture.h.
 */
#include "capture.h"

// clang-format off
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>

void capture_begin(struct capture *c)
{
    c->out = open_memstream(&c->text, &c->bytes);
    assert_non_null(c->out);
}

const char *capture_text(struct capture *c)
{
    assert_int_equal(fflush(c->out), 0);
    return c->text;
}

void capture_end(struct capture *c)
{
    assert_int_equal(fclose(c->out), 0);
    free(c->text);
}

unsigned count_lines(const char *text, const char *prefix)
{
    unsigned count = 0;

    while (*text != '\0') {
        count += strncmp(text, prefix, strlen(prefix)) == 0;
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    return count;
}

char *read_source_file(const char *path)
{
    char name[4096];
    char *text = calloc(1, 1 << 20);
    FILE *in;

    assert_true(snprintf(name, sizeof(name), "%s/%s", MAPWALK_SOURCE_DIR, path) <
                (int)sizeof(name));
    in = fopen(name, "r");
    assert_non_null(in);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 20) - 1, in) > 0);
    fclose(in);
    return text;
}
