#include <mapwalk/event.h>

#include "base/addr.h"
#include "hw/pte.h"
