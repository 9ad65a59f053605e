// SPDX-License-Identifier: MIT
// devpts: the names of pseudo-terminals.
//
// Each mount is an instance of its own with its own numbers. A number is in use from the making of
// a pseudo-terminal until both of its ends are closed; its node goes with the master. What a node
// is, tty/ knows: here it is an inode with operations.
//
// The root's inode lock guards numbers and nodes. A removed node's name may still be cached: its
// inode has no links then, which makes a walk look again.
#include "fs/pseudo/devpts.h"
#include "abi/errno.h"
#include "abi/statfs.h"
#include "lib/format.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/idmap.h"
#include "mm/slab.h"
#include "vfs/pseudo.h"

#define NUMBER_POS      (DIR_FIRST_POS + 1)
#define RESERVED_INODES 3 // 0, the root, ptmx

struct options {
    uid_t uid;
    gid_t gid;
    bool set_uid, set_gid; // else the opener's
    mode_t mode, ptmx_mode;
    u32 max;
};

struct devpts {
    struct options options; // (root lock)
    struct inode *ptmx;     // (c) referenced
    struct idmap nodes;     // (root lock) inodes, referenced; NULL once removed
};

u64 devpts_max = 4096, devpts_count;

static struct devpts *devpts_of(const struct inode *i)
{
    return i->sb->private;
}

/* Options */

static int option_mode(const char *value, mode_t *out)
{
    u64 n;
    int err = parse_u64(value, NULL, 8, &n);

    if (!err)
        *out = n & S_IALLUGO;
    return err;
}

static int option_apply(void *arg, const char *key, const char *value)
{
    struct options *o = arg;
    u64 n;
    int err;

    if (!strcmp(key, "newinstance") && !value)
        return 0; // each mount is one
    if (!value)
        return -EINVAL;
    if (!strcmp(key, "mode"))
        return option_mode(value, &o->mode);
    if (!strcmp(key, "ptmxmode"))
        return option_mode(value, &o->ptmx_mode);
    err = parse_u64(value, NULL, 0, &n);
    if (err || n > UINT32_MAX)
        return -EINVAL;
    if (!strcmp(key, "uid")) {
        o->uid = n;
        o->set_uid = true;
    } else if (!strcmp(key, "gid")) {
        o->gid = n;
        o->set_gid = true;
    } else if (!strcmp(key, "max") && n <= DEVPTS_MAX) {
        o->max = n;
    } else {
        return -EINVAL;
    }
    return 0;
}

static int options_parse(const char *text, struct options *out)
{
    *out = (struct options){.mode = 0600, .max = DEVPTS_MAX};
    return options_each(text, option_apply, out);
}

/* Inodes */

// Names of nodes that are gone are looked up again.
static bool node_valid(struct inode *i)
{
    return load_relaxed(&i->nlink) != 0;
}

static const struct inode_ops node_ops = {.valid = node_valid};

static int inode_make(struct superblock *sb, ino_t ino, mode_t mode, struct inode **out)
{
    struct inode *i = kmalloc(sizeof(*i), ALLOC_ZERO);

    if (!i)
        return -ENOMEM;
    inode_init(i, sb, mode);
    i->ino = ino;
    i->ops = &node_ops;
    *out = i;
    return 0;
}

static void devpts_evict(struct inode *i)
{
    vm_object_fini(&i->object);
    kfree(i);
}

/* Nodes */

static int node_make_locked(struct superblock *sb, const struct file_ops *ops, void *private,
                            u32 index)
{
    const struct cred *cred = thread_self()->cred;
    struct devpts *d = sb->private;
    const struct options *o = &d->options;
    struct inode *i;
    int err = inode_make(sb, index + RESERVED_INODES, S_IFCHR | o->mode, &i);

    if (err)
        return err;
    i->uid = o->set_uid ? o->uid : cred->fsuid;
    i->gid = o->set_gid ? o->gid : cred->fsgid;
    i->rdev = PTS_DEV(index);
    i->fops = ops;
    i->private = private;
    d->nodes.items[index] = i;
    return 0;
}

int devpts_add(struct superblock *sb, const struct file_ops *ops, void *private, u32 *index)
{
    struct devpts *d = sb->private;
    int err = 0;

    if (atomic_fetch_add(&devpts_count, 1UL) >= load_relaxed(&devpts_max))
        err = -ENOSPC;
    write_lock(&sb->root->lock);
    err = err ?: idmap_take(&d->nodes, d->options.max, NULL, index);
    if (!err) {
        err = node_make_locked(sb, ops, private, *index);
        if (err)
            idmap_free(&d->nodes, *index);
    }
    write_unlock(&sb->root->lock);
    if (err)
        atomic_fetch_sub(&devpts_count, 1UL);
    return err;
}

void devpts_remove(struct superblock *sb, u32 index)
{
    struct devpts *d = sb->private;
    struct inode *i;

    write_lock(&sb->root->lock);
    i = d->nodes.items[index];
    d->nodes.items[index] = NULL;
    write_unlock(&sb->root->lock);
    write_lock(&i->lock);
    i->private = NULL;
    store_relaxed(&i->nlink, 0);
    write_unlock(&i->lock);
    inode_put(i);
}

