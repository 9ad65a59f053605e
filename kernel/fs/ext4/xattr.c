// SPDX-License-Identifier: MIT
// Extended attributes of files: behind the inode's fields while they fit there, else in one block.
//
// A block may be shared by inodes with the same attributes: h_refcount counts them. Ours never come
// to share one, so that the count only falls; who changes a shared block gets one of its own.
// A change first decides where the attribute is going to be, and takes hold of all that it writes;
// then it edits both sets in place, which cannot fail.
#include "abi/xattr.h"
#include "abi/limits.h"
#include "fs/ext4/map.h"
#include "fs/ext4/namei.h"
#include "fs/ext4/xattr_value.h"
#include "lib/string.h"

/* Names */

static const struct {
    const char *prefix;
    u8 index;
} prefixes[] = {
    {"user.", EXT4_XATTR_USER},
    {"trusted.", EXT4_XATTR_TRUSTED},
    {"security.", EXT4_XATTR_SECURITY},
};

// -EOPNOTSUPP: no prefix that is known; -EINVAL: nothing behind it.
static int key_of(const char *name, struct xattr_key *key)
{
    for (unsigned n = 0; n < ARRAY_SIZE(prefixes); n++) {
        size_t length = strlen(prefixes[n].prefix);

        if (strncmp(name, prefixes[n].prefix, length))
            continue;
        *key = (struct xattr_key){prefixes[n].index, strlen(name + length), name + length};
        return key->length ? 0 : -EINVAL;
    }
    return -EOPNOTSUPP;
}

static const char *prefix_of(u8 index)
{
    for (unsigned n = 0; n < ARRAY_SIZE(prefixes); n++)
        if (prefixes[n].index == index)
            return prefixes[n].prefix;
    return NULL;
}

/* The two sets of an inode */

enum { IN_INODE, IN_BLOCK, PLACES };

struct place {
    struct buf *b; // referenced; NULL: there is no block
    struct xattr_set set;
    bool exists; // else the set has no bytes of any meaning
};

static int damaged(struct inode *i, u64 block)
{
    return ext4_corrupt(ext4_of(i), i->ino, block, "extended attributes");
}

static struct ext4_xattr_header *header_of(const struct buf *b)
{
    return (struct ext4_xattr_header *)b->data;
}

static int set_block_open(struct inode *i, struct buf **out)
{
    struct ext4 *fs = ext4_of(i);
    u64 block = ext4_i(i)->acl_block;
    const struct ext4_xattr_header *header;
    int err = ext4_blocks_valid(fs, block, 1) ? buf_read(fs->cache, block, out) : damaged(i, block);

    if (err)
        return err;
    header = header_of(*out);
    if (header->h_magic == EXT4_XATTR_MAGIC && header->h_blocks == 1 && header->h_refcount &&
        (load_relaxed(&(*out)->flags) & BUF_CHECKED ||
         header->h_checksum == ext4_xattr_sum(fs, block, header))) {
        buf_set_flags(*out, BUF_CHECKED);
        return 0;
    }
    buf_put(*out);
    *out = NULL;
    return damaged(i, block);
}

static void places_close(struct place at[PLACES])
{
    buf_put(at[IN_INODE].b);
    buf_put(at[IN_BLOCK].b);
}

static int places_open(struct inode *i, struct place at[PLACES])
{
    struct place *in_inode = &at[IN_INODE], *in_block = &at[IN_BLOCK];
    struct ext4 *fs = ext4_of(i);
    struct ext4_dinode *d;
    int err;

    *in_block = (struct place){.exists = ext4_i(i)->acl_block};
    err = ext4_inode_place(fs, i->ino, &in_inode->b, &d);
    if (err)
        return err;
    in_inode->exists =
        xattr_set_of_inode(d, fs->inode_size, ext4_i(i)->extra_isize, &in_inode->set);
    if (in_block->exists)
        err = set_block_open(i, &in_block->b);
    if (!err && in_block->exists)
        in_block->set = xattr_set_of_block(in_block->b->data, fs->block_size);
    for (unsigned n = 0; !err && n < PLACES; n++)
        if (at[n].exists && xattr_set_check(&at[n].set))
            err = damaged(i, n == IN_BLOCK ? ext4_i(i)->acl_block : 0);
    if (err)
        places_close(at);
    return err;
}

