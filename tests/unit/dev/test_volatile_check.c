/* The checker of the volatile write cache sees broken books. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dev/dev_volatile_inner.h"

struct fixture {
    struct alloc alloc;
    struct dev *ram;
    struct dev *dev;
    struct dev_volatile *v;
};

/* Two requests: the first over blocks 0 to 3, the second over 2 and 3. */
static int set_up(void **state)
{
    static const uint8_t bytes[4 * DEV_BLOCK_BYTES];
    struct fixture *f = test_calloc(1, sizeof(*f));

    assert_int_equal(dev_ram_new(&f->alloc, 8 * DEV_BLOCK_BYTES, &f->ram), 0);
    assert_int_equal(dev_volatile_new(&f->alloc, f->ram, NULL, &f->dev), 0);
    f->v = dev_volatile_of(f->dev);
    assert_int_equal(dev_write(f->dev, 0, 4, bytes), 0);
    assert_int_equal(dev_write(f->dev, 2, 2, bytes), 0);
    assert_true(dev_volatile_check(f->dev));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    assert_true(dev_volatile_check(f->dev)); /* what was broken has been mended */
    dev_destroy(f->dev);
    dev_destroy(f->ram);
    assert_int_equal(f->alloc.live_blocks, 0);
    test_free(f);
    return 0;
}

static void assert_broken(const struct fixture *f)
{
    assert_false(dev_volatile_check(f->dev));
}

static void the_checker_sees_an_entry_without_versions(void **state)
{
    struct fixture *f = *state;
    struct volatile_block *b = volatile_store_next(f->v, 0);
    struct list *version = b->versions.next;

    list_remove(version);
    assert_broken(f);
    list_append(&b->versions, version);
}

static void the_checker_sees_versions_out_of_order(void **state)
{
    struct fixture *f = *state;
    struct volatile_block *b = volatile_store_next(f->v, 2);
    struct list *oldest = b->versions.next;
    struct list *first = f->v->versions.next;

    list_remove(oldest);
    list_append(&b->versions, oldest);
    assert_broken(f);
    list_remove(oldest);
    list_insert_after(&b->versions, oldest);

    list_remove(first);
    list_append(&f->v->versions, first);
    assert_broken(f);
    list_remove(first);
    list_insert_after(&f->v->versions, first);
}

static void the_checker_sees_a_version_in_a_wrong_place(void **state)
{
    struct fixture *f = *state;
    struct volatile_version *version = volatile_block_newest(volatile_store_next(f->v, 0));
    struct volatile_block *home = version->home;

    version->home = volatile_store_next(f->v, 1);
    assert_broken(f);
    version->home = home;
}

static void the_checker_sees_wrong_counts(void **state)
{
    struct fixture *f = *state;
    struct volatile_request *request =
        container_of(f->v->requests.next, struct volatile_request, link);

    request->left++;
    assert_broken(f);
    request->left -= 2;
    assert_broken(f);
    request->left++;
    f->v->request_count++;
    assert_broken(f);
    f->v->request_count--;
    f->v->version_count++;
    assert_broken(f);
    f->v->version_count--;
}

static void the_checker_sees_pending_writes_without_power(void **state)
{
    struct fixture *f = *state;

    f->v->power = VOLATILE_OFF;
    assert_broken(f);
    f->v->power = VOLATILE_STOPPED; /* there they belong */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(the_checker_sees_an_entry_without_versions),
        TEST(the_checker_sees_versions_out_of_order),
        TEST(the_checker_sees_a_version_in_a_wrong_place),
        TEST(the_checker_sees_wrong_counts),
        TEST(the_checker_sees_pending_writes_without_power),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
