// SPDX-License-Identifier: MIT
// Directories: entries of 16 bytes, "." and ".." first, in no order, with free ones between.
//
// A damaged disk could name a directory twice, or name one of its own parents; the locks of the
// VFS would then wait for themselves. So a directory is entered only by the name that its ".."
// agrees with, and by one name at a time.
#include "abi/dirent.h"
#include "fs/xv6fs/internal.h"
#include "lib/string.h"

#define ENTRY      sizeof(struct xv6fs_dirent)
#define FIRST_NAME (2 * ENTRY) // after "." and ".."

struct place {         // of an entry
    struct buf *block; // referenced, or NULL
    u32 offset;        // in the directory, bytes
    struct xv6fs_dirent *entry;
};

/* Entries; the directory is locked */

static int place_load(struct inode *dir, struct place *p)
{
    int err;

    if (!p->block || p->offset % XV6FS_BLOCK == 0) {
        buf_put(p->block);
        err = xv6fs_map_read(dir, p->offset >> XV6FS_SHIFT, &p->block);
        if (!err && !p->block)
            err = xv6fs_damaged(xv6fs_of(dir), dir->ino, "a directory has a hole");
        if (err) {
            p->block = NULL;
            return err;
        }
    }
    p->entry = (struct xv6fs_dirent *)(p->block->data + p->offset % XV6FS_BLOCK);
    return 0;
}

static const struct name any_name;

static bool entry_is(const struct xv6fs_dirent *e, const struct name *name)
{
    if (!name || !e->inum || name == &any_name)
        return !name == !e->inum;
    return xv6fs_name_length(e) == name->length && !memcmp(e->name, name->text, name->length);
}

// The first entry with this name; NULL: a free one; &any_name: one that is not. Ends in buf_put.
// -ENOENT, -EUCLEAN, -EIO, -ENOMEM.
static int dir_find(struct inode *dir, const struct name *name, struct place *p)
{
    int err = 0;

    *p = (struct place){.offset = FIRST_NAME};
    for (; p->offset < dir->size && !err; p->offset += ENTRY) {
        err = place_load(dir, p);
        if (!err && entry_is(p->entry, name))
            return 0;
    }
    buf_put(p->block);
    p->block = NULL;
    return err ? err : -ENOENT;
}

// The entry of an inode that the VFS has found there.
static int dir_find_of(struct inode *dir, const struct name *name, const struct inode *i,
                       struct place *p)
{
    int err = dir_find(dir, name, p);

    if (!err && p->entry->inum != i->ino) {
        buf_put(p->block);
        err = -ENOENT;
    }
    return err == -ENOENT ? xv6fs_damaged(xv6fs_of(dir), dir->ino, "a name has changed") : err;
}

static int dir_empty(struct inode *dir)
{
    struct place p;
    int err = dir_find(dir, &any_name, &p);

    if (!err)
        buf_put(p.block);
    return err == -ENOENT ? 0 : err ? err : -ENOTEMPTY;
}

static int dots_read(struct inode *dir, struct buf **b, u32 *parent)
{
    int err = xv6fs_map_read(dir, 0, b);

    if (err)
        return err;
    if (*b && !xv6fs_dots_check((struct xv6fs_dirent *)(*b)->data, dir->ino, parent))
        return 0;
    buf_put(*b);
    return xv6fs_damaged(xv6fs_of(dir), dir->ino, "a directory without . and ..");
}

int xv6fs_dir_parent(struct inode *dir, u32 *ino)
{
    struct buf *b;
    int err = dots_read(dir, &b, ino);

    if (!err)
        buf_put(b);
    return err;
}

/* Changes, in an operation */

static void entry_set(struct xv6fs_dirent *e, const char *text, u32 length, u32 ino)
{
    e->inum = ino;
    memset(e->name, 0, sizeof(e->name));
    memcpy(e->name, text, length);
}

