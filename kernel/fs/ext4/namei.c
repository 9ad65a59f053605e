// SPDX-License-Identifier: MIT
// The operations on names: lookup, create, link, unlink, rename.
#include "fs/ext4/dir.h"

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
    u8 type;
    int err = ext4_dir_find(dir, name, &place, &ino, &type);

    if (err)
        return err;
    buf_put(place.block);
    if (ino < fs->first_ino || ino > fs->inode_count || ino == dir->ino)
        return damaged(dir, ino, "an entry's inode number");
    err = ext4_inode_get(dir->sb, ino, out);
    if (err == -ENOENT || err == -ESTALE)
        return damaged(dir, ino, "an entry of a free inode");
    if (err || !S_ISDIR((*out)->mode))
        return err;
    err = check_parent(dir, *out);
    if (err)
        inode_put(*out);
    return err;
}

const struct inode_ops ext4_dir_inode_ops = {
    .lookup = dir_lookup,
    .getattr = ext4_inode_getattr,
};
