// SPDX-License-Identifier: MIT
// Extended attributes of files: behind the inode's fields while they fit there, else in one block.
//
// A block may be shared by inodes with the same attributes: h_refcount counts them. Ours never come
// to share one, so that the count only falls; who changes a shared block gets one of its own.
// A change makes both sets anew in memory; then the block is written, which may fail, and last the
// inode, which was taken hold of before.
#include "abi/xattr.h"
#include "abi/limits.h"
#include "fs/ext4/namei.h"
#include "fs/ext4/xattr_value.h"
#include "lib/string.h"
#include "mm/slab.h"

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

/* The sets */

static int damaged(struct inode *i, u64 block)
{
    return ext4_corrupt(ext4_of(i), i->ino, block, "extended attributes");
}

static int set_block_open(struct inode *i, struct buf **out)
{
    struct ext4 *fs = ext4_of(i);
    u64 block = ext4_i(i)->acl_block;
    const struct ext4_xattr_header *header;
    int err = ext4_blocks_valid(fs, block, 1) ? buf_read(fs->cache, block, out) : damaged(i, block);

    if (err)
        return err;
    header = (const struct ext4_xattr_header *)(*out)->data;
    if (header->h_magic == EXT4_XATTR_MAGIC && header->h_blocks == 1 && header->h_refcount &&
        (load_relaxed(&(*out)->flags) & BUF_CHECKED || ext4_xattr_verify(fs, block, header))) {
        buf_set_flags(*out, BUF_CHECKED);
        return 0;
    }
    buf_put(*out);
    *out = NULL;
    return damaged(i, block);
}

// One of the two: its bytes in *out, which is referenced, or NULL: there is none.
struct place {
    struct buf *b;
    struct ext4_dinode *d; // the one in the inode
    struct xattr_set set;
    bool exists;
};

static void place_close(struct place *p)
{
    buf_put(p->b);
    p->b = NULL;
}

static int inode_place(struct inode *i, struct place *p)
{
    struct ext4 *fs = ext4_of(i);
    int err;

    *p = (struct place){0};
    err = ext4_inode_place(fs, i->ino, &p->b, &p->d);
    if (err)
        return err;
    p->exists = xattr_set_of_inode(p->d, fs->inode_size, &p->set);
    if (!p->exists || !xattr_set_check(&p->set))
        return 0;
    place_close(p);
    return damaged(i, 0);
}

static int block_place(struct inode *i, struct place *p)
{
    int err;

    *p = (struct place){0};
    if (!ext4_i(i)->acl_block)
        return 0;
    err = set_block_open(i, &p->b);
    if (err)
        return err;
    p->exists = true;
    p->set = xattr_set_of_block(p->b->data, ext4_of(i)->block_size);
    if (!xattr_set_check(&p->set))
        return 0;
    place_close(p);
    return damaged(i, ext4_i(i)->acl_block);
}

static const struct ext4_xattr_entry *place_find(const struct place *p, const struct xattr_key *key)
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

// Looks in one place: -ENODATA if the attribute is not there.
static int get_from(struct inode *i, int (*open)(struct inode *i, struct place *p),
                    const struct xattr_key *key, void *value, size_t size)
{
    const struct ext4_xattr_entry *e;
    struct place p;
    int n = open(i, &p);

    if (n)
        return n;
    e = place_find(&p, key);
    n = e ? read_value(i, &p, e, value, size) : -ENODATA;
    place_close(&p);
    return n;
}

static int xattr_get(struct inode *i, const char *name, void *value, size_t size)
{
    struct xattr_key key;
    int n = key_of(name, &key);

    if (n)
        return n;
    n = get_from(i, inode_place, &key, value, size);
    return n == -ENODATA ? get_from(i, block_place, &key, value, size) : n;
}

static int list_from(struct inode *i, int (*open)(struct inode *i, struct place *p), char *names,
                     size_t size, size_t *used)
{
    struct place p;
    int err = open(i, &p);

    if (err)
        return err;
    for (struct ext4_xattr_entry *e = p.exists ? xattr_set_first(&p.set) : NULL; !err && e;
         e = xattr_set_next(&p.set, e)) {
        const char *prefix = prefix_of(e->e_name_index);

        if (prefix)
            err = xattr_list_add(names, size, used, prefix, e->e_name, e->e_name_len);
    }
    place_close(&p);
    return err;
}

