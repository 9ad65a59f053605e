// SPDX-License-Identifier: MIT
// Inodes: read, made, given back; symbolic links.
//
// The disk knows type, device number, links and size. Everybody may do everything with a file:
// owners cannot be changed, a change of mode does nothing, and times last as long as the inode is
// cached.
#include "abi/mount.h"
#include "fs/xv6fs/internal.h"
#include "lib/string.h"
#include "mm/slab.h"

#define END_TRIES   100
#define RETRY_AFTER (NS_PER_SEC / 100)

static struct slab_cache *inode_slab; // (c)

void xv6fs_inodes_init(void)
{
    inode_slab = slab_cache_create("xv6fs_inode", sizeof(struct xv6fs_inode), 8);
}

/* What the disk says */

// On disk a directory's "." is no link to it.
void xv6fs_refresh(struct inode *i)
{
    const struct xv6fs_dinode *d = xv6fs_i(i)->disk;

    i->nlink = d->nlink + (d->type == XV6FS_DIR && d->nlink);
    store_relaxed(&i->size, d->size);
}

static int link_readlink(struct inode *i, char *buf, size_t size)
{
    struct buf *b;
    int err = xv6fs_map_read(i, 0, &b);
    size_t n;

    if (err)
        return err;
    if (!b)
        return xv6fs_damaged(xv6fs_of(i), i->ino, "a symbolic link without a target");
    n = strnlen((char *)b->data, MIN(load_relaxed(&i->size), (u64)XV6FS_BLOCK));
    n = MIN(n, size);
    memcpy(buf, b->data, n);
    buf_put(b);
    return n;
}

static const struct inode_ops other_ops = {
    .readlink = link_readlink,
    .setattr = xv6fs_setattr,
    .getattr = xv6fs_getattr,
};

static const struct kind {
    mode_t mode;
    const struct inode_ops *ops;
    const struct file_ops *fops;
    const struct vm_object_ops *pages;
} kinds[] = {
    [XV6FS_DIR] = {S_IFDIR | 0777, &xv6fs_dir_inode_ops, &xv6fs_dir_ops, NULL},
    [XV6FS_FILE] = {S_IFREG | 0777, &other_ops, &xv6fs_file_ops, &xv6fs_object_ops},
    [XV6FS_DEVICE] = {S_IFCHR | 0666, &other_ops, NULL, NULL},
    [XV6FS_SYMLINK] = {S_IFLNK | 0777, &other_ops, NULL, NULL},
};

int xv6fs_dirty(struct inode *i)
{
    i->mode = (i->mode & S_IFMT) | (S_ISCHR(i->mode) ? 0666 : 0777);
    return 0;
}

int xv6fs_inode_setup(struct inode *i)
{
    const struct xv6fs_dinode *d = xv6fs_i(i)->disk;
    const struct kind *k;

    if (xv6fs_dinode_check(d))
        return xv6fs_damaged(xv6fs_of(i), i->ino, "an inode cannot be");
    k = &kinds[d->type];
    i->mode = k->mode;
    i->ops = k->ops;
    i->fops = k->fops;
    if (k->pages)
        i->object.ops = k->pages;
    i->object.size = d->size;
    if (d->type == XV6FS_DEVICE)
        i->rdev = makedev((u16)d->major, (u16)d->minor);
    xv6fs_refresh(i);
    return 0;
}

static u32 table_block(const struct xv6fs *fs, u32 ino)
{
    return fs->layout.inode_start + ino / XV6FS_INODES_PER_BLOCK;
}

int xv6fs_inode_peek(struct xv6fs *fs, u32 ino, struct xv6fs_dinode *out)
{
    struct buf *b;
    int err = ino < fs->layout.inodes ? buf_read(fs->cache, table_block(fs, ino), &b) : -EUCLEAN;

    if (err)
        return err;
    *out = ((struct xv6fs_dinode *)b->data)[ino % XV6FS_INODES_PER_BLOCK];
    buf_put(b);
    return 0;
}

/* Life */

