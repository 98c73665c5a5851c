/*
 * User-level fault handlers and userfaultfd in scenarios: on_fault and the uffd_* directives.
 *
 * Layer 8. They are the simulator's: Linux has no such handlers, and a process of the host that
 * waits for a userfaultfd would not answer any more. tests/behaviour/handlers holds examples.
 */
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/mman.h>

#include <mapwalk/fault.h>

#include "base/addr.h"
#include "base/err.h"
#include "hw/mode.h"
#include "load/scenario_call.h"

/* ---- built-in handlers ---- */

/* A handler that a scenario has set; lives as long as the scenario does. */
struct scenario_handler {
    struct scenario_handler *next;
    uint64_t start; /* of its range as it was set: offsets count from here */
    uint64_t from;  /* offset in the file, or address that is copied */
    int fd;
    int prot;
    int flags;
};

static uint64_t handler_distance(const struct scenario_handler *h, const struct mw_fault *fault)
{
    return page_floor(fault->va) - h->start;
}

/* What is present and faults all the same (a copy is due, a right is missing) is the kernel's. */
static bool handler_declines(struct mw_machine *m, const struct mw_fault *fault)
{
    struct mw_page page;

    return mw_page_look(m, fault->pid, fault->va, &page) < 0 || page.present;
}

/* One block of a file for each page. */
static enum mw_fault_answer handle_map_file(void *context, struct mw_machine *m,
                                            const struct mw_fault *fault)
{
    const struct scenario_handler *h = context;
    int err;

    if (handler_declines(m, fault))
        return MW_FAULT_NOT_MINE;
    err = mw_request_block(m, fault->pid, fault->va, h->fd, h->from + handler_distance(h, fault),
                           h->prot, h->flags);
    return err < 0 ? MW_FAULT_NOT_MINE : MW_FAULT_REPAIRED;
}

/* A page of anonymous memory at the fault, brought in: else the retry would be asked about again. */
static bool handler_map_page(struct mw_machine *m, const struct mw_fault *fault)
{
    return mw_mmap(m, fault->pid, page_floor(fault->va), PAGE_BYTES, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE, -1, 0) >= 0;
}

static enum mw_fault_answer handle_zero(void *context, struct mw_machine *m,
                                        const struct mw_fault *fault)
{
    (void)context;
    if (handler_declines(m, fault) || !handler_map_page(m, fault))
        return MW_FAULT_NOT_MINE;
    return MW_FAULT_REPAIRED;
}

/* A page with the bytes of another one. It is read first, so that failing changes nothing. */
static enum mw_fault_answer handle_copy(void *context, struct mw_machine *m,
                                        const struct mw_fault *fault)
{
    const struct scenario_handler *h = context;
    uint64_t page = page_floor(fault->va);
    uint8_t bytes[PAGE_BYTES];

    if (handler_declines(m, fault) ||
        mw_load(m, fault->pid, h->from + handler_distance(h, fault), bytes, PAGE_BYTES, NULL) < 0)
        return MW_FAULT_NOT_MINE;
    if (!handler_map_page(m, fault) || mw_store(m, fault->pid, page, bytes, PAGE_BYTES, NULL) < 0)
        return MW_FAULT_NOT_MINE;
    return MW_FAULT_REPAIRED;
}

static enum mw_fault_answer handle_kill(void *context, struct mw_machine *m,
                                        const struct mw_fault *fault)
{
    (void)context;
    (void)m;
    (void)fault;
    return MW_FAULT_KILL;
}

/* By name; "none" removes. False: there is no such handler. */
static bool handler_find(const char *name, mw_fault_handler **out)
{
    static const struct {
        const char *name;
        mw_fault_handler *handler;
    } handlers[] = {{"map_file", handle_map_file},
                    {"zero", handle_zero},
                    {"copy", handle_copy},
                    {"kill", handle_kill},
                    {"none", NULL}};

    for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
        if (strcmp(name, handlers[i].name) == 0) {
            *out = handlers[i].handler;
            return true;
        }
    return false;
}

/* The rest of the arguments: map_file(fd, offset, prot, flags), copy(address). */
static struct scenario_handler *handler_new(struct scenario *s, const struct call *call)
{
    struct scenario_handler *h = alloc_zeroed(s->alloc, sizeof(*h));
    bool copies = strcmp(call_string(call, 2), "copy") == 0;

    if (h == NULL)
        return NULL;
    h->start = ARG(0);
    h->fd = INT(3);
    h->from = copies ? ARG(3) : ARG(4);
    h->prot = call->arg_count > 5 ? INT(5) : PROT_READ | PROT_WRITE;
    h->flags = call->arg_count > 6 ? INT(6) : MAP_PRIVATE;
    h->next = s->handlers;
    s->handlers = h;
    return h;
}

/* Set by the simulator only. */
static bool check_side(struct scenario *s, const struct call *call)
{
    return s->side == SIDE_SIMULATOR ||
           scenario_refuse(s, "%s: only the simulator has it (run without --on)", call->name);
}

