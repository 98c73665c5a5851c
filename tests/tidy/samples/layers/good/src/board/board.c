#include <mapwalk/hw.h>

#include "dev/dev.h"
#include "hw/hart.h"
