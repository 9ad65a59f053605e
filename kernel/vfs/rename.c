// SPDX-License-Identifier: MIT
// rename(2) and renameat2(2).
//
// A rename within one directory needs only that directory's lock, and then that of the file or of
// both. One between two directories first takes the superblock's rename_lock, under which no
// directory changes its place, so that "is an ancestor of" stays true while the locks are taken in
// order: an ancestor before its descendant, unrelated ones by address; then the two files
// concerned, a directory first as when a name in it is made or removed, and equal kinds by address.
// Whoever locks two directories of which neither is above the other has rename_lock: order by
// address and order by tree do not go together in two hands. So a rename of one directory over
// another beside it begins again with it.
#include "abi/errno.h"
#include "vfs/internal.h"

struct rename {
    struct leaf from, to;
    u32 flags;
    bool alone; // has rename_lock
};

// d itself counts as its own ancestor; a directory with two names, of a damaged disk, as one.
// rename_lock is held.
static bool is_ancestor(const struct dentry *ancestor, const struct dentry *d)
{
    bool found;

    spin_lock(&tree_lock);
    while (d->inode != ancestor->inode && d != d->parent)
        d = d->parent;
    found = d->inode == ancestor->inode;
    spin_unlock(&tree_lock);
    return found;
}

static void lock_pair(struct inode *a, struct inode *b)
{
    bool in_order = S_ISDIR(a->mode) == S_ISDIR(b->mode) ? a < b : S_ISDIR(a->mode);
    struct inode *first = in_order ? a : b, *second = in_order ? b : a;

    write_lock_nested(&first->lock);
    if (first != second)
        write_lock_nested(&second->lock);
}

static void lock_directories(struct rename *r)
{
    struct dentry *a = r->from.dir.dentry, *b = r->to.dir.dentry;

    r->alone = r->alone || a != b;
    if (r->alone)
        mutex_lock(&a->sb->rename_lock);
    if (a == b) {
        write_lock(&a->inode->lock);
        return;
    }
    if (is_ancestor(a, b) || is_ancestor(b, a)) {
        write_lock_nested(is_ancestor(a, b) ? &a->inode->lock : &b->inode->lock);
        write_lock_nested(is_ancestor(a, b) ? &b->inode->lock : &a->inode->lock);
    } else {
        lock_pair(a->inode, b->inode);
    }
}

static void unlock_directories(struct rename *r)
{
    struct dentry *a = r->from.dir.dentry, *b = r->to.dir.dentry;

    write_unlock(&a->inode->lock);
    if (a != b)
        write_unlock(&b->inode->lock);
    if (r->alone)
        mutex_unlock(&a->sb->rename_lock);
}

/* Checks */

static int check_target(struct rename *r)
{
    struct inode *moved = r->from.dentry->inode, *victim = r->to.dentry->inode;

    if (!victim)
        return r->flags & RENAME_EXCHANGE ? -ENOENT : dir_may_create(&r->to.dir);
    if (r->flags & RENAME_NOREPLACE)
        return -EEXIST;
    if (!(r->flags & RENAME_EXCHANGE)) {
        if (S_ISDIR(moved->mode) && !S_ISDIR(victim->mode))
            return -ENOTDIR;
        if (!S_ISDIR(moved->mode) && S_ISDIR(victim->mode))
            return -EISDIR;
    }
    return dir_may_delete(&r->to.dir, victim);
}

static int check_tree(struct rename *r)
{
    struct dentry *from = r->from.dentry, *to = r->to.dentry;
    int err = 0;

    if (load_relaxed(&from->mounted) || load_relaxed(&to->mounted))
        return -EBUSY;
    if (r->from.dir.dentry == r->to.dir.dentry)
        return 0;
    if (is_ancestor(from, r->to.dir.dentry))
        return -EINVAL;
    if (to->inode && is_ancestor(to, r->from.dir.dentry))
        return r->flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
    if (S_ISDIR(from->inode->mode)) // its ".." changes
        err = inode_permission(from->inode, MAY_WRITE);
    if (!err && r->flags & RENAME_EXCHANGE && S_ISDIR(to->inode->mode))
        err = inode_permission(to->inode, MAY_WRITE);
    return err;
}

