/*
 * The machine's checkers: those of the layers below, and what only the machine can see. Layer 7.
 *
 * Processes share frames, open files and ASIDs, so that their counts can only be proven where all
 * processes are known: here.
 */
#include "hw/stale.h"
#include "kernel/calls.h"
#include "kernel/fault_handler.h"
#include "kernel/uffd.h"

/* The next process that has not ended, by ascending pid from *pid on; NULL: none is left. */
static const struct process *check_next_live(const struct mw_machine *m, uint64_t *pid)
{
    void *value;

    for (; radix_next(&m->processes.by_pid, pid, &value); ++*pid) {
        const struct process *p = value;

        if (p->mm == NULL)
            continue;
        ++*pid;
        return p;
    }
    return NULL;
}

static bool check_is_live(const struct mw_machine *m, const struct pt *pt)
{
    uint64_t pid = 0;
    const struct process *p;

    while ((p = check_next_live(m, &pid)) != NULL)
        if (&p->mm->pt == pt)
            return true;
    return false;
}

/* I-KERNEL-1, I-ASID-2: nobody looks into an address space that a hart should have left. */
static bool check_running(const struct mw_machine *m)
{
    const struct process *p = m->current;

    for (unsigned i = 0; i < m->hart_set.count; i++) {
        const struct pt *pt = m->hart_set.active[i];

        if (pt != NULL && !check_is_live(m, pt))
            return false;
        if (&m->harts[i] != m->running && hart_unsettled_ns(&m->harts[i]) != 0)
            return false;
    }
    if (!hart_set_check(&m->hart_set))
        return false;
    return p == NULL || (radix_get(&m->processes.by_pid, (uint64_t)p->pid) == p && p->mm != NULL &&
                         p->hart == m->running && m->hart_set.active[p->hart->id] == &p->mm->pt);
}

/*
 * What processes share counts once: with the one of the lowest pid. Looks at descriptor tables, or
 * at address spaces.
 */
static bool check_is_first(const struct mw_machine *m, const struct process *p, bool files)
{
    uint64_t pid = 0;
    const struct process *other;

    while ((other = check_next_live(m, &pid)) != NULL)
        if (files ? other->fds == p->fds : other->mm == p->mm)
            return other == p;
    return false;
}

/* I-KERNEL-5: as many users as there are. */
static bool check_users(const struct mw_machine *m, const struct process *p)
{
    uint32_t spaces = 0;
    uint32_t tables = 0;
    uint64_t pid = 0;
    const struct process *other;

    while ((other = check_next_live(m, &pid)) != NULL) {
        spaces += other->mm == p->mm;
        tables += other->fds == p->fds;
    }
    return spaces == p->mm->users && tables == p->fds->users;
}

/* How often a process holds an open file: by descriptors, and by areas that map it. */
static uint32_t check_count_holds(const struct mw_machine *m, const struct process *p,
                                  const struct mapped_file *file)
{
    struct imap_entry entry;
    uint32_t holds = 0;

    if (check_is_first(m, p, true))
        for (int fd = 0; fd < p->fds->capacity; fd++)
            holds += p->fds->slots[fd].file != NULL && &p->fds->slots[fd].file->mapped == file;
    if (!check_is_first(m, p, false))
        return holds;
    for (bool more = imap_find(&p->mm->vmas.index, 0, &entry); more;
         more = imap_next(&p->mm->vmas.index, &entry))
        holds += ((const struct vma *)entry.value)->file == file;
    return holds;
}

/* I-KERNEL-2 for every file that a process has open. */
static bool check_open_files(const struct mw_machine *m, const struct process *p)
{
    for (int fd = 0; fd < p->fds->capacity; fd++) {
        const struct open_file *file = p->fds->slots[fd].file;
        uint32_t holds = 0;
        uint64_t pid = 0;
        const struct process *other;

        if (file == NULL)
            continue;
        while ((other = check_next_live(m, &pid)) != NULL)
            holds += check_count_holds(m, other, &file->mapped);
        if (holds != file->mapped.refs)
            return false;
    }
    return true;
}

/* I-ASID-1 between p and the processes after it, and I-ASID-3 of p. */
static bool check_asid(const struct mw_machine *m, const struct process *p)
{
    uint64_t generation = m->hart_set.asid_generation;
    uint64_t pid = (uint64_t)p->pid + 1;
    const struct process *other;

    if (!hart_set_check_space(&m->hart_set, &p->mm->pt))
        return false;
    if (p->mm->pt.asid_generation != generation || !hart_set_has_asids(&m->hart_set))
        return true;
    while ((other = check_next_live(m, &pid)) != NULL)
        if (other->mm != p->mm && other->mm->pt.asid_generation == generation &&
            other->mm->pt.asid == p->mm->pt.asid)
            return false;
    return true;
}

/* I-KERNEL-3, and that exactly the live processes are counted as live. */
static bool check_ended(const struct mw_machine *m)
{
    uint64_t pid = 0;
    uint64_t live = 0;
    void *value;

    for (; radix_next(&m->processes.by_pid, &pid, &value); pid++) {
        const struct process *p = value;

        live += p->mm != NULL;
        if (p->mm == NULL && (p->fds != NULL || p->parent == 0))
            return false;
    }
    return live == m->processes.live;
}

/* I-KERNEL-4: one reference a present leaf, a table, a cached page; and the zero frame's own. */
static bool check_frame_references(const struct mw_machine *m)
{
    uint64_t held = m->mm_env.zero != NULL;
    uint64_t counted = 0;
    uint64_t pid = 0;
    const struct process *p;

    list_for_each (node, &m->cache.maps)
        held += container_of(node, const struct file_map, link)->pages.count;
    while ((p = check_next_live(m, &pid)) != NULL)
        if (check_is_first(m, p, false))
            held += p->mm->pt.leaves + p->mm->pt.tables;
    for (uint64_t i = 0; i < m->frames.fresh; i++)
        counted += m->frames.frames[i].refs;
    return counted == held;
}

static bool check_processes(const struct mw_machine *m)
{
    uint64_t pid = 0;
    const struct process *p;

    if (!radix_check(&m->processes.by_pid) || !check_ended(m) || !check_running(m))
        return false;
    while ((p = check_next_live(m, &pid)) != NULL)
        if (!mm_check(p->mm) || !fault_handlers_check(p->mm) || !check_open_files(m, p) ||
            !check_asid(m, p) || !check_users(m, p))
            return false;
    return true;
}

/* From the bottom up: a broken lower layer would make the upper checkers read nonsense. */
bool mw_check(struct mw_machine *m)
{
    if (m->off)
        return frame_check(&m->frames, m->config.check);
    if (!frame_check(&m->frames, m->config.check) || !cache_check(&m->cache))
        return false;
    for (unsigned i = 0; i < m->hart_set.count; i++)
        if (!hart_check(&m->harts[i]))
            return false;
    if (m->stale != NULL && !stale_check(m->stale))
        return false;
    return check_processes(m) && uffd_check(m) && check_frame_references(m);
}