static struct ext4_xattr_entry *place_find(const struct place *p, const struct xattr_key *key)
{
    return p->exists ? xattr_set_find(&p->set, key) : NULL;
}

/* Reading */

// Large values are the contents of an inode of their own.
static int read_value_inode(struct inode *i, const struct ext4_xattr_entry *e, u8 *to)
{
    struct inode *value;
    int err = ext4_value_get(i, e, &value);

    if (err)
        return err;
    err = ext4_value_read(value, to);
    inode_put(value);
    return err;
}

static int read_value(struct inode *i, const struct place *p, const struct ext4_xattr_entry *e,
                      void *to, size_t size)
{
    int err = 0;

    if (e->e_value_size > XATTR_SIZE_MAX)
        return damaged(i, e->e_value_inum);
    if (!size)
        return e->e_value_size;
    if (size < e->e_value_size)
        return -ERANGE;
    if (e->e_value_inum)
        err = read_value_inode(i, e, to);
    else
        memcpy(to, xattr_value(&p->set, e), e->e_value_size);
    return err ? err : (int)e->e_value_size;
}

static int xattr_get(struct inode *i, const char *name, void *value, size_t size)
{
    const struct ext4_xattr_entry *e = NULL;
    struct place at[PLACES];
    struct xattr_key key;
    unsigned in = 0;
    int n = key_of(name, &key) ?: places_open(i, at);

    if (n)
        return n;
    while (in < PLACES && !(e = place_find(&at[in], &key)))
        in++;
    n = e ? read_value(i, &at[in], e, value, size) : -ENODATA;
    places_close(at);
    return n;
}

static int list_place(const struct place *p, char *names, size_t size, size_t *used)
{
    const struct ext4_xattr_entry *e = p->exists ? xattr_set_first(&p->set) : NULL;
    int err = 0;

    for (; !err && e; e = xattr_set_next(&p->set, e)) {
        const char *prefix = prefix_of(e->e_name_index);

        if (prefix)
            err = xattr_list_add(names, size, used, prefix, e->e_name, e->e_name_len);
    }
    return err;
}

static int xattr_list(struct inode *i, char *names, size_t size)
{
    struct place at[PLACES];
    size_t used = 0;
    int err = places_open(i, at);

    if (err)
        return err;
    err = list_place(&at[IN_INODE], names, size, &used)
              ?: list_place(&at[IN_BLOCK], names, size, &used);
    places_close(at);
    return err ? err : (int)used;
}

/* The block */

static void count_blocks(struct inode *i, s64 change)
{
    struct ext4_inode *e = ext4_i(i);

    write_lock(&e->map_lock);
    e->blocks += MAX(change, -(s64)e->blocks);
    write_unlock(&e->map_lock);
}

static void set_block(struct inode *i, u64 block)
{
    count_blocks(i, (block != 0) - (ext4_i(i)->acl_block != 0));
    ext4_i(i)->acl_block = block;
}

// The inode does not use its block any more; *last: nor does any other.
static int set_block_release(struct handle *h, struct inode *i, struct buf *b, bool *last)
{
    int err = journal_change(h, b);

    if (err)
        return err;
    *last = header_of(b)->h_refcount <= 1;
    if (!*last) {
        header_of(b)->h_refcount--;
        header_of(b)->h_checksum = ext4_xattr_sum(ext4_of(i), b->block, header_of(b));
    }
    journal_changed(h, b);
    return *last ? ext4_blocks_free(h, ext4_i(i), b->block, 1, true) : 0;
}

