// SPDX-License-Identifier: MIT
// Directories: changes of their blocks.
#include "fs/ext4/namei.h"
#include "lib/string.h"

#define SMALL_SIZE_MAX (1UL << 31) // bytes of a directory without LARGEDIR

/* Blocks */

int ext4_dir_change(struct handle *h, const struct ext4_dir_block *k)
{
    return k->b ? journal_change(h, k->b) : ext4_name_hold(h, k->dir);
}

static void block_seal(const struct ext4_dir_block *k)
{
    struct ext4_inode *dir = ext4_i(k->dir);

    if (ext4_dir_is_index(k))
        ext4_index_seal(dir, k->b->data);
    else
        ext4_dir_seal(dir, k->b->data);
    buf_set_flags(k->b, BUF_CHECKED);
}

void ext4_dir_changed(struct handle *h, const struct ext4_dir_block *k)
{
    if (!k->b) {
        ext4_inode_write(h, k->dir);
    } else if (ext4_has_inline(k->dir)) {
        ext4_dinode_changed(h, ext4_of(k->dir), k->dir->ino, k->b);
    } else {
        block_seal(k);
        journal_changed(h, k->b);
    }
}

// The bytes [from, from + n) as they were; most: two entries.
struct part {
    u32 from, n;
    u8 bytes[2 * (EXT4_NAME_MAX + 9)];
};

// A change of a part of a leaf, as `change` and `changed`. The sum follows from the old one.
static int part_change(struct handle *h, const struct ext4_dir_block *k, struct part *p, u32 from,
                       u32 to)
{
    int err = ext4_dir_change(h, k);

    if (err)
        return err;
    p->from = from;
    p->n = ext4_has_inline(k->dir) ? ~0U : to - from;
    if (p->n <= sizeof(p->bytes))
        memcpy(p->bytes, k->b->data + from, p->n);
    return 0;
}

static void part_changed(struct handle *h, const struct ext4_dir_block *k, struct part *p)
{
    if (p->n > sizeof(p->bytes)) {
        ext4_dir_changed(h, k);
        return;
    }
    for (u32 n = 0; n < p->n; n++)
        p->bytes[n] ^= k->b->data[p->from + n];
    ext4_dir_reseal(ext4_i(k->dir), k->b->data, p->bytes, p->from, p->n);
    journal_changed(h, k->b);
}

static void set_size(struct inode *dir, u64 size)
{
    struct ext4_inode *i = ext4_i(dir);

    write_lock(&i->map_lock);
    i->disk_size = size;
    write_unlock(&i->map_lock);
    store_relaxed(&dir->size, size);
}

int ext4_dir_append(struct handle *h, struct inode *dir, struct ext4_dir_block *k)
{
    const struct ext4 *fs = ext4_of(dir);
    u64 size = dir->size + fs->block_size;
    int err;

    *k = (struct ext4_dir_block){.dir = dir, .logical = ext4_dir_blocks(dir)};
    if (k->logical >= ext4_map_max_blocks(ext4_i(dir)) ||
        (size > SMALL_SIZE_MAX && !EXT4_HAS_INCOMPAT(fs, LARGEDIR)))
        return -ENOSPC;
    err = ext4_file_block_new(h, dir, k->logical, &k->b);
    if (err)
        return err;
    k->view = (struct dirblock){k->b->data, fs->block_size - ext4_dir_tail(fs)};
    dirblock_init(&k->view);
    ext4_dir_changed(h, k);
    set_size(dir, size);
    return 0;
}

/* Entries */

u8 ext4_file_type(mode_t mode)
{
    static const u8 types[16] = {
        [S_IFREG >> 12] = EXT4_FT_REG,  [S_IFDIR >> 12] = EXT4_FT_DIR,
        [S_IFCHR >> 12] = EXT4_FT_CHR,  [S_IFBLK >> 12] = EXT4_FT_BLK,
        [S_IFIFO >> 12] = EXT4_FT_FIFO, [S_IFSOCK >> 12] = EXT4_FT_SOCK,
        [S_IFLNK >> 12] = EXT4_FT_LINK,
    };

    return types[(mode & S_IFMT) >> 12];
}

// What an entry says of its inode.
static u8 entry_type(const struct inode *i)
{
    const struct ext4 *fs = i->sb->private;

    return EXT4_HAS_INCOMPAT(fs, FILETYPE) ? ext4_file_type(i->mode) : 0;
}

int ext4_dir_put(struct handle *h, const struct ext4_dir_block *k, const struct ext4_new_entry *e)
{
    const struct ext4_dirent *host;
    struct part p;
    u32 offset, end;
    int err = dirblock_room(&k->view, e->name->length, &offset);

    if (err)
        return err;
    host = (const struct ext4_dirent *)(k->view.data + offset);
    end = offset + (host->inode ? dirent_size(host->name_len) : 0) + dirent_size(e->name->length);
    err = part_change(h, k, &p, offset, end);
    if (err)
        return err;
    dirblock_put(&k->view, offset, e->name->text, e->name->length, e->ino, e->type);
    part_changed(h, k, &p);
    return 0;
}

