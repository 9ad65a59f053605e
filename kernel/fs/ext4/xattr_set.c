// SPDX-License-Identifier: MIT
// A set of extended attributes, as data. PURE.
#include "fs/ext4/xattr_set.h"
#include "abi/errno.h"
#include "lib/bitmap.h"
#include "lib/string.h"

#define PAD     4U    // entries and values start at multiples of it
#define SET_MAX 4096U // bytes

static u32 entry_size(u32 name_length)
{
    return ALIGN_UP(offsetof(struct ext4_xattr_entry, e_name) + name_length, PAD);
}

bool xattr_set_of_inode(struct ext4_dinode *d, u32 inode_size, u32 extra, struct xattr_set *set)
{
    u32 at = EXT4_GOOD_OLD_INODE_SIZE + extra;
    u32 *magic = (u32 *)((u8 *)d + at);

    *set = (struct xattr_set){.base = (u8 *)(magic + 1)};
    if (at % PAD || at + 2 * sizeof(u32) > inode_size)
        return false;
    set->end = inode_size - at - sizeof(u32);
    return *magic == EXT4_XATTR_MAGIC;
}

// Of the value, if it is in the set.
static u32 value_size(const struct ext4_xattr_entry *e)
{
    return e->e_value_inum ? 0 : e->e_value_size;
}

/* Reading */

static struct ext4_xattr_entry *entry_at(const struct xattr_set *s, u32 offset)
{
    return (struct ext4_xattr_entry *)(s->base + offset);
}

static u32 offset_of(const struct xattr_set *s, const struct ext4_xattr_entry *e)
{
    return (const u8 *)e - s->base;
}

// The list of entries ends at a zero word, for which there must be room.
static bool is_end(const struct xattr_set *s, u32 offset)
{
    return *(const u32 *)(s->base + offset) == 0;
}

// Values are in the set, behind the names, and apart from each other: one that goes takes its bytes
// along.
static int values_check(const struct xattr_set *s, u32 names_end)
{
    u64 taken[BITMAP_WORDS(SET_MAX / PAD)] = {0};

    for (const struct ext4_xattr_entry *e = xattr_set_first(s); e; e = xattr_set_next(s, e)) {
        u32 at = e->e_value_offs / PAD, end = at + DIV_ROUND_UP(value_size(e), PAD);

        if (!value_size(e))
            continue;
        if (e->e_value_offs < names_end || e->e_value_offs % PAD || e->e_value_offs > s->end ||
            e->e_value_size > s->end - e->e_value_offs || bitmap_find_set(taken, end, at) < end)
            return -EUCLEAN;
        while (at < end)
            bitmap_set(taken, at++);
    }
    return 0;
}

int xattr_set_check(const struct xattr_set *s)
{
    u32 offset = s->first, names_end;

    while (offset + sizeof(u32) <= s->end && !is_end(s, offset)) {
        const struct ext4_xattr_entry *e = entry_at(s, offset);

        if (offset + sizeof(*e) > s->end || offset + entry_size(e->e_name_len) > s->end)
            return -EUCLEAN;
        if (memchr(e->e_name, '\0', e->e_name_len) || (!e->e_name_len && !e->e_name_index))
            return -EUCLEAN;
        offset += entry_size(e->e_name_len);
    }
    names_end = offset + sizeof(u32);
    return names_end > s->end ? -EUCLEAN : values_check(s, names_end);
}

struct ext4_xattr_entry *xattr_set_first(const struct xattr_set *s)
{
    return is_end(s, s->first) ? NULL : entry_at(s, s->first);
}

struct ext4_xattr_entry *xattr_set_next(const struct xattr_set *s, const struct ext4_xattr_entry *e)
{
    u32 next = offset_of(s, e) + entry_size(e->e_name_len);

    return is_end(s, next) ? NULL : entry_at(s, next);
}

struct ext4_xattr_entry *xattr_set_find(const struct xattr_set *s, const struct xattr_key *key)
{
    struct ext4_xattr_entry *e = xattr_set_first(s);

    while (e && (e->e_name_index != key->index || e->e_name_len != key->length ||
                 memcmp(e->e_name, key->name, key->length)))
        e = xattr_set_next(s, e);
    return e;
}

/* Changing */

void xattr_set_init(const struct xattr_set *s)
{
    memset(s->base + s->first, 0, s->end - s->first);
}

