#include "kernel/machine.h"
