/*
 * The volatile write cache's books: versions of blocks, by block and by age.
 *
 * Layer 3; see dev_volatile_inner.h, whose I-VOLATILE-5..7 hold whenever a function here returns.
 */
#include <string.h>

#include "base/contract.h"
#include "dev/dev_volatile_inner.h"

struct volatile_block *volatile_store_next(const struct dev_volatile *v, uint64_t block)
{
    void *found;

    return radix_next(&v->blocks, &block, &found) ? found : NULL;
}

/* The entry of a block, made if need be; NULL: no memory. An entry made has no version yet. */
static struct volatile_block *volatile_store_home(struct dev_volatile *v, uint64_t block)
{
    struct volatile_block *b = radix_get(&v->blocks, block);

    if (b != NULL)
        return b;
    b = alloc_zeroed(v->alloc, sizeof *b);
    if (b == NULL)
        return NULL;
    b->block = block;
    list_init(&b->versions);
    if (radix_insert(&v->blocks, block, b) != 0) {
        alloc_release(v->alloc, b);
        return NULL;
    }
    return b;
}

static void volatile_store_forget_if_empty(struct dev_volatile *v, struct volatile_block *b)
{
    if (!list_empty(&b->versions))
        return;
    radix_remove(&v->blocks, b->block);
    alloc_release(v->alloc, b);
}

static struct volatile_request *volatile_request_new(struct dev_volatile *v)
{
    struct volatile_request *request = alloc_zeroed(v->alloc, sizeof *request);

    if (request == NULL)
        return NULL;
    request->number = ++v->request_number;
    list_append(&v->requests, &request->link);
    v->request_count++;
    return request;
}

static void volatile_request_drop(struct dev_volatile *v, struct volatile_request *request)
{
    list_remove(&request->link);
    v->request_count--;
    alloc_release(v->alloc, request);
}

/* One more version, the newest. `bytes` NULL: zeros. 0 or -ENOMEM. */
static int volatile_version_add(struct dev_volatile *v, struct volatile_request *request,
                                uint64_t block, const uint8_t *bytes)
{
    size_t size = sizeof(struct volatile_version) + (bytes != NULL ? DEV_BLOCK_BYTES : 0);
    struct volatile_block *home = volatile_store_home(v, block);
    struct volatile_version *version = home != NULL ? alloc_zeroed(v->alloc, size) : NULL;

    if (version == NULL) {
        if (home != NULL)
            volatile_store_forget_if_empty(v, home);
        return -ENOMEM;
    }
    if (bytes != NULL)
        memcpy(version->bytes, bytes, DEV_BLOCK_BYTES);
    version->zero = bytes == NULL;
    version->home = home;
    version->request = request;
    request->left++;
    v->version_count++;
    list_append(&home->versions, &version->of_block);
    list_append(&v->versions, &version->in_order);
    return 0;
}

void volatile_store_drop(struct dev_volatile *v, struct volatile_version *version)
{
    struct volatile_request *request = version->request;

    list_remove(&version->of_block);
    list_remove(&version->in_order);
    v->version_count--;
    volatile_store_forget_if_empty(v, version->home);
    alloc_release(v->alloc, version);
    if (--request->left == 0)
        volatile_request_drop(v, request);
}

void volatile_store_drop_block(struct dev_volatile *v, struct volatile_block *b)
{
    bool last = false;

    while (!last) { /* the entry goes with its last version */
        last = b->versions.next == b->versions.prev;
        volatile_store_drop(v, volatile_version_of_block(b->versions.next));
    }
}

void volatile_store_drop_range(struct dev_volatile *v, uint64_t block, uint64_t count)
{
    struct volatile_block *b = volatile_store_next(v, block);

    while (b != NULL && b->block - block < count) {
        volatile_store_drop_block(v, b);
        b = volatile_store_next(v, block);
    }
}

void volatile_store_drop_all(struct dev_volatile *v)
{
    while (!list_empty(&v->versions))
        volatile_store_drop(v, volatile_version_in_order(v->versions.next));
}

