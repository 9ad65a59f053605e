// SPDX-License-Identifier: MIT
// inotify(7): instances, watches, and who is told of an event. docs/inotify.md has the whole story.
//
// inotify_lock guards all that can change. A watch is in both trees or in none: who takes it out
// owns it and frees it, outside of all spinlocks, since the inode may go with it. An instance takes
// out all of its watches before it is freed, so a watch in a tree leads to a live instance.
#include "vfs/inotify.h"
#include "abi/errno.h"
#include "abi/ioctl.h"
#include "lib/rbtree.h"
#include "mm/slab.h"
#include "vfs/inotify_queue.h"
#include "vfs/internal.h"
#include "vfs/poll.h"
#include "vfs/pseudo.h"
#include "vfs/user.h"

#define READABLE    (POLLIN | POLLRDNORM)
#define WATCH_FLAGS (IN_ALL_EVENTS | IN_EXCL_UNLINK | IN_ONESHOT)

struct instance {
    uid_t uid;                  // (c) who is charged for it and its watches
    struct rb_root watches;     // (inotify_lock) by wd
    int last_wd;                // (inotify_lock)
    struct inotify_queue queue; // (inotify_lock; count read anywhere)
    struct wait_queue readers;
};

struct watch {
    struct rb_node by_inode;   // (inotify_lock) by superblock, inode, instance
    struct rb_node by_wd;      // (inotify_lock)
    struct instance *instance; // (c)
    struct inode *inode;       // (c) referenced, and its superblock held
    uid_t uid;                 // (c) the instance's
    int wd;                    // (c)
    u32 mask;                  // (inotify_lock) of WATCH_FLAGS
    struct watch *next;        // on a list of those taken out
};

static struct spinlock inotify_lock = SPINLOCK_INIT(RANK_DEVICE);
static struct rb_root watches; // (inotify_lock)
static u32 last_cookie;        // (a)
u32 inotify_watches;
u64 inotify_max_events = 16384, inotify_max_instances = 128, inotify_max_watches = 8192;
static const struct file_ops inotify_ops;

bool file_is_inotify(const struct file *f)
{
    return f->ops == &inotify_ops;
}

/* Trees */

static int order(u64 a, u64 b)
{
    return a < b ? -1 : a > b;
}

// As the key (superblock, inode, instance) against a watch's.
static int watch_order(const struct superblock *sb, const struct inode *i,
                       const struct instance *in, const struct watch *w)
{
    return order((u64)sb, (u64)w->inode->sb)
               ?: order((u64)i, (u64)w->inode) ?: order((u64)in, (u64)w->instance);
}

static struct watch *watch_of(struct rb_node *n)
{
    return n ? container_of(n, struct watch, by_inode) : NULL;
}

// The first watch at or after a key.
static struct watch *watch_from(const struct superblock *sb, const struct inode *i,
                                const struct instance *in)
{
    struct rb_node *n = watches.node, *found = NULL;

    while (n) {
        bool after = watch_order(sb, i, in, watch_of(n)) > 0;

        found = after ? found : n;
        n = after ? n->right : n->left;
    }
    return watch_of(found);
}

static struct watch *watch_first(const struct inode *i)
{
    struct watch *w = watch_from(i->sb, i, NULL);

    return w && w->inode == i ? w : NULL;
}

static struct watch *watch_next(struct watch *w)
{
    struct watch *next = watch_of(rb_next(&w->by_inode));

    return next && next->inode == w->inode ? next : NULL;
}

static struct watch *watch_find(const struct inode *i, const struct instance *in)
{
    struct watch *w = watch_from(i->sb, i, in);

    return w && w->inode == i && w->instance == in ? w : NULL;
}

// The first watch of an instance whose number is at least `wd`.
static struct watch *watch_from_wd(const struct instance *in, int wd)
{
    struct rb_node *n = in->watches.node;
    struct watch *found = NULL;

    while (n) {
        struct watch *w = container_of(n, struct watch, by_wd);

        found = w->wd >= wd ? w : found;
        n = w->wd >= wd ? n->left : n->right;
    }
    return found;
}

