/*
 * mapwalk: a simulator of a paged MMU and of mmap semantics. This header includes the whole public
 * face.
 */
#ifndef MAPWALK_MAPWALK_H
#define MAPWALK_MAPWALK_H

#include <mapwalk/config.h>
#include <mapwalk/event.h>
#include <mapwalk/fault.h>
#include <mapwalk/hw.h>
#include <mapwalk/image.h>
#include <mapwalk/machine.h>
#include <mapwalk/run.h>
#include <mapwalk/stale.h>
#include <mapwalk/stats.h>
#include <mapwalk/tlb.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "MAJOR.MINOR.PATCH" */
const char *mw_version(void);

#ifdef __cplusplus
}
#endif

#endif
