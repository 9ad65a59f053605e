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

static struct ext4_dx_root_info *root_info(const struct ext4_dir_block *k)
{
    return (struct ext4_dx_root_info *)(k->b->data + EXT4_ROOT_INFO_AT);
}

// Takes hold of two blocks and makes a third: after that a step cannot fail.
static int step_begin(struct handle *h, const struct ext4_dir_block *a,
                      const struct ext4_dir_block *b, struct ext4_dir_block *new)
{
    return journal_get_write(h, a->b) ?: journal_get_write(h, b->b)
                  ?: ext4_dir_append(h, a->dir, new);
}

/* Index nodes */

// An entry after the one the path goes through.
static void node_insert(struct handle *h, struct ext4_index_node *n, u32 hash, u32 block)
{
    struct ext4_dx_entry *new = &n->entries[n->at + 1];

    ext4_dir_change(h, &n->block);
    memmove(new + 1, new, (n->count - n->at - 1) * sizeof(*new));
    *new = (struct ext4_dx_entry){hash, block};
    ext4_index_counts(n->entries)->count = ++n->count;
    ext4_dir_changed(h, &n->block);
}

// Makes a new block a node with entries of another, and lets go of it.
static void node_fill(struct handle *h, const struct ext4_dir_block *k,
                      const struct ext4_dx_entry *from, u32 count)
{
    const struct ext4 *fs = ext4_of(k->dir);
    struct dirblock whole = {k->b->data, fs->block_size};
    struct ext4_dx_entry *entries = (struct ext4_dx_entry *)(k->b->data + EXT4_NODE_ENTRIES_AT);

    ext4_dir_change(h, k);
    dirblock_init(&whole);
    memcpy(entries, from, count * sizeof(*entries));
    ext4_index_counts(entries)->limit = ext4_index_limit(fs, false);
    ext4_index_counts(entries)->count = count;
    ext4_dir_changed(h, k);
    buf_put(k->b);
}

// All of the root's entries move to a new node, the root's only child.
static int root_deepen(struct handle *h, struct ext4_index_path *p)
{
    struct ext4_index_node *root = &p->node[0];
    struct ext4_dir_block new;
    int err = -ENOSPC;

    if (p->levels < ext4_index_max_levels(ext4_of(root->block.dir)))
        err = step_begin(h, &root->block, &root->block, &new);
    if (err)
        return err;
    node_fill(h, &new, root->entries, root->count);
    ext4_dir_change(h, &root->block);
    ext4_index_counts(root->entries)->count = 1;
    root->entries[0].block = new.logical;
    root_info(&root->block)->indirect_levels++;
    ext4_dir_changed(h, &root->block);
    return 0;
}

// The upper half of a node moves to a new one.
static int node_split(struct handle *h, struct ext4_index_node *parent, struct ext4_index_node *n)
{
    u32 keep = n->count / 2, hash = n->entries[keep].hash;
    struct ext4_dir_block new;
    int err = step_begin(h, &parent->block, &n->block, &new);

    if (err)
        return err;
    node_fill(h, &new, n->entries + keep, n->count - keep);
    ext4_dir_change(h, &n->block);
    ext4_index_counts(n->entries)->count = n->count = keep;
    ext4_dir_changed(h, &n->block);
    node_insert(h, parent, hash, new.logical);
    return 0;
}

// The lowest node of the path is full: splits the highest of the full ones above each other.
static int index_grow(struct handle *h, struct ext4_index_path *p)
{
    u32 level = p->levels - 1;

    while (level && p->node[level - 1].count == p->node[level - 1].limit)
        level--;
    return level ? node_split(h, &p->node[level - 1], &p->node[level]) : root_deepen(h, p);
}

/* Leaves */

struct leaf {
    struct ext4_dir_block block;
    struct dir_item *items; // sorted
    u8 *copy;               // of the block, where the items are
    u32 count;
};

