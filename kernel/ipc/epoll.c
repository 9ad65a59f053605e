// SPDX-License-Identifier: MIT
// epoll(7). docs/events.md has the whole story.
//
// An item is one watched descriptor; its wait entries stay on the file's queues, and their callback
// puts it on its epoll's ready list. Neither side holds a reference: file_destroy takes a file's
// items away before its release, and an epoll's release takes away its own.
//
//   epoll_mutex    which epolls watch which: held where an epoll comes to be watched, or goes, and
//                  where more is watched by an epoll that is watched. Who holds it may follow
//                  item->file and item->epoll between epolls
//   epoll->mutex   (m) its items, whose files stay meanwhile. Outer before inner, and no file is
//                  released under it.
//   watches_lock   file->watches of all files
//   epoll->lock    (l) the ready list; taken by callbacks, under the lock of a file's queue
//
// An item that was taken off the ready list is asked after that, and a waker makes the file ready
// before it looks whether the item is on the list: so either the asker sees what is new, or the
// item is on the list again.
#include "ipc/epoll.h"
#include "abi/errno.h"
#include "lib/rbtree.h"
#include "mm/slab.h"
#include "vfs/poll.h"
#include "vfs/pseudo.h"
#include "vfs/user.h"

#define NESTS_MAX 4   // epolls below the outermost
#define PATHS_MAX 500 // ways up from one epoll; from another file, but for those of one step
#define ENDLESS   100 // as a height: round in a circle

#define MODE_BITS    (EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLEXCLUSIVE)
#define ALWAYS_BITS  (EPOLLERR | EPOLLHUP)
#define EXCLUSIVE_OK (EPOLLIN | EPOLLOUT | ALWAYS_BITS | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)
#define READABLE     (POLLIN | POLLRDNORM)

struct epoll {
    struct ref refs; // its file's, and of files that go
    struct mutex mutex;
    struct rb_root items;   // (m) by file and descriptor
    struct spinlock lock;   // RANK_WAIT, nested
    struct list ready;      // (l) items to be asked
    struct wait_queue wait; // waiting threads, polls of this epoll, outer epolls
    struct file *file;      // (c)
    uid_t uid;              // (c) to whom items count
    struct list inner;      // (epoll_mutex) items whose files are epolls
    // (epoll_mutex) what a walk found here, valid if its number is here
    u32 below_walk, above_walk;
    u32 below, above; // the longest chain of epolls
    u32 paths;        // ways up
};

struct item {
    struct rb_node node;         // (m)
    struct list ready;           // (l)
    struct hnode file_node;      // (watches_lock) on file->watches
    struct list inner;           // (epoll_mutex) on epoll->inner
    struct epoll *epoll;         // (c)
    struct file *file;           // (c) not referenced
    int fd;                      // (c)
    u32 events;                  // (m; read anywhere) EPOLL*
    u64 data;                    // (m)
    struct poll_watches watches; // (c) once added
};

static struct mutex epoll_mutex = MUTEX_INIT(epoll_mutex, RANK_EPOLL);
static struct spinlock watches_lock = SPINLOCK_INIT(RANK_DEVICE);
static u32 walk; // (epoll_mutex) number of the last
static const struct file_ops epoll_ops;

bool file_is_epoll(const struct file *f)
{
    return f->ops == &epoll_ops;
}

/* Waking */

static bool item_woken(struct wait_entry *wait, u64 key)
{
    struct item *item = poll_watch_owner(wait);
    struct epoll *e = item->epoll;
    u32 wanted = load_relaxed(&item->events);

    if (!(wanted & ~MODE_BITS) || (key && !(key & wanted)))
        return false;
    spin_lock_nested(&e->lock);
    if (list_empty(&item->ready))
        list_insert_tail(&e->ready, &item->ready);
    spin_unlock(&e->lock);
    return wake_key_nested(&e->wait, READABLE); // it matters to exclusive items alone
}

