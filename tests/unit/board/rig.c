/* The rig's body: page tables by hand, and a listener. */
#include "unit/board/rig.h"

#include <string.h>

void rig_config(struct mw_board_config *config, bool hardware_ad)
{
    mw_board_config_init(config);
    config->ram_base = RIG_BASE;
    config->ram_bytes = RIG_BYTES;
    config->hardware_ad = hardware_ad;
    config->harts = 2;
    assert_int_equal(mw_tlb_parse("4x2", 0, &config->tlbs.l1d), 0);
    config->disk_bytes = 64 * MW_DISK_BLOCK_BYTES;
}

void rig_start(struct rig *r, bool hardware_ad)
{
    struct mw_board_config config;

    rig_config(&config, hardware_ad);
    rig_start_as(r, &config);
}

void rig_start_as(struct rig *r, const struct mw_board_config *config)
{
    memset(r, 0, sizeof(*r));
    assert_int_equal(mw_board_new(config, &r->board), 0);
    r->root = RIG_BASE;
    r->next_table = RIG_BASE + RIG_PAGE;
    assert_int_equal(mw_hart_set_satp(r->board, 0, MW_MODE_SV39, r->root, 1), 0);
}

void rig_stop(struct rig *r)
{
    mw_board_free(r->board);
}

uint64_t *rig_word(struct rig *r, uint64_t pa)
{
    uint64_t *word = mw_board_ram(r->board, pa, sizeof(*word));

    assert_non_null(word);
    return word;
}

uint64_t *rig_pte(struct rig *r, uint64_t va)
{
    uint64_t table = r->root;

    for (unsigned level = 2; level > 0; level--) {
        uint64_t *pte = rig_word(r, table + (va >> (12 + 9 * level) & 511) * 8);

        if (*pte == 0) {
            *pte = r->next_table >> 12 << 10 | RIG_V;
            r->next_table += RIG_PAGE;
        }
        table = *pte >> 10 << 12;
    }
    return rig_word(r, table + (va >> 12 & 511) * 8);
}

void rig_map(struct rig *r, uint64_t va, uint64_t n, uint64_t flags)
{
    *rig_pte(r, va) = (RIG_FRAME + n * RIG_PAGE) >> 12 << 10 | flags;
}

static void rig_record(void *context, const struct mw_event *event)
{
    struct rig *r = context;

    assert_true(r->events < RIG_EVENTS);
    r->event[r->events++] = *event;
}

void rig_listen(struct rig *r)
{
    r->events = 0;
    assert_int_equal(mw_board_subscribe(r->board, MW_EVENTS_ALL, rig_record, r), 0);
}

const struct mw_event *rig_event(const struct rig *r, unsigned kind, unsigned n)
{
    const struct mw_event *found = NULL;

    for (unsigned i = 0; i < r->events && found == NULL; i++)
        if (r->event[i].kind == kind && n-- == 0)
            found = &r->event[i];
    assert_non_null(found);
    return found;
}
