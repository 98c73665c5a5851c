/*
 * docs/EVENTS.md says what the schema says.
 */
#include <mapwalk/event.h>

// clang-format off
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "view/event_field.h"

/* The part of `doc` from the heading "### `name`" to the next heading; the caller frees it. */
static char *section_of(const char *doc, const char *name)
{
    char heading[64];
    const char *begin;
    const char *end;

    snprintf(heading, sizeof(heading), "\n### `%s`\n", name);
    begin = strstr(doc, heading);
    if (begin == NULL) {
        fail_msg("docs/EVENTS.md has no section about %s", name);
        return NULL;
    }
    begin += strlen(heading);
    end = strstr(begin, "\n#");
    return end == NULL ? strdup(begin) : strndup(begin, (size_t)(end - begin));
}

static void every_kind_has_a_section_with_each_of_its_fields(void **state)
{
    char *doc = read_source_file("docs/EVENTS.md");

    (void)state;
    for (unsigned kind = 0; kind < MW_EVENT_COUNT; kind++) {
        char *section = section_of(doc, mw_event_name(kind));
        const char *list = mw_event_fields(kind);
        struct event_field field;

        while (event_field_next(&list, &field)) {
            char cell[64];

            snprintf(cell, sizeof(cell), "| `%s` |", field.name);
            if (strstr(section, cell) == NULL)
                fail_msg("docs/EVENTS.md: %s lacks %s", mw_event_name(kind), field.name);
        }
        free(section);
    }
    free(doc);
}

static void assert_mentions(const char *doc, const char *word)
{
    char quoted[64];

    snprintf(quoted, sizeof(quoted), "`%s`", word);
    if (strstr(doc, quoted) == NULL)
        fail_msg("docs/EVENTS.md does not mention %s", quoted);
}

static void every_word_of_the_vocabulary_is_mentioned(void **state)
{
    char *doc = read_source_file("docs/EVENTS.md");

    (void)state;
    for (unsigned i = 0; i < MW_REASON_COUNT; i++)
        assert_mentions(doc, mw_reason_name(i));
    for (unsigned i = 0; i < MW_WALK_COUNT; i++)
        assert_mentions(doc, mw_walk_error_name(i));
    for (unsigned i = 0; i < MW_OWNER_COUNT; i++)
        assert_mentions(doc, mw_owner_name(i));
    for (unsigned i = 0; i < MW_ACCESS_COUNT; i++)
        assert_mentions(doc, mw_access_name(i));
    for (unsigned i = 0; i < MW_STALE_COUNT; i++)
        assert_mentions(doc, mw_stale_name(i));
    for (unsigned i = 0; i < MW_LOSS_COUNT; i++)
        assert_mentions(doc, mw_loss_name(i));
    for (unsigned i = 0; i < MW_FENCE_COUNT; i++)
        assert_mentions(doc, mw_fence_name(i));
    for (unsigned i = 0; i < MW_CALL_COUNT; i++)
        assert_mentions(doc, mw_call_name(i));
    free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_a_section_with_each_of_its_fields),
        cmocka_unit_test(every_word_of_the_vocabulary_is_mentioned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