// After a change: an item that is ready now joins the list.
static void item_check(struct item *item, u32 ready)
{
    struct epoll *e = item->epoll;
    irqflags_t irq;

    if (!(ready & item->events))
        return;
    irq = spin_lock_irqsave(&e->lock);
    if (list_empty(&item->ready))
        list_insert_tail(&e->ready, &item->ready);
    spin_unlock_irqrestore(&e->lock, irq);
    wake_key(&e->wait, READABLE);
}

/* Taking from the ready list */

// A walk along the list up to where it ended when the walk began.
struct harvest {
    struct epoll *epoll;
    struct list end;
    irqflags_t irq;
};

static void harvest_begin(struct harvest *h, struct epoll *e)
{
    h->epoll = e;
    mutex_lock(&e->mutex);
    h->irq = spin_lock_irqsave(&e->lock);
    list_insert_tail(&e->ready, &h->end);
}

// The next item, which is off the list, and what is ready of it; epoll->lock is dropped meanwhile.
static struct item *harvest_next(struct harvest *h, u32 *ready)
{
    struct epoll *e = h->epoll;
    struct item *item;

    for (;;) {
        struct list *first = e->ready.next;

        if (first == &h->end)
            return NULL;
        list_remove(first);
        spin_unlock_irqrestore(&e->lock, h->irq);
        item = container_of(first, struct item, ready);
        *ready = file_poll(item->file, NULL) & item->events & ~MODE_BITS;
        h->irq = spin_lock_irqsave(&e->lock);
        if (*ready)
            return item;
    }
}

// To the front, where the next walk begins.
static void harvest_put_back(struct harvest *h, struct item *item)
{
    list_remove(&item->ready);
    list_insert_head(&h->epoll->ready, &item->ready);
}

// What is left wakes the next thread.
static void harvest_end(struct harvest *h)
{
    struct epoll *e = h->epoll;
    bool more;

    list_remove(&h->end);
    more = !list_empty(&e->ready);
    spin_unlock_irqrestore(&e->lock, h->irq);
    mutex_unlock(&e->mutex);
    if (more)
        wake_next(&e->wait);
}

static void item_told(struct item *item)
{
    if (item->events & EPOLLONESHOT)
        store_relaxed(&item->events, item->events & MODE_BITS);
    else if (!(item->events & EPOLLET) && list_empty(&item->ready))
        list_insert_tail(&item->epoll->ready, &item->ready);
}

// How many events were stored; *stopped: at memory that is not ready.
static u32 events_store(struct epoll *e, struct uio *u, u32 max, bool *stopped)
{
    struct harvest h;
    struct item *item;
    u32 count = 0, ready;

    *stopped = false;
    harvest_begin(&h, e);
    while (count < max && (item = harvest_next(&h, &ready))) {
        struct epoll_event event = {.events = ready, .data = item->data};
        struct uio before = *u;

        *stopped = uio_put_nofault(u, &event, sizeof(event)) < sizeof(event);
        if (*stopped) {
            *u = before;
            harvest_put_back(&h, item);
            break;
        }
        item_told(item);
        count++;
    }
    harvest_end(&h);
    return count;
}

static s64 events_take(struct epoll *e, uaddr_t to, u32 max)
{
    struct uio u;
    bool stopped;
    u32 count;
    int err;

    uio_init_user(&u, to, max * sizeof(struct epoll_event));
    for (;;) {
        count = events_store(e, &u, max, &stopped);
        if (count || !stopped)
            return count;
        err = uio_prefault(&u, ACCESS_WRITE);
        if (err)
            return err;
    }
}

static bool epoll_may_have(struct epoll *e)
{
    return load_relaxed(&e->ready.next) != &e->ready;
}

s64 epoll_wait(struct file *epoll, uaddr_t to, u32 max, ns_t deadline)
{
    struct epoll *e = epoll->private;
    s64 count;
    int err;

    do {
        count = epoll_may_have(e) ? events_take(e, to, max) : 0;
        if (count || !deadline)
            return count;
        err = wait_event_exclusive(&e->wait, epoll_may_have(e), WAIT_INTERRUPTIBLE, deadline);
    } while (!err);
    return err == -ETIMEDOUT ? 0 : err;
}

