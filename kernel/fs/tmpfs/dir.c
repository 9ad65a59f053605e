// SPDX-License-Identifier: MIT
// Directories of tmpfs.
//
// Each entry is in two trees: by name for lookups, by cookie for readdir. Cookies rise with every
// new name and are never reused, so a reader that comes back with the position of its next entry
// misses nothing that stayed and sees nothing twice, whatever was made or removed meanwhile. An
// entry holds a reference on its inode: this is what keeps a linked inode in memory.
#include "abi/dirent.h"
#include "abi/errno.h"
#include "fs/tmpfs/internal.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "vfs/pseudo.h"

void tmpfs_dir_init(struct tmpfs_inode *t)
{
    t->by_name = t->by_cookie = (struct rb_root){0};
    t->next_cookie = DIR_FIRST_POS;
    t->inode.nlink = 2;
    t->inode.size = 2 * TMPFS_ENTRY_SIZE;
}

/* Entries; the directory is locked */

static int entry_compare(const struct name *name, const struct tmpfs_entry *e)
{
    if (name->hash != e->hash)
        return name->hash < e->hash ? -1 : 1;
    if (name->length != e->length)
        return name->length < e->length ? -1 : 1;
    return memcmp(name->text, e->text, name->length);
}

// The entry, or NULL and where it would be linked.
static struct tmpfs_entry *entry_find(struct tmpfs_inode *dir, const struct name *name,
                                      struct rb_node **parent, struct rb_node ***link)
{
    struct rb_node **at = &dir->by_name.node, *up = NULL;

    while (*at) {
        struct tmpfs_entry *e = container_of(*at, struct tmpfs_entry, by_name);
        int order = entry_compare(name, e);

        if (!order)
            return e;
        up = *at;
        at = order < 0 ? &up->left : &up->right;
    }
    *parent = up;
    *link = at;
    return NULL;
}

static struct tmpfs_entry *entry_get(struct inode *dir, const struct name *name)
{
    struct rb_node *parent, **link;

    return entry_find(tmpfs_inode(dir), name, &parent, &link);
}

static struct tmpfs_entry *entry_alloc(const struct name *name, struct inode *inode)
{
    struct tmpfs_entry *e = kmalloc(sizeof(*e) + name->length, 0);

    if (!e)
        return NULL;
    e->inode = inode;
    e->hash = name->hash;
    e->length = name->length;
    memcpy(e->text, name->text, name->length);
    return e;
}

// Takes over the entry and its inode reference; the name is free.
static void entry_insert(struct inode *i, const struct name *name, struct tmpfs_entry *e)
{
    struct tmpfs_inode *dir = tmpfs_inode(i);
    struct rb_node *parent, **link;

    entry_find(dir, name, &parent, &link);
    rb_link(&dir->by_name, &e->by_name, parent, link);
    e->cookie = dir->next_cookie++;
    parent = rb_last(&dir->by_cookie);
    rb_link(&dir->by_cookie, &e->by_cookie, parent, parent ? &parent->right : &dir->by_cookie.node);
    i->size += TMPFS_ENTRY_SIZE;
    inode_touch_mtime(i);
}

// Removes and frees the entry; its inode reference is put.
static void entry_remove(struct inode *i, struct tmpfs_entry *e)
{
    struct tmpfs_inode *dir = tmpfs_inode(i);

    rb_remove(&dir->by_name, &e->by_name);
    rb_remove(&dir->by_cookie, &e->by_cookie);
    i->size -= TMPFS_ENTRY_SIZE;
    inode_touch_mtime(i);
    inode_put(e->inode);
    kfree(e);
}

// The superblock goes: everything below goes with it, without recursion: directories found on the
// way give their entries to the one that is being emptied.
void tmpfs_dir_fini(struct tmpfs_inode *t)
{
    struct rb_node *node;

    while ((node = rb_first(&t->by_cookie))) {
        struct tmpfs_entry *e = container_of(node, struct tmpfs_entry, by_cookie);
        struct tmpfs_inode *child = tmpfs_inode(e->inode);
        struct rb_node *inner = NULL;

        if (S_ISDIR(e->inode->mode))
            inner = rb_first(&child->by_cookie);
        if (inner) {
            struct tmpfs_entry *moved = container_of(inner, struct tmpfs_entry, by_cookie);

            rb_remove(&child->by_cookie, &moved->by_cookie);
            rb_link(&t->by_cookie, &moved->by_cookie, node, &node->left);
            continue;
        }
        rb_remove(&t->by_cookie, &e->by_cookie);
        inode_put(e->inode);
        kfree(e);
    }
}

/* Operations */

int tmpfs_lookup(struct inode *dir, const struct name *name, struct inode **out)
{
    struct tmpfs_entry *e = entry_get(dir, name);

    if (!e)
        return -ENOENT;
    inode_get(e->inode);
    *out = e->inode;
    return 0;
}

int tmpfs_make(struct inode *dir, const struct name *name, const struct create_args *args,
               struct inode **out)
{
    struct tmpfs_entry *e = entry_alloc(name, NULL);
    int err = e ? tmpfs_inode_create(dir->sb, args, &e->inode) : -ENOMEM;