// A block of our own, with what `old` has, if that is one.
static int set_block_new(struct handle *h, struct inode *i, const struct buf *old, struct buf **out)
{
    struct ext4 *fs = ext4_of(i);
    int err = ext4_reserve(fs, 1);

    if (err)
        return err;
    err = ext4_block_create(h, ext4_i(i), out);
    ext4_unreserve(fs, 1);
    if (err)
        return err;
    buf_lock(*out); // in the handle already
    if (old)
        memcpy((*out)->data, old->data, fs->block_size);
    *header_of(*out) =
        (struct ext4_xattr_header){.h_magic = EXT4_XATTR_MAGIC, .h_refcount = 1, .h_blocks = 1};
    buf_set_flags(*out, BUF_CHECKED);
    journal_changed(h, *out);
    return 0;
}

/* Changing */

struct change {
    struct inode *inode;
    struct xattr_item item; // to be made; without value and size: to be removed
    struct place at[PLACES];
    struct ext4_xattr_entry *entry; // the attribute's, or NULL
    unsigned from, to;              // where it is, and is going to be; PLACES: nowhere
    struct inode *old_value;        // its value, if in an inode of its own, referenced
    struct inode *new_value;        // ... that is made for it
};

// What our copy of a shared block refers to has one reference more. The attribute's own value is
// not going to be in the copy: the block that stays goes on referring to it.
static int share_values(struct handle *h, struct change *c)
{
    const struct xattr_set *set = &c->at[IN_BLOCK].set;
    int err = 0;

    for (struct ext4_xattr_entry *e = xattr_set_first(set); !err && e; e = xattr_set_next(set, e))
        if (e->e_value_inum && e != c->entry)
            err = ext4_value_share(h, ext4_of(c->inode), e->e_value_inum);
    if (!err && c->from == IN_BLOCK && c->old_value) {
        inode_put(c->old_value);
        c->old_value = NULL;
    }
    return err;
}

static bool block_gets_empty(const struct change *c)
{
    const struct xattr_set *set = &c->at[IN_BLOCK].set;

    return c->to != IN_BLOCK && xattr_set_first(set) == c->entry && !xattr_set_next(set, c->entry);
}

// Makes the block one that this inode alone has, or none if it gets empty.
static int block_own(struct handle *h, struct change *c)
{
    struct inode *i = c->inode;
    struct place *p = &c->at[IN_BLOCK];
    struct buf *old = p->b, *new = NULL;
    bool empty = old && block_gets_empty(c), last = true;
    int err;

    if (old && !empty && header_of(old)->h_refcount == 1)
        return journal_get_write(h, old);
    err = empty ? 0 : set_block_new(h, i, old, &new);
    if (!err && old)
        err = set_block_release(h, i, old, &last);
    if (!err && !last)
        err = share_values(h, c);
    if (err) {
        if (new)
            ext4_blocks_free(h, ext4_i(i), new->block, 1, true);
        buf_put(new);
        return err;
    }
    buf_put(old);
    *p = (struct place){.b = new, .exists = new};
    if (new)
        p->set = xattr_set_of_block(new->data, ext4_of(i)->block_size);
    set_block(i, new ? new->block : 0);
    return 0;
}

// The attribute leaves the place, and comes to it. The inode's slot is in the handle.
static void place_edit(struct place *p, const struct xattr_item *item, bool add, bool hashed)
{
    struct ext4_xattr_entry *e = place_find(p, &item->key);

    if (e)
        xattr_set_remove(&p->set, e);
    if (add && !p->exists)
        xattr_set_init(&p->set);
    if (add)
        xattr_set_add(&p->set, item, hashed);
}