static u32 epoll_poll(struct file *f, struct poll_table *table)
{
    struct epoll *e = f->private;
    struct harvest h;
    struct item *item;
    u32 ready;

    poll_wait(table, &e->wait);
    if (!epoll_may_have(e))
        return 0;
    harvest_begin(&h, e);
    item = harvest_next(&h, &ready);
    if (item)
        harvest_put_back(&h, item);
    harvest_end(&h);
    return item ? READABLE : 0;
}

/* Items */

static s64 item_order(const struct item *item, const struct file *f, int fd)
{
    return item->file != f ? (item->file < f ? 1 : -1) : (s64)fd - item->fd;
}

// The item of a descriptor, or NULL and where it belongs.
static struct item *item_find(struct epoll *e, const struct file *f, int fd,
                              struct rb_node **parent, struct rb_node ***link)
{
    *parent = NULL;
    *link = &e->items.node;
    while (**link) {
        struct item *item = container_of(**link, struct item, node);
        s64 order = item_order(item, f, fd);

        if (!order)
            return item;
        *parent = **link;
        *link = order < 0 ? &(*parent)->left : &(*parent)->right;
    }
    return NULL;
}

// Once its entries are off the queues no callback can run.
static void item_remove(struct item *item)
{
    struct epoll *e = item->epoll;
    irqflags_t irq;

    poll_watches_end(&item->watches);
    irq = spin_lock_irqsave(&e->lock);
    list_remove(&item->ready);
    spin_unlock_irqrestore(&e->lock, irq);
    spin_lock(&watches_lock);
    hlist_remove(&item->file_node);
    spin_unlock(&watches_lock);
    list_remove(&item->inner);
    rb_remove(&e->items, &item->node);
    kfree(item);
    user_count_sub(e->uid, USER_EPOLL_WATCHES, 1);
}

// A 25th of memory may be one user's items; most have one entry, a few two.
static int item_charge(struct epoll *e)
{
    u64 size = sizeof(struct item) + sizeof(struct poll_watch);
    int err = user_count_add(e->uid, USER_EPOLL_WATCHES, 1, frames_total() * PAGE_SIZE / 25 / size);

    return err == -EAGAIN ? -ENOSPC : err;
}

/* Epolls that watch epolls; epoll_mutex is held */

// The longest chain of epolls below e; ENDLESS if it leads to `target`.
static u32 chain_below(struct epoll *e, const struct epoll *target)
{
    struct item *item;

    if (e == target)
        return ENDLESS;
    if (e->below_walk == walk)
        return e->below;
    e->below_walk = walk;
    e->below = 0;
    LIST_FOR_EACH (item, &e->inner, inner)
        e->below = MAX(e->below, 1 + chain_below(item->file->private, target));
    return e->below;
}

// The longest chain of epolls above e, and in e->paths the number of ways.
static u32 chain_above(struct epoll *e)
{
    struct item *item;

    if (e->above_walk == walk)
        return e->above;
    e->above_walk = walk;
    e->above = e->paths = 0;
    HLIST_FOR_EACH (item, &e->file->watches, file_node) {
        e->above = MAX(e->above, 1 + chain_above(item->epoll));
        e->paths += 1 + item->epoll->paths;
    }
    return e->above;
}

// Of a file that is no epoll. Single steps do not count: they cost no more than threads that wait.
static bool file_paths_fit(struct file *f)
{
    struct item *item;
    u32 paths = 0;

    spin_lock(&watches_lock);
    HLIST_FOR_EACH (item, &f->watches, file_node) {
        chain_above(item->epoll);
        paths += item->epoll->paths;
        if (paths > PATHS_MAX)
            break;
    }
    spin_unlock(&watches_lock);
    return paths <= PATHS_MAX;
}

