/*
 * Operations on the machine, and as lines of a scenario.
 */
#include "model/operation.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "base/err.h"

const char *operation_path(unsigned file)
{
    static const char *const paths[] = {"/a", "/b", "/c"};

    return paths[file];
}

/* ---- on the machine ---- */

static int64_t operation_run_memory(struct mw_machine *m, const struct operation *op,
                                    struct outcome *out)
{
    switch (op->kind) {
    case OPERATION_MMAP:
        return mw_mmap(m, op->pid, op->addr, op->bytes, op->prot, op->flags, op->fd, op->offset);
    case OPERATION_MUNMAP:
        return mw_munmap(m, op->pid, op->addr, op->bytes);
    case OPERATION_MPROTECT:
        return mw_mprotect(m, op->pid, op->addr, op->bytes, op->prot);
    case OPERATION_MSYNC:
        return mw_msync(m, op->pid, op->addr, op->bytes, op->flags);
    case OPERATION_BRK:
        return mw_brk(m, op->pid, op->addr);
    case OPERATION_MREMAP:
        return mw_mremap(m, op->pid, op->addr, op->bytes, op->bytes, op->flags, op->offset);
    case OPERATION_MADVISE:
        return mw_madvise(m, op->pid, op->addr, op->bytes, op->flags);
    case OPERATION_LOAD:
        return mw_load(m, op->pid, op->addr, out->data, op->bytes, &out->signal);
    case OPERATION_STORE:
        return mw_store(m, op->pid, op->addr, op->data, op->bytes, &out->signal);
    default:
        return mw_fetch(m, op->pid, op->addr, out->data, op->bytes, &out->signal);
    }
}

static int64_t operation_run_process(struct mw_machine *m, const struct operation *op)
{
    switch (op->kind) {
    case OPERATION_FORK:
        return mw_fork(m, op->pid);
    case OPERATION_EXIT:
        return mw_exit(m, op->pid, op->fd);
    default:
        return mw_wait(m, op->pid, op->fd, NULL);
    }
}

static int64_t operation_run_file(struct mw_machine *m, const struct operation *op)
{
    switch (op->kind) {
    case OPERATION_OPEN:
        return mw_open(m, op->pid, operation_path(op->file), op->flags);
    case OPERATION_CLOSE:
        return mw_close(m, op->pid, op->fd);
    case OPERATION_DUP2:
        return mw_dup2(m, op->pid, op->fd, op->new_fd);
    case OPERATION_PREAD:
        return mw_pread(m, op->pid, op->fd, op->addr, op->bytes, op->offset);
    case OPERATION_PWRITE:
        return mw_pwrite(m, op->pid, op->fd, op->addr, op->bytes, op->offset);
    case OPERATION_FTRUNCATE:
        return mw_ftruncate(m, op->pid, op->fd, op->bytes);
    case OPERATION_FSYNC:
        return mw_fsync(m, op->pid, op->fd);
    case OPERATION_SYNC:
        return mw_sync(m);
    default:
        return mw_unlink(m, op->pid, operation_path(op->file));
    }
}

void operation_run(struct mw_machine *m, const struct operation *op, struct outcome *out)
{
    memset(out, 0, sizeof(*out));
    if (op->kind <= OPERATION_FETCH)
        out->result = operation_run_memory(m, op, out);
    else if (op->kind <= OPERATION_WAIT)
        out->result = operation_run_process(m, op);
    else
        out->result = operation_run_file(m, op);
}

bool operation_outcomes_equal(const struct operation *op, const struct outcome *a,
                              const struct outcome *b)
{
    bool reads = op->kind == OPERATION_LOAD || op->kind == OPERATION_FETCH;

    return a->result == b->result && a->signal.signo == b->signal.signo &&
           a->signal.code == b->signal.code && a->signal.va == b->signal.va &&
           (!reads || a->result != 0 || memcmp(a->data, b->data, op->bytes) == 0);
}

/* ---- as text ---- */

static void operation_print_bytes(FILE *to, const uint8_t *bytes, uint64_t count)
{
    fputc('"', to);
    for (uint64_t i = 0; i < count; i++)
        fprintf(to, "\\x%02x", bytes[i]);
    fputc('"', to);
}

