// SPDX-License-Identifier: MIT
// The entries of leaves of an indexed directory, sorted by the hash of their names. PURE.
#include "fs/ext4/items.h"
#include "abi/errno.h"
#include "lib/crc32.h"
#include "lib/string.h"

// The legacy hash has no minor half: the checksum of the name stands in.
static int name_key(const u32 seed[4], u32 version, const char *name, u32 length, u64 *key)
{
    u32 major, minor;
    int err = ext4_name_hash(seed, version, name, length, &major, &minor);

    if (err)
        return err;
    if (version == EXT4_HASH_LEGACY || version == EXT4_HASH_LEGACY_UNSIGNED)
        minor = crc32c(~0U, name, length);
    *key = ext4_hash_key(major) | (minor & ~(HASH_KEY_ORDINALS - 1U));
    return 0;
}

int ext4_items_of(const u32 seed[4], u32 version, const struct dirblock *view, u64 logical,
                  struct dir_item *items)
{
    struct ext4_dirent *e;
    u32 offset = 0;
    int n = 0, err;

    while (!(err = dirblock_next(view, &offset, &e))) {
        if (!dirent_is_dots(e)) {
            struct dir_item *item = &items[n++];

            *item = (struct dir_item){.logical = logical, .offset = offset};
            item->size = dirent_size(e->name_len);
            err = name_key(seed, version, e->name, e->name_len, &item->key);
            if (err)
                return err;
        }
        offset += e->rec_len;
    }
    return err == -ENOENT ? n : err;
}

/* Heap sort: no memory, and no bad case */

// Of equal keys, the order of the directory's blocks.
static bool item_before(const struct dir_item *a, const struct dir_item *b)
{
    if (a->key != b->key)
        return a->key < b->key;
    return a->logical != b->logical ? a->logical < b->logical : a->offset < b->offset;
}

static void item_sink(struct dir_item *items, u32 at, u32 n)
{
    struct dir_item moved = items[at];

    for (u32 child = 2 * at + 1; child < n; child = 2 * at + 1) {
        if (child + 1 < n && item_before(&items[child], &items[child + 1]))
            child++;
        if (!item_before(&moved, &items[child]))
            break;
        items[at] = items[child];
        at = child;
    }
    items[at] = moved;
}

void ext4_items_sort(struct dir_item *items, u32 n)
{
    for (u32 i = n / 2; i-- > 0;)
        item_sink(items, i, n);
    for (u32 i = n; i-- > 1;) {
        struct dir_item last = items[i];

        items[i] = items[0];
        items[0] = last;
        item_sink(items, 0, i);
    }
}

/* Moving them */

u32 ext4_items_half(const struct dir_item *items, u32 n)
{
    u32 total = 0, left = items[0].size, at = 1;

    for (u32 i = 0; i < n; i++)
        total += items[i].size;
    while (at < n - 1 && 2 * left + items[at].size <= total)
        left += items[at++].size;
    return at;
}

void ext4_items_pack(const struct dirblock *to, const u8 *from, const struct dir_item *items, u32 n)
{
    struct ext4_dirent *e = (struct ext4_dirent *)to->data;
    u32 offset = 0;

    dirblock_init(to);
    for (u32 i = 0; i < n; i++) {
        e = (struct ext4_dirent *)(to->data + offset);
        memcpy(e, from + items[i].offset, items[i].size);
        e->rec_len = items[i].size;
        offset += items[i].size;
    }
    if (n)
        e->rec_len += to->end - offset;
}