static int xattr_list(struct inode *i, char *names, size_t size)
{
    size_t used = 0;
    int err = list_from(i, inode_place, names, size, &used)
                  ?: list_from(i, block_place, names, size, &used);

    return err ? err : (int)used;
}

/* Changing */

struct change {
    struct place in_inode, in_block; // as they are
    struct xattr_set inode_set;      // as they are going to be, in fresh memory
    struct xattr_set block_set;      // all of the block, without its header's contents
    bool block_used;                 // block_set has any
    struct inode *old_value;         // the attribute's, in an inode of its own, referenced, or NULL
    struct inode *new_value;         // ... that is made for it
};

// What is in a place now, but the attribute.
static int copy_rest(const struct xattr_set *to, const struct place *from,
                     const struct xattr_key *key, bool hashed)
{
    xattr_set_init(to);
    return from->exists ? xattr_set_copy(to, &from->set, key, hashed) : 0;
}

// In the inode if it fits, else in the block.
static int add_item(struct change *c, const struct xattr_item *item)
{
    int err = c->inode_set.end ? xattr_set_add(&c->inode_set, item, false) : -ENOSPC;

    return err == -ENOSPC ? xattr_set_add(&c->block_set, item, true) : err;
}

static int add_large(struct handle *h, struct inode *i, struct change *c, struct xattr_item item)
{
    int err;

    if (!EXT4_HAS_INCOMPAT(ext4_of(i), EA_INODE) || !item.size)
        return -ENOSPC;
    err = ext4_value_new(h, i, item.value, item.size, &c->new_value, &item.inum_hash);
    if (err)
        return err;
    item.inum = c->new_value->ino;
    return add_item(c, &item);
}

// Decides where the attribute is going to be.
static int change_plan(struct handle *h, struct inode *i, struct change *c,
                       const struct xattr_item *item)
{
    int err = copy_rest(&c->block_set, &c->in_block, &item->key, true);

    if (!err && c->inode_set.end)
        err = copy_rest(&c->inode_set, &c->in_inode, &item->key, false);
    if (!err && item->value) {
        err = add_item(c, item);
        if (err == -ENOSPC)
            err = add_large(h, i, c, *item);
    }
    c->block_used = xattr_set_first(&c->block_set) != NULL;
    return err;
}

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

// The blocks of values in inodes of their own count as the file's.
static s64 value_blocks(struct inode *value)
{
    return value ? DIV_ROUND_UP(value->size, ext4_of(value)->block_size) : 0;
}

// The inode does not use its block any more; *last: nor does any other.
static int set_block_release(struct handle *h, struct inode *i, struct buf *b, bool *last)
{
    struct ext4_xattr_header *header = (struct ext4_xattr_header *)b->data;
    struct ext4 *fs = ext4_of(i);
    int err = journal_get_write(h, b);

    if (err)
        return err;
    buf_lock(b);
    *last = header->h_refcount <= 1;
    if (!*last) {
        header->h_refcount--;
        ext4_xattr_seal(fs, b->block, header);
    }
    buf_unlock(b);
    journal_dirty(h, b);
    return *last ? ext4_blocks_free(h, ext4_i(i), b->block, 1, true) : 0;
}

static void set_block_fill(struct handle *h, struct inode *i, struct buf *b,
                           const struct xattr_set *set)
{
    struct ext4_xattr_header *header = (struct ext4_xattr_header *)b->data;

    buf_lock(b);
    memcpy(b->data + set->first, set->base + set->first, set->end - set->first);
    *header = (struct ext4_xattr_header){
        .h_magic = EXT4_XATTR_MAGIC, .h_refcount = 1, .h_blocks = 1, .h_hash = xattr_set_hash(set)};
    ext4_xattr_seal(ext4_of(i), b->block, header);
    buf_set_flags(b, BUF_CHECKED);
    buf_unlock(b);
    journal_dirty(h, b);
}

