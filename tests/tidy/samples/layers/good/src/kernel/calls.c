#include <mapwalk/machine.h>

#include "hw/hart.h"
