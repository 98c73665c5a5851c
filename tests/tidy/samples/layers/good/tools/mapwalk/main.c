#include <mapwalk/mapwalk.h>

#include "base/text.h"
#include "options.h"
#include "view/text.h"
