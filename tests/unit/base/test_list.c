/*
 * Intrusive lists (base/list.h).
 */
#include "base/list.h"

#include <string.h>

#include "unit.h"

struct item {
    char name;
    struct list link;
};

static char item_name(struct list *node)
{
    return container_of(node, struct item, link)->name;
}

/* The names on a list, forwards; checks that the way back is the same. */
static void assert_names(struct list *head, const char *expected)
{
    char forwards[8] = "";
    char backwards[8] = "";
    size_t count = 0;
    list_for_each (node, head)
        forwards[count++] = item_name(node);
    for (struct list *node = head->prev; node != head; node = node->prev)
        backwards[--count] = item_name(node);
    assert_string_equal(forwards, expected);
    assert_int_equal(count, 0);
    assert_memory_equal(backwards, expected, strlen(expected));
}

static void a_new_list_is_empty(void **state)
{
    (void)state;
    struct list head;
    list_init(&head);
    assert_true(list_empty(&head));
    assert_names(&head, "");
}

static void appended_nodes_keep_their_order(void **state)
{
    (void)state;
    struct list head;
    struct item items[] = {{.name = 'a'}, {.name = 'b'}, {.name = 'c'}};
    list_init(&head);
    for (size_t i = 0; i < 3; i++)
        list_append(&head, &items[i].link);
    assert_false(list_empty(&head));
    assert_names(&head, "abc");
}

static void a_node_is_inserted_right_after_another(void **state)
{
    (void)state;
    struct list head;
    struct item a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'};
    list_init(&head);
    list_insert_after(&head, &c.link);
    list_insert_after(&head, &a.link);
    list_insert_after(&a.link, &b.link);
    assert_names(&head, "abc");
}

static void removing_a_node_twice_does_nothing(void **state)
{
    (void)state;
    struct list head;
    struct item a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'};
    list_init(&head);
    list_append(&head, &a.link);
    list_append(&head, &b.link);
    list_append(&head, &c.link);
    list_remove(&b.link);
    assert_names(&head, "ac");
    list_remove(&b.link);
    assert_names(&head, "ac");
}

static void the_safe_loop_may_remove_its_node(void **state)
{
    (void)state;
    struct list head;
    struct item items[] = {{.name = 'a'}, {.name = 'b'}, {.name = 'c'}, {.name = 'd'}};
    list_init(&head);
    for (size_t i = 0; i < 4; i++)
        list_append(&head, &items[i].link);
    list_for_each_safe (node, following, &head) {
        if (item_name(node) != 'c')
            list_remove(node);
    }
    assert_names(&head, "c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_list_is_empty),
        cmocka_unit_test(appended_nodes_keep_their_order),
        cmocka_unit_test(a_node_is_inserted_right_after_another),
        cmocka_unit_test(removing_a_node_twice_does_nothing),
        cmocka_unit_test(the_safe_loop_may_remove_its_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
