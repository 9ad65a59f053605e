// SPDX-License-Identifier: MIT
// One block of directory entries. PURE.
#include "fs/ext4/dirblock.h"
#include "abi/errno.h"
#include "lib/string.h"

#define HEADER offsetof(struct ext4_dirent, name)

struct ext4_dirent *dirblock_at(const struct dirblock *b, u32 offset)
{
    struct ext4_dirent *e = (struct ext4_dirent *)(b->data + offset);

    if (unlikely(offset % 4 || offset > b->end || b->end - offset < dirent_size(1)))
        return NULL;
    if (unlikely(e->rec_len % 4 || e->rec_len < dirent_size(e->inode ? MAX(e->name_len, 1) : 1) ||
                 e->rec_len > b->end - offset))
        return NULL;
    return e;
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
    const struct ext4_dirent *e;

    for (*offset = 0; *offset < b->end; *offset += e->rec_len) {
        e = dirblock_at(b, *offset);
        if (!e)
            return -EUCLEAN;
        if (e->name_len == length && e->inode && !memcmp(e->name, name, length))
            return 0;
    }
    return -ENOENT;
}

int dirblock_room(const struct dirblock *b, u32 length, u32 *offset)
{
    const struct ext4_dirent *e;

    for (*offset = 0; *offset < b->end; *offset += e->rec_len) {
        e = dirblock_at(b, *offset);
        if (!e)
            return -EUCLEAN;
        if (e->rec_len - (e->inode ? dirent_size(e->name_len) : 0) >= dirent_size(length))
            return 0;
    }
    return -ENOSPC;
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

int dirblock_remove(const struct dirblock *b, u32 target)
{
    struct ext4_dirent *e = dirblock_at(b, target), *before = NULL;
    u32 offset = 0;

    while (e && offset < target) {
        before = dirblock_at(b, offset);
        if (!before)
            return -EUCLEAN;
        offset += before->rec_len;
    }
    if (!e || offset != target)
        return -EUCLEAN;
    if (before)
        before->rec_len += e->rec_len;
    e->inode = 0;
    memset(e->name, 0, e->name_len);
    e->name_len = 0;
    e->file_type = 0;
    return 0;
}

void dirblock_init(const struct dirblock *b)
{
    struct ext4_dirent *e = (struct ext4_dirent *)b->data;

    memset(b->data, 0, b->end);
    e->rec_len = b->end;
}
