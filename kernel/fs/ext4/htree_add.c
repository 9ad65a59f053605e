// SPDX-License-Identifier: MIT
// The index of a directory: adding names.
//
// A name goes into the leaf of its hash. While that is full, what is full on the way to it is
// split, one block at a time from the top, each step leaving a sound index; then the way is sought
// anew. A step first takes hold of all blocks that it changes, so that nothing fails halfway.
#include "fs/ext4/dir.h"
#include "fs/ext4/items.h"
#include "lib/string.h"
#include "mm/slab.h"

static struct ext4_dx_countlimit *counts_of(struct ext4_dx_entry *entries)
{
    return (struct ext4_dx_countlimit *)entries;
}

static struct ext4_dx_root_info *root_info(struct buf *b)
{
    return (struct ext4_dx_root_info *)(b->data + EXT4_ROOT_INFO_AT);
}

/* Index nodes */

// An entry after the one the path goes through. The node's block is already in the transaction.
static void node_insert(struct handle *h, struct inode *dir, struct ext4_index_node *n, u32 hash,
                        u32 block)
{
    struct ext4_dx_entry *new = &n->entries[n->at + 1];

    ext4_dir_change(h, n->b);
    memmove(new + 1, new, (n->count - n->at - 1) * sizeof(*new));
    *new = (struct ext4_dx_entry){hash, block};
    counts_of(n->entries)->count = ++n->count;
    ext4_dir_changed(h, dir, n->b, true);
}

// Makes the new block b a node with entries of another.
static void node_fill(struct handle *h, struct inode *dir, struct buf *b,
                      const struct ext4_dx_entry *from, u32 count)
{
    const struct ext4 *fs = ext4_of(dir);
    struct dirblock whole = {b->data, fs->block_size};
    struct ext4_dx_entry *entries = (struct ext4_dx_entry *)(b->data + EXT4_NODE_ENTRIES_AT);

    ext4_dir_change(h, b);
    dirblock_init(&whole);
    memcpy(entries, from, count * sizeof(*entries));
    counts_of(entries)->limit = ext4_index_limit(fs, false);
    counts_of(entries)->count = count;
    ext4_dir_changed(h, dir, b, true);
}

static int append_node(struct handle *h, struct inode *dir, u64 *logical, struct buf **out)
{
    struct dirblock view;

    return ext4_dir_append(h, dir, logical, out, &view);
}

// All of the root's entries move to a new node, the root's only child.
static int root_deepen(struct handle *h, struct inode *dir, struct ext4_index_path *p)
{
    struct ext4_index_node *root = &p->node[0];
    struct buf *b;
    u64 logical;
    int err;

    if (p->levels == ext4_index_max_levels(ext4_of(dir)))
        return -ENOSPC;
    err = journal_get_write(h, root->b) ?: append_node(h, dir, &logical, &b);
    if (err)
        return err;
    node_fill(h, dir, b, root->entries, root->count);
    buf_put(b);
    ext4_dir_change(h, root->b);
    counts_of(root->entries)->count = 1;
    root->entries[0].block = logical;
    root_info(root->b)->indirect_levels++;
    ext4_dir_changed(h, dir, root->b, true);
    return 0;
}

// The upper half of a node moves to a new one.
static int node_split(struct handle *h, struct inode *dir, struct ext4_index_node *parent,
                      struct ext4_index_node *n)
{
    u32 keep = n->count / 2, hash = n->entries[keep].hash;
    struct buf *b;
    u64 logical;
    int err = journal_get_write(h, parent->b) ?: journal_get_write(h, n->b);

    if (!err)
        err = append_node(h, dir, &logical, &b);
    if (err)
        return err;
    node_fill(h, dir, b, n->entries + keep, n->count - keep);
    buf_put(b);
    ext4_dir_change(h, n->b);
    counts_of(n->entries)->count = n->count = keep;
    ext4_dir_changed(h, dir, n->b, true);
    node_insert(h, dir, parent, hash, logical);
    return 0;
}

// The lowest node of the path is full: splits the highest of the full ones above each other.
static int index_grow(struct handle *h, struct inode *dir, struct ext4_index_path *p)
{
    u32 level = p->levels - 1;

    while (level && p->node[level - 1].count == p->node[level - 1].limit)
        level--;
    if (!level)
        return root_deepen(h, dir, p);
    return node_split(h, dir, &p->node[level - 1], &p->node[level]);
}

/* Leaves */

struct leaf {
    struct buf *b;
    struct dirblock view;
    struct dir_item *items;
    u8 *copy;
    u32 count;
};

static int leaf_read(struct inode *dir, u32 version, struct leaf *l)
{
    u32 size = ext4_of(dir)->block_size;
    int n;

    l->items = kmalloc(size / dirent_size(1) * sizeof(*l->items), 0);
    l->copy = kmalloc(size, 0);
    if (!l->items || !l->copy)
        return -ENOMEM;
    n = ext4_items_of(ext4_of(dir)->hash_seed, version, &l->view, 0, l->items);
    if (n < 2)
        return n < 0 ? n : -EUCLEAN;
    l->count = n;
    ext4_items_sort(l->items, l->count);
    memcpy(l->copy, l->view.data, size);
    return 0;
}