static void watch_link(struct watch *w)
{
    struct rb_node **link = &watches.node, *parent = NULL;

    while (*link) {
        parent = *link;
        link = watch_order(w->inode->sb, w->inode, w->instance, watch_of(parent)) < 0
                   ? &parent->left
                   : &parent->right;
    }
    rb_link(&watches, &w->by_inode, parent, link);
    link = &w->instance->watches.node;
    for (parent = NULL; *link; link = &parent->right) // the highest number
        parent = *link;
    rb_link(&w->instance->watches, &w->by_wd, parent, link);
}

/* Telling */

static void tell(struct watch *w, u32 mask, u32 cookie, const struct name *name)
{
    struct instance *in = w->instance;
    struct inotify_event head = {
        .wd = w->wd, .mask = mask, .cookie = cookie, .len = name ? name->length : 0};

    if (inotify_queue_add(&in->queue, &head, name ? name->text : ""))
        wake_key(&in->readers, READABLE);
}

// Takes a watch out and puts it on the list `gone`.
static void watch_take(struct watch *w, struct watch **gone)
{
    rb_remove(&watches, &w->by_inode);
    rb_remove(&w->instance->watches, &w->by_wd);
    store_relaxed(&w->inode->watched, watch_first(w->inode) != NULL);
    store_relaxed(&inotify_watches, inotify_watches - 1);
    w->next = *gone;
    *gone = w;
}

static void watches_free(struct watch *gone)
{
    struct watch *w;

    while ((w = gone)) {
        struct superblock *sb = w->inode->sb;

        gone = w->next;
        inode_put(w->inode);
        superblock_release(sb);
        user_count_sub(w->uid, USER_INOTIFY_WATCHES, 1);
        kfree(w);
    }
}

struct event {
    u32 mask;   // one event or more, IN_ISDIR
    u32 cookie; // of a rename
    const struct name *name;
    bool unlinked; // the name is no more
    bool last;     // the inode's watches end
};

static bool wants(const struct watch *w, const struct event *e)
{
    if (e->unlinked && w->mask & IN_EXCL_UNLINK)
        return false;
    return e->mask & (w->mask | IN_UNMOUNT) & ~IN_ISDIR;
}

// Tells all watches of an inode that want it. Those that end with it join `gone`.
static void deliver(struct inode *i, const struct event *e, struct watch **gone)
{
    struct watch *w, *next;

    spin_lock(&inotify_lock);
    for (w = watch_first(i); w; w = next) {
        bool wanted = wants(w, e);

        next = watch_next(w);
        if (wanted)
            tell(w, e->mask, e->cookie, e->name);
        if (e->last || (wanted && w->mask & IN_ONESHOT)) {
            tell(w, IN_IGNORED, 0, NULL);
            watch_take(w, gone);
        }
    }
    spin_unlock(&inotify_lock);
}

static void deliver_and_free(struct inode *i, const struct event *e)
{
    struct watch *gone = NULL;

    deliver(i, e, &gone);
    watches_free(gone);
}

static void event_to_parent(struct dentry *d, struct event e)
{
    struct watch *gone = NULL;
    struct spinlock *place = dentry_hold_place(d);

    e.name = &d->name;
    e.unlinked = dentry_is_unlinked(d);
    if (d->parent != d && load_relaxed(&d->parent->inode->watched))
        deliver(d->parent->inode, &e, &gone);
    spin_unlock(place);
    watches_free(gone);
}

void inotify_event(const struct path *p, struct inode *i, u32 mask)
{
    struct event e = {.mask = mask | (S_ISDIR(i->mode) ? IN_ISDIR : 0)};

    if (p && p->dentry)
        event_to_parent(p->dentry, e);
    if (load_relaxed(&i->watched))
        deliver_and_free(i, &e);
}

void inotify_file(struct file *f, u32 mask)
{
    if (!(f->mode & FILE_F_PATH))
        inotify_event(&f->path, f->inode, mask);
}

void inotify_name(struct inode *dir, const struct name *name, u32 mask)
{
    deliver_and_free(dir, &(struct event){.mask = mask, .name = name});
}

void inotify_moved(const struct leaf *from, const struct leaf *to, struct inode *moved,
                   struct inode *victim)
{
    u32 isdir = S_ISDIR(moved->mode) ? IN_ISDIR : 0;
    struct event e = {.cookie = atomic_fetch_add(&last_cookie, 1) + 1};

