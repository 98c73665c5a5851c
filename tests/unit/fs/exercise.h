/*
 * Everything that can be done with a volume, done to one that nobody vouches for. Nothing is
 * expected of the results; that it ends, without a crash or a leak, is the test.
 */
#ifndef TESTS_UNIT_FS_EXERCISE_H
#define TESTS_UNIT_FS_EXERCISE_H

#include <stdbool.h>

#include "fs/volume.h"

/*
 * Mounts the device, uses the volume in all ways, unmounts it. Was it mounted? *reached grows by a
 * measure of what could be reached.
 */
bool exercise_device(struct alloc *a, struct dev *dev, bool read_only, unsigned *reached);

#endif
