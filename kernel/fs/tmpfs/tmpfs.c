// SPDX-License-Identifier: MIT
// tmpfs: files, links and nodes in memory; limits; mounting.
//
// A regular file's pages are those of inode->object. They are charged to the superblock in steps:
// before a page is written the file's page count is compared with what was charged so far, and so
// it is after a truncation and at the end. The charge may therefore lag by the latest page
// of each file; the limit is enforced with that tolerance.
#include "abi/errno.h"
#include "abi/mount.h"
#include "fs/tmpfs/internal.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/slab.h"

static struct slab_cache *inode_cache; // (c)

/* Pages */

// Makes the charge equal to the pages the file has.
static void charge_update(struct inode *i)
{
    u64 now = load_relaxed(&i->object.page_count);
    u64 old = atomic_xchg(&tmpfs_inode(i)->charged, now);

    if (now != old)
        atomic_fetch_add(&tmpfs_of(i)->pages, now - old);
}

static int file_make_page(struct vm_object *o, u64 index)
{
    struct inode *i = o->owner;
    struct tmpfs *fs = tmpfs_of(i);
    struct frame *f;

    charge_update(i);
    if (likely(load_relaxed(&fs->pages) < fs->page_limit))
        return 0;
    f = vm_object_find(o, index);
    if (!f)
        return -ENOSPC;
    frame_put(f);
    return 0;
}

static int file_make_writable(struct vm_object *o, u64 index)
{
    return unlikely(tmpfs_seals_store(o->owner)) ? -EPERM : file_make_page(o, index);
}

static const struct vm_object_ops file_object_ops = {.make_writable = file_make_writable,
                                                     .make_page = file_make_page};

static int file_setattr(struct inode *i, const struct attr *a)
{
    int err = a->valid & ATTR_SIZE ? tmpfs_seals_size(i, a->size) : 0;

    if (!err && a->valid & ATTR_MODE)
        err = tmpfs_seals_mode(i, a->mode);
    if (err)
        return err;
    if (a->valid & ATTR_SIZE) {
        store_relaxed(&i->size, a->size);
        vm_object_truncate(&i->object, a->size);
        charge_update(i);
    }
    return 0;
}

int tmpfs_fsync(struct file *f, bool data_only)
{
    return 0;
}

static int allocate_page(struct vm_object *o, u64 index)
{
    struct frame *f;
    int err = wait_interrupted(WAIT_KILLABLE) ? -EINTR : file_make_page(o, index);

    err = err ?: vm_object_page(o, index, &f);
    if (!err)
        frame_put(f);
    return err;
}

// Makes the pages of a range, or none: those that were there have been found. The inode is locked.
static int allocate_pages(struct inode *i, u64 first, u64 end)
{
    u64 index = first;
    int err = 0;

    while (index < end && !(err = allocate_page(&i->object, index)))
        index++;
    if (err && index > first)
        vm_object_drop_new(&i->object, first, index);
    return err;
}

static ssize_t write_pages(struct file *f, struct uio *u, loff_t *pos, u64 limit)
{
    struct inode *i = f->inode;
    int err = 0;

    if (unlikely(i->seals & ~F_SEAL_SEAL))
        err = tmpfs_seals_write(i) ?: tmpfs_seals_size(i, MAX(*pos + u->left, i->size));
    return err ? err : generic_write_pages(f, u, pos, limit);
}

static ssize_t regular_write(struct file *f, struct uio *u, loff_t *pos)
{
    return generic_file_write_by(f, u, pos, INT64_MAX, write_pages);
}

