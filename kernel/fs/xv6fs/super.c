// SPDX-License-Identifier: MIT
// A mounted xv6 file system: mounting, its figures, sync, the end.
#include "abi/mount.h"
#include "base/log.h"
#include "fs/xv6fs/internal.h"
#include "mm/slab.h"

static struct mutex mount_lock = {.queue = WAIT_QUEUE_INIT(mount_lock.queue)};
static struct list mounted = LIST_INIT(mounted); // (mount_lock)

int xv6fs_damaged(struct xv6fs *fs, ino_t ino, const char *what)
{
    if (!atomic_xchg(&fs->damaged, 1))
        log_info("xv6fs (%s): damaged: inode %lu: %s", fs->device->name, ino, what);
    return -EUCLEAN;
}

/* Sync */

int xv6fs_sync(struct superblock *sb)
{
    int err = inodes_sync(sb), log = xv6fs_commit(sb->private);

    return err ? err : log;
}

int xv6fs_fsync(struct file *f, bool data_only)
{
    int err = vm_object_sync(&f->inode->object, 0, ~0UL), log = xv6fs_commit(xv6fs_of(f->inode));

    return err ? err : log;
}

static int xv6fs_statfs(struct superblock *sb, struct statfs64 *out)
{
    struct xv6fs *fs = sb->private;

    out->f_blocks = fs->layout.size - fs->layout.data_start;
    out->f_bfree = out->f_bavail = load_relaxed(&fs->free_blocks);
    out->f_files = fs->layout.inodes - 1;
    out->f_ffree = load_relaxed(&fs->free_inodes);
    out->f_namelen = XV6FS_NAME_MAX;
    return 0;
}

/* Inodes without a name */

// A crash came between the last unlink and the end of the file: it ends now.
static int end_nameless(struct superblock *sb)
{
    struct xv6fs *fs = sb->private;
    struct xv6fs_dinode d;
    struct inode *i;
    int err = 0;

    for (u32 ino = XV6FS_ROOT + 1; ino < fs->layout.inodes && !err; ino++) {
        err = xv6fs_inode_peek(fs, ino, &d);
        if (!err && d.type != XV6FS_FREE && !d.nlink && !xv6fs_inode_get(sb, ino, &i))
            inode_put(i);
    }
    return err;
}

static int xv6fs_remount(struct superblock *sb, u32 flags, const char *options)
{
    struct xv6fs *fs = sb->private;

    if (flags & MS_RDONLY)
        return xv6fs_sync(sb);
    if (!(sb->flags & MS_RDONLY))
        return 0;
    if (fs->device->read_only)
        return -EROFS;
    atomic_fetch_and(&sb->flags, ~MS_RDONLY);
    return end_nameless(sb);
}

/* The end */

static void xv6fs_unmount(struct superblock *sb)
{
    struct xv6fs *fs = sb->private;

    if (!fs)
        return;
    if (fs->cache)
        xv6fs_log_close(fs);
    if (!list_empty(&fs->link)) {
        mutex_lock(&mount_lock);
        list_remove(&fs->link);
        mutex_unlock(&mount_lock);
    }
    buf_device_close(fs->device);
    kfree(fs->inodes);
    kfree(fs);
}

static const struct superblock_ops super_ops = {
    .evict = xv6fs_inode_evict,
    .dirty = xv6fs_dirty,
    .remount = xv6fs_remount,
    .statfs = xv6fs_statfs,
    .sync = xv6fs_sync,
    .unmount = xv6fs_unmount,
};

/* Mounting */

static int super_read(struct xv6fs *fs)
{
    struct buf *b;
    int err = buf_cache_sync(fs->cache) ?: buf_cache_set_block_size(fs->cache, XV6FS_BLOCK);

    err = err ? err : buf_read(fs->cache, 1, &b);
    if (err)
        return err;
    err =
        xv6fs_layout_read((struct xv6fs_super *)b->data, buf_cache_blocks(fs->cache), &fs->layout);
    buf_put(b);
    return err;
}

static int root_read(struct superblock *sb)
{
    u32 parent = 0;
    int err = xv6fs_inode_get(sb, XV6FS_ROOT, &sb->root);

    if (err) {
        sb->root = NULL;
        return err;
    }
    if (!S_ISDIR(sb->root->mode) || !sb->root->nlink)
        return xv6fs_damaged(sb->private, XV6FS_ROOT, "the root is no directory");
    err = xv6fs_dir_parent(sb->root, &parent);
    if (!err && parent != XV6FS_ROOT)
        err = xv6fs_damaged(sb->private, XV6FS_ROOT, "the root has a parent");
    return err;
}

static int open_all(struct superblock *sb, u32 flags)
{
    struct xv6fs *fs = sb->private;
    int err = buf_cache_get(fs->device, &fs->cache);

    err = err ? err : super_read(fs);
    err = err ? err : xv6fs_log_open(fs);
    err = err ? err : xv6fs_alloc_open(fs);
    err = err ? err : root_read(sb);
    if (err)
        return err;
    sb->flags = flags & MS_RDONLY;
    return sb->flags & MS_RDONLY ? 0 : end_nameless(sb);
}

static int fs_create(struct superblock *sb, struct block_device *d)
{
    struct xv6fs *fs = kmalloc(sizeof(*fs), ALLOC_ZERO);
    int err = fs ? buf_device_open(d) : -ENOMEM;

    if (err) {
        kfree(fs);
        return err;
    }
    *fs = (struct xv6fs){.sb = sb, .device = d, .mounted = clock_realtime(), .log = {.stop = true}};
    list_init(&fs->link);
    sb->private = fs;
    sb->dev = d->dev;
    sb->magic = XV6FS_MAGIC;
    sb->block_size = XV6FS_BLOCK;
    return 0;
}

static int mount_new(const struct fs_type *type, struct block_device *d, u32 flags,
                     struct superblock **out)
{
    struct superblock *sb;
    int err = superblock_create(&sb, type, &super_ops);

    if (err)
        return err;
    err = fs_create(sb, d) ?: open_all(sb, flags);
    if (err) {
        superblock_destroy(sb);
        return err;
    }
    list_insert_tail(&mounted, &((struct xv6fs *)sb->private)->link);
    *out = sb;
    return 0;
}

// One that is mounted already is the same file system at one more place; -EBUSY on its last way.
static int mount_again(struct block_device *d, u32 flags, struct superblock **out)
{
    struct xv6fs *fs;

    LIST_FOR_EACH (fs, &mounted, link) {
        if (fs->device != d)
            continue;
        if ((fs->sb->flags ^ flags) & MS_RDONLY || !ref_get_unless_zero(&fs->sb->refs))
            return -EBUSY;
        *out = fs->sb;
        return 0;
    }
    return -ENOENT;
}

static int xv6fs_mount(const struct fs_type *type, const char *source, const char *options,
                       u32 flags, struct superblock **out)
{
    struct block_device *d;
    int err = source ? fs_source_device(source, flags, &d) : -EINVAL;

    if (err)
        return err;
    mutex_lock(&mount_lock);
    err = mount_again(d, flags, out);
    if (err == -ENOENT)
        err = mount_new(type, d, flags, out);
    mutex_unlock(&mount_lock);
    return err;
}

static struct fs_type xv6fs_type = {.name = "xv6fs", .mount = xv6fs_mount, .needs_device = true};

void xv6fs_init(void)
{
    xv6fs_inodes_init();
    fs_register(&xv6fs_type);
}
