/*
 * The presets of TLBs, as `mapwalk help tlb` lists them.
 */
#include <mapwalk/mapwalk.h>
#include <string.h>

#include "tool.h"

#define PRESET_COLUMNS 96
#define PRESET_INDENT  "              "

static void preset_print_part(FILE *out, const char *part, const struct mw_tlb *tlb)
{
    char text[MW_TLB_TEXT_BYTES];

    if (tlb->arrays == 0)
        return;
    mw_tlb_format(tlb, text, sizeof(text));
    fprintf(out, "  %-10s  %s\n", part, text);
}

/* A label, and words behind it, in lines that are indented alike. */
static void preset_print_words(FILE *out, const char *label, const char *words)
{
    const size_t indent = strlen(PRESET_INDENT);
    size_t column = indent;

    fprintf(out, "  %-10s ", label);
    while (*words != '\0') {
        size_t length = strcspn(words, " ");

        if (column > indent && column + 1 + length > PRESET_COLUMNS) {
            fprintf(out, "\n%.*s", (int)indent - 1, PRESET_INDENT);
            column = indent;
        }
        fprintf(out, " %.*s", (int)length, words);
        column += length + 1;
        words += length;
        words += *words == ' ';
    }
    fputc('\n', out);
}

void tlb_presets_print(FILE *out)
{
    const char *machine;
    const char *source;
    const char *name;

    for (unsigned i = 0; (name = mw_tlbs_preset_name(i, &machine, &source)) != NULL; i++) {
        struct mw_tlbs tlbs;

        if (mw_tlbs_preset(&tlbs, name) != 0)
            continue; /* cannot be: it has just been named */
        fprintf(out, "\n%s: %s\n", name, machine);
        preset_print_part(out, "l1i", &tlbs.l1i);
        preset_print_part(out, "l1d", &tlbs.l1d);
        preset_print_part(out, "l2", &tlbs.l2);
        preset_print_part(out, "l2i", &tlbs.l2i);
        preset_print_part(out, "walk-cache", &tlbs.walk_cache);
        preset_print_words(out, "source", source);
    }
}
