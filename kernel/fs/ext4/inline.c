// SPDX-License-Identifier: MIT
// Small files and directories inside the inode: the first 60 bytes in place of the block map, the
// rest in the value of the attribute "system.data" behind the inode's fields.
//
// A directory has its parent's number in the first 4 bytes, no "." and "..", and two separate
// chains of entries: one to byte 60, one in the value.
#include "fs/ext4/dir.h"
#include "fs/ext4/xattr_set.h"
#include "lib/string.h"
#include "mm/slab.h"

#define IN_BLOCK   60U // bytes of i_block
#define PARENT_LEN 4U  // of a directory

static const struct xattr_key data_key = {EXT4_XATTR_SYSTEM, 4, "data"};

bool ext4_has_inline(const struct inode *i)
{
    return ((const struct ext4_inode *)i)->flags & EXT4_INLINE_DATA_FL;
}

static int damaged(struct inode *i)
{
    return ext4_corrupt(ext4_of(i), i->ino, 0, "data inside an inode");
}

// The attribute's value in the inode table's block, which is referenced. No value: *size is 0.
static int value_place(struct inode *i, struct buf **out, u8 **value, u32 *size)
{
    struct ext4 *fs = ext4_of(i);
    struct ext4_xattr_entry *e = NULL;
    struct ext4_dinode *d;
    struct xattr_set set;
    int err = ext4_inode_place(fs, i->ino, out, &d);

    if (err)
        return err;
    if (xattr_set_of_inode(d, fs->inode_size, &set)) {
        if (xattr_set_check(&set)) {
            buf_put(*out);
            return damaged(i);
        }
        e = xattr_set_find(&set, &data_key);
    }
    *size = e && !e->e_value_inum ? e->e_value_size : 0;
    *value = *size ? xattr_value(&set, e) : NULL;
    return 0;
}

int ext4_inline_read(struct inode *i, void *out, u64 pos, size_t n)
{
    u8 *to = out, *value;
    struct buf *b;
    u32 size;
    int err;

    if (pos < IN_BLOCK) {
        size_t part = MIN(n, IN_BLOCK - pos);

        memcpy(to, (u8 *)ext4_i(i)->block + pos, part);
        to += part;
        pos += part;
        n -= part;
    }
    if (!n)
        return 0;
    err = value_place(i, &b, &value, &size);
    if (err)
        return err;
    pos -= IN_BLOCK;
    if (pos > size || n > size - pos)
        err = damaged(i);
    else
        memcpy(to, value + pos, n);
    buf_put(b);
    return err;
}

/* Directories */

int ext4_inline_dir_read(struct inode *dir, u8 **bytes, struct dirblock views[2])
{
    u64 size = load_relaxed(&dir->size);
    int err;

    if (size < IN_BLOCK || size > ext4_of(dir)->inode_size || size % 4)
        return damaged(dir);
    *bytes = kmalloc(size, 0);
    if (!*bytes)
        return -ENOMEM;
    err = ext4_inline_read(dir, *bytes, 0, size);
    if (err)
        return err;
    views[0] = (struct dirblock){*bytes + PARENT_LEN, IN_BLOCK - PARENT_LEN};
    views[1] = (struct dirblock){*bytes + IN_BLOCK, size - IN_BLOCK};
    if (dirblock_check(&views[0]) || dirblock_check(&views[1]))
        return damaged(dir);
    return 0;
}

int ext4_inline_dir_find(struct inode *dir, const struct name *name, struct ext4_dir_place *place,
                         u32 *ino, u8 *type)
{
    struct dirblock views[2];
    u8 *bytes = NULL;
    int err = ext4_inline_dir_read(dir, &bytes, views);

    place->block = NULL;
    for (place->logical = 0; !err; place->logical++) {
        const struct dirblock *v = &views[place->logical];

        err = dirblock_find(v, name->text, name->length, &place->offset);
        if (!err) {
            const struct ext4_dirent *e = (const struct ext4_dirent *)(v->data + place->offset);

            *ino = e->inode;
            *type = e->file_type;
            break;
        }
        if (err == -ENOENT && !place->logical)
            err = 0;
    }
    kfree(bytes);
    return err;
}

int ext4_inline_dir_empty(struct inode *dir)
{
    struct dirblock views[2];
    u8 *bytes = NULL;
    int err = ext4_inline_dir_read(dir, &bytes, views);
    struct ext4_dirent *e;
    u32 a = 0, b = 0;

    if (!err)
        err = dirblock_next(&views[0], &a, &e) && dirblock_next(&views[1], &b, &e);
    kfree(bytes);
    return err;
}
