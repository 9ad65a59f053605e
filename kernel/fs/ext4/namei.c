// SPDX-License-Identifier: MIT
// The operations on names: lookup, create, link, unlink. Those of rename are in rename.c.
//
// Each change is one handle. It first takes hold of the inodes' blocks (ext4_name_hold), so that
// writing them at the end cannot fail; an inode that is left without a name is an orphan until it
// is evicted.
#include "fs/ext4/namei.h"

/* Common parts */

int ext4_name_find(struct inode *dir, const struct name *name, const struct inode *inode,
                   struct ext4_dir_place *place)
{
    int err = ext4_dir_find(dir, name, place);

    if (err)
        return err;
    if (place->ino == inode->ino)
        return 0;
    buf_put(place->block.b);
    place->block.b = NULL;
    return ext4_corrupt(ext4_of(dir), dir->ino, place->ino,
                        "a name that leads elsewhere than it did");
}

bool ext4_dir_links_full(const struct inode *dir)
{
    const struct ext4 *fs = dir->sb->private;

    return dir->nlink >= EXT4_LINK_MAX && !(EXT4_HAS_RO(fs, DIR_NLINK) && ext4_dir_is_indexed(dir));
}

// With more subdirectories than can be counted, a directory has 1 link for good.
void ext4_dir_link(struct inode *dir)
{
    if (dir->nlink == 1 || dir->nlink >= EXT4_LINK_MAX)
        dir->nlink = 1;
    else
        dir->nlink++;
}

void ext4_dir_unlink(struct inode *dir)
{
    if (dir->nlink > 2)
        dir->nlink--;
}

int ext4_name_drop(struct handle *h, struct inode *victim)
{
    u32 links = victim->nlink;
    int err = 0;

    victim->nlink = S_ISDIR(victim->mode) || links <= 1 ? 0 : links - 1;
    if (!victim->nlink)
        err = ext4_orphan_add(h, victim);
    if (err)
        victim->nlink = links;
    return err;
}

void ext4_name_undrop(struct handle *h, struct inode *victim, u32 links)
{
    if (victim->nlink || !ext4_orphan_remove(h, victim))
        journal_undone(h);
    victim->nlink = links;
}

/* Lookup */

static int damaged(struct inode *dir, u32 ino, const char *what)
{
    return ext4_corrupt(ext4_of(dir), dir->ino, ino, what);
}

// A directory that is entered elsewhere too would let the tree have cycles.
static int check_parent(struct inode *dir, struct inode *child)
{
    u32 parent;
    int err = ext4_dir_parent(child, &parent);

    if (err && err != -EUCLEAN)
        return err;
    return err || parent != dir->ino ? damaged(dir, child->ino, "a directory in another's place")
                                     : 0;
}

static int dir_lookup(struct inode *dir, const struct name *name, struct inode **out)
{
    const struct ext4 *fs = ext4_of(dir);
    struct ext4_dir_place place;
    u32 ino;
    int err = ext4_dir_find(dir, name, &place);

    if (err)
        return err;
    buf_put(place.block.b);
    ino = place.ino;
    if (ino < fs->first_ino || ino > fs->inode_count || ino == dir->ino)
        return damaged(dir, ino, "an entry's inode number");
    err = ext4_inode_get(dir->sb, ino, out);
    if (err == -ENOENT || err == -ESTALE)
        return damaged(dir, ino, "an entry of a free inode");
    if (err)
        return err;
    if (ext4_i(*out)->flags & EXT4_EA_INODE_FL)
        err = damaged(dir, ino, "a name for an attribute's value");
    else if (S_ISDIR((*out)->mode))
        err = check_parent(dir, *out);
    if (err)
        inode_put(*out);
    return err;
}

/* New inodes */

// An operation on a name. All that it changes is locked.
struct naming {
    struct inode *dir;
    const struct name *name; // NULL: none (O_TMPFILE)
    struct inode *inode;     // what it names
    const struct create_args *args;
};

// Contents, and then the inode as it is; not in any directory yet.
static int new_contents(struct handle *h, const struct naming *n)
{
    int err;

    if (S_ISDIR(n->args->mode)) {
        n->inode->nlink = 2;
        err = ext4_dir_init(h, n->inode, n->dir->ino, NULL, 0);
    } else if (S_ISLNK(n->args->mode)) {
        err = ext4_link_init(h, n->inode, n->args->target);
    } else {
        return 0;
    }
    return err ? err : ext4_inode_write(h, n->inode);
}

static int enter(struct handle *h, const struct naming *n)
{
    int err = ext4_name_hold(h, n->dir) ?: ext4_dir_add(h, n->dir, n->name, n->inode);

    if (err)
        return err;
    if (S_ISDIR(n->inode->mode))
        ext4_dir_link(n->dir);
    inode_touch_mtime(n->dir);
    return ext4_inode_write(h, n->dir);
}