static void edit(struct handle *h, struct change *c)
{
    struct place *in_inode = &c->at[IN_INODE];
    struct buf *b = c->at[IN_BLOCK].b;

    if (c->from == IN_INODE || c->to == IN_INODE) {
        buf_lock(in_inode->b);
        place_edit(in_inode, &c->item, c->to == IN_INODE, false);
        *((u32 *)in_inode->set.base - 1) = EXT4_XATTR_MAGIC;
        buf_unlock(in_inode->b);
    }
    if (b && (c->from == IN_BLOCK || c->to == IN_BLOCK)) {
        buf_lock(b);
        place_edit(&c->at[IN_BLOCK], &c->item, c->to == IN_BLOCK, true);
        header_of(b)->h_hash = xattr_set_hash(&c->at[IN_BLOCK].set);
        header_of(b)->h_checksum = ext4_xattr_sum(ext4_of(c->inode), b->block, header_of(b));
        journal_changed(h, b);
    }
}

// Programs that check the file system are told that there may be attributes.
static int feature_set(struct handle *h, struct ext4 *fs)
{
    int err = 0;

    if (EXT4_HAS_COMPAT(fs, EXT_ATTR))
        return 0;
    mutex_lock(&fs->super_lock);
    err = ext4_super_change(h, fs);
    if (!err) {
        fs->super->s_feature_compat |= EXT4_COMPAT_EXT_ATTR;
        ext4_super_dirty(h, fs);
        atomic_fetch_or(&fs->compat, EXT4_COMPAT_EXT_ATTR);
    }
    mutex_unlock(&fs->super_lock);
    return err;
}

// In the inode if it fits, else in the block; PLACES: in neither.
static unsigned choose(const struct change *c)
{
    u32 need = xattr_item_size(&c->item), room[PLACES];

    for (unsigned n = 0; n < PLACES; n++) {
        const struct place *p = &c->at[n];
        u32 block = ext4_of(c->inode)->block_size - sizeof(struct ext4_xattr_header);
        u32 end = n == IN_BLOCK ? block : p->set.end;

        room[n] = p->exists ? xattr_set_room(&p->set, c->from == n ? c->entry : NULL)
                            : end - MIN(end, (u32)sizeof(u32));
    }
    return need <= room[IN_INODE] ? IN_INODE : need <= room[IN_BLOCK] ? IN_BLOCK : PLACES;
}

// Decides where the attribute is going to be: its value perhaps in an inode of its own.
static int plan(struct handle *h, struct change *c)
{
    struct xattr_item *item = &c->item;
    struct inode *i = c->inode;
    int err;

    c->to = item->value ? choose(c) : PLACES;
    if (!item->value || c->to != PLACES)
        return 0;
    if (!EXT4_HAS_INCOMPAT(ext4_of(i), EA_INODE) || !item->size)
        return -ENOSPC;
    err = ext4_value_new(h, i, item->value, item->size, &c->new_value, &item->inum_hash);
    if (err)
        return err;
    item->inum = c->new_value->ino;
    c->to = choose(c);
    return c->to == PLACES ? -ENOSPC : 0;
}

// The blocks of values in inodes of their own count as the file's.
static s64 value_blocks(struct inode *value)
{
    return value ? DIV_ROUND_UP(value->size, ext4_of(value)->block_size) : 0;
}

static int change_in(struct handle *h, void *arg)
{
    struct change *c = arg;
    struct inode *i = c->inode;
    s64 blocks;
    int err = ext4_name_hold(h, i) ?: plan(h, c);

    blocks = value_blocks(c->new_value) - value_blocks(c->old_value);
    if (!err)
        err = feature_set(h, ext4_of(i));
    if (!err && (c->from == IN_BLOCK || c->to == IN_BLOCK))
        err = block_own(h, c);
    if (err) {
        if (c->new_value)
            ext4_inode_discard(h, c->new_value);
        return err;
    }
    edit(h, c);
    count_blocks(i, blocks);
    inode_touch_ctime(i);
    err = ext4_inode_write(h, i);
    return err || !c->old_value ? err : ext4_value_unshare(h, c->old_value);
}

