/*
 * Number parsing that reports instead of guessing.
 */
#ifndef MAPWALK_BASE_TEXT_H
#define MAPWALK_BASE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Parses a whole unsigned number in C notation (0x, 0, decimal), optionally with one binary suffix
 * K, M, G or T ("64M"). True when all of `text` was consumed and nothing overflowed.
 */
bool text_parse_u64(const char *text, uint64_t *value);

#endif