static bool paths_fit(struct epoll *e)
{
    struct rb_node *node;
    bool fit;

    if (e->below_walk == walk)
        return true;
    e->below_walk = walk;
    chain_above(e);
    fit = e->paths <= PATHS_MAX;
    mutex_lock(&e->mutex);
    for (node = rb_first(&e->items); node && fit; node = rb_next(node)) {
        struct file *f = container_of(node, struct item, node)->file;

        fit = file_is_epoll(f) ? paths_fit(f->private) : file_paths_fit(f);
    }
    mutex_unlock(&e->mutex);
    return fit;
}

// Whether `inner`, which is among e's items by now, may stay there.
static int nesting_check(struct epoll *e, struct epoll *inner)
{
    u32 below;

    walk++;
    below = chain_below(inner, e);
    if (below >= ENDLESS || below + 1 + chain_above(e) > NESTS_MAX)
        return -ELOOP;
    walk++;
    return paths_fit(inner) ? 0 : -EINVAL;
}

static bool is_watched(const struct epoll *e)
{
    return load_relaxed(&e->file->watches.first) != NULL;
}

/* epoll_ctl */

static struct item *item_create(struct epoll *e, struct file *f, int fd,
                                const struct epoll_event *event)
{
    struct item *item = kmalloc(sizeof(*item), ALLOC_ZERO);

    if (!item)
        return NULL;
    item->epoll = e;
    item->file = f;
    item->fd = fd;
    item->events = event->events | ALWAYS_BITS;
    item->data = event->data;
    list_init(&item->ready);
    list_init(&item->inner);
    return item;
}

static int item_add(struct epoll *e, struct file *f, int fd, const struct epoll_event *event)
{
    struct rb_node *parent, **link;
    struct item *item;
    u32 ready;
    int err = 0;

    if (item_find(e, f, fd, &parent, &link))
        return -EEXIST;
    err = item_charge(e);
    if (err)
        return err;
    item = item_create(e, f, fd, event);
    if (!item) {
        user_count_sub(e->uid, USER_EPOLL_WATCHES, 1);
        return -ENOMEM;
    }
    rb_link(&e->items, &item->node, parent, link);
    spin_lock(&watches_lock);
    hlist_insert(&f->watches, &item->file_node);
    spin_unlock(&watches_lock);
    if (file_is_epoll(f)) {
        list_insert_tail(&e->inner, &item->inner);
        err = nesting_check(e, f->private);
    } else if (is_watched(e)) {
        walk++;
        err = file_paths_fit(f) ? 0 : -EINVAL;
    }
    if (!err) {
        err = poll_watches_begin(&item->watches, f, item, item_woken, item->events & EPOLLEXCLUSIVE,
                                 &ready);
        if (!err)
            item_check(item, ready);
    }
    if (err)
        item_remove(item);
    return err;
}

static int item_modify(struct item *item, const struct epoll_event *event)
{
    if (item->events & EPOLLEXCLUSIVE)
        return -EINVAL;
    item->data = event->data;
    store_relaxed(&item->events, event->events | ALWAYS_BITS);
    smp_mb(); // a waker that saw the old events has made the file ready
    item_check(item, file_poll(item->file, NULL));
    return 0;
}

static int control_locked(struct epoll *e, int op, int fd, struct file *f,
                          const struct epoll_event *event)
{
    struct rb_node *parent, **link;
    struct item *item;

    if (op == EPOLL_CTL_ADD)
        return item_add(e, f, fd, event);
    item = item_find(e, f, fd, &parent, &link);
    if (!item)
        return -ENOENT;
    if (op == EPOLL_CTL_MOD)
        return item_modify(item, event);
    item_remove(item);
    return 0;
}

static int control_check(struct file *epoll, int op, struct file *f,
                         const struct epoll_event *event)
{
    if (!f->ops->poll)
        return -EPERM;
    if (f == epoll || !file_is_epoll(epoll))
        return -EINVAL;
    if (op != EPOLL_CTL_ADD && op != EPOLL_CTL_MOD && op != EPOLL_CTL_DEL)
        return -EINVAL;
    if (!event || !(event->events & EPOLLEXCLUSIVE))
        return 0;
    return op == EPOLL_CTL_MOD || file_is_epoll(f) || event->events & ~EXCLUSIVE_OK ? -EINVAL : 0;
}