// It gets no name after all: eviction frees it.
int ext4_inode_discard(struct handle *h, struct inode *inode)
{
    inode->nlink = 0;
    return ext4_orphan_add(h, inode) ?: ext4_inode_write(h, inode);
}

static int create_in(struct handle *h, void *arg)
{
    struct naming *n = arg;
    int err = ext4_inode_new(h, n->dir, n->args, &n->inode), dropped = 0;

    if (err)
        return err;
    err = new_contents(h, n);
    if (!err && n->name)
        err = enter(h, n);
    if (err || !n->name)
        dropped = ext4_inode_discard(h, n->inode);
    if (err && !dropped)
        journal_undone(h);
    return err ? err : dropped;
}

static u32 create_credits(const struct inode *dir, mode_t mode)
{
    u32 own = EXT4_INODE_NEW_CREDITS + 2 + EXT4_ORPHAN_CREDITS; // both inodes

    if (S_ISDIR(mode) || S_ISLNK(mode)) // its block, a first one
        own += 1 + EXT4_ALLOC_CREDITS;
    return own + ext4_dir_add_credits(dir);
}

static int dir_create(struct inode *dir, const struct name *name, const struct create_args *args,
                      struct inode **out)
{
    struct naming n = {dir, name, NULL, args};
    struct ext4_retry retry = {0};
    u32 credits = create_credits(dir, args->mode);
    int err = S_ISDIR(args->mode) && ext4_dir_links_full(dir) ? -EMLINK : 0;

    if (err)
        return err;
    do {
        n.inode = NULL;
        err = ext4_operate(ext4_of(dir), credits, create_in, &n);
        if (err && n.inode)
            inode_put(n.inode);
    } while (ext4_again(ext4_of(dir), err, &retry));
    if (!err)
        *out = n.inode;
    return err;
}

static int dir_tmpfile(struct inode *dir, const struct create_args *args, struct inode **out)
{
    return dir_create(dir, NULL, args, out);
}

/* Links */

static int link_in(struct handle *h, void *arg)
{
    const struct naming *n = arg;
    struct inode *target = n->inode;
    int err = ext4_name_hold(h, target);

    if (!err && !target->nlink)
        err = ext4_orphan_remove(h, target);
    if (!err)
        err = enter(h, n);
    if (err) {
        if (target->nlink || !ext4_orphan_add(h, target))
            journal_undone(h);
        return err;
    }
    target->nlink++;
    inode_touch_ctime(target);
    return ext4_inode_write(h, target);
}

static int dir_link(struct inode *dir, const struct name *name, struct inode *target)
{
    struct naming n = {dir, name, target, NULL};
    struct ext4_retry retry = {0};
    u32 credits = ext4_dir_add_credits(dir) + 2 + EXT4_ORPHAN_CREDITS;
    int err;

    if (target->nlink >= EXT4_LINK_MAX)
        return -EMLINK;
    do
        err = ext4_operate(ext4_of(dir), credits, link_in, &n);
    while (ext4_again(ext4_of(dir), err, &retry));
    return err;
}

/* Removal */

static int remove_entry(struct handle *h, const struct naming *n)
{
    u32 links = n->inode->nlink;
    struct ext4_dir_place place;
    int err = ext4_name_find(n->dir, n->name, n->inode, &place);

    if (err)
        return err;
    err = ext4_name_drop(h, n->inode);
    if (!err) {
        err = ext4_dir_remove(h, &place);
        if (err)
            ext4_name_undrop(h, n->inode, links);
    }
    buf_put(place.block.b);
    return err;
}

static int unlink_in(struct handle *h, void *arg)
{
    const struct naming *n = arg;
    int err = ext4_name_hold(h, n->dir) ?: ext4_name_hold(h, n->inode) ?: remove_entry(h, n);

    if (err)
        return err;
    if (S_ISDIR(n->inode->mode))
        ext4_dir_unlink(n->dir);
    inode_touch_mtime(n->dir);
    inode_touch_ctime(n->inode);
    return ext4_inode_write(h, n->dir) ?: ext4_inode_write(h, n->inode);
}

int ext4_name_may_drop(struct inode *victim)
{
    int empty = S_ISDIR(victim->mode) ? ext4_dir_empty(victim) : 1;

    return empty < 0 ? empty : empty ? 0 : -ENOTEMPTY;
}

static int dir_unlink(struct inode *dir, const struct name *name, struct inode *victim)
{
    struct naming n = {dir, name, victim, NULL};

    return ext4_name_may_drop(victim)
               ?: ext4_operate(ext4_of(dir), 3 + EXT4_ORPHAN_CREDITS, unlink_in, &n);
}

const struct inode_ops ext4_dir_inode_ops = {
    .lookup = dir_lookup,
    .create = dir_create,
    .link = dir_link,
    .unlink = dir_unlink,
    .rename = ext4_rename,
    .getattr = ext4_inode_getattr,
    .xattr = &ext4_xattr_ops,
    .tmpfile = dir_tmpfile,
};
