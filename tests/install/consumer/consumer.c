/*
 * What a user's test looks like: a machine, a process, a mapping, a store and a load through page
 * faults.
 */
#include <mapwalk/mapwalk.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

int main(void)
{
    struct mw_machine *machine;
    char read_back[6] = "";

    if (mw_machine_new(NULL, &machine) != 0)
        return 1;
    int pid = mw_spawn(machine);
    int64_t va =
        mw_mmap(machine, pid, 0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int stored = mw_store(machine, pid, (uint64_t)va, "hello", 6, NULL);
    int loaded = mw_load(machine, pid, (uint64_t)va, read_back, 6, NULL);
    int good = va > 0 && stored == 0 && loaded == 0 && strcmp(read_back, "hello") == 0 &&
               mw_check(machine);

    printf("mapwalk %s: %s\n", mw_version(), read_back);
    return mw_machine_free(machine) == 0 && good ? 0 : 1;
}
