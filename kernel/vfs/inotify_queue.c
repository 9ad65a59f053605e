// SPDX-License-Identifier: MIT
// The events of one inotify instance: order, merging, overflow, and their form in a program's
// buffer.
#include "vfs/inotify_queue.h"
#include "abi/errno.h"
#include "lib/string.h"
#include "mm/slab.h"

void inotify_queue_init(struct inotify_queue *q, u32 max)
{
    *q = (struct inotify_queue){.max = max};
    list_init(&q->items);
    list_init(&q->overflow.link);
    q->overflow.head = (struct inotify_event){.wd = -1, .mask = IN_Q_OVERFLOW};
}

// The name has at least one NUL, and what follows is aligned as an event.
static size_t record_size(const struct inotify_event *head)
{
    return sizeof(*head) + (head->len ? ALIGN_UP(head->len + 1, sizeof(*head)) : 0);
}

static void item_remove(struct inotify_queue *q, struct inotify_item *item)
{
    list_remove(&item->link);
    q->bytes -= record_size(&item->head);
    q->count--;
    if (item != &q->overflow)
        kfree(item);
}

void inotify_queue_fini(struct inotify_queue *q)
{
    while (!list_empty(&q->items))
        item_remove(q, list_first(&q->items, struct inotify_item, link));
}

static bool item_equals(const struct inotify_item *item, const struct inotify_event *head,
                        const char *name)
{
    return !memcmp(&item->head, head, sizeof(*head)) && !memcmp(item->name, name, head->len);
}

static struct inotify_item *item_create(const struct inotify_event *head, const char *name)
{
    struct inotify_item *item = kmalloc(sizeof(*item) + head->len, 0);

    if (!item)
        return NULL;
    list_init(&item->link);
    item->head = *head;
    memcpy(item->name, name, head->len);
    return item;
}

bool inotify_queue_add(struct inotify_queue *q, const struct inotify_event *head, const char *name)
{
    struct inotify_item *last = list_last(&q->items, struct inotify_item, link), *item = NULL;

    if (q->count < q->max) {
        if (last && !(head->mask & IN_IGNORED) && item_equals(last, head, name))
            return false;
        item = item_create(head, name);
    }
    if (!item && !list_empty(&q->overflow.link))
        return false;
    item = item ?: &q->overflow;
    q->count++;
    list_insert_tail(&q->items, &item->link);
    q->bytes += record_size(&item->head);
    return true;
}

ssize_t inotify_queue_take(struct inotify_queue *q, size_t room, struct inotify_record *out)
{
    struct inotify_item *item = list_first(&q->items, struct inotify_item, link);
    size_t size;

    if (!item)
        return 0;
    size = record_size(&item->head);
    if (size > room)
        return -EINVAL;
    out->head = item->head;
    out->head.len = size - sizeof(out->head);
    memcpy(out->name, item->name, item->head.len);
    memset(out->name + item->head.len, 0, out->head.len - item->head.len);
    item_remove(q, item);
    return size;
}
