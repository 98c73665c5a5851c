/*
 * `mapwalk image`: making, filling, emptying and looking at images of file systems.
 *
 * What a host's tree or an image holds may be hostile; names are printed with their control
 * characters written out, so that no name ends a line or speaks to a terminal.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <mapwalk/image.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "image_text.h"
#include "progress.h"
#include "tool.h"

/* The larger status wins, as everywhere. */
static int image_worse(int a, int b)
{
    return a > b ? a : b;
}

static int image_exit_of(int err)
{
    if (err == -EUCLEAN || err == -EINVAL || err == -EISDIR)
        return TOOL_INPUT;
    return tool_exit_of(err);
}

/* "mapwalk: WHAT: WHY", on one line whatever is in WHAT. */
static int image_complain(const char *what, const char *why, int status)
{
    char text[IMAGE_TEXT_BYTES];

    tool_complain("%s: %s", image_text(what, text), why);
    return status;
}

/* Of a path inside the image. */
static int image_complain_path(const char *path, int err)
{
    const char *why = strerror(-err);

    if (err == -EUCLEAN)
        why = "damaged (e2fsck may repair it)";
    else if (err == -ELOOP)
        why = "a symbolic link, which is not followed";
    else if (err == -ENXIO)
        why = "neither a file nor a directory";
    else if (err == -EINVAL)
        why = "a path inside an image begins with a slash";
    if (err == -EINVAL)
        return image_complain(path, why, TOOL_USAGE);
    return image_complain(path, why, err == -EUCLEAN ? TOOL_INPUT : tool_exit_of(err));
}

static int image_open(const char *file, bool writable, struct mw_image **image)
{
    char why[MW_IMAGE_WHY] = "out of memory";
    int err = mw_image_open(file, writable, image, why);

    return err == 0 ? TOOL_OK : image_complain(file, why, image_exit_of(err));
}

static int image_close(struct mw_image *image, const char *file, int status)
{
    int err = mw_image_close(image);

    return err == 0 ? status : image_worse(status, image_complain_path(file, err));
}

/* ---- create ---- */

static int image_create_file(const char *file, const char *size, bool journal)
{
    uint64_t bytes;
    int err;

    if (size == NULL || !text_parse_u64(size, &bytes)) {
        tool_complain(size == NULL ? "image create: --size is missing" : "--size '%s': no size",
                      size);
        return usage_hint("image");
    }
    err = mw_image_create(file, bytes, journal);
    if (err == -EINVAL) {
        tool_complain("--size '%s': at least 64K, and a multiple of 1K", size);
        return usage_hint("image");
    }
    return err == 0 ? TOOL_OK : image_complain(file, strerror(-err), tool_exit_of(err));
}

static int image_create(int argc, char **argv)
{
    static const struct option options[] = {{"size", required_argument, NULL, 's'},
                                            {"journal", required_argument, NULL, 'j'},
                                            {NULL, 0, NULL, 0}};
    const char *size = NULL;
    bool journal = true;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == '?')
            return usage_hint("image");
        if (option == 's') {
            size = optarg;
            continue;
        }
        journal = strcmp(optarg, "yes") == 0;
        if (!journal && strcmp(optarg, "no") != 0) {
            tool_complain("--journal '%s': not yes or no", optarg);
            return usage_hint("image");
        }
    }
    if (argc - optind != 1) {
        tool_complain("image create: one image");
        return usage_hint("image");
    }
    return image_create_file(argv[optind], size, journal);
}

/* ---- import, export ---- */

static void image_told(void *context, const char *what, const char *why)
{
    progress_clear(context);
    (void)image_complain(what, why, TOOL_OK);
}

static void image_progress(void *context, uint64_t bytes, uint64_t files)
{
    progress_show(context, bytes, files);
}

static int image_copied_status(const struct mw_image_copied *copied)
{
    if (copied->failed > 0)
        return TOOL_IO;
    if (copied->no_room > 0)
        return TOOL_RESOURCES;
    if (copied->damaged > 0)
        return TOOL_INPUT;
    return copied->left_out > 0 ? TOOL_DIFFERS : TOOL_OK;
}

static void image_print_copied(const struct mw_image_copied *copied)
{
    uint64_t missing = copied->left_out + copied->no_room + copied->failed + copied->damaged;

    printf("%" PRIu64 " files, %" PRIu64 " directories, %" PRIu64 " symbolic links, %" PRIu64
           " hard links, %" PRIu64 " bytes",
           copied->files, copied->directories, copied->symlinks, copied->hard_links, copied->bytes);
    if (missing > 0)
        printf("; %" PRIu64 " things are missing", missing);
    putchar('\n');
}

/* `from` and `to` as the command has them; the one in the image is absolute. */
static int image_copy(struct mw_image *image, bool import, const char *from, const char *to)
{
    struct progress progress;
    struct mw_image_copying copying = {
        .complain = image_told, .progress = image_progress, .context = &progress};
    struct mw_image_copied copied;
    int err;

    progress_init(&progress, NULL, 0);
    progress.unit = "files";
    err = import ? mw_image_import(image, from, to, &copying, &copied)
                 : mw_image_export(image, from, to, &copying, &copied);
    progress_clear(&progress);
    if (err != 0)
        return image_complain_path(import ? to : from, err);
    image_print_copied(&copied);
    return image_copied_status(&copied);
}

