// SPDX-License-Identifier: MIT
// Attribute values in inodes of their own.
//
// Such an inode has no name. Its times are not times: the access time is the hash of the value, the
// change time and the version are the halves of the count of references. They are changed in the
// inode table directly; the inode in memory is not written any more once it is made, until it goes.
#include "fs/ext4/xattr_value.h"
#include "fs/ext4/namei.h"
#include "lib/crc32.h"
#include "lib/string.h"

static int damaged(struct inode *i, u32 value)
{
    return ext4_corrupt(ext4_of(i), i->ino, value, "the inode of an attribute's value");
}

int ext4_value_get(struct inode *i, const struct ext4_xattr_entry *e, struct inode **out)
{
    int err;

    if (e->e_value_inum == i->ino || e->e_value_inum == EXT4_ROOT_INO)
        return damaged(i, e->e_value_inum);
    err = ext4_inode_get(i->sb, e->e_value_inum, out);
    if (err)
        return err;
    if (S_ISREG((*out)->mode) && ext4_i(*out)->flags & EXT4_EA_INODE_FL && !ext4_has_inline(*out) &&
        (*out)->size == e->e_value_size)
        return 0;
    inode_put(*out);
    *out = NULL;
    return damaged(i, e->e_value_inum);
}

int ext4_value_read(struct inode *value, u8 *to)
{
    struct ext4 *fs = ext4_of(value);
    u32 size = value->size, n;

    for (u32 done = 0; done < size; done += n) {
        struct buf *b;
        int err = ext4_file_block(value, done >> fs->block_shift, &b);

        if (err)
            return err == -ENOENT ? damaged(value, value->ino) : err;
        n = MIN(fs->block_size, size - done);
        memcpy(to + done, b->data, n);
        buf_put(b);
    }
    return 0;
}

/* References */

// One more or less; *left is how many there are then.
static int count(struct handle *h, struct ext4 *fs, u32 ino, int change, u64 *left)
{
    struct ext4_dinode *d;
    struct buf *b;
    int err = ext4_dinode_change(h, fs, ino, &b, &d);

    if (err)
        return err;
    *left = (u64)d->i_ctime << 32 | d->i_version_lo;
    *left = *left || change > 0 ? *left + change : 0;
    d->i_ctime = *left >> 32;
    d->i_version_lo = *left;
    ext4_dinode_changed(h, fs, ino, b);
    buf_put(b);
    return 0;
}

int ext4_value_share(struct handle *h, struct ext4 *fs, u32 ino)
{
    u64 left;

    return count(h, fs, ino, 1, &left);
}

int ext4_value_unshare(struct handle *h, struct inode *value)
{
    u64 left;
    int err = count(h, ext4_of(value), value->ino, -1, &left);

    return err || left ? err : ext4_inode_discard(h, value);
}

/* Making */

u32 ext4_value_credits(const struct ext4 *fs, u32 size)
{
    static const struct ext4_inode extents = {.flags = EXT4_EXTENTS_FL}, tables;
    u32 n = DIV_ROUND_UP(size, fs->block_size);

    return EXT4_INODE_NEW_CREDITS + 1 + EXT4_ORPHAN_CREDITS + n * (1 + EXT4_ALLOC_CREDITS) +
           ext4_map_credits(EXT4_HAS_INCOMPAT(fs, EXTENTS) ? &extents : &tables, n);
}

static int write_value(struct handle *h, struct inode *value, const u8 *bytes, u32 size)
{
    struct ext4 *fs = ext4_of(value);
    int err = 0;

    for (u32 at = 0; !err && at < size; at += fs->block_size)
        err = ext4_file_block_write(h, value, at >> fs->block_shift, bytes + at,
                                    MIN(fs->block_size, size - at));
    return err;
}

// What the inode's times are for, in place.
static int mark(struct handle *h, struct inode *value, u32 hash)
{
    struct ext4 *fs = ext4_of(value);
    struct ext4_dinode *d;
    struct buf *b;
    int err = ext4_dinode_change(h, fs, value->ino, &b, &d);

    if (err)
        return err;
    d->i_atime = hash;
    d->i_ctime = 0;
    d->i_version_lo = 1;
    if (ext4_i(value)->extra_isize >=
        offsetof(struct ext4_dinode, i_crtime) - EXT4_GOOD_OLD_INODE_SIZE)
        d->i_atime_extra = d->i_ctime_extra = 0;
    ext4_dinode_changed(h, fs, value->ino, b);
    buf_put(b);
    return 0;
}

static int fill(struct handle *h, struct inode *value, const void *bytes, u32 size, u32 hash)
{
    struct ext4_inode *e = ext4_i(value);
    int err = write_value(h, value, bytes, size);

    if (err)
        return err;
    e->flags = (e->flags & EXT4_EXTENTS_FL) | EXT4_EA_INODE_FL;
    write_lock(&e->map_lock);
    e->disk_size = value->size = size;
    write_unlock(&e->map_lock);
    return ext4_inode_write(h, value) ?: mark(h, value, hash);
}

int ext4_value_new(struct handle *h, struct inode *i, const void *bytes, u32 size,
                   struct inode **out, u32 *hash)
{
    const struct create_args args = {.mode = S_IFREG | 0600};
    int err = ext4_inode_new(h, i, &args, out);

    if (err)
        return err;
    *hash = crc32c(ext4_of(i)->csum_seed, bytes, size);
    err = fill(h, *out, bytes, size, *hash);
    if (err)
        ext4_inode_discard(h, *out);
    return err;
}