static int file_fallocate(struct file *f, int mode, loff_t offset, loff_t length)
{
    struct inode *i = f->inode;
    u64 end = offset + length;
    int err = 0;

    if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
        return -EOPNOTSUPP;
    if (mode & FALLOC_FL_PUNCH_HOLE && !(mode & FALLOC_FL_KEEP_SIZE))
        return -EOPNOTSUPP;
    write_lock(&i->lock);
    if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
        err = tmpfs_seals_write(i);
    if (!err && !(mode & FALLOC_FL_KEEP_SIZE))
        err = tmpfs_seals_size(i, MAX(end, i->size));
    if (!err && mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
        vm_object_punch(&i->object, offset, end);
    if (!err && !(mode & FALLOC_FL_PUNCH_HOLE))
        err = allocate_pages(i, offset >> PAGE_SHIFT, DIV_ROUND_UP(end, PAGE_SIZE));
    if (!err && !(mode & FALLOC_FL_KEEP_SIZE) && end > i->size) {
        store_relaxed(&i->object.size, end);
        store_relaxed(&i->size, end);
    }
    charge_update(i);
    inode_touch_mtime(i);
    write_unlock(&i->lock);
    return err;
}

static const struct inode_ops file_inode_ops = {.setattr = file_setattr, .xattr = &tmpfs_xattr_ops};
static const struct file_ops file_ops = {
    .read = generic_file_read,
    .write = regular_write,
    .mmap = generic_file_mmap,
    .fsync = tmpfs_fsync,
    .fallocate = file_fallocate,
};

/* Links and nodes */

#define LONG_TARGET 128 // what is shorter is part of what an inode takes; else it counts as a page

static bool target_is_long(const struct inode *i)
{
    return i->size >= LONG_TARGET;
}

static int link_readlink(struct inode *i, char *buf, size_t size)
{
    size_t n = MIN(size, i->size);

    memcpy(buf, tmpfs_inode(i)->target, n);
    return n;
}

static const struct inode_ops link_inode_ops = {.readlink = link_readlink,
                                                .xattr = &tmpfs_xattr_ops};
static const struct inode_ops node_inode_ops = {.xattr = &tmpfs_xattr_ops};

static int link_init(struct tmpfs_inode *t, const char *target)
{
    struct tmpfs *fs = tmpfs_of(&t->inode);
    size_t n = strlen(target);
    bool charge;

    t->inode.size = n;
    charge = target_is_long(&t->inode);
    if (charge && atomic_fetch_add(&fs->pages, 1) >= fs->page_limit) {
        atomic_fetch_sub(&fs->pages, 1);
        return -ENOSPC;
    }
    t->target = kmalloc(n + 1, 0);
    if (!t->target) {
        atomic_fetch_sub(&fs->pages, charge);
        return -ENOMEM;
    }
    memcpy(t->target, target, n + 1);
    t->inode.ops = &link_inode_ops;
    return 0;
}

static void link_fini(struct tmpfs_inode *t)
{
    atomic_fetch_sub(&tmpfs_of(&t->inode)->pages, target_is_long(&t->inode));
    kfree(t->target);
}

static int type_init(struct tmpfs_inode *t, const struct create_args *args)
{
    struct inode *i = &t->inode;

    switch (args->mode & S_IFMT) {
    case S_IFREG:
        i->ops = &file_inode_ops;
        i->fops = &file_ops;
        i->object.ops = &file_object_ops;
        i->seals = F_SEAL_SEAL;
        t->charged = 0;
        return 0;
    case S_IFDIR:
        i->ops = &tmpfs_dir_inode_ops;
        i->fops = &tmpfs_dir_ops;
        tmpfs_dir_init(t);
        return 0;
    case S_IFLNK:
        return link_init(t, args->target);
    default:
        i->ops = &node_inode_ops;
        i->rdev = args->rdev;
        return 0;
    }
}

/* Inodes */

int tmpfs_space_take(struct tmpfs *fs, u64 n)
{
    if (atomic_fetch_add(&fs->space, n) + n <= fs->space_limit)
        return 0;
    tmpfs_space_give(fs, n);
    return -ENOSPC;
}

void tmpfs_space_give(struct tmpfs *fs, u64 n)
{
    atomic_fetch_sub(&fs->space, n);
}

int tmpfs_inode_create(struct superblock *sb, const struct create_args *args, struct inode **out)
{
    struct tmpfs *fs = sb->private;
    struct tmpfs_inode *t;
    int err = tmpfs_space_take(fs, TMPFS_INODE_SPACE);

    if (err)
        return err;
    t = slab_alloc(inode_cache, 0);
    err = t ? 0 : -ENOMEM;
    if (!err) {
        inode_init(&t->inode, sb, args->mode);
        t->inode.uid = args->uid;
        t->inode.gid = args->gid;
        list_init(&t->xattrs);
        err = type_init(t, args);
    }
    if (err) {
        slab_free(inode_cache, t);
        tmpfs_space_give(fs, TMPFS_INODE_SPACE);
        return err;
    }
    *out = &t->inode;
    return 0;
}

void tmpfs_evict(struct inode *i)
{
    struct tmpfs_inode *t = tmpfs_inode(i);

    if (S_ISREG(i->mode))
        atomic_fetch_sub(&tmpfs_of(i)->pages, t->charged);
    else if (S_ISDIR(i->mode))
        tmpfs_dir_fini(t);
    else if (S_ISLNK(i->mode))
        link_fini(t);
    tmpfs_xattrs_fini(t);
    vm_object_fini(&i->object);
    tmpfs_space_give(tmpfs_of(i), TMPFS_INODE_SPACE);
    slab_free(inode_cache, t);
}

static int tmpfs_statfs(struct superblock *sb, struct statfs64 *out)
{
    struct tmpfs *fs = sb->private;

    out->f_blocks = fs->page_limit;
    out->f_bfree = out->f_bavail = fs->page_limit - MIN(fs->pages, fs->page_limit);
    out->f_files = fs->space_limit / TMPFS_INODE_SPACE;
    out->f_ffree = (fs->space_limit - MIN(fs->space, fs->space_limit)) / TMPFS_INODE_SPACE;
    return 0;
}

static void tmpfs_unmount(struct superblock *sb)
{
    kfree(sb->private);
}

/* Mounting */

#define INODES_MAX ((u64)INT64_MAX / TMPFS_INODE_SPACE)

struct options {
    struct tmpfs *fs;
    struct create_args root;
};

// "512", "64k", "10m", "2g", "50%" (of RAM): bytes.
static int parse_size(const char *s, u64 *out)
{
    static const char units[] = "kmgt";
    const char *end, *unit;
    u64 scale = 1;
    int err = parse_u64(s, &end, 0, out);

    if (err || !*end)
        return err;
    if (*end == '%') {
        scale = frames_total() * PAGE_SIZE / 100;
        return end[1] || __builtin_mul_overflow(*out, scale, out) ? -EINVAL : 0;
    }
    unit = strchr(units, *end | 0x20);
    if (!unit || end[1])
        return -EINVAL;
    scale <<= 10 * (unit - units + 1);
    return __builtin_mul_overflow(*out, scale, out) ? -EINVAL : 0;
}

static u64 inodes_space(u64 n)
{
    return MIN(n, INODES_MAX) * TMPFS_INODE_SPACE;
}

// Words without a value are flags that mount(8) passes on.
static int option_apply(void *arg, const char *key, const char *value)
{
    struct options *o = arg;
    u64 n;
    int err;

    if (!value)
        return 0;
    if (!strcmp(key, "mode")) {
        err = parse_u64(value, NULL, 8, &n);
        o->root.mode = S_IFDIR | (n & S_IALLUGO);
        return err;
    }
    err = parse_size(value, &n);
    if (err || n > INT64_MAX)
        return err ?: -EINVAL;
    if (!strcmp(key, "size"))
        o->fs->page_limit = n ? DIV_ROUND_UP(n, PAGE_SIZE) : ~0UL >> 1;
    else if (!strcmp(key, "nr_blocks"))
        o->fs->page_limit = n ? n : ~0UL >> 1;
    else if (!strcmp(key, "nr_inodes"))
        o->fs->space_limit = inodes_space(n ? n : INODES_MAX);
    else if (!strcmp(key, "uid"))
        o->root.uid = n;
    else if (!strcmp(key, "gid"))
        o->root.gid = n;
    else
        return -EINVAL;
    return 0;
}

static const struct superblock_ops tmpfs_ops = {
    .evict = tmpfs_evict,
    .statfs = tmpfs_statfs,
    .unmount = tmpfs_unmount,
};

static int tmpfs_mount(const struct fs_type *type, const char *source, const char *options,
                       u32 flags, struct superblock **out)
{
    int err = tmpfs_create(options, out);

    if (!err)
        (*out)->flags = flags & MS_RDONLY;
    return err;
}

static struct fs_type tmpfs_type = {.name = "tmpfs", .mount = tmpfs_mount};
static struct fs_type ramfs_type = {.name = "ramfs", .mount = tmpfs_mount};

int tmpfs_create(const char *options, struct superblock **out)
{
    struct options o = {.root = {.mode = S_IFDIR | 01777}};
    struct superblock *sb;
    int err = superblock_create(&sb, &tmpfs_type, &tmpfs_ops);

    if (err)
        return err;
    sb->magic = TMPFS_MAGIC;
    sb->private = o.fs = kmalloc(sizeof(*o.fs), ALLOC_ZERO);
    err = o.fs ? 0 : -ENOMEM;
    if (!err) {
        o.fs->page_limit = frames_total() / 2;
        o.fs->space_limit = inodes_space(o.fs->page_limit);
        err = options_each(options, option_apply, &o);
    }
    if (!err)
        err = tmpfs_inode_create(sb, &o.root, &sb->root);
    if (err)
        superblock_destroy(sb);
    else
        *out = sb;
    return err;
}

void tmpfs_init(void)
{
    inode_cache = slab_cache_create("tmpfs_inode", sizeof(struct tmpfs_inode), 8);
    fs_register(&tmpfs_type);
    fs_register(&ramfs_type);
}
