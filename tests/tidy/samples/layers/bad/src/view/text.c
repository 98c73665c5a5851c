#include "hw/pte.h"
