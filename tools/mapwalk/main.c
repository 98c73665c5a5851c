/*
 * The mapwalk command: chooses the subcommand. See tool.h.
 */
#include <mapwalk/mapwalk.h>
#include <string.h>

#include "tool.h"

struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv);
};

static int main_help(int argc, char **argv)
{
    const char *topic = argc > 1 ? argv[1] : NULL;

    if (!usage_print(stdout, topic)) {
        tool_complain("no help about '%s'", topic);
        return usage_hint(NULL);
    }
    return tool_close(stdout, "standard output");
}

static int main_version(void)
{
    printf("mapwalk %s\n", mw_version());
    return tool_close(stdout, "standard output");
}

static int main_choose(int argc, char **argv)
{
    static const struct subcommand subcommands[] = {
        {"run", tool_run},       {"fuzz", tool_fuzz},   {"record", tool_record},
        {"config", tool_config}, {"image", tool_image}, {"help", main_help}};
    const char *name = argv[1];

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return main_help(1, argv);
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        return main_version();
    for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++) {
        if (strcmp(name, subcommands[i].name) != 0)
            continue;
        argv[1] = argv[0]; /* getopt names the command in its messages by this */
        return subcommands[i].run(argc - 1, argv + 1);
    }
    tool_complain("unknown command '%s'", name);
    return usage_hint(NULL);
}

int main(int argc, char **argv)
{
    char name[] = "mapwalk";

    if (argc < 2) {
        tool_complain("no command");
        return usage_hint(NULL);
    }
    argv[0] = name; /* messages do not depend on where the command lies */
    return main_choose(argc, argv);
}
