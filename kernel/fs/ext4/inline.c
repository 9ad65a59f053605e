// SPDX-License-Identifier: MIT
// Small files and directories inside the inode: the first 60 bytes in place of the block map, the
// rest in the value of the attribute "system.data" behind the inode's fields.
//
// A directory has its parent's number in the first 4 bytes, no "." and "..", and two separate
// chains of entries: one to byte 60, one in the value.
#include "fs/ext4/namei.h"
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
static int value_place(struct inode *i, struct buf **out, struct ext4_dinode **d, u8 **value,
                       u32 *size)
{
    struct ext4 *fs = ext4_of(i);
    struct ext4_xattr_entry *e = NULL;
    struct xattr_set set;
    int err = ext4_inode_place(fs, i->ino, out, d);

    if (err)
        return err;
    if (xattr_set_of_inode(*d, fs->inode_size, &set)) {
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
    struct ext4_dinode *d;
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
    err = value_place(i, &b, &d, &value, &size);
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

/* Changes of directories */

// One of the two chains of entries, held for a change.
struct part {
    struct dirblock view;
    struct buf *b; // of the inode table, locked; NULL: the first part, in memory
    struct ext4_dinode *d;
};

static int part_in_table(struct handle *h, struct inode *dir, struct part *p)
{
    int err = value_place(dir, &p->b, &p->d, &p->view.data, &p->view.end);

    if (err)
        return err;
    if (p->view.end != dir->size - IN_BLOCK)
        err = damaged(dir);
    if (!err)
        err = journal_get_write(h, p->b);
    if (err)
        buf_put(p->b);
    else
        buf_lock(p->b);
    return err;
}

static int part_begin(struct handle *h, struct inode *dir, u64 which, struct part *p)
{
    *p = (struct part){.view = {(u8 *)ext4_i(dir)->block + PARENT_LEN, IN_BLOCK - PARENT_LEN}};
    return which ? part_in_table(h, dir, p) : ext4_name_hold(h, dir);
}

static void part_end(struct handle *h, struct inode *dir, struct part *p)
{
    if (!p->b) {
        ext4_inode_write(h, dir);
        return;
    }
    ext4_dinode_seal(ext4_of(dir), dir->ino, p->d);
    buf_unlock(p->b);
    journal_dirty(h, p->b);
    buf_put(p->b);
}

int ext4_inline_dir_add(struct handle *h, struct inode *dir, const struct ext4_new_entry *e)
{
    int err = -ENOSPC;

    for (u64 which = 0; err == -ENOSPC && which < (dir->size > IN_BLOCK ? 2 : 1); which++) {
        struct part p;
        u32 offset;

        err = part_begin(h, dir, which, &p);
        if (err)
            return err;
        err = dirblock_room(&p.view, e->name->length, &offset);
        if (!err)
            dirblock_put(&p.view, offset, e->name->text, e->name->length, e->ino,
                         ext4_dirent_type(ext4_of(dir), e->type));
        part_end(h, dir, &p);
    }
    return err;
}

int ext4_inline_dir_remove(struct handle *h, struct inode *dir, const struct ext4_dir_place *place)
{
    struct part p;
    u32 before;
    int err = part_begin(h, dir, place->logical, &p);

    if (err)
        return err;
    err = dirblock_before(&p.view, place->offset, &before);
    if (!err)
        dirblock_remove(&p.view, before, place->offset);
    part_end(h, dir, &p);
    return err;
}

int ext4_inline_dir_replace(struct handle *h, struct inode *dir, const struct ext4_dir_place *place,
                            u32 ino, u8 type)
{
    struct ext4_dirent *e;
    struct part p;
    int err = part_begin(h, dir, place->logical, &p);

    if (err)
        return err;
    e = dirblock_at(&p.view, place->offset);
    if (e) {
        e->inode = ino;
        e->file_type = type;
    }
    part_end(h, dir, &p);
    return e ? 0 : -EUCLEAN;
}

/* To blocks */

// Makes the set behind the inode's fields anew without the data, in `bytes` of the inode's size.
static int set_without_data(const struct xattr_set *set, u8 *bytes)
{
    struct xattr_set made = {bytes, set->first, set->end};

    xattr_set_init(&made);
    return xattr_set_copy(&made, set, &data_key, false);
}

static int change_without_data(struct handle *h, struct inode *i, struct buf *b,
                               struct ext4_dinode *d, u8 *bytes)
{
    struct ext4 *fs = ext4_of(i);
    struct xattr_set set;
    int err;

    if (!xattr_set_of_inode(d, fs->inode_size, &set))
        return 0;
    err = xattr_set_check(&set) ? damaged(i) : set_without_data(&set, bytes);
    if (!err)
        err = journal_get_write(h, b);
    if (err)
        return err;
    buf_lock(b);
    memcpy(set.base, bytes, set.end);
    ext4_dinode_seal(fs, i->ino, d);
    buf_unlock(b);
    journal_dirty(h, b);
    return 0;
}

int ext4_inline_drop(struct handle *h, struct inode *i)
{
    struct ext4 *fs = ext4_of(i);
    u8 *bytes = kmalloc(fs->inode_size, 0);
    struct ext4_dinode *d;
    struct buf *b;
    int err = bytes ? ext4_inode_place(fs, i->ino, &b, &d) : -ENOMEM;

    if (!err) {
        err = change_without_data(h, i, b, d, bytes);
        buf_put(b);
    }
    kfree(bytes);
    return err;
}

static void copy_entries(const struct dirblock *to, const struct dirblock *from)
{
    struct ext4_dirent *e;
    u32 offset = 0, at;

    while (!dirblock_next(from, &offset, &e)) {
        if (!dirblock_room(to, e->name_len, &at))
            dirblock_put(to, at, e->name, e->name_len, e->inode, e->file_type);
        offset += e->rec_len;
    }
}

// The directory is one without blocks and attribute by now.
static int fill_block(struct handle *h, struct inode *dir, u32 parent,
                      const struct dirblock views[2])
{
    struct dirblock view;
    struct buf *b;
    int err = ext4_dir_init(h, dir, parent);

    if (err)
        return err;
    err = ext4_dir_block(dir, 0, &b, &view);
    if (err)
        return err;
    err = ext4_dir_change(h, b);
    if (!err) {
        copy_entries(&view, &views[0]);
        copy_entries(&view, &views[1]);
        ext4_dir_changed(h, dir, b, false);
    }
    buf_put(b);
    return err;
}

static int convert_dir(struct handle *h, struct inode *dir, const u8 *bytes,
                       const struct dirblock views[2])
{
    struct ext4_inode *i = ext4_i(dir);
    u64 size = dir->size;
    int err;

    write_lock(&i->map_lock);
    i->flags &= ~EXT4_INLINE_DATA_FL;
    ext4_map_init(i);
    write_unlock(&i->map_lock);
    dir->size = 0;
    err = fill_block(h, dir, *(const u32 *)bytes, views);
    if (!err)
        err = ext4_inline_drop(h, dir);
    if (!err)
        return ext4_inode_write(h, dir);
    write_lock(&i->map_lock);
    ext4_map_remove(h, i, 0, 0, 0);
    i->flags |= EXT4_INLINE_DATA_FL;
    i->flags &= ~EXT4_EXTENTS_FL;
    memcpy(i->block, bytes, sizeof(i->block));
    dir->size = i->disk_size = size;
    write_unlock(&i->map_lock);
    return err;
}

int ext4_inline_dir_convert(struct handle *h, struct inode *dir)
{
    struct dirblock views[2];
    u8 *bytes = NULL;
    int err = ext4_name_hold(h, dir) ?: ext4_inline_dir_read(dir, &bytes, views);

    if (!err)
        err = convert_dir(h, dir, bytes, views);
    kfree(bytes);
    return err;
}
