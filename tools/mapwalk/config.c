/*
 * `mapwalk config`: what --set can set.
 */
#include <getopt.h>
#include <mapwalk/mapwalk.h>

#include "tool.h"
#include "view/config_text.h"

static void config_list(FILE *out)
{
    struct mw_config config;
    struct config_text_words words;
    const char *help;
    const char *key;
    char value[CONFIG_TEXT_BYTES];

    mw_config_init(&config);
    words = (struct config_text_words){.mode = mw_mode_name((unsigned)config.mode),
                                       .tlbs = mw_tlbs_preset_of(&config.tlbs),
                                       .tlb_format = mw_tlb_format};
    for (unsigned i = 0; (key = mw_config_key(i, &help)) != NULL; i++) {
        if (!config_text_format(&config, &words, key, value, sizeof(value)))
            value[0] = '\0';
        fprintf(out, "%-22s %-12s %s\n", key, value, help);
    }
}

int tool_config(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    int option = getopt_long(argc, argv, "h", options, NULL);

    if (option == 'h') {
        usage_print(stdout, "config");
        return tool_close(stdout, "standard output");
    }
    if (option != -1)
        return usage_hint("config");
    if (optind != argc) {
        tool_complain("config: takes no argument");
        return usage_hint("config");
    }
    config_list(stdout);
    return tool_close(stdout, "standard output");
}
