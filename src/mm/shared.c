/*
 * Shared anonymous memory: an object with pages but no file, found by the areas that map it.
 * Layer 6.
 */
#include "mm/mm.h"
#include "mm/mm_private.h"

struct shared_object {
    struct mapped_file mapped; /* first: what areas hold is this */
    struct mm_env *env;
    uint64_t charged_pages; /* of env->committed_pages */
};

static void shared_release(struct mapped_file *file)
{
    struct shared_object *object = container_of(file, struct shared_object, mapped);

    file_map_put(file->map);
    object->env->committed_pages -= object->charged_pages;
    alloc_release(object->env->alloc, object);
}

/* Mapped as it is; nobody but us ever asks for it. */
static int shared_map(struct mapped_file *file, bool shared, uint64_t bytes,
                      struct mapped_file **instead)
{
    (void)file;
    (void)shared;
    (void)bytes;
    (void)instead;
    return 0;
}

const struct mapped_ops mm_shared_ops = {.map = shared_map};

bool mm_maps_for_writing(const struct file_map *map)
{
    list_for_each (node, &map->mappers)
        if (vma_shares_writes(container_of(node, const struct vma, link)))
            return true;
    return false;
}

int mm_shared_new(struct mm_env *env, uint64_t bytes, struct mapped_file **out)
{
    struct shared_object *object = alloc_zeroed(env->alloc, sizeof(*object));
    int err;

    if (object == NULL)
        return -ENOMEM;
    err = file_map_new_anonymous(env->cache, bytes, &object->mapped.map);
    if (err != 0) {
        alloc_release(env->alloc, object);
        return err;
    }
    object->env = env;
    object->mapped.ops = &mm_shared_ops;
    object->mapped.refs = 1;
    object->mapped.readable = true;
    object->mapped.writable = true;
    object->mapped.release = shared_release;
    *out = &object->mapped;
    return 0;
}

void mm_shared_account(struct mm_env *env, struct mapped_file *file)
{
    struct shared_object *object = container_of(file, struct shared_object, mapped);

    object->charged_pages = file_map_bytes(file->map) >> PAGE_SHIFT;
    env->committed_pages += object->charged_pages;
}