static int check_slashes(struct rename *r)
{
    bool from_dir = S_ISDIR(r->from.dentry->inode->mode);
    bool to_dir = r->flags & RENAME_EXCHANGE ? S_ISDIR(r->to.dentry->inode->mode) : from_dir;

    return (r->from.trailing_slash && !from_dir) || (r->to.trailing_slash && !to_dir) ? -ENOTDIR
                                                                                      : 0;
}

static int rename_check(struct rename *r)
{
    int err;

    if (!r->from.dentry->inode)
        return -ENOENT;
    err = check_target(r) ?: dir_may_delete(&r->from.dir, r->from.dentry->inode);
    if (!err && !path_inode(&r->from.dir)->ops->rename)
        err = -EPERM;
    return err ?: check_slashes(r) ?: check_tree(r);
}

/* The change */

static int rename_act(struct rename *r)
{
    struct inode *moved = r->from.dentry->inode, *victim = r->to.dentry->inode;
    struct inode *dir = path_inode(&r->from.dir), *replaced;
    bool both = r->flags & RENAME_EXCHANGE;
    int err;

    if (moved == victim)
        return 0;
    lock_pair(moved, victim ? victim : moved);
    err = dir->ops->rename(dir, &r->from.last, moved, path_inode(&r->to.dir), &r->to.last, victim,
                           r->flags);
    write_unlock(&moved->lock);
    if (victim)
        write_unlock(&victim->lock);
    if (err)
        return err;
    replaced = dentry_exchange(r->from.dentry, r->to.dentry, both);
    notify_moved(&r->from, &r->to, moved, both ? NULL : victim);
    if (both)
        notify_moved(&r->to, &r->from, victim, NULL);
    if (replaced)
        notify_put(replaced);
    return 0;
}

static bool both_are_directories(const struct rename *r)
{
    struct inode *moved = r->from.dentry->inode, *victim = r->to.dentry->inode;

    return moved && victim && S_ISDIR(moved->mode) && S_ISDIR(victim->mode);
}

// The directories are locked; unlocks them before dentries are put. -EAGAIN: not without
// rename_lock.
static int rename_locked(struct rename *r)
{
    int err = dentry_lookup_locked(r->from.dir.dentry, &r->from.last, &r->from.dentry);

    if (err) {
        unlock_directories(r);
        return err;
    }
    err = dentry_lookup_locked(r->to.dir.dentry, &r->to.last, &r->to.dentry);
    if (!err) {
        err = !r->alone && both_are_directories(r) ? -EAGAIN : rename_check(r) ?: rename_act(r);
        unlock_directories(r);
        dentry_put(r->to.dentry);
    } else {
        unlock_directories(r);
    }
    dentry_put(r->from.dentry);
    return err;
}

int vfs_rename(const struct path *old_start, const char *old_name, const struct path *new_start,
               const char *new_name, u32 flags)
{
    struct rename r = {.flags = flags};
    int err;

    err = path_parent(old_start, old_name, TO_RENAME, 0, &r.from);
    if (err)
        return err;
    err = path_parent(new_start, new_name, TO_RENAME, 0, &r.to);
    if (err)
        goto put_from;
    err = -EXDEV;
    if (r.from.dir.dentry != r.to.dir.dentry && path_inode(&r.from.dir) == path_inode(&r.to.dir)) {
        err = -EUCLEAN; // a damaged disk: a directory with two names
    } else if (r.from.dir.mount == r.to.dir.mount) {
        do {
            lock_directories(&r);
            err = rename_locked(&r);
        } while (err == -EAGAIN && !r.alone && (r.alone = true));
    }
    leaf_put(&r.to);
put_from:
    leaf_put(&r.from);
    return err;
}
