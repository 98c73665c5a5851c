#include <mapwalk/machine.h>

#include "base/addr.h"
#include "dev/dev.h"
#include "kernel/machine.h"
#include "pte.h"
#include <mapwalk/hw.h>
