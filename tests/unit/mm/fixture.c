/*
 * The fixture of the mm tests: see fixture.h.
 */
#include "unit/mm/fixture.h"

#include <string.h>

#include "cache/writeback.h"

#define FIXTURE_FRAMES 512

static void fixture_configure(struct mw_config *config)
{
    config->mode = MW_MODE_SV39;
    config->hardware_ad = true;
    config->mmap_min_addr = 0x10000;
    config->brk_base = 0x10000000;
    config->stack_limit_bytes = 1 << 20;
    config->max_map_count = 1000;
    config->limit_as_bytes = MW_UNLIMITED;
    config->limit_data_bytes = MW_UNLIMITED;
    config->limit_memlock_bytes = MW_UNLIMITED;
    config->overcommit_ratio = 50;
}

static void fixture_hardware(struct fixture *f)
{
    struct hart_setup setup = {.asid_bits = 16, .hardware_ad = true};

    assert_int_equal(mw_tlb_parse("16x2", 0, &setup.tlbs.l1d), 0);
    event_bus_init(&f->bus, &f->clock);
    assert_int_equal(ram_init(&f->ram, paddr(0x80000000), FIXTURE_FRAMES * PAGE, 0), 0);
    assert_int_equal(hart_init(&f->hart, &setup, &f->alloc, &f->ram, &f->bus, &f->clock), 0);
    hart_set_privilege(&f->hart, true, false, false);
    hart_set_init(&f->harts, &f->hart, 1, 16, &f->clock, 1, 1);
    assert_int_equal(frame_table_init(&f->frames, &f->ram, &f->bus, &f->clock, 1, 1), 0);
}

static void fixture_files(struct fixture *f)
{
    struct cache_setup setup = {.alloc = &f->alloc,
                                .frames = &f->frames,
                                .bus = &f->bus,
                                .clock = &f->clock,
                                .mapper = &mm_mapper_ops,
                                .policy.max_readahead_pages = 32};

    assert_int_equal(dev_ram_new(&f->alloc, 1 << 20, &f->disk), 0);
    assert_int_equal(volume_format(&f->alloc, f->disk), 0);
    assert_int_equal(volume_mount(&f->alloc, f->disk, &f->volume), 0);
    setup.volume = f->volume;
    setup.dev = f->disk;
    assert_int_equal(cache_init(&f->cache, &setup), 0);
}

int fixture_set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    fixture_configure(&f->config);
    fixture_hardware(f);
    fixture_files(f);
    f->env = (struct mm_env){.alloc = &f->alloc,
                             .config = &f->config,
                             .frames = &f->frames,
                             .harts = &f->harts,
                             .cache = &f->cache,
                             .bus = &f->bus};
    assert_int_equal(mm_env_init(&f->env), 0);
    assert_int_equal(mm_create(&f->env, &f->mm), 0);
    *state = f;
    return 0;
}

int fixture_tear_down(void **state)
{
    struct fixture *f = *state;

    mm_destroy(f->mm);
    mm_env_destroy(&f->env);
    assert_int_equal(cache_sync(&f->cache), 0);
    cache_destroy(&f->cache);
    assert_int_equal(volume_unmount(f->volume), 0);
    dev_destroy(f->disk);
    assert_true(frame_check(&f->frames, true));
    assert_int_equal(f->frames.used, 0);
    frame_table_destroy(&f->frames);
    hart_destroy(&f->hart);
    ram_destroy(&f->ram);
    assert_int_equal(f->alloc.live_blocks, 0);
    test_free(f);
    return 0;
}

struct test_file {
    struct mapped_file mapped;
    struct alloc *alloc;
};

static void test_file_release(struct mapped_file *mapped)
{
    struct test_file *file = container_of(mapped, struct test_file, mapped);

    file_map_put(mapped->map);
    alloc_release(file->alloc, file);
}

struct mapped_file *fixture_file(struct fixture *f, uint64_t pages)
{
    struct test_file *file = alloc_zeroed(&f->alloc, sizeof(*file));
    struct inode *inode;

    if (inode_open(f->volume, "/f", &inode) != 0)
        assert_int_equal(inode_create(f->volume, "/f", false, &inode), 0);
    assert_int_equal(file_map_open(&f->cache, inode, &file->mapped.map), 0);
    inode_put(inode);
    assert_int_equal(cache_truncate(file->mapped.map, pages * PAGE), 0);
    file->alloc = &f->alloc;
    file->mapped.refs = 1;
    file->mapped.readable = true;
    file->mapped.writable = true;
    file->mapped.release = test_file_release;
    return &file->mapped;
}

void fixture_map(struct fixture *f, vaddr_t va, uint64_t bytes, int prot, int flags,
                 struct mapped_file *file)
{
    assert_int_equal(mm_mmap(f->mm, va, bytes, prot, flags | MAP_FIXED, file, 0), va);
}

uint8_t *fixture_access(struct fixture *f, struct mm *mm, vaddr_t va, enum mw_access access)
{
    struct trap trap;
    uint8_t *host;

    pt_activate(&mm->pt, &f->hart);
    while ((host = hart_translate(&f->hart, va, access, &trap)) == NULL) {
        assert_int_equal(mm_fault(mm, &trap).signal, 0);
        event_op_end(&f->bus, trap.opened_op);
    }
    return host;
}

struct mm_outcome fixture_fault(struct fixture *f, vaddr_t va, enum mw_access access)
{
    const struct trap trap = {.va = va, .access = access, .cause = MW_CAUSE_LOAD_PAGE};

    return mm_fault(f->mm, &trap);
}
