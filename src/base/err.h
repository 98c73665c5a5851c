/*
 * What an operation reports: 0 (or a non-negative result) for success, a negative errno for
 * failure. Every function that can fail so is MUST_CHECK.
 */
#ifndef MAPWALK_BASE_ERR_H
#define MAPWALK_BASE_ERR_H

#include <errno.h>

#define MUST_CHECK __attribute__((warn_unused_result))

/*
 * The name of an errno ("ENOMEM") for err < 0 or err > 0; "E?" for a number without a name. Static
 * storage.
 */
const char *err_name(int err);

/* The (positive) errno that a name such as "ENOMEM" stands for, or 0 for an unknown name. */
int err_number(const char *name);

#endif