static int set_block_new(struct handle *h, struct inode *i, const struct xattr_set *set, u64 *block)
{
    struct ext4 *fs = ext4_of(i);
    struct buf *b;
    int err = ext4_reserve(fs, 1);

    if (err)
        return err;
    err = ext4_block_new(h, fs, ext4_i(i)->goal, block);
    ext4_unreserve(fs, 1);
    if (err)
        return err;
    err = buf_get(fs->cache, *block, &b);
    if (!err) {
        err = journal_get_create(h, b);
        if (!err)
            set_block_fill(h, i, b, set);
        buf_put(b);
    }
    if (err)
        ext4_blocks_free(h, ext4_i(i), *block, 1, true);
    return err;
}

static bool block_is_shared(const struct buf *b)
{
    return ((const struct ext4_xattr_header *)b->data)->h_refcount > 1;
}

// What our copy of a shared block refers to has one reference more. The attribute's own value is
// not in the copy: the block that stays goes on referring to it.
static int share_values(struct handle *h, struct inode *i, struct change *c)
{
    struct ext4_xattr_entry *e = xattr_set_first(&c->block_set);
    int err = 0;

    for (; !err && e; e = xattr_set_next(&c->block_set, e))
        if (e->e_value_inum && !(c->new_value && e->e_value_inum == c->new_value->ino))
            err = ext4_value_share(h, ext4_of(i), e->e_value_inum);
    return err;
}

static bool old_value_in_block(const struct change *c, const struct xattr_key *key)
{
    return c->old_value && !place_find(&c->in_inode, key);
}

// The block is left for another one, or for none.
static int set_block_leave(struct handle *h, struct inode *i, struct change *c,
                           const struct xattr_key *key)
{
    bool last = true, old = old_value_in_block(c, key);
    int err = set_block_release(h, i, c->in_block.b, &last);

    if (err || last)
        return err;
    if (old) {
        inode_put(c->old_value);
        c->old_value = NULL;
    }
    return share_values(h, i, c);
}

static int set_block_write(struct handle *h, struct inode *i, struct change *c,
                           const struct xattr_key *key)
{
    struct buf *old = c->in_block.b;
    u64 block = 0;
    int err;

    if (!old && !c->block_used)
        return 0;
    if (old && c->block_used && !block_is_shared(old)) {
        err = journal_get_write(h, old);
        if (!err)
            set_block_fill(h, i, old, &c->block_set);
        return err;
    }
    err = c->block_used ? set_block_new(h, i, &c->block_set, &block) : 0;
    if (err)
        return err;
    if (old)
        err = set_block_leave(h, i, c, key);
    if (err && block)
        ext4_blocks_free(h, ext4_i(i), block, 1, true);
    if (!err)
        set_block(i, block);
    return err;
}

