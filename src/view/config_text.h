/*
 * The value of a configuration's field as text, the way mw_config_set reads it.
 *
 * Layer 9, view. For `mapwalk config`. A test sets each key to the text that this gives and finds
 * the same configuration, so that the two cannot drift apart.
 */
#ifndef MAPWALK_VIEW_CONFIG_TEXT_H
#define MAPWALK_VIEW_CONFIG_TEXT_H

#include <mapwalk/config.h>

/*
 * Writes the value of the key; always terminated. False: the key is not known here. `mode_name` is
 * mw_mode_name's.
 */
bool config_text_format(const struct mw_config *config, const char *mode_name, const char *key,
                        char *out, size_t bytes);

/*
 * A number of bytes with the largest suffix (K, M, G, T) that leaves nothing over: "64G", "8M",
 * "4097".
 */
void config_text_size(uint64_t size, char *out, size_t bytes);

#endif