/* on_fault(start, bytes, "handler", ...): bytes 0 sets the default handler. */
static bool do_on_fault(struct scenario *s, const struct call *call, struct outcome *out)
{
    mw_fault_handler *handler;
    struct scenario_handler *context;

    if (!check_side(s, call))
        return false;
    if (!handler_find(call_string(call, 2), &handler))
        return scenario_refuse(s, "on_fault: the handlers are map_file, zero, copy, kill, none");
    context = handler_new(s, call);
    if (context == NULL)
        return outcome_value(out, -ENOMEM);
    if (ARG(1) == 0)
        return outcome_value(out, mw_set_fault_handler(s->machine, s->pid, handler, context));
    return outcome_value(
        out, mw_set_range_handler(s->machine, s->pid, ARG(0), ARG(1), handler, context));
}

/* The machine lives on; what the scenario's handlers point to does not. */
void scenario_drop_handlers(struct scenario *s)
{
    const struct mw_config *config = mw_machine_config(s->machine);
    struct scenario_handler *next;
    int pid = 0;

    if (s->handlers == NULL)
        return;
    while ((pid = mw_process_next(s->machine, pid)) > 0) {
        /* Removing all splits no range, so it takes no memory and cannot fail. */
        mw_set_fault_handler(s->machine, pid, NULL, NULL);
        mw_set_range_handler(s->machine, pid, 0, mode_user_end(config->mode), NULL, NULL);
    }
    for (struct scenario_handler *h = s->handlers; h != NULL; h = next) {
        next = h->next;
        alloc_release(s->alloc, h);
    }
    s->handlers = NULL;
}

/* ---- userfaultfd ---- */

static bool do_userfaultfd(struct scenario *s, const struct call *call, struct outcome *out)
{
    return check_side(s, call) &&
           outcome_value(out, mw_uffd_open(s->machine, s->pid, (unsigned)ARG(0)));
}

static bool do_uffd_close(struct scenario *s, const struct call *call, struct outcome *out)
{
    return check_side(s, call) && outcome_value(out, mw_uffd_close(s->machine, INT(0)));
}

static bool do_uffd_api(struct scenario *s, const struct call *call, struct outcome *out)
{
    return check_side(s, call) &&
           outcome_value(out, mw_uffd_api(s->machine, INT(0), UFFD_API, ARG(1)));
}

static bool do_uffd_register(struct scenario *s, const struct call *call, struct outcome *out)
{
    return check_side(s, call) &&
           outcome_value(out, mw_uffd_register(s->machine, INT(0), ARG(1), ARG(2), ARG(3)));
}

static bool do_uffd_unregister(struct scenario *s, const struct call *call, struct outcome *out)
{
    return check_side(s, call) &&
           outcome_value(out, mw_uffd_unregister(s->machine, INT(0), ARG(1), ARG(2)));
}

/* The message's address, with its flags in the lowest bits. */
static bool do_uffd_read(struct scenario *s, const struct call *call, struct outcome *out)
{
    struct mw_uffd_message message;
    int err;

    if (!check_side(s, call))
        return false;
    err = mw_uffd_read(s->machine, INT(0), &message);
    return outcome_value(out, err < 0 ? err : (int64_t)(page_floor(message.va) | message.flags));
}

static bool do_uffd_copy(struct scenario *s, const struct call *call, struct outcome *out)
{
    return check_side(s, call) && outcome_value(out, mw_uffd_copy(s->machine, s->pid, INT(0),
                                                                  ARG(1), ARG(2), ARG(3), ARG(4)));
}

static bool do_uffd_zeropage(struct scenario *s, const struct call *call, struct outcome *out)
{
    return check_side(s, call) &&
           outcome_value(out, mw_uffd_zeropage(s->machine, INT(0), ARG(1), ARG(2), ARG(3)));
}

static bool do_uffd_continue(struct scenario *s, const struct call *call, struct outcome *out)
{
    return check_side(s, call) &&
           outcome_value(out, mw_uffd_continue(s->machine, INT(0), ARG(1), ARG(2), ARG(3)));
}

static bool do_uffd_writeprotect(struct scenario *s, const struct call *call, struct outcome *out)
{
    return check_side(s, call) &&
           outcome_value(out, mw_uffd_writeprotect(s->machine, INT(0), ARG(1), ARG(2), ARG(3)));
}

static bool do_uffd_wake(struct scenario *s, const struct call *call, struct outcome *out)
{
    return check_side(s, call) &&
           outcome_value(out, mw_uffd_wake(s->machine, INT(0), ARG(1), ARG(2)));
}

static const struct scenario_entry entries[] = {
    {"on_fault", "nns|nnnn", false, false, true, do_on_fault},
    {"userfaultfd", "n", false, false, true, do_userfaultfd},
    {"uffd_close", "n", false, false, true, do_uffd_close},
    {"uffd_api", "nn", false, false, true, do_uffd_api},
    {"uffd_register", "nnnn", false, false, true, do_uffd_register},
    {"uffd_unregister", "nnn", false, false, true, do_uffd_unregister},
    {"uffd_read", "n", true, false, true, do_uffd_read},
    {"uffd_copy", "nnnnn", false, false, true, do_uffd_copy},
    {"uffd_zeropage", "nnnn", false, false, true, do_uffd_zeropage},
    {"uffd_continue", "nnnn", false, false, true, do_uffd_continue},
    {"uffd_writeprotect", "nnnn", false, false, true, do_uffd_writeprotect},
    {"uffd_wake", "nnn", false, false, true, do_uffd_wake},
};

const struct scenario_entry *scenario_find_fault(const char *name)
{
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
        if (strcmp(entries[i].name, name) == 0)
            return &entries[i];
    return NULL;
}
