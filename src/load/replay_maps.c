/*
 * Recorded areas in a replay: at an exec they make the image that the log does not show; at an exit
 * they are compared with what the simulator has.
 *
 * Compared is what a program can see: which pages are mapped, with which rights, shared or not, of
 * a file at which offset. Not compared are names (the log's paths go through symbolic links, maps'
 * do not) and where one line ends and the next begins: whether Linux merges neighbours depends on
 * pages that were written, which no log of calls shows. A stack grows without a call, so only its
 * end counts.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "hw/mode.h"
#include "load/maps.h"
#include "load/replay.h"

/*
 * Is it part of the address space that the simulator has? The vsyscall page is in the kernel's
 * half.
 */
static bool is_user(const struct replay *r, const struct maps_line *line)
{
    return line->end <= mode_user_end(mw_machine_config(r->machine)->mode);
}

/*
 * Each line opens its file anew, read-write, as the image may be written (never carried to the
 * file: it is private). The mapping keeps the file open.
 */
static int map_file(struct replay *r, const struct replay_process *p, const struct maps_line *line,
                    int flags)
{
    uint64_t bytes = line->end - line->start;
    int fd = mw_file_grow(r->machine, line->path, line->off_bytes + bytes);
    int64_t got;

    if (fd == 0)
        fd = mw_open(r->machine, p->pid, line->path, O_RDWR);
    if (fd < 0)
        return fd;
    got = mw_mmap(r->machine, p->pid, line->start, bytes, line->prot, flags, fd, line->off_bytes);
    (void)mw_close(r->machine, p->pid, fd);
    return got < 0 ? (int)got : 0;
}

/* The stack must be able to grow, so it is not an ordinary mapping. */
static int map_line(struct replay *r, const struct replay_process *p, const struct maps_line *line)
{
    uint64_t bytes = line->end - line->start;
    int flags = MAP_FIXED | (line->shared ? MAP_SHARED : MAP_PRIVATE);
    int64_t got;

    if (line->stack)
        return mw_map_implicit(r->machine, p->pid, line->start, bytes, line->prot | PROT_GROWSDOWN);
    if (line->path != NULL && line->off_bytes + bytes > line->off_bytes)
        return map_file(r, p, line, flags);
    got = mw_mmap(r->machine, p->pid, line->start, bytes, line->prot, flags | MAP_ANONYMOUS, -1, 0);
    return got < 0 ? (int)got : 0;
}

/* With the image in place nothing has to be guessed from the first mmap and brk. */
void replay_maps_exec(struct replay *r, struct replay_process *p)
{
    const struct maps_snapshot *snapshot = maps_take(r->maps, p->log_pid, false);

    if (snapshot == NULL)
        return;
    for (size_t i = 0; i < snapshot->count; i++)
        if (is_user(r, &snapshot->lines[i]))
            replay_note_error(r, p, map_line(r, p, &snapshot->lines[i]));
    p->room_known = true;
    p->brk_known =
        snapshot->start_brk != 0 && mw_set_brk(r->machine, p->pid, snapshot->start_brk) == 0;
}

/* Does every page of the line look as it says? */
static bool line_is_equal(struct replay *r, const struct replay_process *p,
                          const struct maps_line *line)
{
    uint64_t at = line->stack ? line->end - 1 : line->start;
    struct mw_vma area;

    while (at < line->end) {
        if (mw_vma_next(r->machine, p->pid, at, &area) != 0 || area.start > at ||
            area.prot != line->prot || area.shared != line->shared ||
            (area.inode != 0) != (line->path != NULL))
            return false;
        if (line->path != NULL &&
            area.off_bytes + (at - area.start) != line->off_bytes + (at - line->start))
            return false;
        at = area.end;
    }
    return at == line->end || !line->stack;
}

/*
 * Is every page of the area in some recorded line? The lines ascend. A stack reaches as far down as
 * it grew.
 */
static bool area_is_recorded(const struct maps_snapshot *snapshot, const struct mw_vma *area)
{
    uint64_t at = area->start;

    for (size_t i = 0; i < snapshot->count && at < area->end; i++) {
        const struct maps_line *line = &snapshot->lines[i];

        if (line->end <= at)
            continue;
        if (line->start > at && !line->stack)
            return false;
        at = line->end;
    }
    return at >= area->end;
}

/* Only the first difference of a run is told. */
static void count(struct replay *r, struct report_place place, bool equal, uint64_t start,
                  uint64_t end, const char *what)
{
    struct mw_run_result *result = r->report->result;

    result->maps_checked++;
    result->maps_equal += equal;
    if (!equal && result->maps_checked - result->maps_equal == 1)
        report_line(r->report, place, false, "%llx-%llx: %s", (unsigned long long)start,
                    (unsigned long long)end, what);
}

/* Both ways: what the record has must be here, and what is here must be in the record. */
void replay_maps_exit(struct replay *r, const struct replay_process *p)
{
    const struct maps_snapshot *snapshot = maps_take(r->maps, p->log_pid, true);
    struct mw_vma area = {.end = 0};

    if (snapshot == NULL)
        return;
    for (size_t i = 0; i < snapshot->count; i++) {
        const struct maps_line *line = &snapshot->lines[i];
        struct report_place place = {snapshot->file, line->number};

        if (is_user(r, line))
            count(r, place, line_is_equal(r, p, line), line->start, line->end,
                  "the simulator has not mapped this so");
    }
    while (mw_vma_next(r->machine, p->pid, area.end, &area) == 0)
        if (!area_is_recorded(snapshot, &area))
            count(r, (struct report_place){snapshot->file, 0}, false, area.start, area.end,
                  "the simulator has this area, the record has not");
}