int epoll_control(struct file *epoll, int op, int fd, struct file *f,
                  const struct epoll_event *event)
{
    struct epoll *e = epoll->private;
    int err = control_check(epoll, op, f, event);
    bool nested = file_is_epoll(f), again = !err;

    while (again) {
        if (nested)
            mutex_lock(&epoll_mutex);
        mutex_lock(&e->mutex);
        again = !nested && op == EPOLL_CTL_ADD && is_watched(e);
        if (!again)
            err = control_locked(e, op, fd, f, event);
        mutex_unlock(&e->mutex);
        if (nested)
            mutex_unlock(&epoll_mutex);
        nested = true;
    }
    return err;
}

/* Life */

static void epoll_put(struct epoll *e)
{
    if (ref_put(&e->refs))
        kfree(e);
}

// The file's first item, and its epoll with a reference; NULL: it has none.
static struct item *watch_first(struct file *f, struct epoll **e)
{
    struct item *item;

    spin_lock(&watches_lock);
    item = HLIST_OBJECT(f->watches.first, struct item, file_node);
    *e = item ? item->epoll : NULL;
    if (item)
        ref_get(&item->epoll->refs);
    spin_unlock(&watches_lock);
    return item;
}

// Nobody can add or ask for items of a file without references. An epoll that goes meanwhile takes
// all of its items away at once.
static void file_unwatch(struct file *f)
{
    bool nested = file_is_epoll(f);
    struct epoll *e;
    struct item *item;

    if (nested)
        mutex_lock(&epoll_mutex);
    while ((item = watch_first(f, &e))) {
        mutex_lock(&e->mutex);
        if (e->items.node)
            item_remove(item);
        mutex_unlock(&e->mutex);
        epoll_put(e);
    }
    if (nested)
        mutex_unlock(&epoll_mutex);
}

static void epoll_release(struct file *f)
{
    struct epoll *e = f->private;
    bool nested = !list_empty(&e->inner);

    if (nested)
        mutex_lock(&epoll_mutex);
    mutex_lock(&e->mutex);
    while (e->items.node)
        item_remove(container_of(e->items.node, struct item, node));
    mutex_unlock(&e->mutex);
    if (nested)
        mutex_unlock(&epoll_mutex);
    epoll_put(e);
}

// A line for each item.
static void epoll_show(struct file *f, struct text *t)
{
    struct epoll *e = f->private;

    mutex_lock(&e->mutex);
    for (struct rb_node *n = rb_first(&e->items); n; n = rb_next(n)) {
        const struct item *item = container_of(n, struct item, node);
        const struct inode *i = item->file->inode;

        text_printf(t, "tfd: %8d events: %8x data: %16lx  pos:%ld ino:%lx sdev:%x\n", item->fd,
                    item->events, item->data, item->file->pos, i->ino,
                    (u32)(dev_major(i->sb->dev) << 20 | dev_minor(i->sb->dev)));
    }
    mutex_unlock(&e->mutex);
}

static const struct file_ops epoll_ops = {
    .poll = epoll_poll,
    .release = epoll_release,
    .show = epoll_show,
};

int epoll_create(struct file **out)
{
    struct epoll *e = kmalloc(sizeof(*e), ALLOC_ZERO);
    int err;

    if (!e)
        return -ENOMEM;
    ref_init(&e->refs, 1);
    mutex_init(&e->mutex, RANK_NONE);
    spin_init(&e->lock, RANK_WAIT);
    list_init(&e->ready);
    list_init(&e->inner);
    wait_queue_init(&e->wait);
    err = file_create_anon(&epoll_ops, "anon_inode:[eventpoll]", NULL, O_RDWR, e, out);
    if (err) {
        kfree(e);
        return err;
    }
    e->file = *out;
    e->uid = thread_self()->cred->uid;
    file_unwatch_hook = file_unwatch;
    return 0;
}
