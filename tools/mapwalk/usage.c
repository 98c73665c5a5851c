/*
 * Help texts. docs/mapwalk.1 says the same at length; a test compares their options.
 */
#include <string.h>

#include "tool.h"

static const char usage_main[] =
    "mapwalk simulates a paged MMU (RISC-V Sv39, Sv48, Sv57) and mmap, and explains page faults.\n"
    "\n"
    "usage: mapwalk run [OPTION]... FILE...            run a scenario, or replay logs\n"
    "       mapwalk fuzz [OPTION]...                    compare with the host's Linux at random\n"
    "       mapwalk record [-o FILE] -- PROGRAM [ARG]...  record a log of a program's accesses\n"
    "       mapwalk image COMMAND IMAGE [ARG]...        make, fill, empty, look at disk images\n"
    "       mapwalk config                              list what --set can set\n"
    "       mapwalk help [run|fuzz|record|image|config|tlb]\n"
    "       mapwalk --version\n"
    "\n"
    "examples:\n"
    "  mapwalk run lesson.mw                 check a scenario; exit status 1 when it fails\n"
    "  mapwalk run --explain lesson.mw       tell every page fault step by step\n"
    "  strace -f -o ls.strace ls; mapwalk run ls.strace\n"
    "  mapwalk record -o ls.lackey -- ls; mapwalk run ls.lackey\n"
    "\n"
    "exit status: 0 done; 1 an expectation failed, simulator and Linux differ, or an image has\n"
    "             faults; 2 usage;\n"
    "             3 input not understood;\n"
    "             4 out of memory or disk space; 5 a file cannot be opened, read or written;\n"
    "             6 with detect-stale: the simulated kernel left out a fence\n";

static const char usage_run[] =
    "usage: mapwalk run [OPTION]... FILE...\n"
    "\n"
    "Runs one scenario, or replays logs of strace or of valgrind's lackey, and prints a summary.\n"
    "FILE `-' is standard input. The format is recognised from the first file's first bytes.\n"
    "\n"
    "who executes a scenario:\n"
    "      --on ENGINE        simulator; linux: the host's kernel (x86-64), with real processes "
    "in\n"
    "                         a fenced address space and files below TMPDIR; both: line by line,\n"
    "                         up to the first difference (exit status 1), shown side by side\n"
    "what to show:\n"
    "      --results          every line of a scenario with its result, not the summary; "
    "--on=linux\n"
    "                         and --on=both always do so\n"
    "      --explain[=FILE]   tell every page fault step by step, to standard output or FILE\n"
    "      --events FILE      write every event as a line of JSON (docs/EVENTS.md)\n"
    "      --trace FILE       write every event as a line of text\n"
    "      --event-hits       include TLB hits, one event an access, in --events and --trace\n"
    "      --json             the summary as JSON (docs/SUMMARY.md)\n"
    "      --maps             add the final maps of the live processes to the summary\n"
    "      --smaps            the same in the form of /proc/PID/smaps: what is resident, shared, "
    "dirty\n"
    "  -o, --output FILE      write the summary to FILE\n"
    "      --strict           exit status 1 also when a log's results or maps differ\n"
    "the machine (see `mapwalk config'):\n"
    "      --profile NAME     start from a named configuration\n"
    "      --set KEY=VALUE    set any key; may be repeated; the last one counts\n"
    "      --ram SIZE         --mode sv39|sv48|sv57     --tlb SETSxWAYS|NAME\n"
    "      --disk SIZE        --seed NUMBER\n"
    "      --image FILE       the disk is this image (`mapwalk image'), which is written to\n"
    "      --check            run the checkers after every call and fault (slow)\n"
    "      --quantum N        lines of one log before the next one's turn (4096)\n"
    "  -h, --help             this text\n"
    "\n"
    "examples:\n"
    "  mapwalk run --explain lesson.mw | grep '^fault 3:'\n"
    "  mapwalk run --json --tlb 16x2 sort.lackey | jq .tlb\n"
    "  mapwalk run --tlb two-level --set tlb.l2=512x4/plru sort.lackey\n"
    "  mapwalk run --events e.jsonl --ram 64M a.strace\n"
    "  mapwalk run --image disk.img --set disk-cache=yes --set disk-latency=hdd lesson.mw\n"
    "  zstdcat ls.lackey.zst | mapwalk run -\n";

static const char usage_fuzz[] =
    "usage: mapwalk fuzz [OPTION]...\n"
    "\n"
    "Runs random scenarios on the simulator and on the host's Linux (x86-64), and compares every\n"
    "result, every signal, every line of maps and every page. Of the first that differs it writes\n"
    "the smallest part that still does. The same seed gives the same scenarios.\n"
    "\n"
    "      --seed NUMBER        (1)\n"
    "      --ops NUMBER         operations, in scripts of 200 (10000)\n"
    "      --script NUMBER      begin with this script of the seed (0)\n"
    "      --processes NUMBER   of a script, 1 to 8 (3)\n"
    "      --calls NAME,NAME    only these calls, and accesses: mmap,munmap,mprotect\n"
    "      --ignore-maps        compare results and pages only\n"
    "      --check              run the simulator's checkers after every call and fault (slow)\n"
    "      --record FOLDER      run on Linux alone, and write each script there with its results\n"
    "  -o, --output FILE        the scenario that differs (fuzz-SEED.mw)\n"
    "  -h, --help               this text\n"
    "\n"
    "exit status: 0 no difference; 1 simulator and Linux differ; 2 usage; 5 this host cannot be\n"
    "             asked, or FILE cannot be written\n"
    "\n"
    "examples:\n"
    "  mapwalk fuzz --seed 7 --ops 200000 --processes 4\n"
    "  mapwalk fuzz --calls=mmap,munmap -o found.mw; mapwalk run --on=both found.mw\n"
    "  mkdir kept; mapwalk fuzz --seed 5 --record kept; mapwalk run kept/0000.mw\n";

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