static int append_entry(struct handle *h, struct inode *dir, const struct ext4_new_entry *e)
{
    struct ext4_dir_block k;
    int err = ext4_dir_append(h, dir, &k);

    if (err)
        return err;
    err = ext4_dir_put(h, &k, e);
    buf_put(k.b);
    return err;
}

static int linear_add(struct handle *h, struct inode *dir, const struct ext4_new_entry *e)
{
    u64 blocks = ext4_dir_blocks(dir);
    int err = -ENOSPC;

    for (u64 logical = 0; err == -ENOSPC && logical < blocks; logical++) {
        struct ext4_dir_block k;

        err = ext4_dir_block(dir, logical, &k);
        if (err)
            return err;
        err = ext4_dir_put(h, &k, e);
        buf_put(k.b);
    }
    if (err != -ENOSPC)
        return err;
    if (ext4_has_inline(dir))
        return ext4_inline_dir_convert(h, dir) ?: linear_add(h, dir, e);
    if (blocks != 1 || !EXT4_HAS_COMPAT(ext4_of(dir), DIR_INDEX))
        return append_entry(h, dir, e);
    return ext4_htree_make(h, dir) ?: ext4_htree_add(h, dir, e);
}

int ext4_dir_add(struct handle *h, struct inode *dir, const struct name *name,
                 const struct inode *inode)
{
    struct ext4_new_entry e = {name, inode->ino, entry_type(inode)};
    u64 size = dir->size;
    int err = ext4_dir_is_indexed(dir) ? ext4_htree_add(h, dir, &e) : linear_add(h, dir, &e);

    if (dir->size != size) // also if it came no further
        err = ext4_inode_write(h, dir) ?: err;
    return err == -EUCLEAN ? ext4_corrupt(ext4_of(dir), dir->ino, 0, "a damaged directory") : err;
}

int ext4_dir_remove(struct handle *h, struct ext4_dir_place *place)
{
    const struct dirblock *view = &place->block.view;
    struct part p;
    u32 before, length;
    int err = dirblock_before(view, place->offset, &before);

    if (err)
        return err;
    length = ((struct ext4_dirent *)(view->data + place->offset))->name_len;
    err = part_change(h, &place->block, &p, before, place->offset + dirent_size(length));
    if (err)
        return err;
    dirblock_remove(view, before, place->offset);
    part_changed(h, &place->block, &p);
    return 0;
}

int ext4_dir_replace(struct handle *h, struct ext4_dir_place *place, const struct inode *inode)
{
    struct ext4_dirent *e = (struct ext4_dirent *)(place->block.view.data + place->offset);
    struct part p;
    int err = part_change(h, &place->block, &p, place->offset, place->offset + dirent_size(1));

    if (err)
        return err;
    e->inode = inode->ino;
    e->file_type = entry_type(inode);
    part_changed(h, &place->block, &p);
    return 0;
}

/* The first block */

void ext4_dir_put_dots(const struct dirblock *view, const struct inode *dir, u32 parent_ino)
{
    dirblock_put(view, 0, ".", 1, dir->ino, entry_type(dir));
    dirblock_put(view, 0, "..", 2, parent_ino, entry_type(dir));
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

int ext4_dir_init(struct handle *h, struct inode *dir, u32 parent_ino,
                  const struct dirblock *chains, unsigned n)
{
    struct ext4_dir_block k;
    int err = ext4_dir_append(h, dir, &k);

    if (err)
        return err;
    err = ext4_dir_change(h, &k);
    if (!err) {
        ext4_dir_put_dots(&k.view, dir, parent_ino);
        for (unsigned i = 0; i < n; i++)
            copy_entries(&k.view, &chains[i]);
        ext4_dir_changed(h, &k);
    }
    buf_put(k.b);
    return err;
}

int ext4_dir_set_parent(struct handle *h, struct inode *dir, u32 parent_ino)
{
    struct ext4_dir_block k;
    struct ext4_dirent *e;
    int err;

    if (ext4_has_inline(dir)) {
        ext4_i(dir)->block[0] = parent_ino;
        return ext4_inode_write(h, dir);
    }
    err = ext4_dir_block(dir, 0, &k);
    if (err)
        return err;
    e = dirblock_at(&k.view, DIR_DOT_SIZE);
    err = e && dirent_is_dots(e) ? ext4_dir_change(h, &k) : -EUCLEAN;
    if (!err) {
        e->inode = parent_ino;
        ext4_dir_changed(h, &k);
    }
    buf_put(k.b);
    return err;
}

u32 ext4_dir_add_credits(const struct inode *dir)
{
    u32 new_blocks = 1 + EXT4_INDEX_LEVELS, old_blocks = 1 + EXT4_INDEX_LEVELS;

    return old_blocks + new_blocks * (1 + EXT4_ALLOC_CREDITS) +
           ext4_map_credits((const struct ext4_inode *)dir, new_blocks);
}
