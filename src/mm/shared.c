/*
 * Shared anonymous memory: an object with pages but no file, found by the areas that map it.
 * Layer 6.
 */
#include "mm/mm.h"
#include "mm/mm_private.h"

struct shared_object {
    struct mapped_file mapped; /* first: what areas hold is this */
    struct alloc *alloc;
};

static void shared_release(struct mapped_file *file)
{
    struct shared_object *object = container_of(file, struct shared_object, mapped);

    file_map_put(file->map);
    alloc_release(object->alloc, object);
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
    object->alloc = env->alloc;
    object->mapped.refs = 1;
    object->mapped.readable = true;
    object->mapped.writable = true;
    object->mapped.release = shared_release;
    *out = &object->mapped;
    return 0;
}
