// SPDX-License-Identifier: MIT
// Circular doubly-linked list; one struct serves as head and as the node inside an element.
//
// The owner locks. A node that is on no list points to itself, so list_empty(&obj->node) asks
// whether the object is queued, and removing twice is harmless.
#pragma once

#include "lib/macro.h"

struct list {
    struct list *next, *prev;
};

// Static initializer: `static struct list queue = LIST_INIT(queue);`
#define LIST_INIT(name)  \
    {                    \
        &(name), &(name) \
    }

static inline void list_init(struct list *l)
{
    l->next = l;
    l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_insert_before(struct list *pos, struct list *n)
{
    n->next = pos;
    n->prev = pos->prev;
    pos->prev->next = n;
    pos->prev = n;
}

static inline void list_insert_head(struct list *l, struct list *n)
{
    list_insert_before(l->next, n);
}

static inline void list_insert_tail(struct list *l, struct list *n)
{
    list_insert_before(l, n);
}

static inline void list_remove(struct list *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    list_init(n);
}

// The whole of `from`, which is empty then, becomes `to`'s.
static inline void list_move(struct list *from, struct list *to)
{
    list_insert_before(from->next, to);
    list_remove(from);
}

// Removes and returns the first node, or NULL.
static inline struct list *list_pop_node(struct list *l)
{
    struct list *n = l->next;

    if (n == l)
        return NULL;
    list_remove(n);
    return n;
}

// The following return a typed object, or NULL where there is none.
#define list_first(l, type, member)                                                   \
    ({                                                                                \
        const struct list *first_head = (l);                                          \
        list_empty(first_head) ? NULL : container_of(first_head->next, type, member); \
    })

#define list_last(l, type, member)                                                  \
    ({                                                                              \
        const struct list *last_head = (l);                                         \
        list_empty(last_head) ? NULL : container_of(last_head->prev, type, member); \
    })

#define list_pop(l, type, member)                               \
    ({                                                          \
        struct list *pop_node = list_pop_node(l);               \
        pop_node ? container_of(pop_node, type, member) : NULL; \
    })

#define list_next(l, obj, member)                                                      \
    ({                                                                                 \
        struct list *next_node = (obj)->member.next;                                   \
        next_node == (l) ? NULL : container_of(next_node, __typeof__(*(obj)), member); \
    })

// `var` is a typed pointer; the list must not change except behind it.
#define LIST_FOR_EACH(var, l, member)                                                  \
    for (var = container_of((l)->next, __typeof__(*var), member); &var->member != (l); \
         var = container_of(var->member.next, __typeof__(*var), member))

// As above; the body may remove `var` (and only `var`). `tmp` has the type of `var`.
#define LIST_FOR_EACH_SAFE(var, tmp, l, member)                         \
    for (var = container_of((l)->next, __typeof__(*var), member),       \
        tmp = container_of(var->member.next, __typeof__(*var), member); \
         &var->member != (l);                                           \
         var = tmp, tmp = container_of(tmp->member.next, __typeof__(*var), member))
