#include <mapwalk/machine.h>