static void operation_print_memory(FILE *to, const struct operation *op)
{
    switch (op->kind) {
    case OPERATION_MMAP:
        fprintf(to, "mmap(%#" PRIx64 ", %" PRIu64 ", %#x, %#x, %d, %#" PRIx64 ")", op->addr,
                op->bytes, (unsigned)op->prot, (unsigned)op->flags, op->fd, op->offset);
        break;
    case OPERATION_MUNMAP:
        fprintf(to, "munmap(%#" PRIx64 ", %" PRIu64 ")", op->addr, op->bytes);
        break;
    case OPERATION_MPROTECT:
        fprintf(to, "mprotect(%#" PRIx64 ", %" PRIu64 ", %#x)", op->addr, op->bytes,
                (unsigned)op->prot);
        break;
    case OPERATION_MSYNC:
        fprintf(to, "msync(%#" PRIx64 ", %" PRIu64 ", %#x)", op->addr, op->bytes,
                (unsigned)op->flags);
        break;
    case OPERATION_BRK:
        fprintf(to, "brk(%#" PRIx64 ")", op->addr);
        break;
    case OPERATION_MREMAP:
        fprintf(to, "mremap(%#" PRIx64 ", %" PRIu64 ", %" PRIu64 ", %#x, %#" PRIx64 ")", op->addr,
                op->bytes, op->bytes, (unsigned)op->flags, op->offset);
        break;
    case OPERATION_MADVISE:
        fprintf(to, "madvise(%#" PRIx64 ", %" PRIu64 ", %d)", op->addr, op->bytes, op->flags);
        break;
    case OPERATION_STORE:
        fprintf(to, "store(%#" PRIx64 ", %" PRIu64 ", ", op->addr, op->bytes);
        operation_print_bytes(to, op->data, op->bytes);
        fputc(')', to);
        break;
    default:
        fprintf(to, "%s(%#" PRIx64 ", %" PRIu64 ")", op->kind == OPERATION_LOAD ? "load" : "fetch",
                op->addr, op->bytes);
    }
}

static void operation_print_process(FILE *to, const struct operation *op)
{
    switch (op->kind) {
    case OPERATION_FORK:
        fputs("fork()", to);
        break;
    case OPERATION_EXIT:
        fprintf(to, "exit(%d)", op->fd);
        break;
    default:
        fprintf(to, "wait4(%d, 0, 1, 0)", op->fd);
    }
}

static void operation_print_file(FILE *to, const struct operation *op)
{
    const char *path = operation_path(op->file);

    switch (op->kind) {
    case OPERATION_OPEN:
        fprintf(to, "open(\"%s\", %#x)", path, (unsigned)op->flags);
        break;
    case OPERATION_CLOSE:
        fprintf(to, "close(%d)", op->fd);
        break;
    case OPERATION_DUP2:
        fprintf(to, "dup2(%d, %d)", op->fd, op->new_fd);
        break;
    case OPERATION_PREAD:
    case OPERATION_PWRITE:
        fprintf(to, "%s(%d, %#" PRIx64 ", %" PRIu64 ", %" PRIu64 ")",
                op->kind == OPERATION_PREAD ? "pread64" : "pwrite64", op->fd, op->addr, op->bytes,
                op->offset);
        break;
    case OPERATION_FTRUNCATE:
        fprintf(to, "ftruncate(%d, %" PRIu64 ")", op->fd, op->bytes);
        break;
    case OPERATION_FSYNC:
        fprintf(to, "fsync(%d)", op->fd);
        break;
    case OPERATION_SYNC:
        fputs("sync()", to);
        break;
    default:
        fprintf(to, "unlink(\"%s\")", path);
    }
}

static const char *operation_code_name(const struct mw_signal *signal)
{
    if (signal->signo == SIGBUS)
        return "BUS_ADRERR";
    return signal->code == SEGV_MAPERR ? "SEGV_MAPERR" : "SEGV_ACCERR";
}

static void operation_print_outcome(FILE *to, const struct operation *op, const struct outcome *out)
{
    bool reads = op->kind == OPERATION_LOAD || op->kind == OPERATION_FETCH;

    if (out->signal.signo == SIGKILL)
        fputs("SIGKILL", to);
    else if (out->signal.signo != 0)
        fprintf(to, "%s %s", out->signal.signo == SIGBUS ? "SIGBUS" : "SIGSEGV",
                operation_code_name(&out->signal));
    else if (op->kind == OPERATION_WAIT && out->result == -EAGAIN)
        fputs("0", to); /* what wait4 with WNOHANG returns then */
    else if (out->result < 0)
        fprintf(to, "-1 %s", err_name((int)out->result));
    else if (reads && op->bytes > OPERATION_DATA)
        fputc('?', to); /* a whole page, read to compare: nobody wants to see it */
    else if (reads)
        operation_print_bytes(to, out->data, op->bytes);
    else
        fprintf(to, "%#" PRIx64, (uint64_t)out->result);
}

void operation_print(FILE *to, const struct operation *op, const struct outcome *out)
{
    fprintf(to, "%d ", op->pid);
    if (op->kind <= OPERATION_FETCH)
        operation_print_memory(to, op);
    else if (op->kind <= OPERATION_WAIT)
        operation_print_process(to, op);
    else
        operation_print_file(to, op);
    fputs(" = ", to);
    operation_print_outcome(to, op, out);
    fputc('\n', to);
}
