#include <stdint.h>
uint64_t twice(uint64_t value);