    e.mask = IN_MOVED_FROM | isdir;
    e.name = &from->last;
    deliver_and_free(path_inode(&from->dir), &e);
    e.mask = IN_MOVED_TO | isdir;
    e.name = &to->last;
    deliver_and_free(path_inode(&to->dir), &e);
    if (victim)
        notify_inode(victim, IN_ATTRIB);
    deliver_and_free(moved, &(struct event){.mask = IN_MOVE_SELF});
}

// Setting both times is a call that asks for it; setting one is as good as a read or a write.
static void attributes_told(const struct path *p, struct inode *i, u32 valid)
{
    u32 mask = valid & (ATTR_MODE | ATTR_UID | ATTR_GID) ? IN_ATTRIB : 0;

    if (valid & ATTR_SIZE)
        mask |= IN_MODIFY;
    if ((valid & (ATTR_ATIME | ATTR_MTIME)) == (ATTR_ATIME | ATTR_MTIME))
        mask |= IN_ATTRIB;
    else
        mask |= (valid & ATTR_ATIME ? IN_ACCESS : 0) | (valid & ATTR_MTIME ? IN_MODIFY : 0);
    if (mask)
        inotify_event(p, i, mask);
}

int inode_setattr_at(const struct path *p, struct inode *i, const struct attr *attr)
{
    int err = inode_setattr(i, attr);

    if (!err && load_relaxed(&inotify_watches))
        attributes_told(p, i, attr->valid);
    return err;
}

int vfs_truncate_at(const struct path *p, struct inode *i, u64 size)
{
    int err = vfs_truncate(i, size);

    if (!err)
        notify_at(p, i, IN_MODIFY);
    return err;
}

void inotify_deleted(struct inode *i)
{
    deliver_and_free(i, &(struct event){.mask = IN_DELETE_SELF, .last = true});
}

// A watched inode of a superblock, with a reference.
static struct inode *watched_of(const struct superblock *sb)
{
    struct inode *i = NULL;
    struct watch *w;

    spin_lock(&inotify_lock);
    w = watch_from(sb, NULL, NULL);
    if (w && w->inode->sb == sb) {
        i = w->inode;
        inode_get(i);
    }
    spin_unlock(&inotify_lock);
    return i;
}

void inotify_unmounted(struct superblock *sb)
{
    struct inode *i;

    while ((i = watched_of(sb))) {
        u32 isdir = S_ISDIR(i->mode) ? IN_ISDIR : 0;

        deliver_and_free(i, &(struct event){.mask = IN_UNMOUNT | isdir, .last = true});
        inode_put(i);
    }
}

/* Watches */

// Fills and publishes a watch; its number.
static int watch_publish_locked(struct watch *w, struct instance *in, struct inode *i, u32 mask)
{
    if (in->last_wd == INT32_MAX)
        return -ENOSPC;
    *w = (struct watch){.instance = in,
                        .inode = i,
                        .uid = in->uid,
                        .wd = ++in->last_wd,
                        .mask = mask & WATCH_FLAGS};
    inode_get(i);
    superblock_hold(i->sb);
    store_relaxed(&inotify_watches, inotify_watches + 1);
    store_relaxed(&i->watched, true);
    watch_link(w);
    return w->wd;
}

static int watch_change_locked(struct watch *w, u32 mask)
{
    if (mask & IN_MASK_CREATE)
        return -EEXIST;
    w->mask = (mask & WATCH_FLAGS) | (mask & IN_MASK_ADD ? w->mask : 0);
    return w->wd;
}

int inotify_add(struct file *f, struct inode *i, u32 mask)
{
    struct instance *in = f->private;
    struct watch *w, *old;
    int full, wd = inode_permission(i, MAY_READ);

    if (wd)
        return wd;
    w = kmalloc(sizeof(*w), 0);
    if (!w)
        return -ENOMEM;
    full = user_count_add(in->uid, USER_INOTIFY_WATCHES, 1, load_relaxed(&inotify_max_watches));
    spin_lock(&inotify_lock);
    old = watch_find(i, in);
    if (old)
        wd = watch_change_locked(old, mask);
    else
        wd = full ? -ENOSPC : watch_publish_locked(w, in, i, mask);
    spin_unlock(&inotify_lock);
    if (!old && wd >= 0)
        return wd;
    if (!full)
        user_count_sub(in->uid, USER_INOTIFY_WATCHES, 1);
    kfree(w);
    return wd;
}

