/*
 * TLB presets: geometries of machines that exist, each with where that stands.
 *
 * Layer 3. Data, in the same text that options have. A machine is here when its sizes are published
 * by its maker (design source, technical reference manual) or by two independent measurements. What
 * is not published, or what the model cannot say, its source text tells in plain words, as
 * "assumed" and "not modelled". A preset is translation caches and nothing else: mode, ASID width
 * and costs are keys of their own.
 *
 *   I-PRESET-1  every preset is valid, its name unique, and no preset equals another
 */
#include <mapwalk/tlb.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/contract.h"
#include "base/err.h"

struct tlb_preset {
    const char *name;
    const char *machine;
    const char *source;
    const char *l1d; /* geometries as mw_tlb_parse reads them; NULL: none */
    const char *l1i;
    const char *l2;
    const char *walk_cache;
};

static const struct tlb_preset tlb_presets[] = {
    {.name = "simple",
     .machine = "no machine, but what one begins with: one TLB for everything",
     .source = "mapwalk's own",
     .l1d = "64x4"},
    {.name = "two-level",
     .machine = "no machine, but the usual shape: first level split, second shared",
     .source = "mapwalk's own",
     .l1d = "64x4",
     .l1i = "64x4",
     .l2 = "1024x4"},
    /*
     * A Rocket entry is a sector: one tag for four neighbouring 4K pages, eight of those. Written as
     * 32 entries of one page, it reaches as far where programs use neighbours, and farther where
     * they do not. The cache of PTEs is found by physical address there and mixes all levels.
     */
    {.name = "rocket",
     .machine = "Rocket, the default big core (Rocket Chip)",
     .source = "chipsalliance/rocket-chip, src/main/scala/rocket: TLB.scala, ICache.scala "
               "(ICacheParams), HellaCache.scala (DCacheParams), RocketCore.scala (nL2TLBEntries = "
               "0, nPTECacheEntries = 8), PTW.scala. Not modelled: 4K entries are 8 sectors of 4 "
               "pages, here 32 of one; the one entry for pages in mixed PMP regions",
     .l1d = "4K:1x32/plru+2M,1G:1x4/plru",
     .l1i = "4K:1x32/plru+2M,1G:1x4/plru",
     .walk_cache = "1x8/plru"},
    {.name = "sifive-u54",
     .machine = "SiFive U54 (FU540, PolarFire SoC)",
     .source = "SiFive FU540-C000 Manual, section 4.7 \"Virtual Memory Support\": 32 + 32 fully "
               "associative, 128 behind, shared. Assumed, as in Rocket, from which it descends: "
               "the 128 are direct-mapped and for 4K pages, tree-PLRU, 8 cached pointers",
     .l1d = "4K,2M,1G:1x32/plru",
     .l1i = "4K,2M,1G:1x32/plru",
     .l2 = "4K:128x1",
     .walk_cache = "1x8/plru"},
    {.name = "cva6",
     .machine = "CVA6, configuration cv64a6_imafdc_sv39",
     .source = "openhwgroup/cva6, core/include/cv64a6_imafdc_sv39_config_pkg.sv (16 + 16 entries), "
               "core/cva6_mmu/cva6_tlb.sv (tree-PLRU). The shared TLB (UseSharedTlb) is off. Not "
               "modelled: its PLRU may evict while ways are empty",
     .l1d = "4K,2M,1G:1x16/plru",
     .l1i = "4K,2M,1G:1x16/plru"},
    {.name = "openc906",
     .machine = "T-Head C906 as published (OpenC906)",
     .source = "XUANTIE-RV/openc906, C906_RTL_FACTORY/gen_rtl/mmu/rtl: aq_mmu_utlb_top.v, "
               "aq_mmu_plru.v (10 entries), aq_mmu_jtlb_tag_array.v (64 x 2, FIFO), aq_mmu_ptw.v "
               "(walks begin at the root). Not modelled: the first level has no ASIDs and is "
               "emptied when satp is written",
     .l1d = "4K,2M,1G:1x10/plru",
     .l1i = "4K,2M,1G:1x10/plru",
     .l2 = "4K,2M,1G:64x2/fifo"},
    /* The data side cuts 2M pages to 4K, which is what happens here where no array holds 2M. */
    {.name = "openc910",
     .machine = "T-Head C910 as published (OpenC910)",
     .source = "XUANTIE-RV/openc910, gen_rtl/mmu/rtl: ct_mmu_iutlb.v (32), ct_mmu_dutlb.v, "
               "ct_mmu_dplru.v (16 for 4K), ct_mmu_dutlb_huge_entry.v (1 for 1G), ct_mmu_jtlb.v "
               "(256 x 4, FIFO). Not modelled: the first level has no ASIDs",
     .l1d = "4K:1x16/plru+1G:1x1",
     .l1i = "4K,2M,1G:1x32/plru",
     .l2 = "4K,2M,1G:256x4/fifo"},
    /*
     * A line of the page cache is 8 neighbouring PTEs: 32 sets of 8 lines for leaves are 256 sets of
     * 8 entries here, as neighbours lie in neighbouring sets; 8 sets of 4 lines are 64 sets of 4.
     */
    {.name = "xiangshan-kunminghu",
     .machine = "XiangShan, third generation (Kunminghu V2)",
     .source = "OpenXiangShan/XiangShan, src/main/scala/xiangshan: Parameters.scala (48 + 48), "
               "cache/mmu/MMUConst.scala (L2TLBParameters: l0 32 x 8 and l1 8 x 4 lines of 8 PTEs, "
               "l2, l3, sp 16; the design document has l0 64 x 4, l1 4 x 2). Not modelled: a miss "
               "fills a whole line. Assumed: no 64K entries",
     .l1d = "4K,2M,1G,512G:1x48/plru",
     .l1i = "4K,2M,1G,512G:1x48/plru",
     .l2 = "4K:256x8/plru+2M,1G,512G:1x16/plru",
     .walk_cache = "2M:64x4/plru+1G:1x16/plru+512G:1x16/plru"},
    {.name = "cortex-a53",
     .machine = "Arm Cortex-A53",
     .source =
         "Arm DDI 0500E (Cortex-A53 TRM), sections 5.2.1, 5.2.2; Intel 683222 (Stratix 10 HPS "
         "TRM), section 3.5.3.1, table 33: 10 + 10, 512 of 4 ways, walk cache 64 of 4 ways. "
         "Assumed: tree-PLRU; the first level holds what the second does. 1G pages are cut "
         "to 2M here, to 512M there. Not modelled: Arm's other page sizes, stage 2",
     .l1d = "4K,64K,2M:1x10/plru",
     .l1i = "4K,64K,2M:1x10/plru",
     .l2 = "4K,64K,2M:128x4/plru",
     .walk_cache = "16x4/plru"},
    {.name = "cortex-a76",
     .machine = "Arm Cortex-A76",
     .source = "Arm 100798 (Cortex-A76 TRM), sections A5.1, A5.2.1 to A5.2.3, tables A5-1, A5-3: "
               "48 + 48, 1280 of 5 ways. Assumed: tree-PLRU. Not modelled: Arm's other page sizes; "
               "four neighbours in one entry; pointers kept in the second level",
     .l1d = "4K,64K,2M:1x48/plru",
     .l1i = "4K,64K,2M:1x48/plru",
     .l2 = "4K,64K,2M,1G:256x5/plru"},
    /*
     * Intel says that caches of PML4, PDPT and page-directory entries may exist, and no size. The
     * second level's set is an exclusive or of two parts of the page number, not a remainder.
     */
    {.name = "skylake",
     .machine = "Intel Skylake (client), one thread a core",
     .source = "Intel 248966 (Optimization Manual), table 2-15, with CPUID leaf 2 of such "
               "processors: 128 of 8 ways + 8; 64, 32, 4 of 4 ways; 1536 of 12 ways + 16 of 4. "
               "Assumed: tree-PLRU; a walk cache (SDM volume 3A, section 4.10.3, gives no sizes) "
               "of 32, 4 and 2 entries. Not modelled: the second level's hashed sets",
     .l1d = "4K:16x4/plru+2M:8x4/plru+1G:1x4/plru",
     .l1i = "4K:16x8/plru+2M:1x8/plru",
     .l2 = "4K,2M:128x12/plru+1G:4x4/plru",
     .walk_cache = "2M:8x4/plru+1G:1x4/plru+512G:1x2/plru"},
};

