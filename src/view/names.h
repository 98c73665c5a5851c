/*
 * Names that come from outside: paths of files.
 *
 * Layer 9, view. Events carry inode numbers, no names. A view that shows names is given a function
 * that finds them (in the command: mw_inode_path of the machine), so that the views themselves need
 * no machine and can be tested alone.
 */
#ifndef MAPWALK_VIEW_NAMES_H
#define MAPWALK_VIEW_NAMES_H

#include <stdint.h>
#include <stdio.h>

/* The path of an inode, "" when it is unknown. Valid until the next event. */
typedef const char *names_of_inode(void *context, uint32_t inode);

struct names {
    names_of_inode *find; /* NULL: no name is known */
    void *context;
};

/* The path, or "" when it is unknown. */
const char *names_find(const struct names *names, uint64_t inode);

/*
 * Writes a name so that it stays on its line: control bytes and backslashes as three octal digits
 * (\012), as /proc/PID/maps does (proc(5)).
 */
void names_write(FILE *out, const char *name);

#endif
