/*
 * Telling scenarios, strace logs and lackey logs apart by their first bytes.
 *
 * Layer 8. The public half is mw_format_recognise.
 */
#ifndef MAPWALK_LOAD_FORMAT_H
#define MAPWALK_LOAD_FORMAT_H

#include <mapwalk/run.h>

#define FORMAT_BYTES 65536 /* as many as are looked at */

#endif
