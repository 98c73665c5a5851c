/*
 * Is what a power cut left on an image what it may be? By the calls of the volume, as whoever
 * mounts the disk next; and by e2fsck.
 */
#ifndef MAPWALK_TESTS_POWER_VERIFY_H
#define MAPWALK_TESTS_POWER_VERIFY_H

#include "dev/dev.h"
#include "power/shadow.h"

/*
 * Mounts the image (which replays its journal), and compares all of it with what the shadow allows
 * at its cut. False with the reason.
 */
bool verify_image(const struct shadow *s, struct dev *image, const struct shadow_promise *promise,
                  char why[SHADOW_WHY_ROOM]);

/* Goes on working on an image that was verified: new files, synced and closed. */
bool verify_use(struct dev *image, char why[SHADOW_WHY_ROOM]);

/* Is there an e2fsck? */
bool fsck_is_there(void);

/*
 * Runs a tool of e2fsprogs on the image's contents; "$image" in the command is the file. `keep`:
 * what it made of them goes back to the image. Its exit status.
 */
int fsck_run(struct dev *image, const char *command, bool keep);

#endif
