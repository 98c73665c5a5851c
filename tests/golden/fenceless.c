/*
 * The command on a machine whose kernel leaves out a fence: mprotect's, on its only hart. Linked in
 * the place of mw_machine_new, so that nothing of the command itself is different.
 */
#include "kernel/machine.h"

/* The names are the linker's (--wrap). */
int __real_mw_machine_new(const struct mw_config *config, struct mw_machine **out);
int __wrap_mw_machine_new(const struct mw_config *config, struct mw_machine **out);

int __wrap_mw_machine_new(const struct mw_config *config, struct mw_machine **out)
{
    int err = __real_mw_machine_new(config, out);

    if (err == 0) {
        (*out)->hart_set.leave_out_sites = 1u << MW_FENCE_PROTECT;
        (*out)->hart_set.leave_out_harts = 1;
    }
    return err;
}
