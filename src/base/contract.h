/*
 * Contracts: what can only be a bug of ours.
 *
 * A contract that does not hold prints one line and aborts. It is never used for bad input, for
 * what the ISA defines, or for what an operation may report. Contracts stay in Release builds;
 * those that cost more than a comparison belong into a checker instead. event/event.h has
 * `contract_on`, which also prints the last events of the machine.
 */
#ifndef MAPWALK_BASE_CONTRACT_H
#define MAPWALK_BASE_CONTRACT_H

#define contract(condition) \
    ((condition) ? (void)0 : contract_fail(__FILE__, __LINE__, __func__, #condition))

/* Prints "mapwalk: contract broken: ..." to standard error and aborts. */
_Noreturn void contract_fail(const char *file, int line, const char *function,
                             const char *condition);

#endif