int inotify_remove(struct file *f, int wd)
{
    struct watch *w, *gone = NULL;

    spin_lock(&inotify_lock);
    w = watch_from_wd(f->private, wd);
    if (w && w->wd == wd) {
        tell(w, IN_IGNORED, 0, NULL);
        watch_take(w, &gone);
    }
    spin_unlock(&inotify_lock);
    if (!gone)
        return -EINVAL;
    watches_free(gone);
    return 0;
}

// A line for each watch.
static void inotify_show(struct file *f, struct text *t)
{
    struct watch *w, copy = {0};
    dev_t dev = 0;
    ino_t ino = 0;

    do {
        spin_lock(&inotify_lock);
        w = watch_from_wd(f->private, copy.wd + 1);
        if (w) {
            copy = *w;
            ino = w->inode->ino;
            dev = w->inode->sb->dev;
        }
        spin_unlock(&inotify_lock);
        if (w)
            text_printf(t, "inotify wd:%x ino:%lx sdev:%x mask:%x ignored_mask:0\n", copy.wd, ino,
                        dev_major(dev) << 20 | dev_minor(dev), copy.mask);
    } while (w && !t->error);
}

/* The file */

static ssize_t take(struct instance *in, size_t room, struct inotify_record *out)
{
    return spin_read(&inotify_lock, inotify_queue_take(&in->queue, room, out));
}

// As many events as are there and fit; waits for the first.
static ssize_t inotify_read(struct file *f, struct uio *u, loff_t *pos)
{
    struct instance *in = f->private;
    struct inotify_record r;
    ssize_t n, done = 0;
    int err = 0;

    while (!err) {
        n = take(in, u->left, &r);
        if (n > 0) {
            err = uio_put(u, &r, n);
            done = err ? 0 : done + n;
        } else if (n || done) {
            err = n ?: -EAGAIN;
        } else {
            err = f->flags & O_NONBLOCK ? -EAGAIN
                                        : wait_event(&in->readers, load_relaxed(&in->queue.count),
                                                     WAIT_INTERRUPTIBLE, NS_NEVER);
        }
    }
    return done ? done : err;
}

static u32 inotify_poll(struct file *f, struct poll_table *table)
{
    struct instance *in = f->private;

    poll_wait(table, &in->readers);
    return load_relaxed(&in->queue.count) ? READABLE : 0;
}

static s64 inotify_ioctl(struct file *f, u32 command, u64 arg)
{
    struct instance *in = f->private;

    return command == FIONREAD ? put_user_u32(arg, load_relaxed(&in->queue.bytes)) : -ENOTTY;
}

static void inotify_release(struct file *f)
{
    struct instance *in = f->private;
    struct watch *w, *gone;

    do {
        gone = NULL;
        spin_lock(&inotify_lock);
        w = watch_from_wd(in, 0);
        if (w)
            watch_take(w, &gone);
        spin_unlock(&inotify_lock);
        watches_free(gone);
    } while (w);
    user_count_sub(in->uid, USER_INOTIFY_INSTANCES, 1);
    inotify_queue_fini(&in->queue);
    kfree(in);
}

static const struct file_ops inotify_ops = {
    .read = inotify_read,
    .poll = inotify_poll,
    .signals = true,
    .ioctl = inotify_ioctl,
    .release = inotify_release,
    .show = inotify_show,
};

int inotify_create(u32 flags, struct file **out)
{
    struct instance *in = kmalloc(sizeof(*in), ALLOC_ZERO);
    u64 most = load_relaxed(&inotify_max_instances);
    int err;

    if (!in)
        return -ENOMEM;
    in->uid = cred_self()->uid;
    inotify_queue_init(&in->queue, MIN(load_relaxed(&inotify_max_events), (u64)INT32_MAX));
    wait_queue_init(&in->readers);
    err = user_count_add(in->uid, USER_INOTIFY_INSTANCES, 1, most);
    if (err) {
        kfree(in);
        return err == -EAGAIN ? -EMFILE : err;
    }
    err = file_create_anon(&inotify_ops, "anon_inode:inotify", NULL,
                           O_RDONLY | (flags & IN_NONBLOCK), in, out);
    if (err) {
        user_count_sub(in->uid, USER_INOTIFY_INSTANCES, 1);
        kfree(in);
    }
    return err;
}