static const char usage_image[] =
    "usage: mapwalk image create --size SIZE [--journal=no] IMAGE\n"
    "       mapwalk image import IMAGE DIR PATH   the host's directory (or file) into the image\n"
    "       mapwalk image export IMAGE PATH DIR   a directory (or file) of the image to the host\n"
    "       mapwalk image ls IMAGE [PATH]\n"
    "       mapwalk image cat IMAGE PATH\n"
    "       mapwalk image check IMAGE\n"
    "\n"
    "Images are ext2 file systems in a file, with ext3's journal: e2fsck, debugfs, mke2fs -d and\n"
    "mount -o loop read and write them, too. A PATH begins with a slash. While an image is open "
    "it\n"
    "is locked. The same tree gives the same image, byte for byte: contents, permission bits, "
    "hard\n"
    "and symbolic links are kept; owners and times are not.\n"
    "\n"
    "      --size SIZE       takes K, M, G and T; the file is sparse\n"
    "      --journal=yes|no  (yes, from 16M on)\n"
    "  -h, --help            this text\n"
    "\n"
    "What import and export cannot copy they name and leave out, and go on: a file is there as a\n"
    "whole or not at all. export writes nowhere but below DIR, whatever the image holds. cat, ls,\n"
    "export and check change nothing in the image.\n"
    "\n"
    "exit status: 0 done; 1 the image has faults, or sockets, fifos or devices were left out;\n"
    "             2 usage; 3 no image that can be used, or damaged; 4 the disk is full; 5 a file\n"
    "             cannot be opened, read or written, or somebody has it locked\n"
    "\n"
    "examples:\n"
    "  mapwalk image create --size 64M disk.img\n"
    "  mapwalk image import disk.img ./tree /data; mapwalk image ls disk.img /data\n"
    "  mapwalk image cat disk.img /data/notes.txt | head\n"
    "  mapwalk image export disk.img /data ./copy; mapwalk image check disk.img\n";

static const char usage_config[] =
    "usage: mapwalk config\n"
    "\n"
    "Lists every key that `mapwalk run --set KEY=VALUE' knows, with its value in the profile\n"
    "linux and what it means. Sizes take K, M, G and T. `mapwalk help tlb' explains the keys that\n"
    "begin with tlb.\n"
    "\n"
    "examples:\n"
    "  mapwalk config | grep costs\n"
    "  mapwalk run --set ram=64M --set costs.trap=1000 lesson.mw\n";

static const char usage_tlb[] =
    "The TLBs of every hart, as options write them (docs/TLB.md explains the model):\n"
    "\n"
    "  --tlb NAME            a preset, one of those below\n"
    "  --tlb GEOMETRY        one TLB for everything\n"
    "  --set tlb.l1d=GEOMETRY, tlb.l1i=, tlb.l2=, tlb.l2i=\n"
    "                        one part: first and second level, for data and for instructions;\n"
    "                        none: what is there for data serves instructions too\n"
    "  --set tlb.walk-cache=GEOMETRY   pointers at the levels above pages; none: no such cache\n"
    "  --set tlb.prefetch=N            pages walked ahead, 0 to 8\n"
    "\n"
    "GEOMETRY is [SIZES:]SETSxWAYS[/POLICY]; several are joined by +. SIZES are of 4K, 64K, 2M, "
    "1G,\n"
    "512G, 256T, joined by commas; without them: all that the others leave. POLICY is lru (when "
    "not\n"
    "given), plru, fifo, random or clock. Examples: 64x4, 1x32/plru, 4K:16x4+2M,1G:1x8/fifo\n"
    "\n"
    "presets:\n";

static const char *usage_text(const char *topic)
{
    if (topic == NULL)
        return usage_main;
    if (strcmp(topic, "run") == 0)
        return usage_run;
    if (strcmp(topic, "fuzz") == 0)
        return usage_fuzz;
    if (strcmp(topic, "record") == 0)
        return usage_record;
    if (strcmp(topic, "image") == 0)
        return usage_image;
    if (strcmp(topic, "tlb") == 0)
        return usage_tlb;
    return strcmp(topic, "config") == 0 ? usage_config : NULL;
}

bool usage_print(FILE *out, const char *topic)
{
    const char *text = usage_text(topic);

    if (text != NULL)
        fputs(text, out);
    if (text == usage_tlb)
        tlb_presets_print(out);
    return text != NULL;
}

int usage_hint(const char *topic)
{
    fprintf(stderr, "Try `mapwalk help%s%s'.\n", topic == NULL ? "" : " ",
            topic == NULL ? "" : topic);
    return TOOL_USAGE;
}