/* Takes back what was added for a request that could not be completed: the newest versions. */
static int volatile_store_undo(struct dev_volatile *v, struct volatile_request *request)
{
    uint64_t left = request->left;

    if (left == 0)
        volatile_request_drop(v, request);
    for (; left > 0; left--) /* the request goes with its last version */
        volatile_store_drop(v, volatile_version_in_order(v->versions.prev));
    return -ENOMEM;
}

int volatile_store_add(struct dev_volatile *v, uint64_t block, const struct dev_span *spans,
                       uint32_t span_count)
{
    struct volatile_request *request = volatile_request_new(v);

    if (request == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < span_count; i++) {
        const uint8_t *bytes = spans[i].bytes;

        for (uint32_t j = 0; j < spans[i].blocks; j++, bytes += DEV_BLOCK_BYTES)
            if (volatile_version_add(v, request, block++, bytes) != 0)
                return volatile_store_undo(v, request);
    }
    return 0;
}

int volatile_store_add_zeros(struct dev_volatile *v, uint64_t block, uint32_t count)
{
    struct volatile_request *request = volatile_request_new(v);

    if (request == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++)
        if (volatile_version_add(v, request, block + i, NULL) != 0)
            return volatile_store_undo(v, request);
    return 0;
}

/* ---- the way down ---- */

int volatile_run_end(struct volatile_run *run)
{
    uint32_t count = run->count;

    run->count = 0;
    if (count == 0)
        return 0;
    if (run->zero)
        return dev_zero(run->lower, run->block, count);
    return dev_write_gather(run->lower, run->block, run->spans, count, 0);
}

static bool volatile_run_fits(const struct volatile_run *run, const struct volatile_version *next)
{
    if (run->count == 0)
        return true;
    return next->home->block == run->block + run->count && next->zero == run->zero &&
           run->count < VOLATILE_RUN_SPANS;
}

int volatile_run_add(struct volatile_run *run, const struct volatile_version *version)
{
    int err = volatile_run_fits(run, version) ? 0 : volatile_run_end(run);

    if (err != 0)
        return err;
    if (run->count == 0) {
        run->block = version->home->block;
        run->zero = version->zero;
    }
    run->spans[run->count++] = (struct dev_span){volatile_version_bytes(version), 1};
    return 0;
}

int volatile_store_write_all(struct dev_volatile *v)
{
    struct volatile_run run = {.lower = v->lower};
    struct volatile_block *b = volatile_store_next(v, 0);
    int err = 0;

    for (; b != NULL && err == 0; b = volatile_store_next(v, b->block + 1))
        err = volatile_run_add(&run, volatile_block_newest(b));
    return err != 0 ? err : volatile_run_end(&run);
}

/*
 * The oldest version of all, and those after it that go on behind it on the device: each is the
 * oldest of its block.
 */
static int volatile_store_write_oldest(struct dev_volatile *v)
{
    struct volatile_run run = {.lower = v->lower};
    struct list *node = v->versions.next;
    uint32_t count = 0;
    int err = 0;

    for (; err == 0 && node != &v->versions; node = node->next, count++) {
        if (!volatile_run_fits(&run, volatile_version_in_order(node)))
            break;
        err = volatile_run_add(&run, volatile_version_in_order(node));
    }
    if (err == 0)
        err = volatile_run_end(&run);
    for (; err == 0 && count > 0; count--)
        volatile_store_drop(v, volatile_version_in_order(v->versions.next));
    return err;
}

/* Any block; its newest version, as a cache with one place a block has no other. */
static int volatile_store_write_any(struct dev_volatile *v)
{
    struct volatile_run run = {.lower = v->lower};
    struct volatile_block *b = volatile_store_next(v, prng_below(&v->reorder, v->dev.blocks));
    int err;

    if (b == NULL)
        b = volatile_store_next(v, 0);
    err = volatile_run_add(&run, volatile_block_newest(b));
    if (err == 0)
        err = volatile_run_end(&run);
    if (err == 0)
        volatile_store_drop_block(v, b);
    return err;
}

int volatile_store_make_room(struct dev_volatile *v, uint64_t count)
{
    int err = 0;

    contract(count <= v->options.capacity_blocks);
    while (err == 0 && v->version_count > v->options.capacity_blocks - count)
        err = v->options.reorder_seed != 0 ? volatile_store_write_any(v)
                                           : volatile_store_write_oldest(v);
    return err;
}
