/*
 * Loads, stores and fetches of a real process, with the signals that they meet.
 *
 * Layer 8; plain Linux on x86-64, runs in the processes of a script. An access is made by one
 * instruction whose address the handler knows how to step over. All or nothing, as the simulator
 * has it: every page is tried before a byte is moved (a store tries with `lock or 0`, which needs
 * the right to write and changes nothing).
 *
 * A fetch cannot be made by an instruction; the process *is* the fetcher. So it jumps to the address
 * with the trap flag set: either the fetch faults (bit 4 of the page-fault error code), or one
 * instruction of whatever lies there is executed, with every register pointing to nowhere, and the
 * next trap brings us back. That instruction must not reach into the next page, which the processor
 * would bring in, too: at the end of a page the jump goes a little before the address. Rights are
 * those of the page.
 *
 * There is no global: the handler finds its notes at the lower end of the stack that it runs on.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <unistd.h>

#include "load/native_channel.h"

#if defined(__x86_64__)

#define PAGE        ((uint64_t)4096)
#define LONGEST     ((uint64_t)15)               /* bytes of an instruction */
#define NOWHERE     ((greg_t)0x8000deaddead0000) /* no canonical address */
#define FLAG_TRAP   ((greg_t)0x100)
#define FLAG_DOWN   ((greg_t)0x400) /* string instructions go down: C code wants it clear */
#define TRAP_PAGE   14              /* REG_TRAPNO of a page fault */
#define ERROR_FETCH 0x10            /* bit of its error code */

enum catch_mode { CATCH_NOTHING, CATCH_ACCESS, CATCH_FETCH_BEGIN, CATCH_FETCH };

struct native_catch {
    volatile enum catch_mode mode;
    volatile struct native_signal signal;
    uint64_t resume; /* where an access that faulted goes on */
    uint64_t target; /* of a fetch: where in the page it is made */
    gregset_t saved; /* registers of the fetcher */
};

static struct native_catch *catch_of(void *stack)
{
    return stack;
}

/* Sends the fetcher to its target: one step, and no register that could do harm. */
static void catch_depart(struct native_catch *c, greg_t *registers)
{
    memcpy(c->saved, registers, sizeof(c->saved));
    for (int i = REG_R8; i <= REG_RSP; i++)
        registers[i] = NOWHERE;
    registers[REG_RIP] = (greg_t)c->target;
    registers[REG_EFL] = (registers[REG_EFL] | FLAG_TRAP) & ~FLAG_DOWN;
    c->mode = CATCH_FETCH;
}

/* Was it the fetch itself that faulted, and not what the fetched instruction did? */
static bool catch_is_fetch_fault(const struct native_catch *c, const greg_t *registers)
{
    return registers[REG_TRAPNO] == TRAP_PAGE && (registers[REG_ERR] & ERROR_FETCH) != 0 &&
           ((uint64_t)registers[REG_CR2] & ~(PAGE - 1)) == (c->target & ~(PAGE - 1));
}

static void catch_note(struct native_catch *c, const siginfo_t *info)
{
    c->signal.signo = info->si_signo;
    c->signal.code = info->si_code;
    c->signal.address = (uint64_t)(uintptr_t)info->si_addr;
}

static void catch_return(struct native_catch *c, greg_t *registers, const siginfo_t *info)
{
    if (catch_is_fetch_fault(c, registers))
        catch_note(c, info);
    memcpy(registers, c->saved, sizeof(c->saved));
    c->mode = CATCH_NOTHING;
}

static void catch_handle(int signo, siginfo_t *info, void *context)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    struct native_catch *c = (void *)(here & ~(NATIVE_STACK_BYTES - 1));
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

    switch (c->mode) {
    case CATCH_FETCH_BEGIN:
        catch_depart(c, registers);
        return;
    case CATCH_FETCH:
        catch_return(c, registers, info);
        return;
    case CATCH_ACCESS:
        catch_note(c, info);
        registers[REG_RIP] = (greg_t)c->resume;
        return;
    case CATCH_NOTHING: /* not an access of the script: the engine will see the process end so */
        signal(signo, SIG_DFL);
        return;
    }
}

int native_catch_signals(void *stack)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGTRAP, SIGILL, SIGFPE};
    stack_t alternative = {.ss_sp = stack, .ss_size = NATIVE_STACK_BYTES};
    struct sigaction action = {.sa_sigaction = catch_handle,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

    memset(stack, 0, sizeof(struct native_catch));
    if (sigaltstack(&alternative, NULL) < 0)
        return -errno;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        if (sigaction(signals[i], &action, NULL) < 0)
            return -errno;
    return 0;
}

/* Touches one byte. False: it met a signal. */
static bool access_try(struct native_catch *c, uint64_t va, bool write)
{
    c->mode = CATCH_ACCESS;
    c->signal.signo = 0;
    if (write)
        __asm__ volatile("leaq 1f(%%rip), %%rax\n\t"
                         "movq %%rax, %[resume]\n\t"
                         "lock orb $0, (%[va])\n"
                         "1:"
                         : [resume] "=m"(c->resume)
                         : [va] "r"(va)
                         : "rax", "cc", "memory");
    else
        __asm__ volatile("leaq 1f(%%rip), %%rax\n\t"
                         "movq %%rax, %[resume]\n\t"
                         "movb (%[va]), %%al\n"
                         "1:"
                         : [resume] "=m"(c->resume)
                         : [va] "r"(va)
                         : "rax", "cc", "memory");
    c->mode = CATCH_NOTHING;
    return c->signal.signo == 0;
}

/* Both sides were tried. An instruction of our own: memcpy might be a sanitizer's. */
static void access_copy(uint64_t to, uint64_t from, uint64_t count)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

/* int3 leads to the handler, which makes the jump; it comes back behind the int3. */
static bool access_fetch(struct native_catch *c, uint64_t va)
{
    uint64_t last = (va & ~(PAGE - 1)) + PAGE - LONGEST;

    c->signal.signo = 0;
    c->target = va < last ? va : last;
    c->mode = CATCH_FETCH_BEGIN;
    __asm__ volatile("int3" : : : "memory");
    c->signal.address += va - c->target;
    return c->signal.signo == 0;
}

static bool access_try_page(struct native_catch *c, uint64_t va, enum native_command command)
{
    if (command == NATIVE_FETCH && !access_fetch(c, va))
        return false;
    return access_try(c, va, command == NATIVE_STORE);
}

void native_access(void *stack, struct native_channel *channel)
{
    struct native_catch *c = catch_of(stack);
    uint64_t va = channel->args[0];
    uint64_t count = channel->args[1];
    uint64_t bytes = (uint64_t)(uintptr_t)channel->bytes;

    for (uint64_t at = va; at - va < count; at = (at & ~(PAGE - 1)) + PAGE)
        if (!access_try_page(c, at, channel->command)) {
            channel->signal =
                (struct native_signal){c->signal.signo, c->signal.code, c->signal.address};
            return;
        }
    channel->signal.signo = 0;
    if (channel->command == NATIVE_STORE)
        access_copy(va, bytes, count);
    else
        access_copy(bytes, va, count);
}

#else

int native_catch_signals(void *stack)
{
    (void)stack;
    return -ENOTSUP;
}

void native_access(void *stack, struct native_channel *channel)
{
    (void)stack;
    channel->signal.signo = 0;
}

#endif
