// SPDX-License-Identifier: MIT
// Doubly-linked list with a one-pointer head, for hash buckets. The owner locks.
#pragma once

#include "lib/macro.h"

struct hnode {
    struct hnode *next;
    struct hnode **pprev; // what points at this node; NULL while on no list
};

struct hlist {
    struct hnode *first;
};

// True for a zeroed node and for one that was removed.
static inline bool hlist_unlinked(const struct hnode *n)
{
    return n->pprev == NULL;
}

static inline void hlist_insert(struct hlist *h, struct hnode *n)
{
    n->next = h->first;
    n->pprev = &h->first;
    if (n->next)
        n->next->pprev = &n->next;
    h->first = n;
}

// Removing an unlinked node does nothing.
static inline void hlist_remove(struct hnode *n)
{
    if (hlist_unlinked(n))
        return;
    *n->pprev = n->next;
    if (n->next)
        n->next->pprev = n->pprev;
    n->next = NULL;
    n->pprev = NULL;
}

#define HLIST_OBJECT(node, type, member)                              \
    ({                                                                \
        struct hnode *object_node = (node);                           \
        object_node ? container_of(object_node, type, member) : NULL; \
    })

// `var` is a typed pointer, NULL after a complete walk.
#define HLIST_FOR_EACH(var, h, member)                                  \
    for (var = HLIST_OBJECT((h)->first, __typeof__(*var), member); var; \
         var = HLIST_OBJECT(var->member.next, __typeof__(*var), member))