static int entry_add(struct inode *dir, const struct name *name, u32 ino, u32 *offset)
{
    struct xv6fs *fs = xv6fs_of(dir);
    struct place p;
    int err = dir_find(dir, NULL, &p);

    if (err == -ENOENT) {
        p.offset = dir->size;
        err = xv6fs_map_get(dir, p.offset >> XV6FS_SHIFT, &p.block);
        if (err)
            return err == -EFBIG ? -ENOSPC : err;
        xv6fs_op_change(fs, xv6fs_i(dir)->buf);
        xv6fs_i(dir)->disk->size += ENTRY;
        p.entry = (struct xv6fs_dirent *)(p.block->data + p.offset % XV6FS_BLOCK);
    } else if (err) {
        return err;
    }
    xv6fs_op_change(fs, p.block);
    entry_set(p.entry, name->text, name->length, ino);
    buf_put(p.block);
    *offset = p.offset;
    return 0;
}

// Adds to an inode's links; those of a directory are its name's and its folders'. -EMLINK,
// -EUCLEAN.
static int links_add(struct inode *i, int n)
{
    struct xv6fs_dinode *d = xv6fs_i(i)->disk;

    if (n > 0 && d->nlink + n > XV6FS_LINK_MAX)
        return -EMLINK;
    if (d->nlink + n < S_ISDIR(i->mode))
        return xv6fs_damaged(xv6fs_of(i), i->ino, "more names than links");
    xv6fs_op_change(xv6fs_of(i), xv6fs_i(i)->buf);
    d->nlink += n;
    return 0;
}

// A name of the victim in `dir` is gone; a directory has no other.
static int victim_drop(struct inode *dir, struct inode *victim)
{
    int err;

    if (!S_ISDIR(victim->mode))
        return links_add(victim, -1);
    err = dir_empty(victim) ?: links_add(dir, -1);
    if (err)
        return err;
    xv6fs_op_change(xv6fs_of(victim), xv6fs_i(victim)->buf);
    xv6fs_i(victim)->disk->nlink = 0;
    return 0;
}

static int directory_moved(struct inode *i, struct inode *from, struct inode *to)
{
    struct buf *b;
    u32 parent;
    int err;

    if (!S_ISDIR(i->mode) || from == to)
        return 0;
    err = dots_read(i, &b, &parent);
    if (err)
        return err;
    xv6fs_op_change(xv6fs_of(i), b);
    ((struct xv6fs_dirent *)b->data)[1].inum = to->ino;
    buf_put(b);
    return links_add(from, -1) ?: links_add(to, 1);
}

// After an operation that gave or took links, and changed the contents if it is a directory of it.
static void changed(struct inode *i, bool contents)
{
    xv6fs_refresh(i);
    if (contents)
        inode_touch_mtime(i);
    else
        inode_touch_ctime(i);
}

/* Finding */

static int name_check(const struct name *name)
{
    return name->length > XV6FS_NAME_MAX ? -ENAMETOOLONG : 0;
}

// Enters a directory by the name at `offset`: see the top.
static int directory_check(struct inode *dir, struct inode *i, u32 offset)
{
    struct xv6fs_inode *x = xv6fs_i(i);
    u32 parent = 0;
    int err = xv6fs_dir_parent(i, &parent);

    if (!err && parent == dir->ino && i != dir && i != i->sb->root &&
        (atomic_cas(&x->entry, 0, offset) || load_relaxed(&x->entry) == offset))
        return 0;
    return err ? err : xv6fs_damaged(xv6fs_of(i), i->ino, "a directory in two places");
}

static int dir_lookup(struct inode *dir, const struct name *name, struct inode **out)
{
    struct place p;
    u32 ino;
    int err = name_check(name) ?: dir_find(dir, name, &p);

    if (err)
        return err;
    ino = p.entry->inum;
    buf_put(p.block);
    err = xv6fs_inode_get(dir->sb, ino, out);
    if (!err && S_ISDIR((*out)->mode)) {
        err = directory_check(dir, *out, p.offset);
        if (err)
            inode_put(*out);
    }
    return err;
}

static u8 entry_type(struct xv6fs *fs, u32 ino)
{
    static const u8 types[] = {DT_UNKNOWN, DT_DIR, DT_REG, DT_CHR, DT_LNK};
    struct xv6fs_dinode d;

    if (xv6fs_inode_peek(fs, ino, &d) || d.type < 0 || d.type >= (int)sizeof(types))
        return DT_UNKNOWN;
    return types[d.type];
}

