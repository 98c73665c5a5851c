/*
 * Intrusive doubly linked list with a head node. The list owns nothing; a node is on at most one
 * list.
 */
#ifndef MAPWALK_BASE_LIST_H
#define MAPWALK_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *prev;
};

#define container_of(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* The body must not remove `node`; use list_for_each_safe for that. */
#define list_for_each(node, head) \
    for (struct list *node = (head)->next; node != (head); node = node->next)

#define list_for_each_safe(node, next_node, head)                                   \
    for (struct list *node = (head)->next, *next_node = node->next; node != (head); \
         node = next_node, next_node = node->next)

static inline void list_init(struct list *head)
{
    head->next = head;
    head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_insert_after(struct list *at, struct list *node)
{
    node->next = at->next;
    node->prev = at;
    at->next->prev = node;
    at->next = node;
}

static inline void list_append(struct list *head, struct list *node)
{
    list_insert_after(head->prev, node);
}

/* Leaves the node initialised, so that removing it twice does nothing. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

#endif