void devpts_release(struct superblock *sb, u32 index)
{
    struct devpts *d = sb->private;

    write_lock(&sb->root->lock);
    idmap_free(&d->nodes, index);
    write_unlock(&sb->root->lock);
    atomic_fetch_sub(&devpts_count, 1UL);
}

/* The directory */

static int root_lookup(struct inode *dir, const struct name *name, struct inode **out)
{
    struct devpts *d = devpts_of(dir);
    struct inode *i = NULL;
    char text[12];
    u64 n;

    if (name_equals(name, "ptmx"))
        i = d->ptmx;
    if (!i && name->length < sizeof(text) && (name->text[0] != '0' || name->length == 1)) {
        memcpy(text, name->text, name->length);
        text[name->length] = '\0';
        if (!parse_u64(text, NULL, 10, &n))
            i = idmap_at(&d->nodes, n);
    }
    if (!i)
        return -ENOENT;
    inode_get(i);
    *out = i;
    return 0;
}

static void emit_nodes_locked(struct file *f, struct dir_sink *sink)
{
    struct devpts *d = devpts_of(f->inode);
    char name[12];

    for (u64 n = f->pos - NUMBER_POS; n < d->nodes.size; n++) {
        struct inode *i = idmap_at(&d->nodes, n);

        snformat(name, sizeof(name), "%lu", n);
        if (i && !dir_emit(f, sink, name, i->ino, S_IFCHR, NUMBER_POS + n + 1))
            return;
    }
}

static int root_readdir(struct file *f, struct dir_sink *sink)
{
    if (f->pos < 0 || !dir_emit_dots(f, sink))
        return 0;
    if (f->pos == DIR_FIRST_POS &&
        !dir_emit(f, sink, "ptmx", devpts_of(f->inode)->ptmx->ino, S_IFCHR, NUMBER_POS))
        return 0;
    read_lock(&f->inode->lock);
    emit_nodes_locked(f, sink);
    read_unlock(&f->inode->lock);
    return 0;
}

// As Linux says that nothing can be made here.
static int root_create(struct inode *dir, const struct name *name, const struct create_args *args,
                       struct inode **out)
{
    return S_ISREG(args->mode) ? -EACCES : -EPERM;
}

static const struct inode_ops root_ops = {.lookup = root_lookup, .create = root_create};
static const struct file_ops root_fops = {.readdir = root_readdir};

/* Mounting */

static int devpts_remount(struct superblock *sb, u32 flags, const char *text)
{
    struct devpts *d = sb->private;
    struct options o;
    int err = options_parse(text, &o);

    if (err)
        return err;
    write_lock(&sb->root->lock);
    d->options = o;
    store_relaxed(&d->ptmx->mode, S_IFCHR | o.ptmx_mode);
    write_unlock(&sb->root->lock);
    return 0;
}

static void devpts_unmount(struct superblock *sb)
{
    struct devpts *d = sb->private;

    if (d && d->ptmx)
        inode_put(d->ptmx);
    if (d)
        idmap_fini(&d->nodes);
    kfree(d);
}

static const struct superblock_ops devpts_ops = {
    .evict = devpts_evict,
    .remount = devpts_remount,
    .unmount = devpts_unmount,
};

static int devpts_fill(struct superblock *sb, const char *text)
{
    struct devpts *d = kmalloc(sizeof(*d), ALLOC_ZERO);
    int err;

    sb->magic = DEVPTS_SUPER_MAGIC;
    sb->volatile_names = true;
    sb->private = d;
    if (!d)
        return -ENOMEM;
    err = options_parse(text, &d->options)
              ?: inode_make(sb, 2, S_IFCHR | d->options.ptmx_mode, &d->ptmx)
              ?: inode_make(sb, 1, S_IFDIR | 0755, &sb->root);
    if (err)
        return err;
    d->ptmx->rdev = PTMX_DEV;
    sb->root->nlink = 2;
    sb->root->ops = &root_ops;
    sb->root->fops = &root_fops;
    return 0;
}

static int devpts_mount(const struct fs_type *type, const char *source, const char *options,
                        u32 flags, struct superblock **out)
{
    int err = superblock_create(out, type, &devpts_ops);

    if (err)
        return err;
    err = devpts_fill(*out, options);
    if (err)
        superblock_destroy(*out);
    return err;
}

static struct fs_type devpts_type = {.name = "devpts", .mount = devpts_mount};

void devpts_init(void)
{
    fs_register(&devpts_type);
}

int devpts_find(const struct path *ptmx, struct path *root)
{
    struct path found = {ptmx->mount, ptmx->mount->sb->root_dentry};
    int err;

    if (ptmx->mount->sb->ops == &devpts_ops) {
        path_get(&found);
        *root = found;
        return 0;
    }
    err = path_beside(ptmx, "pts", &found);
    if (err)
        return err;
    if (found.mount->sb->ops != &devpts_ops || path_inode(&found) != found.mount->sb->root) {
        path_put(&found);
        return -ENODEV;
    }
    *root = found;
    return 0;
}
