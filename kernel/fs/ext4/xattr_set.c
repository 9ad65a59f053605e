// SPDX-License-Identifier: MIT
// A set of extended attributes, as data. PURE.
#include "fs/ext4/xattr_set.h"
#include "abi/errno.h"
#include "lib/string.h"

#define PAD 4U // entries and values start at multiples of it

static u32 entry_size(u32 name_length)
{
    return ALIGN_UP(offsetof(struct ext4_xattr_entry, e_name) + name_length, PAD);
}

bool xattr_set_of_inode(struct ext4_dinode *d, u32 inode_size, struct xattr_set *set)
{
    u32 at =
        EXT4_GOOD_OLD_INODE_SIZE + (inode_size > EXT4_GOOD_OLD_INODE_SIZE ? d->i_extra_isize : 0);
    u32 *magic = (u32 *)((u8 *)d + at);

    *set = (struct xattr_set){.base = (u8 *)(magic + 1)};
    if (at % PAD || at + 2 * sizeof(u32) > inode_size)
        return false;
    set->end = inode_size - at - sizeof(u32);
    return *magic == EXT4_XATTR_MAGIC;
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

int xattr_set_check(const struct xattr_set *s)
{
    u32 offset = s->first, names_end;

    while (offset + sizeof(u32) <= s->end && !is_end(s, offset)) {
        const struct ext4_xattr_entry *e = entry_at(s, offset);

        if (offset + sizeof(*e) > s->end || offset + entry_size(e->e_name_len) > s->end)
            return -EUCLEAN;
        if (memchr(e->e_name, '\0', e->e_name_len))
            return -EUCLEAN;
        offset += entry_size(e->e_name_len);
    }
    names_end = offset + sizeof(u32);
    if (names_end > s->end)
        return -EUCLEAN;
    for (const struct ext4_xattr_entry *e = xattr_set_first(s); e;
         e = xattr_set_next(s, (struct ext4_xattr_entry *)e)) {
        if (e->e_value_inum || !e->e_value_size)
            continue;
        if (e->e_value_offs < names_end || e->e_value_offs > s->end ||
            e->e_value_size > s->end - e->e_value_offs)
            return -EUCLEAN;
    }
    return 0;
}

struct ext4_xattr_entry *xattr_set_first(const struct xattr_set *s)
{
    return is_end(s, s->first) ? NULL : entry_at(s, s->first);
}

struct ext4_xattr_entry *xattr_set_next(const struct xattr_set *s, struct ext4_xattr_entry *e)
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
