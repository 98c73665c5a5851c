/*
 * Final maps: the areas of a process, in the form of /proc/PID/maps (proc(5)) or as JSON.
 *
 * Layer 9, view. Each function shows one area as a value (struct mw_vma); whoever has the machine
 * walks them.
 */
#ifndef MAPWALK_VIEW_MAPS_H
#define MAPWALK_VIEW_MAPS_H

#include <mapwalk/machine.h>
#include <stdio.h>

#include "view/json.h"

/* One line. The device is always 00:00; implicit areas without a name are called [implicit]. */
void maps_write_text(FILE *out, const struct mw_vma *v);

/* One object, an element of an array that the caller has begun. */
void maps_write_json(struct json *j, int pid, const struct mw_vma *v);

/* The same with what smaps counts. */
void maps_write_smaps_json(struct json *j, int pid, const struct mw_smaps *s);

#endif