// 0: on; 1: the sink is full; -EUCLEAN.
static int emit(struct inode *dir, const struct place *p, struct dir_sink *sink)
{
    const struct xv6fs_dirent *e = p->entry;
    u32 n = xv6fs_name_length(e);

    if (!e->inum)
        return 0;
    if (!n || memchr(e->name, '/', n))
        return xv6fs_damaged(xv6fs_of(dir), dir->ino, "a name that cannot be");
    return !sink->emit(sink, e->name, n, e->inum, entry_type(xv6fs_of(dir), e->inum),
                       p->offset + ENTRY);
}

static int dir_readdir(struct file *f, struct dir_sink *sink)
{
    struct inode *dir = f->inode;
    struct place p = {.offset = ALIGN_UP(MIN((u64)f->pos, XV6FS_MAX_SIZE), ENTRY)};
    int err = 0;

    read_lock(&dir->lock);
    for (; p.offset < dir->size && !err; p.offset += ENTRY) {
        err = place_load(dir, &p) ?: emit(dir, &p, sink);
        if (!err)
            f->pos = p.offset + ENTRY;
    }
    read_unlock(&dir->lock);
    buf_put(p.block);
    return err < 0 ? err : 0;
}

/* Making */

// The first block of a directory or a symbolic link.
static int contents_init(struct inode *i, struct inode *dir, const char *target)
{
    struct xv6fs_dinode *d = xv6fs_i(i)->disk;
    struct xv6fs_dirent *dots;
    struct buf *b;
    int err;

    if (d->type != XV6FS_DIR && d->type != XV6FS_SYMLINK)
        return 0;
    err = xv6fs_map_get(i, 0, &b);
    if (err)
        return err;
    if (d->type == XV6FS_DIR) {
        dots = (struct xv6fs_dirent *)b->data;
        entry_set(&dots[0], ".", 1, i->ino);
        entry_set(&dots[1], "..", 2, dir->ino);
        d->size = FIRST_NAME;
    } else {
        d->size = strlen(target);
        memcpy(b->data, target, d->size);
    }
    buf_put(b);
    return 0;
}

static int create_locked(struct inode *dir, const struct name *name, const struct create_args *args,
                         s16 type, struct inode *i)
{
    struct xv6fs_dinode *d = xv6fs_i(i)->disk;
    int err;

    xv6fs_op_change(xv6fs_of(dir), xv6fs_i(i)->buf);
    *d = (struct xv6fs_dinode){.type = type, .nlink = 1};
    if (type == XV6FS_DEVICE) {
        d->major = dev_major(args->rdev);
        d->minor = dev_minor(args->rdev);
    }
    err = contents_init(i, dir, args->target);
    err = err ? err : entry_add(dir, name, i->ino, &xv6fs_i(i)->entry);
    if (!err && type == XV6FS_DIR)
        err = links_add(dir, 1);
    return err ? err : xv6fs_inode_setup(i);
}

static int create_inode(struct inode *dir, const struct name *name, const struct create_args *args,
                        s16 type, struct inode *i)
{
    struct xv6fs *fs = xv6fs_of(dir);
    int err = xv6fs_op_begin(fs);

    if (err)
        return err;
    err = xv6fs_op_end(fs, create_locked(dir, name, args, type, i));
    if (err)
        return err;
    i->atime = i->mtime = i->ctime = i->btime = clock_realtime();
    changed(dir, true);
    return 0;
}

// -EPERM: the disk has no such type, or no such device number.
static int type_of(const struct create_args *args)
{
    switch (args->mode & S_IFMT) {
    case S_IFREG:
        return XV6FS_FILE;
    case S_IFDIR:
        return XV6FS_DIR;
    case S_IFLNK:
        return strlen(args->target) <= XV6FS_BLOCK ? XV6FS_SYMLINK : -ENAMETOOLONG;
    case S_IFCHR:
        return dev_minor(args->rdev) <= UINT16_MAX ? XV6FS_DEVICE : -EPERM;
    }
    return -EPERM;
}

static int dir_create(struct inode *dir, const struct name *name, const struct create_args *args,
                      struct inode **out)
{
    struct xv6fs *fs = xv6fs_of(dir);
    int type = type_of(args), err = name_check(name);
    u32 ino;

