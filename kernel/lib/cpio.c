// SPDX-License-Identifier: MIT
// Reader of cpio "newc" archives: a header of hexadecimal text, the name, the data, each padded to
// four bytes counted from the start of the archive.
#include "lib/cpio.h"

#include "abi/errno.h"
#include "lib/macro.h"
#include "lib/string.h"

#define CPIO_MAGIC     "070701"
#define CPIO_MAGIC_LEN 6
#define CPIO_TRAILER   "TRAILER!!!"

// The header's fields, eight digits each, in this order.
enum {
    CPIO_INO,
    CPIO_MODE,
    CPIO_UID,
    CPIO_GID,
    CPIO_NLINK,
    CPIO_MTIME,
    CPIO_FILESIZE,
    CPIO_DEVMAJOR,
    CPIO_DEVMINOR,
    CPIO_RDEVMAJOR,
    CPIO_RDEVMINOR,
    CPIO_NAMESIZE,
    CPIO_CHECK,
    CPIO_FIELDS
};

#define CPIO_DIGITS      8
#define CPIO_HEADER_SIZE (CPIO_MAGIC_LEN + CPIO_FIELDS * CPIO_DIGITS)
static_assert(CPIO_HEADER_SIZE == 110, "newc header");

void cpio_init(struct cpio *c, const void *data, size_t size)
{
    *c = (struct cpio){.data = data, .size = size};
}

static bool parse_field(const u8 *s, u32 *out)
{
    u32 value = 0;

    for (u32 i = 0; i < CPIO_DIGITS; i++) {
        u8 d = s[i];

        if (d >= '0' && d <= '9')
            d -= '0';
        else if ((d | 0x20) >= 'a' && (d | 0x20) <= 'f')
            d = (d | 0x20) - 'a' + 10;
        else
            return false;
        value = value << 4 | d;
    }
    *out = value;
    return true;
}

static bool parse_header(const u8 *header, u32 *field)
{
    const u8 *s = header + CPIO_MAGIC_LEN;

    if (memcmp(header, CPIO_MAGIC, CPIO_MAGIC_LEN) != 0)
        return false;
    for (u32 i = 0; i < CPIO_FIELDS; i++, s += CPIO_DIGITS) {
        if (!parse_field(s, &field[i]))
            return false;
    }
    return true;
}

int cpio_next(struct cpio *c, struct cpio_entry *e)
{
    const u8 *header = c->data + c->offset;
    u32 v[CPIO_FIELDS];
    u64 data, end;

    if (c->size - c->offset < CPIO_HEADER_SIZE || !parse_header(header, v))
        goto corrupt;
    data = ALIGN_UP(c->offset + CPIO_HEADER_SIZE + v[CPIO_NAMESIZE], 4);
    end = data + v[CPIO_FILESIZE];
    if (v[CPIO_NAMESIZE] == 0 || end > c->size)
        goto corrupt;
    e->name = (const char *)header + CPIO_HEADER_SIZE;
    if (e->name[v[CPIO_NAMESIZE] - 1] != '\0')
        goto corrupt;
    if (strcmp(e->name, CPIO_TRAILER) == 0)
        return 0;

    e->data = c->data + data;
    e->size = v[CPIO_FILESIZE];
    e->ino = v[CPIO_INO];
    e->mode = v[CPIO_MODE];
    e->uid = v[CPIO_UID];
    e->gid = v[CPIO_GID];
    e->nlink = v[CPIO_NLINK];
    e->mtime = v[CPIO_MTIME];
    e->dev_major = v[CPIO_DEVMAJOR];
    e->dev_minor = v[CPIO_DEVMINOR];
    e->rdev_major = v[CPIO_RDEVMAJOR];
    e->rdev_minor = v[CPIO_RDEVMINOR];
    c->offset = MIN(ALIGN_UP(end, 4), c->size);
    return 1;

corrupt:
    c->offset = c->size;
    return -EINVAL;
}