    if (err) {
        kfree(e);
        return err;
    }
    entry_insert(dir, name, e);
    if (S_ISDIR(args->mode))
        dir->nlink++;
    inode_get(e->inode);
    *out = e->inode;
    return 0;
}

static int dir_tmpfile(struct inode *dir, const struct create_args *args, struct inode **out)
{
    int err = tmpfs_inode_create(dir->sb, args, out);

    if (!err)
        (*out)->nlink = 0;
    return err;
}

static int dir_link(struct inode *dir, const struct name *name, struct inode *target)
{
    u64 space = target->nlink ? TMPFS_INODE_SPACE : 0;
    int err = tmpfs_space_take(tmpfs_of(dir), space);
    struct tmpfs_entry *e;

    if (err)
        return err;
    e = entry_alloc(name, target);
    if (!e) {
        tmpfs_space_give(tmpfs_of(dir), space);
        return -ENOMEM;
    }
    inode_get(target);
    target->nlink++;
    inode_touch_ctime(target);
    entry_insert(dir, name, e);
    return 0;
}

// One name of the victim goes; a directory has no other.
static int victim_drop(struct inode *dir, struct inode *victim)
{
    if (S_ISDIR(victim->mode)) {
        if (tmpfs_inode(victim)->by_name.node)
            return -ENOTEMPTY;
        victim->nlink = 0;
        dir->nlink--;
    } else if (--victim->nlink) {
        tmpfs_space_give(tmpfs_of(dir), TMPFS_INODE_SPACE);
    }
    inode_touch_ctime(victim);
    return 0;
}

int tmpfs_unlink(struct inode *dir, const struct name *name, struct inode *victim)
{
    int err = victim_drop(dir, victim);

    if (!err)
        entry_remove(dir, entry_get(dir, name));
    return err;
}

static void directory_moved(struct inode *moved, struct inode *from, struct inode *to)
{
    if (S_ISDIR(moved->mode)) {
        from->nlink--;
        to->nlink++;
    }
    inode_touch_ctime(moved);
}

static void dir_exchange(struct inode *a_dir, const struct name *a_name, struct inode *b_dir,
                         const struct name *b_name)
{
    struct tmpfs_entry *a = entry_get(a_dir, a_name), *b = entry_get(b_dir, b_name);
    struct inode *inode = a->inode;

    a->inode = b->inode;
    b->inode = inode;
    directory_moved(b->inode, a_dir, b_dir);
    directory_moved(a->inode, b_dir, a_dir);
    inode_touch_mtime(a_dir);
    inode_touch_mtime(b_dir);
}

static int dir_rename(struct inode *old_dir, const struct name *old_name, struct inode *moved,
                      struct inode *new_dir, const struct name *new_name, struct inode *victim,
                      u32 flags)
{
    struct tmpfs_entry *e;
    int err = 0;

    if (flags & RENAME_EXCHANGE) {
        dir_exchange(old_dir, old_name, new_dir, new_name);
        return 0;
    }
    e = entry_alloc(new_name, moved);
    if (!e)
        return -ENOMEM;
    if (victim)
        err = victim_drop(new_dir, victim);
    if (err) {
        kfree(e);
        return err;
    }
    if (victim)
        entry_remove(new_dir, entry_get(new_dir, new_name));
    inode_get(moved);
    entry_insert(new_dir, new_name, e);
    entry_remove(old_dir, entry_get(old_dir, old_name));
    directory_moved(moved, old_dir, new_dir);
    return 0;
}

/* readdir */

// The first entry with cookie >= at.
static struct tmpfs_entry *entry_from(struct tmpfs_inode *dir, u64 at)
{
    struct rb_node *node = dir->by_cookie.node;
    struct tmpfs_entry *best = NULL;

    while (node) {
        struct tmpfs_entry *e = container_of(node, struct tmpfs_entry, by_cookie);

        if (e->cookie >= at)
            best = e;
        node = e->cookie >= at ? node->left : node->right;
    }
    return best;
}

// The sink only copies into kernel memory: it does not fault under the lock.
static int dir_readdir(struct file *f, struct dir_sink *sink)
{
    struct inode *i = f->inode;
    struct tmpfs_entry *e;

    if (f->pos < 0 || !dir_emit_dots(f, sink))
        return 0;
    read_lock(&i->lock);
    e = entry_from(tmpfs_inode(i), f->pos);
    while (e) {
        struct rb_node *next = rb_next(&e->by_cookie);

        if (!sink->emit(sink, e->text, e->length, e->inode->ino, (e->inode->mode & S_IFMT) >> 12,
                        e->cookie + 1))
            break;
        f->pos = e->cookie + 1;
        e = next ? container_of(next, struct tmpfs_entry, by_cookie) : NULL;
    }
    read_unlock(&i->lock);
    return 0;
}

const struct inode_ops tmpfs_dir_inode_ops = {
    .lookup = tmpfs_lookup,
    .create = tmpfs_make,
    .link = dir_link,
    .unlink = tmpfs_unlink,
    .rename = dir_rename,
    .tmpfile = dir_tmpfile,
    .xattr = &tmpfs_xattr_ops,
};

const struct file_ops tmpfs_dir_ops = {
    .readdir = dir_readdir,
    .fsync = tmpfs_fsync,
};