static void leaf_pack(struct handle *h, struct inode *dir, struct buf *b,
                      const struct dirblock *view, const struct leaf *from, u32 first, u32 count)
{
    ext4_dir_change(h, b);
    ext4_items_pack(view, from->copy, from->items + first, count);
    ext4_dir_changed(h, dir, b, false);
}

static int leaf_divide(struct handle *h, struct inode *dir, struct ext4_index_node *parent,
                       struct leaf *l)
{
    u32 keep = ext4_items_half(l->items, l->count);
    u32 hash = ext4_key_hash(l->items[keep].key);
    struct dirblock view;
    struct buf *b;
    u64 logical;
    int err = journal_get_write(h, parent->b) ?: journal_get_write(h, l->b);

    if (!err)
        err = ext4_dir_append(h, dir, &logical, &b, &view);
    if (err)
        return err;
    leaf_pack(h, dir, b, &view, l, keep, l->count - keep);
    buf_put(b);
    leaf_pack(h, dir, l->b, &l->view, l, 0, keep);
    if (ext4_key_hash(l->items[keep - 1].key) == hash)
        hash |= 1;
    node_insert(h, dir, parent, hash, logical);
    return 0;
}

static int leaf_split(struct handle *h, struct inode *dir, struct ext4_index_path *p,
                      struct leaf *l)
{
    int err = leaf_read(dir, p->version, l);

    if (!err)
        err = leaf_divide(h, dir, &p->node[p->levels - 1], l);
    kfree(l->items);
    kfree(l->copy);
    return err;
}

/* Names */

// Puts the entry in (*done), or makes one step towards it.
static int add_step(struct handle *h, struct inode *dir, struct ext4_index_path *p,
                    const struct ext4_new_entry *e, bool *done)
{
    struct ext4_index_node *lowest;
    struct leaf l = {0};
    u32 hash;
    int err;

    err = ext4_name_hash(ext4_of(dir)->hash_seed, p->version, e->name->text, e->name->length, &hash,
                         NULL);
    if (!err)
        err = ext4_index_seek(dir, p, hash);
    if (!err)
        err = ext4_index_leaf_block(dir, p, &l.b, &l.view);
    if (err)
        return err;
    lowest = &p->node[p->levels - 1];
    err = ext4_dir_put(h, dir, l.b, &l.view, e);
    *done = !err;
    if (err == -ENOSPC)
        err = lowest->count == lowest->limit ? index_grow(h, dir, p) : leaf_split(h, dir, p, &l);
    buf_put(l.b);
    return err;
}

int ext4_htree_add(struct handle *h, struct inode *dir, const struct ext4_new_entry *e)
{
    bool done = false;
    int err = 0;

    while (!err && !done) {
        struct ext4_index_path p;

        err = ext4_index_open(dir, &p);
        if (err)
            return err;
        err = add_step(h, dir, &p, e, &done);
        ext4_index_close(&p);
    }
    return err;
}

/* Becoming indexed */

static void root_fill(struct handle *h, struct inode *dir, struct buf *b, u32 parent, u64 leaf)
{
    const struct ext4 *fs = ext4_of(dir);
    struct dirblock whole = {b->data, fs->block_size};
    struct ext4_dx_entry *entries = (struct ext4_dx_entry *)(b->data + EXT4_ROOT_ENTRIES_AT);
    u8 type = ext4_dirent_type(fs, EXT4_FT_DIR);

    ext4_dir_change(h, b);
    dirblock_init(&whole);
    dirblock_put(&whole, 0, ".", 1, dir->ino, type);
    dirblock_put(&whole, 0, "..", 2, parent, type);
    *root_info(b) = (struct ext4_dx_root_info){.hash_version = fs->hash_default,
                                               .info_length = sizeof(struct ext4_dx_root_info)};
    counts_of(entries)->limit = ext4_index_limit(fs, true);
    counts_of(entries)->count = 1;
    entries[0].block = leaf;
    ext4_dir_changed(h, dir, b, true);
}

static int make_root(struct handle *h, struct inode *dir, struct leaf *l, u32 parent)
{
    struct dirblock view;
    struct buf *b;
    u64 logical;
    int err = journal_get_write(h, l->b) ?: ext4_dir_append(h, dir, &logical, &b, &view);

    if (err)
        return err;
    leaf_pack(h, dir, b, &view, l, 0, l->count);
    buf_put(b);
    root_fill(h, dir, l->b, parent, logical);
    ext4_i(dir)->flags |= EXT4_INDEX_FL;
    return 0;
}

int ext4_htree_make(struct handle *h, struct inode *dir)
{
    const struct ext4 *fs = ext4_of(dir);
    struct leaf l = {0};
    u32 parent;
    int err = ext4_dir_parent(dir, &parent);

    if (!err)
        err = ext4_dir_block(dir, 0, &l.b, &l.view);
    if (err)
        return err;
    err = leaf_read(dir, ext4_hash_version(fs, fs->hash_default), &l);
    if (!err)
        err = make_root(h, dir, &l, parent);
    kfree(l.items);
    kfree(l.copy);
    buf_put(l.b);
    return err;
}