    if (err || type < 0)
        return err ? err : type;
    ino = xv6fs_ino_alloc(fs);
    if (!ino)
        return -ENOSPC;
    err = xv6fs_inode_load(dir->sb, ino, out);
    if (!err) {
        err = create_inode(dir, name, args, type, *out);
        if (err)
            xv6fs_inode_discard(*out);
    }
    if (err)
        xv6fs_ino_free(fs, ino);
    else
        *out = xv6fs_inode_publish(*out);
    return err;
}

static int dir_link(struct inode *dir, const struct name *name, struct inode *target)
{
    struct xv6fs *fs = xv6fs_of(dir);
    u32 offset;
    int err = name_check(name) ?: xv6fs_op_begin(fs);

    if (err)
        return err;
    err = links_add(target, 1) ?: entry_add(dir, name, target->ino, &offset);
    err = xv6fs_op_end(fs, err);
    if (!err) {
        changed(dir, true);
        changed(target, false);
    }
    return err;
}

/* Removing, renaming */

static int dir_unlink(struct inode *dir, const struct name *name, struct inode *victim)
{
    struct xv6fs *fs = xv6fs_of(dir);
    struct place p;
    int err = dir_find_of(dir, name, victim, &p);

    if (err)
        return err;
    err = xv6fs_op_begin(fs);
    if (!err) {
        err = victim_drop(dir, victim);
        xv6fs_op_change(fs, p.block);
        memset(p.entry, 0, ENTRY);
        err = xv6fs_op_end(fs, err);
    }
    buf_put(p.block);
    if (!err) {
        changed(dir, true);
        changed(victim, false);
    }
    return err;
}

struct rename {
    struct inode *old_dir, *moved, *new_dir, *victim;
    const struct name *new_name;
    bool exchange;
    struct place from, to; // `to` without a block: a new entry
};

// The new name leads to what moves.
static int rename_new(struct rename *r)
{
    if (!r->victim)
        return entry_add(r->new_dir, r->new_name, r->moved->ino, &r->to.offset);
    xv6fs_op_change(xv6fs_of(r->moved), r->to.block);
    r->to.entry->inum = r->moved->ino;
    return r->exchange ? directory_moved(r->victim, r->new_dir, r->old_dir)
                       : victim_drop(r->new_dir, r->victim);
}

static int rename_locked(struct rename *r)
{
    int err = rename_new(r) ?: directory_moved(r->moved, r->old_dir, r->new_dir);

    if (err)
        return err;
    xv6fs_op_change(xv6fs_of(r->moved), r->from.block);
    if (r->exchange)
        r->from.entry->inum = r->victim->ino;
    else
        memset(r->from.entry, 0, ENTRY);
    return 0;
}

static int rename_places(struct rename *r)
{
    struct xv6fs *fs = xv6fs_of(r->moved);
    int err = xv6fs_op_begin(fs);

    return err ? err : xv6fs_op_end(fs, rename_locked(r));
}

static void rename_done(struct rename *r)
{
    store_relaxed(&xv6fs_i(r->moved)->entry, r->to.offset);
    changed(r->old_dir, true);
    changed(r->new_dir, true);
    changed(r->moved, false);
    if (r->exchange)
        store_relaxed(&xv6fs_i(r->victim)->entry, r->from.offset);
    if (r->victim)
        changed(r->victim, false);
}

static int dir_rename(struct inode *old_dir, const struct name *old_name, struct inode *moved,
                      struct inode *new_dir, const struct name *new_name, struct inode *victim,
                      u32 flags)
{
    struct rename r = {
        old_dir, moved, new_dir, victim, new_name, flags & RENAME_EXCHANGE, .to = {.block = NULL}};
    int err = name_check(new_name) ?: dir_find_of(old_dir, old_name, moved, &r.from);

    if (err)
        return err;
    if (victim)
        err = dir_find_of(new_dir, new_name, victim, &r.to);
    if (!err) {
        err = rename_places(&r);
        buf_put(r.to.block);
    }
    buf_put(r.from.block);
    if (!err)
        rename_done(&r);
    return err;
}

const struct inode_ops xv6fs_dir_inode_ops = {
    .lookup = dir_lookup,
    .create = dir_create,
    .link = dir_link,
    .unlink = dir_unlink,
    .rename = dir_rename,
    .setattr = xv6fs_setattr,
    .getattr = xv6fs_getattr,
};

const struct file_ops xv6fs_dir_ops = {
    .readdir = dir_readdir,
    .fsync = xv6fs_fsync,
};
