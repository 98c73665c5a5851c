/*
 * The value of a configuration's field as text, the way mw_config_set reads it.
 *
 * Layer 9, view. For `mapwalk config`. A test sets each key to the text that this gives and finds
 * the same configuration, so that the two cannot drift apart.
 */
#ifndef MAPWALK_VIEW_CONFIG_TEXT_H
#define MAPWALK_VIEW_CONFIG_TEXT_H

#include <mapwalk/config.h>

/* What the layers that own these values call them, as view cannot ask them itself. */
struct config_text_words {
    const char *mode; /* mw_mode_name of it */
    const char *tlbs; /* mw_tlbs_preset_of them */
    int (*tlb_format)(const struct mw_tlb *tlb, char *out, size_t bytes); /* mw_tlb_format */
};

/* No value is longer, the 0 at the end included. */
#define CONFIG_TEXT_BYTES MW_TLB_TEXT_BYTES

/*
 * Writes the value of the key; always terminated. False: the key is not known here. TLBs that are
 * no preset are "custom" as a whole, which mw_config_set refuses: the keys of the parts say all.
 */
bool config_text_format(const struct mw_config *config, const struct config_text_words *words,
                        const char *key, char *out, size_t bytes);

/*
 * A number of bytes with the largest suffix (K, M, G, T) that leaves nothing over: "64G", "8M",
 * "4097".
 */
void config_text_size(uint64_t size, char *out, size_t bytes);

#endif