static int image_import(const char *file, char **arguments)
{
    struct mw_image *image;
    struct stat status;
    int result;

    if (arguments[1][0] != '/')
        return image_complain_path(arguments[1], -EINVAL);
    /* Before the image is touched: what is there to be copied? */
    if (stat(arguments[0], &status) < 0)
        return image_complain(arguments[0], strerror(errno), TOOL_IO);
    result = image_open(file, true, &image);
    if (result != TOOL_OK)
        return result;
    return image_close(image, file, image_copy(image, true, arguments[0], arguments[1]));
}

static int image_export(const char *file, char **arguments)
{
    struct mw_image *image;
    int result;

    if (arguments[0][0] != '/')
        return image_complain_path(arguments[0], -EINVAL);
    result = image_open(file, false, &image);
    if (result != TOOL_OK)
        return result;
    return image_close(image, file, image_copy(image, false, arguments[0], arguments[1]));
}

/* ---- ls, cat, check ---- */

static int image_print_entry(void *context, const struct mw_image_entry *entry)
{
    char text[IMAGE_TEXT_BYTES];
    char mode[IMAGE_MODE_BYTES];

    (void)context;
    printf("%s %5" PRIu32 " %14" PRIu64 " %s", image_mode(entry->mode, mode), entry->links,
           entry->bytes, image_text(entry->name, text));
    if (entry->target != NULL)
        printf(" -> %s", image_text(entry->target, text));
    putchar('\n');
    return ferror(stdout) ? -EPIPE : 0; /* tool_close tells why */
}

static int image_ls(struct mw_image *image, const char *path)
{
    int err = mw_image_list(image, path, image_print_entry, NULL);

    return err == 0 || err == -EPIPE ? TOOL_OK : image_complain_path(path, err);
}

static int image_print_bytes(void *context, const void *bytes, size_t count)
{
    (void)context;
    return fwrite(bytes, 1, count, stdout) == count ? 0 : -EPIPE;
}

static int image_cat(struct mw_image *image, const char *path)
{
    int err = mw_image_read(image, path, image_print_bytes, NULL);

    return err == 0 || err == -EPIPE ? TOOL_OK : image_complain_path(path, err);
}

static void image_print_finding(void *context, const char *what, const char *why)
{
    char first[IMAGE_TEXT_BYTES];
    char second[IMAGE_TEXT_BYTES];

    (void)context;
    printf("%s: %s\n", image_text(what, first), image_text(why, second));
}

static int image_check(struct mw_image *image, const char *file)
{
    struct mw_image_copying copying = {.complain = image_print_finding};
    struct mw_image_space space;
    int64_t findings = mw_image_check(image, &copying);
    char text[IMAGE_TEXT_BYTES];

    if (findings < 0)
        return image_complain(file, strerror((int)-findings), tool_exit_of((int)findings));
    mw_image_space(image, &space);
    if (findings > 0)
        printf("%s: %" PRId64 " findings (e2fsck may repair it)\n", image_text(file, text),
               findings);
    else
        printf("%s: sound, %" PRIu64 " of %" PRIu64 " KiB free\n", image_text(file, text),
               space.free_bytes / 1024, space.bytes / 1024);
    return findings > 0 ? TOOL_DIFFERS : TOOL_OK;
}

/* Those that only look. */
static int image_look(const char *command, const char *file, const char *path)
{
    struct mw_image *image;
    int result = image_open(file, false, &image);

    if (result != TOOL_OK)
        return result;
    if (strcmp(command, "ls") == 0)
        result = image_ls(image, path == NULL ? "/" : path);
    else if (strcmp(command, "cat") == 0)
        result = image_cat(image, path);
    else
        result = image_check(image, file);
    return image_close(image, file, result);
}

/* ---- the command ---- */

struct image_command {
    const char *name;
    int least; /* arguments */
    int most;
    const char *arguments;
};

static int image_run(const struct image_command *command, int count, char **arguments)
{
    if (strcmp(command->name, "import") == 0)
        return image_import(arguments[0], arguments + 1);
    if (strcmp(command->name, "export") == 0)
        return image_export(arguments[0], arguments + 1);
    return image_look(command->name, arguments[0], count > 1 ? arguments[1] : NULL);
}

static int image_choose(const char *name, int argc, char **argv)
{
    static const struct image_command commands[] = {
        {"import", 3, 3, "IMAGE DIR PATH"}, {"export", 3, 3, "IMAGE PATH DIR"},
        {"ls", 1, 2, "IMAGE [PATH]"},       {"cat", 2, 2, "IMAGE PATH"},
        {"check", 1, 1, "IMAGE"},
    };
    static const struct option options[] = {{NULL, 0, NULL, 0}};

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(name, commands[i].name) != 0)
            continue;
        if (getopt_long(argc, argv, "", options, NULL) != -1)
            return usage_hint("image");
        if (argc - optind >= commands[i].least && argc - optind <= commands[i].most)
            return image_run(&commands[i], argc - optind, argv + optind);
        tool_complain("image %s: %s", name, commands[i].arguments);
        return usage_hint("image");
    }
    tool_complain("image: unknown command '%s'", name);
    return usage_hint("image");
}

int tool_image(int argc, char **argv)
{
    const char *name;
    int status;
    int closed;

    if (argc < 2) {
        tool_complain("image: no command");
        return usage_hint("image");
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        usage_print(stdout, "image");
        return tool_close(stdout, "standard output");
    }
    if (strcmp(argv[1], "create") == 0) {
        argv[1] = argv[0];
        return image_create(argc - 1, argv + 1);
    }
    name = argv[1];
    argv[1] = argv[0]; /* getopt names the command in its messages by this */
    status = image_choose(name, argc - 1, argv + 1);
    closed = tool_close(stdout, "standard output");
    return image_worse(status, closed);
}