#define TLB_PRESETS (sizeof(tlb_presets) / sizeof(tlb_presets[0]))

static void tlb_preset_part(const char *text, int walk_cache, struct mw_tlb *out)
{
    contract(mw_tlb_parse(text == NULL ? "none" : text, walk_cache, out) == 0);
}

static void tlb_preset_make(const struct tlb_preset *preset, struct mw_tlbs *out)
{
    memset(out, 0, sizeof(*out));
    tlb_preset_part(preset->l1d, 0, &out->l1d);
    tlb_preset_part(preset->l1i, 0, &out->l1i);
    tlb_preset_part(preset->l2, 0, &out->l2);
    tlb_preset_part(preset->walk_cache, 1, &out->walk_cache);
}

int mw_tlbs_preset(struct mw_tlbs *out, const char *name)
{
    for (size_t i = 0; i < TLB_PRESETS; i++)
        if (strcmp(tlb_presets[i].name, name) == 0) {
            tlb_preset_make(&tlb_presets[i], out);
            return 0;
        }
    return -EINVAL;
}

const char *mw_tlbs_preset_name(unsigned i, const char **machine, const char **source)
{
    if (i >= TLB_PRESETS)
        return NULL;
    if (machine != NULL)
        *machine = tlb_presets[i].machine;
    if (source != NULL)
        *source = tlb_presets[i].source;
    return tlb_presets[i].name;
}

/* `b` is a preset's, so it is valid. What lies behind the arrays that count does not matter. */
static bool tlb_preset_same(const struct mw_tlb *a, const struct mw_tlb *b)
{
    return a->arrays == b->arrays &&
           memcmp(a->array, b->array, a->arrays * sizeof(a->array[0])) == 0;
}

const char *mw_tlbs_preset_of(const struct mw_tlbs *tlbs)
{
    for (size_t i = 0; i < TLB_PRESETS; i++) {
        struct mw_tlbs preset;

        tlb_preset_make(&tlb_presets[i], &preset);
        if (tlb_preset_same(&tlbs->l1d, &preset.l1d) && tlb_preset_same(&tlbs->l1i, &preset.l1i) &&
            tlb_preset_same(&tlbs->l2, &preset.l2) && tlb_preset_same(&tlbs->l2i, &preset.l2i) &&
            tlb_preset_same(&tlbs->walk_cache, &preset.walk_cache) &&
            tlbs->prefetch == preset.prefetch)
            return tlb_presets[i].name;
    }
    return NULL;
}
