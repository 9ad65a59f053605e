// SPDX-License-Identifier: MIT
// One block of directory entries. PURE.
#include "fs/ext4/dirblock.h"
#include "abi/errno.h"
#include "lib/string.h"

#define HEADER offsetof(struct ext4_dirent, name)

#define LEAST dirent_size(1)

// Whether it is a sound entry, `rest` bytes (LEAST or more) before the end.
static inline bool is_sound(const struct ext4_dirent *e, u32 rest)
{
    u32 need = e->inode ? MAX(dirent_size(e->name_len), LEAST) : LEAST;

    return e->rec_len % 4 == 0 && e->rec_len >= need && e->rec_len <= rest;
}

struct ext4_dirent *dirblock_at(const struct dirblock *b, u32 offset)
{
    struct ext4_dirent *e = (struct ext4_dirent *)(b->data + offset);

    if (unlikely(offset % 4 || offset > b->end || b->end - offset < LEAST))
        return NULL;
    return is_sound(e, b->end - offset) ? e : NULL;
}

int dirblock_next(const struct dirblock *b, u32 *offset, struct ext4_dirent **out)
{
    while (*offset < b->end) {
        *out = dirblock_at(b, *offset);
        if (!*out)
            return -EUCLEAN;
        if ((*out)->inode && (*out)->name_len)
            return 0;
        *offset += (*out)->rec_len;
    }
    return -ENOENT;
}

// Programs may take it for a name.
static bool name_sound(const struct ext4_dirent *e)
{
    return !memchr(e->name, '/', e->name_len) && !memchr(e->name, '\0', e->name_len);
}

int dirblock_check(const struct dirblock *b)
{
    const struct ext4_dirent *e;

    for (u32 offset = 0; offset < b->end; offset += e->rec_len) {
        e = dirblock_at(b, offset);
        if (!e || (e->inode && !name_sound(e)))
            return -EUCLEAN;
    }
    return 0;
}

int dirblock_find(const struct dirblock *b, const char *name, u32 length, u32 *offset)
{
    const struct ext4_dirent *e = (const struct ext4_dirent *)b->data;
    u32 rest = b->end;

    for (; rest >= LEAST; rest -= e->rec_len, e = (const void *)((const u8 *)e + e->rec_len)) {
        if (unlikely(!is_sound(e, rest)))
            return -EUCLEAN;
        if (e->name_len == length && e->name[length - 1] == name[length - 1] && e->inode &&
            !memcmp(e->name, name, length)) {
            *offset = b->end - rest;
            return 0;
        }
    }
    return rest ? -EUCLEAN : -ENOENT;
}

int dirblock_room(const struct dirblock *b, u32 length, u32 *offset)
{
    const struct ext4_dirent *e = (const struct ext4_dirent *)b->data;
    u32 rest = b->end, need = dirent_size(length);

    for (; rest >= LEAST; rest -= e->rec_len, e = (const void *)((const u8 *)e + e->rec_len)) {
        if (unlikely(!is_sound(e, rest)))
            return -EUCLEAN;
        if (e->rec_len - (e->inode ? dirent_size(e->name_len) : 0) >= need) {
            *offset = b->end - rest;
            return 0;
        }
    }
    return rest ? -EUCLEAN : -ENOSPC;
}

void dirblock_put(const struct dirblock *b, u32 offset, const char *name, u32 length, u32 ino,
                  u8 type)
{
    struct ext4_dirent *e = (struct ext4_dirent *)(b->data + offset);

    if (e->inode) { // the new one takes all of its slack
        u32 used = dirent_size(e->name_len), rest = e->rec_len - used;

        e->rec_len = used;
        e = (struct ext4_dirent *)((u8 *)e + used);
        e->rec_len = rest;
    }
    e->inode = ino;
    e->name_len = length;
    e->file_type = type;
    memcpy(e->name, name, length);
    memset(e->name + length, 0, dirent_size(length) - HEADER - length);
}

int dirblock_before(const struct dirblock *b, u32 target, u32 *before)
{
    *before = target;
    for (u32 offset = 0; offset < target;) {
        const struct ext4_dirent *e = dirblock_at(b, offset);

        if (!e || e->rec_len > target - offset)
            return -EUCLEAN;
        *before = offset;
        offset += e->rec_len;
    }
    return dirblock_at(b, target) ? 0 : -EUCLEAN;
}

void dirblock_remove(const struct dirblock *b, u32 before, u32 offset)
{
    struct ext4_dirent *e = (struct ext4_dirent *)(b->data + offset);

    if (before != offset)
        ((struct ext4_dirent *)(b->data + before))->rec_len += e->rec_len;
    e->inode = 0;
    memset(e->name, 0, e->name_len);
    e->name_len = 0;
    e->file_type = 0;
}

void dirblock_init(const struct dirblock *b)
{
    struct ext4_dirent *e = (struct ext4_dirent *)b->data;

    memset(b->data, 0, b->end);
    e->rec_len = b->end;
}