u32 xattr_item_size(const struct xattr_item *item)
{
    return entry_size(item->key.length) + (item->inum ? 0 : ALIGN_UP(item->size, PAD));
}

// Where the zero word after the entries is, and where the lowest value is.
static void find_room(const struct xattr_set *s, u32 *names_end, u32 *values)
{
    *names_end = s->first;
    *values = s->end;
    for (struct ext4_xattr_entry *e = xattr_set_first(s); e; e = xattr_set_next(s, e)) {
        *names_end = offset_of(s, e) + entry_size(e->e_name_len);
        if (value_size(e))
            *values = MIN(*values, (u32)e->e_value_offs);
    }
}

u32 xattr_set_room(const struct xattr_set *s, const struct ext4_xattr_entry *without)
{
    u32 names_end, values, gone = 0;

    find_room(s, &names_end, &values);
    if (without)
        gone = entry_size(without->e_name_len) + ALIGN_UP(value_size(without), PAD);
    return values + gone - MIN(values + gone, names_end + (u32)sizeof(u32));
}

static int key_compare(const struct xattr_key *a, const struct ext4_xattr_entry *b)
{
    if (a->index != b->e_name_index)
        return a->index < b->e_name_index ? -1 : 1;
    if (a->length != b->e_name_len)
        return a->length < b->e_name_len ? -1 : 1;
    return memcmp(a->name, b->e_name, a->length);
}

// Of the name, and of the value's words: a value elsewhere has one, its own hash.
static u32 item_hash(const struct xattr_item *item, const u32 *value)
{
    u32 words = item->inum ? 1 : DIV_ROUND_UP(item->size, PAD), hash = 0;

    for (u32 i = 0; i < item->key.length; i++)
        hash = (hash << 5) ^ (hash >> 27) ^ (u8)item->key.name[i];
    for (u32 i = 0; i < words; i++)
        hash = (hash << 16) ^ (hash >> 16) ^ (item->inum ? item->inum_hash : value[i]);
    return hash;
}

void xattr_set_add(const struct xattr_set *s, const struct xattr_item *item, bool hashed)
{
    u32 need = entry_size(item->key.length), space = xattr_item_size(item) - need;
    u32 names_end, values, at = s->first;
    struct ext4_xattr_entry *e;

    find_room(s, &names_end, &values);
    while (at < names_end && key_compare(&item->key, entry_at(s, at)) > 0)
        at += entry_size(entry_at(s, at)->e_name_len);
    e = entry_at(s, at);
    memmove((u8 *)e + need, e, names_end - at);
    memset(e, 0, need);
    e->e_name_len = item->key.length;
    e->e_name_index = item->key.index;
    e->e_value_inum = item->inum;
    e->e_value_size = item->size;
    memcpy(e->e_name, item->key.name, item->key.length);
    if (space) {
        e->e_value_offs = values - space;
        memset(xattr_value(s, e), 0, space);
        memcpy(xattr_value(s, e), item->value, item->size);
    }
    if (hashed || item->inum)
        e->e_hash = item_hash(item, (const u32 *)xattr_value(s, e));
}

// The entries behind it move up, and the values before its own move down.
void xattr_set_remove(const struct xattr_set *s, struct ext4_xattr_entry *e)
{
    u32 size = entry_size(e->e_name_len), space = ALIGN_UP(value_size(e), PAD);
    u32 value = e->e_value_offs, names_end, values;

    find_room(s, &names_end, &values);
    memmove(e, (u8 *)e + size, names_end - offset_of(s, e) - size);
    memset(s->base + names_end - size, 0, size);
    if (!space)
        return;
    memmove(s->base + values + space, s->base + values, value - values);
    memset(s->base + values, 0, space);
    for (e = xattr_set_first(s); e; e = xattr_set_next(s, e))
        if (value_size(e) && e->e_value_offs < value)
            e->e_value_offs += space;
}

u32 xattr_set_hash(const struct xattr_set *s)
{
    u32 hash = 0;

    for (struct ext4_xattr_entry *e = xattr_set_first(s); e; e = xattr_set_next(s, e)) {
        if (!e->e_hash)
            return 0;
        hash = (hash << 16) ^ (hash >> 16) ^ e->e_hash;
    }
    return hash;
}
