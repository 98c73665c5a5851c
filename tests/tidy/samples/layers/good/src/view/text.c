#include <mapwalk/machine.h>

#include "base/text.h"
#include "view/json.h"
