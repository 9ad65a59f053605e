// SPDX-License-Identifier: MIT
// The index of a directory: which leaf holds the names of a hash.
//
// Block 0 is the root: "." and "..", then index entries; with more levels these lead to nodes that
// hold nothing else. An entry names the lowest hash of its block; the first one's is taken as 0.
// Names of one hash may fill more than one leaf: the later ones' entries have bit 0 set.
#include "fs/ext4/dir.h"
#include "fs/ext4/items.h"
#include "lib/string.h"

#define BLOCK_MASK 0x0fffffff // of dx_entry.block

u32 ext4_hash_version(const struct ext4 *fs, u32 stored)
{
    return stored + (fs->hash_unsigned ? EXT4_HASH_LEGACY_UNSIGNED : 0);
}

u32 ext4_index_limit(const struct ext4 *fs, bool root)
{
    u32 tail = EXT4_HAS_RO(fs, METADATA_CSUM) ? sizeof(struct ext4_dx_tail) : 0;
    u32 at = root ? EXT4_ROOT_ENTRIES_AT : EXT4_NODE_ENTRIES_AT;

    return (fs->block_size - at - tail) / sizeof(struct ext4_dx_entry);
}

/* Nodes */

static struct ext4_dx_countlimit *counts_of(const struct ext4_index_node *n)
{
    return (struct ext4_dx_countlimit *)n->entries;
}

static int damaged(struct inode *dir, u64 logical)
{
    return ext4_corrupt(ext4_of(dir), dir->ino, logical, "a damaged directory index");
}

static int node_open(struct inode *dir, u64 logical, struct ext4_index_node *n)
{
    struct ext4 *fs = ext4_of(dir);
    struct dirblock view;
    int err = ext4_dir_block(dir, logical, &n->b, &view);

    if (err)
        return err;
    n->entries = (struct ext4_dx_entry *)(n->b->data +
                                          (logical ? EXT4_NODE_ENTRIES_AT : EXT4_ROOT_ENTRIES_AT));
    n->limit = counts_of(n)->limit;
    n->count = counts_of(n)->count;
    n->at = 0;
    if (view.end == fs->block_size && n->limit == ext4_index_limit(fs, !logical) && n->count &&
        n->count <= n->limit)
        return 0;
    buf_put(n->b);
    return damaged(dir, logical);
}

static u64 node_child(const struct ext4_index_node *n)
{
    return n->entries[n->at].block & BLOCK_MASK;
}

// The entry that covers `hash`.
static void node_seek(struct ext4_index_node *n, u32 hash)
{
    u32 low = 1, high = n->count;

    while (low < high) {
        u32 middle = (low + high) / 2;

        if (n->entries[middle].hash > hash)
            high = middle;
        else
            low = middle + 1;
    }
    n->at = low - 1;
}

/* Paths */

void ext4_index_close(struct ext4_index_path *p)
{
    while (p->opened)
        buf_put(p->node[--p->opened].b);
}

int ext4_index_open(struct inode *dir, struct ext4_index_path *p)
{
    const struct ext4_dx_root_info *info;
    const struct ext4 *fs = ext4_of(dir);
    int err;

    p->opened = 0;
    p->steps = 0;
    err = node_open(dir, 0, &p->node[0]);
    if (err)
        return err;
    p->opened = 1;
    info = (const struct ext4_dx_root_info *)(p->node[0].b->data + EXT4_ROOT_INFO_AT);
    p->levels = info->indirect_levels + 1;
    p->version = ext4_hash_version(fs, info->hash_version);
    if (info->hash_version > EXT4_HASH_TEA)
        err = -EOPNOTSUPP;
    else if (info->info_length != sizeof(*info) || p->levels > ext4_index_max_levels(fs))
        err = damaged(dir, 0);
    if (err)
        ext4_index_close(p);
    return err;
}

// From the deepest node that is open down to the leaf, everywhere where `hash` belongs.
static int descend(struct inode *dir, struct ext4_index_path *p, u32 hash)
{
    while (p->opened < p->levels) {
        u64 child = node_child(&p->node[p->opened - 1]);
        int err = child && child < ext4_dir_blocks(dir) ? node_open(dir, child, &p->node[p->opened])
                                                        : damaged(dir, child);

        if (err)
            return err;
        node_seek(&p->node[p->opened++], hash);
    }
    return 0;
}

int ext4_index_seek(struct inode *dir, struct ext4_index_path *p, u32 hash)
{
    while (p->opened > 1)
        buf_put(p->node[--p->opened].b);
    node_seek(&p->node[0], hash);
    return descend(dir, p, hash);
}

u64 ext4_index_leaf(const struct ext4_index_path *p)
{
    return node_child(&p->node[p->levels - 1]);
}

// Whether a leaf follows, and its lowest hash: that of the entry after the deepest one that is not
// its node's last.
static bool next_hash(const struct ext4_index_path *p, u32 *level, u32 *hash)
{
    for (u32 l = p->levels; l-- > 0;) {
        const struct ext4_index_node *n = &p->node[l];

        if (n->at + 1 < n->count) {
            *level = l;
            *hash = n->entries[n->at + 1].hash;
            return true;
        }
    }
    return false;
}

int ext4_index_next(struct inode *dir, struct ext4_index_path *p, u32 *hash)
{
    u32 level;

    if (!next_hash(p, &level, hash))
        return -ENOENT;
    if (++p->steps > ext4_dir_blocks(dir))
        return damaged(dir, 0);
    while (p->opened > level + 1)
        buf_put(p->node[--p->opened].b);
    p->node[level].at++;
    return descend(dir, p, 0);
}

int ext4_index_leaf_block(struct inode *dir, const struct ext4_index_path *p, struct buf **out,
                          struct dirblock *view)
{
    u64 leaf = ext4_index_leaf(p);

    if (!leaf || leaf >= ext4_dir_blocks(dir))
        return damaged(dir, leaf);
    return ext4_dir_block(dir, leaf, out, view);
}

/* Names */

static int leaf_find(struct inode *dir, const struct ext4_index_path *p, const struct name *name,
                     struct ext4_dir_place *place)
{
    struct dirblock view;
    int err = ext4_index_leaf_block(dir, p, &place->block, &view);

    if (err)
        return err;
    place->logical = ext4_index_leaf(p);
    err = dirblock_find(&view, name->text, name->length, &place->offset);
    if (err)
        buf_put(place->block);
    return err;
}

static int path_find(struct inode *dir, struct ext4_index_path *p, const struct name *name,
                     struct ext4_dir_place *place)
{
    u32 hash, next;
    int err;

    err =
        ext4_name_hash(ext4_of(dir)->hash_seed, p->version, name->text, name->length, &hash, NULL);
    if (!err)
        err = ext4_index_seek(dir, p, hash);
    while (!err) {
        err = leaf_find(dir, p, name, place);
        if (err != -ENOENT)
            return err;
        err = ext4_index_next(dir, p, &next);
        if (!err && next != (hash | 1))
            return -ENOENT;
    }
    return err;
}

int ext4_htree_find(struct inode *dir, const struct name *name, struct ext4_dir_place *place)
{
    struct ext4_index_path p;
    int err = ext4_index_open(dir, &p);

    if (err)
        return err;
    err = path_find(dir, &p, name, place);
    ext4_index_close(&p);
    return err;
}
