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

static int damaged(struct inode *dir, u64 logical)
{
    return ext4_corrupt(ext4_of(dir), dir->ino, logical, "a damaged directory index");
}

static int node_open(struct inode *dir, u64 logical, struct ext4_index_node *n)
{
    u32 at = logical ? EXT4_NODE_ENTRIES_AT : EXT4_ROOT_ENTRIES_AT;
    int err = ext4_dir_block(dir, logical, &n->block);

    if (err)
        return err;
    n->entries = (struct ext4_dx_entry *)(n->block.b->data + at);
    n->limit = ext4_index_counts(n->entries)->limit;
    n->count = ext4_index_counts(n->entries)->count;
    n->at = 0;
    if (ext4_dir_is_index(&n->block) && n->limit == ext4_index_limit(ext4_of(dir), !logical) &&
        n->count && n->count <= n->limit)
        return 0;
    buf_put(n->block.b);
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

static void close_below(struct ext4_index_path *p, u32 level)
{
    while (p->opened > level)
        buf_put(p->node[--p->opened].block.b);
}

void ext4_index_close(struct ext4_index_path *p)
{
    close_below(p, 0);
}

int ext4_index_open(struct inode *dir, struct ext4_index_path *p)
{
    const struct ext4_dx_root_info *info;
    const struct ext4 *fs = ext4_of(dir);
    int err = node_open(dir, 0, &p->node[0]);

    if (err)
        return err;
    p->opened = 1;
    p->steps = 0;
    info = (const struct ext4_dx_root_info *)(p->node[0].block.b->data + EXT4_ROOT_INFO_AT);
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

// A block that the index names; the root is none.
static int check_child(struct inode *dir, u64 child)
{
    return child && child < ext4_dir_blocks(dir) ? 0 : damaged(dir, child);
}

// From the deepest node that is open down to the leaf, everywhere where `hash` belongs.
static int descend(struct ext4_index_path *p, u32 hash)
{
    struct inode *dir = p->node[0].block.dir;
    int err = 0;

    while (!err && p->opened < p->levels) {
        u64 child = node_child(&p->node[p->opened - 1]);

        err = check_child(dir, child) ?: node_open(dir, child, &p->node[p->opened]);
        if (!err)
            node_seek(&p->node[p->opened++], hash);
    }
    return err ?: check_child(dir, ext4_index_leaf(p));
}

int ext4_index_seek(struct ext4_index_path *p, u32 hash)
{
    close_below(p, 1);
    node_seek(&p->node[0], hash);
    return descend(p, hash);
}

int ext4_index_seek_name(struct ext4_index_path *p, const struct name *name, u32 *hash)
{
    const u32 *seed = ext4_of(p->node[0].block.dir)->hash_seed;
    int err = ext4_name_hash(seed, p->version, name->text, name->length, hash, NULL);

    return err ?: ext4_index_seek(p, *hash);
}

u64 ext4_index_leaf(const struct ext4_index_path *p)
{
    return node_child(&p->node[p->levels - 1]);
}

// The entry after the deepest one that is not its node's last leads there.
int ext4_index_next(struct ext4_index_path *p, u32 *hash)
{
    struct inode *dir = p->node[0].block.dir;
    struct ext4_index_node *n;
    u32 level = p->levels;

    do {
        if (!level)
            return -ENOENT;
        n = &p->node[--level];
    } while (n->at + 1 >= n->count);
    *hash = n->entries[++n->at].hash;
    if (++p->steps > ext4_dir_blocks(dir))
        return damaged(dir, 0);
    close_below(p, level + 1);
    return descend(p, 0);
}

/* Names */

static int path_find(struct ext4_index_path *p, const struct name *name,
                     struct ext4_dir_place *place)
{
    u32 hash, next;
    int err = ext4_index_seek_name(p, name, &hash);

    while (!err) {
        err = ext4_dir_find_in(p->node[0].block.dir, ext4_index_leaf(p), name, place);
        if (err != -ENOENT)
            return err;
        err = ext4_index_next(p, &next);
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
    err = path_find(&p, name, place);
    ext4_index_close(&p);
    return err;
}