static void inode_set_write(struct handle *h, struct inode *i, struct change *c)
{
    struct xattr_set *to = &c->in_inode.set;

    if (!to->end)
        return;
    buf_lock(c->in_inode.b);
    memcpy(to->base, c->inode_set.base, to->end);
    *((u32 *)to->base - 1) = EXT4_XATTR_MAGIC;
    buf_unlock(c->in_inode.b);
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

static int change_write(struct handle *h, struct inode *i, struct change *c,
                        const struct xattr_key *key)
{
    s64 blocks = value_blocks(c->new_value) - value_blocks(c->old_value);
    int err = feature_set(h, ext4_of(i)) ?: set_block_write(h, i, c, key);

    if (!err && c->old_value)
        err = ext4_value_unshare(h, c->old_value);
    if (err)
        return err;
    count_blocks(i, blocks);
    inode_set_write(h, i, c);
    inode_touch_ctime(i);
    return ext4_inode_write(h, i);
}

static int change_alloc(struct inode *i, struct change *c)
{
    u32 block_size = ext4_of(i)->block_size;
    u8 *bytes = kmalloc(c->in_inode.set.end + block_size, ALLOC_ZERO);

    if (!bytes)
        return -ENOMEM;
    c->block_set = xattr_set_of_block(bytes, block_size);
    c->inode_set = (struct xattr_set){bytes + block_size, 0, c->in_inode.set.end};
    return 0;
}

static int check_flags(const struct change *c, const struct xattr_item *item, int flags)
{
    bool found = place_find(&c->in_inode, &item->key) || place_find(&c->in_block, &item->key);

    if (found && flags & XATTR_CREATE)
        return -EEXIST;
    return !found && flags & XATTR_REPLACE ? -ENODATA : 0;
}

static int change_in(struct handle *h, struct inode *i, struct change *c,
                     const struct xattr_item *item)
{
    int err = ext4_name_hold(h, i) ?: change_alloc(i, c);

    if (err)
        return err;
    err = change_plan(h, i, c, item) ?: change_write(h, i, c, &item->key);
    if (err && c->new_value)
        ext4_value_discard(h, c->new_value);
    kfree(c->block_set.base);
    return err;
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

static int change_handle(struct inode *i, struct change *c, const struct xattr_item *item)
{
    struct handle *h;
    int err = journal_begin(ext4_of(i)->journal, change_credits(ext4_of(i), item), &h), end;

    if (err)
        return err;
    err = change_in(h, i, c, item);
    end = journal_end(h);
    return err ? err : end;
}

static int find_old_value(struct inode *i, struct change *c, const struct xattr_key *key)
{
    const struct ext4_xattr_entry *e = place_find(&c->in_inode, key);

    if (!e)
        e = place_find(&c->in_block, key);
    return e && e->e_value_inum ? ext4_value_get(i, e, &c->old_value) : 0;
}

// The places stay as they are while the inode is locked, but for a shared block's count.
static int change_once(struct inode *i, const struct xattr_item *item, int flags)
{
    struct change c = {0};
    int err = inode_place(i, &c.in_inode);

    if (err)
        return err;
    err = block_place(i, &c.in_block);
    if (!err)
        err = check_flags(&c, item, flags) ?: find_old_value(i, &c, &item->key);
    if (!err)
        err = change_handle(i, &c, item);
    if (c.old_value)
        inode_put(c.old_value);
    if (c.new_value)
        inode_put(c.new_value);
    place_close(&c.in_block);
    place_close(&c.in_inode);
    return err;
}

static int xattr_set(struct inode *i, const char *name, const void *value, size_t size, int flags)
{
    struct xattr_item item = {.value = value, .size = size};
    struct ext4 *fs = ext4_of(i);
    int err = key_of(name, &item.key) ?: ext4_check_writable(fs);

    while (!err) {
        err = change_once(i, &item, flags);
        if (err != -ENOSPC || !ext4_freed_wait(fs))
            break;
        err = 0;
    }
    return err;
}

/* Deletion */

// Copies the key of an entry with a value of its own to *key and `name`: whether there is one.
static bool large_key(const struct place *p, struct xattr_key *key, char *name)
{
    const struct ext4_xattr_entry *e = p->exists ? xattr_set_first(&p->set) : NULL;

    while (e && !e->e_value_inum)
        e = xattr_set_next(&p->set, (struct ext4_xattr_entry *)e);
    if (!e)
        return false;
    *key = (struct xattr_key){e->e_name_index, e->e_name_len, name};
    memcpy(name, e->e_name, e->e_name_len);
    return true;
}

static int find_large(struct inode *i, struct xattr_key *key, char *name, bool *found)
{
    struct place p;
    int err = inode_place(i, &p);

    if (err)
        return err;
    *found = large_key(&p, key, name);
    place_close(&p);
    if (*found)
        return 0;
    err = block_place(i, &p);
    if (err)
        return err;
    *found = large_key(&p, key, name);
    place_close(&p);
    return 0;
}

int ext4_xattr_drop_values(struct inode *i)
{
    char name[EXT4_NAME_MAX];
    struct xattr_item item = {0};
    bool found = EXT4_HAS_INCOMPAT(ext4_of(i), EA_INODE) && !(ext4_i(i)->flags & EXT4_EA_INODE_FL);
    int err = 0;

    while (!err && found) {
        err = find_large(i, &item.key, name, &found);
        if (!err && found)
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