int xv6fs_inode_load(struct superblock *sb, u32 ino, struct inode **out)
{
    struct xv6fs *fs = sb->private;
    struct xv6fs_inode *x;
    struct buf *b;
    int err = buf_read(fs->cache, table_block(fs, ino), &b);

    if (err)
        return err;
    x = slab_alloc(inode_slab, 0);
    if (!x) {
        buf_put(b);
        return -ENOMEM;
    }
    *x = (struct xv6fs_inode){.buf = b};
    inode_init(&x->inode, sb, 0);
    x->inode.ino = ino;
    x->inode.atime = x->inode.mtime = x->inode.ctime = x->inode.btime = fs->mounted;
    x->disk = (struct xv6fs_dinode *)b->data + ino % XV6FS_INODES_PER_BLOCK;
    *out = &x->inode;
    return 0;
}

void xv6fs_inode_discard(struct inode *i)
{
    vm_object_fini(&i->object);
    buf_put(xv6fs_i(i)->buf);
    slab_free(inode_slab, xv6fs_i(i));
}

int xv6fs_inode_get(struct superblock *sb, u32 ino, struct inode **out)
{
    struct xv6fs *fs = sb->private;
    u32 ticket;
    int err;

    if (!ino || ino >= fs->layout.inodes)
        return xv6fs_damaged(fs, ino, "a name leads to no inode");
    for (;;) {
        *out = inode_cache_find(sb, ino, &ticket);
        if (*out)
            return 0;
        err = xv6fs_inode_load(sb, ino, out);
        if (err)
            return err;
        err = xv6fs_inode_setup(*out);
        if (!err && inode_cache_insert(*out, ticket))
            return 0;
        xv6fs_inode_discard(*out);
        if (err)
            return err;
    }
}

struct inode *xv6fs_inode_publish(struct inode *i)
{
    struct inode *other;
    u32 ticket;

    do {
        other = inode_cache_find(i->sb, i->ino, &ticket);
        if (other) { // a name on a damaged disk led there too
            xv6fs_inode_discard(i);
            return other;
        }
    } while (!inode_cache_insert(i, ticket));
    return i;
}

// The inode has no name any more. If this fails, the next mount tries again.
static int delete (struct inode *i)
{
    struct xv6fs *fs = xv6fs_of(i);
    int err = xv6fs_map_trim(i, 0);

    err = err ? err : xv6fs_op_begin(fs);
    if (err)
        return err;
    xv6fs_op_change(fs, xv6fs_i(i)->buf);
    memset(xv6fs_i(i)->disk, 0, sizeof(struct xv6fs_dinode));
    return xv6fs_op_end(fs, 0);
}

static int finish(struct inode *i)
{
    if (i->nlink)
        return vm_object_sync(&i->object, 0, ~0UL);
    return i->sb->flags & MS_RDONLY ? -EROFS : delete (i);
}

// What a shortage of memory leaves undone can be done again, and memory comes back.
void xv6fs_inode_evict(struct inode *i)
{
    struct xv6fs *fs = xv6fs_of(i);
    u32 ino = i->ino;
    bool nameless = !i->nlink;
    int err = finish(i);

    for (unsigned tries = 1; err == -ENOMEM && tries < END_TRIES; tries++) {
        sleep_until(clock_monotonic() + RETRY_AFTER, WAIT_UNINTERRUPTIBLE);
        err = finish(i);
    }
    inode_cache_remove(i);
    xv6fs_inode_discard(i);
    if (nameless && !err)
        xv6fs_ino_free(fs, ino);
}

/* Attributes */

// How many blocks are mapped is not written anywhere: holes are counted too.
int xv6fs_getattr(struct inode *i, struct linux_stat *out)
{
    out->st_blocks = DIV_ROUND_UP(out->st_size, XV6FS_BLOCK) * (XV6FS_BLOCK / SECTOR_SIZE);
    return 0;
}

int xv6fs_setattr(struct inode *i, const struct attr *a)
{
    if ((a->valid & ATTR_UID && a->uid != i->uid) || (a->valid & ATTR_GID && a->gid != i->gid))
        return -EPERM;
    return a->valid & ATTR_SIZE ? xv6fs_truncate(i, a->size) : 0;
}
