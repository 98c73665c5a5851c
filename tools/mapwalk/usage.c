/*
 * Help texts. docs/mapwalk.1 says the same at length; a test compares their options.
 */
#include <string.h>

#include "tool.h"

static const char usage_main[] =
    "mapwalk simulates a paged MMU (RISC-V Sv39, Sv48, Sv57) and mmap, and explains page faults.\n"
    "\n"
    "usage: mapwalk run [OPTION]... FILE...            run a scenario, or replay logs\n"
    "       mapwalk record [-o FILE] -- PROGRAM [ARG]...  record a log of a program's accesses\n"
    "       mapwalk config                              list what --set can set\n"
    "       mapwalk help [run|record|config]\n"
    "       mapwalk --version\n"
    "\n"
    "examples:\n"
    "  mapwalk run lesson.mw                 check a scenario; exit status 1 when it fails\n"
    "  mapwalk run --explain lesson.mw       tell every page fault step by step\n"
    "  strace -f -o ls.strace ls; mapwalk run ls.strace\n"
    "  mapwalk record -o ls.lackey -- ls; mapwalk run ls.lackey\n"
    "\n"
    "exit status: 0 done; 1 an expectation failed; 2 usage; 3 input not understood;\n"
    "             4 out of memory or disk space; 5 a file cannot be opened, read or written\n";

static const char usage_run[] =
    "usage: mapwalk run [OPTION]... FILE...\n"
    "\n"
    "Runs one scenario, or replays logs of strace or of valgrind's lackey, and prints a summary.\n"
    "FILE `-' is standard input. The format is recognised from the first file's first bytes.\n"
    "\n"
    "what to show:\n"
    "      --explain[=FILE]   tell every page fault step by step, to standard output or FILE\n"
    "      --events FILE      write every event as a line of JSON (docs/EVENTS.md)\n"
    "      --trace FILE       write every event as a line of text\n"
    "      --event-hits       include TLB hits, one event an access, in --events and --trace\n"
    "      --json             the summary as JSON (docs/SUMMARY.md)\n"
    "      --maps             add the final maps of the live processes to the summary\n"
    "  -o, --output FILE      write the summary to FILE\n"
    "      --strict           exit status 1 also when a log's results or maps differ\n"
    "the machine (see `mapwalk config'):\n"
    "      --profile NAME     start from a named configuration\n"
    "      --set KEY=VALUE    set any key; may be repeated; the last one counts\n"
    "      --ram SIZE         --mode sv39|sv48|sv57     --tlb SETSxWAYS\n"
    "      --disk SIZE        --seed NUMBER\n"
    "      --check            run the checkers after every call and fault (slow)\n"
    "      --quantum N        lines of one log before the next one's turn (4096)\n"
    "  -h, --help             this text\n"
    "\n"
    "examples:\n"
    "  mapwalk run --explain lesson.mw | grep '^fault 3:'\n"
    "  mapwalk run --json --tlb 16x2 sort.lackey | jq .tlb\n"
    "  mapwalk run --events e.jsonl --ram 64M a.strace\n"
    "  zstdcat ls.lackey.zst | mapwalk run -\n";

static const char usage_record[] =
    "usage: mapwalk record [-o FILE] [--] PROGRAM [ARG]...\n"
    "\n"
    "Runs PROGRAM under valgrind's tool lackey and records every memory access and system call\n"
    "for `mapwalk run'. The exit status is the program's; 127 when valgrind is not installed,\n"
    "5 when the log cannot be written, which also ends the program.\n"
    "\n"
    "  -o, --output FILE   the log; without it PROGRAM.lackey in this directory.\n"
    "                      With %p in FILE every process of the tree has a log of its own.\n"
    "                      `-': the log goes to standard output, and what the program\n"
    "                      prints to standard error\n"
    "  -h, --help          this text\n"
    "\n"
    "examples:\n"
    "  mapwalk record -- ls -l\n"
    "  mapwalk record -o make.%p.lackey -- make; mapwalk run make.*.lackey\n"
    "  mapwalk record -o - -- ls | mapwalk run -\n";

static const char usage_config[] =
    "usage: mapwalk config\n"
    "\n"
    "Lists every key that `mapwalk run --set KEY=VALUE' knows, with its value in the profile\n"
    "linux and what it means. Sizes take K, M, G and T.\n"
    "\n"
    "examples:\n"
    "  mapwalk config | grep costs\n"
    "  mapwalk run --set ram=64M --set costs.trap=1000 lesson.mw\n";

static const char *usage_text(const char *topic)
{
    if (topic == NULL)
        return usage_main;
    if (strcmp(topic, "run") == 0)
        return usage_run;
    if (strcmp(topic, "record") == 0)
        return usage_record;
    return strcmp(topic, "config") == 0 ? usage_config : NULL;
}

bool usage_print(FILE *out, const char *topic)
{
    const char *text = usage_text(topic);

    if (text != NULL)
        fputs(text, out);
    return text != NULL;
}

int usage_hint(const char *topic)
{
    fprintf(stderr, "Try `mapwalk help%s%s'.\n", topic == NULL ? "" : " ",
            topic == NULL ? "" : topic);
    return TOOL_USAGE;
}