static int leaf_read(u32 version, struct leaf *l)
{
    const struct ext4 *fs = ext4_of(l->block.dir);
    int n;

    l->items = kmalloc(fs->block_size / dirent_size(1) * sizeof(*l->items), 0);
    l->copy = kmalloc(fs->block_size, 0);
    if (!l->items || !l->copy)
        return -ENOMEM;
    n = ext4_items_of(fs->hash_seed, version, &l->block.view, 0, l->items);
    if (n < 2)
        return n < 0 ? n : -EUCLEAN;
    l->count = n;
    ext4_items_sort(l->items, l->count);
    memcpy(l->copy, l->block.view.data, fs->block_size);
    return 0;
}

static void leaf_close(struct leaf *l)
{
    kfree(l->items);
    kfree(l->copy);
    buf_put(l->block.b);
}

// Fills a block with items of a leaf.
static void leaf_pack(struct handle *h, const struct ext4_dir_block *to, const struct leaf *from,
                      u32 first, u32 count)
{
    ext4_dir_change(h, to);
    ext4_items_pack(&to->view, from->copy, from->items + first, count);
    ext4_dir_changed(h, to);
}

static int leaf_split(struct handle *h, struct ext4_index_path *p, struct leaf *l)
{
    struct ext4_index_node *parent = &p->node[p->levels - 1];
    struct ext4_dir_block new;
    u32 keep, hash;
    int err = leaf_read(p->version, l) ?: step_begin(h, &parent->block, &l->block, &new);

    if (err)
        return err;
    keep = ext4_items_half(l->items, l->count);
    hash = ext4_key_hash(l->items[keep].key);
    leaf_pack(h, &new, l, keep, l->count - keep);
    buf_put(new.b);
    leaf_pack(h, &l->block, l, 0, keep);
    if (ext4_key_hash(l->items[keep - 1].key) == hash)
        hash |= 1;
    node_insert(h, parent, hash, new.logical);
    return 0;
}

/* Names */

// Puts the entry in (*done), or makes one step towards it.
static int add_step(struct handle *h, struct ext4_index_path *p, const struct ext4_new_entry *e,
                    bool *done)
{
    struct ext4_index_node *lowest = &p->node[p->levels - 1];
    struct leaf l = {0};
    u32 hash;
    int err = ext4_index_seek_name(p, e->name, &hash)
                  ?: ext4_dir_block(p->node[0].block.dir, ext4_index_leaf(p), &l.block);

    if (err)
        return err;
    err = ext4_dir_put(h, &l.block, e);
    *done = !err;
    if (err == -ENOSPC)
        err = lowest->count == lowest->limit ? index_grow(h, p) : leaf_split(h, p, &l);
    leaf_close(&l);
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
        err = add_step(h, &p, e, &done);
        ext4_index_close(&p);
    }
    return err;
}

/* Becoming indexed */

static void root_fill(struct handle *h, const struct ext4_dir_block *k, u32 parent, u64 leaf)
{
    const struct ext4 *fs = ext4_of(k->dir);
    struct dirblock whole = {k->b->data, fs->block_size};
    struct ext4_dx_entry *entries = (struct ext4_dx_entry *)(k->b->data + EXT4_ROOT_ENTRIES_AT);

    ext4_i(k->dir)->flags |= EXT4_INDEX_FL;
    ext4_dir_change(h, k);
    dirblock_init(&whole);
    ext4_dir_put_dots(&whole, k->dir, parent);
    *root_info(k) = (struct ext4_dx_root_info){.hash_version = fs->hash_default,
                                               .info_length = sizeof(struct ext4_dx_root_info)};
    ext4_index_counts(entries)->limit = ext4_index_limit(fs, true);
    ext4_index_counts(entries)->count = 1;
    entries[0].block = leaf;
    ext4_dir_changed(h, k);
}

int ext4_htree_make(struct handle *h, struct inode *dir)
{
    const struct ext4 *fs = ext4_of(dir);
    struct ext4_dir_block new;
    struct leaf l = {0};
    u32 parent;
    int err = ext4_dir_parent(dir, &parent) ?: ext4_dir_block(dir, 0, &l.block);

    if (!err)
        err = leaf_read(ext4_hash_version(fs, fs->hash_default), &l);
    if (!err)
        err = step_begin(h, &l.block, &l.block, &new);
    if (!err) {
        leaf_pack(h, &new, &l, 0, l.count);
        buf_put(new.b);
        root_fill(h, &l.block, parent, new.logical);
    }
    leaf_close(&l);
    return err;
}