#define CHANGE_CREDITS (4 + 3 * EXT4_ALLOC_CREDITS)
#define SHARED_MAX     16 // values that a shared block has, for which credits are kept

static u32 change_credits(const struct ext4 *fs, const struct xattr_item *item)
{
    if (!EXT4_HAS_INCOMPAT(fs, EA_INODE))
        return CHANGE_CREDITS;
    return CHANGE_CREDITS + EXT4_VALUE_UNSHARE_CREDITS + SHARED_MAX +
           (item->value ? ext4_value_credits(fs, item->size) : 0);
}

// Finds the attribute, which may have to exist, or not to.
static int change_find(struct change *c, int flags)
{
    for (c->from = 0; c->from < PLACES; c->from++) {
        c->entry = place_find(&c->at[c->from], &c->item.key);
        if (c->entry)
            break;
    }
    if (c->entry && flags & XATTR_CREATE)
        return -EEXIST;
    if (!c->entry && flags & XATTR_REPLACE)
        return -ENODATA;
    return c->entry && c->entry->e_value_inum ? ext4_value_get(c->inode, c->entry, &c->old_value)
                                              : 0;
}

// The places stay as they are while the inode is locked, but for a shared block's count.
static int change_once(struct inode *i, const struct xattr_item *item, int flags)
{
    struct change c = {.inode = i, .item = *item};
    struct ext4 *fs = ext4_of(i);
    int err = places_open(i, c.at);

    if (err)
        return err;
    err = change_find(&c, flags) ?: ext4_operate(fs, change_credits(fs, item), change_in, &c);
    if (c.old_value)
        inode_put(c.old_value);
    if (c.new_value)
        inode_put(c.new_value);
    places_close(c.at);
    return err;
}

static int xattr_set(struct inode *i, const char *name, const void *value, size_t size, int flags)
{
    struct xattr_item item = {.value = value, .size = size};
    int err = key_of(name, &item.key);
    struct ext4_retry retry = {0};

    if (err)
        return err;
    do
        err = change_once(i, &item, flags);
    while (ext4_again(ext4_of(i), err, &retry));
    return err;
}

/* Deletion */

// Copies the key of an entry with a value of its own to *key and `name`: whether there is one.
static bool large_key(const struct place *p, struct xattr_key *key, char *name)
{
    const struct ext4_xattr_entry *e = p->exists ? xattr_set_first(&p->set) : NULL;

    while (e && !e->e_value_inum)
        e = xattr_set_next(&p->set, e);
    if (!e)
        return false;
    *key = (struct xattr_key){e->e_name_index, e->e_name_len, name};
    memcpy(name, e->e_name, e->e_name_len);
    return true;
}

int ext4_xattr_drop_values(struct inode *i)
{
    bool found = EXT4_HAS_INCOMPAT(ext4_of(i), EA_INODE) && !(ext4_i(i)->flags & EXT4_EA_INODE_FL);
    struct xattr_item item = {0};
    struct place at[PLACES];
    char name[EXT4_NAME_MAX];
    int err = 0;

    while (!err && found) {
        err = places_open(i, at);
        if (err)
            break;
        found =
            large_key(&at[IN_INODE], &item.key, name) || large_key(&at[IN_BLOCK], &item.key, name);
        places_close(at);
        if (found)
            err = change_once(i, &item, 0);
    }
    return err;
}

int ext4_xattr_free(struct handle *h, struct inode *i)
{
    struct buf *b;
    bool last;
    int err = ext4_i(i)->acl_block ? set_block_open(i, &b) : 0;

    if (err || !ext4_i(i)->acl_block)
        return err;
    err = set_block_release(h, i, b, &last);
    buf_put(b);
    if (!err)
        set_block(i, 0);
    return err;
}

const struct xattr_ops ext4_xattr_ops = {
    .get = xattr_get,
    .set = xattr_set,
    .list = xattr_list,
};
