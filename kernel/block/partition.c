// SPDX-License-Identifier: MIT
// GPT if the MBR protects one, by a header that is sound with its entries, the first or the backup;
// else MBR.
#include "block/partition.h"
#include "abi/errno.h"
#include "lib/crc32.h"
#include "lib/macro.h"
#include "lib/string.h"

/* MBR */

struct mbr_entry {
    u8 boot, first[3], type, last[3];
    u8 start[4], blocks[4]; // little-endian, not aligned
};

#define MBR_ENTRIES 446
#define MBR_COUNT   4
#define EBR_MAX     PARTITIONS_MAX

enum { TYPE_EXTENDED = 5, TYPE_EXTENDED_LBA = 0xf, TYPE_EXTENDED_LINUX = 0x85, TYPE_GPT = 0xee };

static_assert(sizeof(struct mbr_entry) == 16, "5.2.1");

static u64 le32(const u8 *p)
{
    return p[0] | p[1] << 8 | p[2] << 16 | (u64)p[3] << 24;
}

// The four entries of the block just read, copied. False: it is no such table.
static bool mbr_parse(const struct partition_source *s, struct mbr_entry *out)
{
    const u8 *b = s->block;

    memcpy(out, b + MBR_ENTRIES, MBR_COUNT * sizeof(*out));
    return b[510] == 0x55 && b[511] == 0xaa;
}

static bool is_extended(const struct mbr_entry *e)
{
    return e->type == TYPE_EXTENDED || e->type == TYPE_EXTENDED_LBA ||
           e->type == TYPE_EXTENDED_LINUX;
}

// Cut to the disk's end; those behind it, and too many, are left out.
static int found(struct partition_source *s, u32 number, u64 start, u64 blocks)
{
    if (start >= s->blocks || !blocks || number > PARTITIONS_MAX)
        return 0;
    return s->found(s, number, start, MIN(blocks, s->blocks - start));
}

// Each extended boot record has one logical partition, relative to itself, and the next record,
// relative to the first.
static int scan_extended(struct partition_source *s, u64 first)
{
    struct mbr_entry entries[MBR_COUNT];
    u64 at = first;
    u32 number = MBR_COUNT + 1;
    int err = 0;

    for (u32 n = 0; n < EBR_MAX && at < s->blocks && !err; n++) {
        u64 next = 0;

        err = s->read(s, at);
        if (err || !mbr_parse(s, entries))
            break;
        for (u32 i = 0; i < MBR_COUNT && !err; i++) {
            if (!le32(entries[i].blocks))
                continue;
            if (is_extended(&entries[i]))
                next = next ?: first + le32(entries[i].start);
            else if (i < 2)
                err = found(s, number++, at + le32(entries[i].start), le32(entries[i].blocks));
        }
        if (!next)
            break;
        at = next;
    }
    return err;
}

// An extended partition itself is shown too small to be used, as room for a boot loader.
static int scan_mbr(struct partition_source *s, const struct mbr_entry *entries)
{
    u64 room = MAX(1024U / s->block_size, 1U), extended = 0;
    int err = 0;

    for (u32 i = 0; i < MBR_COUNT && !err; i++) {
        const struct mbr_entry *e = &entries[i];
        u64 start = le32(e->start), blocks = le32(e->blocks);

        if (is_extended(e) && blocks) {
            extended = extended ?: start;
            blocks = MIN(blocks, room);
        }
        err = found(s, i + 1, start, blocks);
    }
    return extended && !err ? scan_extended(s, extended) : err;
}

/* GPT */

struct gpt_header { // 5.3.2
    u64 signature;
    u32 revision, header_size, header_crc, reserved;
    u64 my_lba, alternate_lba, first_usable, last_usable;
    u8 guid[16];
    u64 entries_lba;
    u32 entry_count, entry_size, entries_crc;
};

struct gpt_entry { // 5.3.3
    u64 type[2], unique[2];
    u64 first, last;
    u64 attributes;
    u16 name[36];
};

#define GPT_SIGNATURE   0x5452415020494645UL // "EFI PART"
#define GPT_HEADER_SIZE 92
#define GPT_ENTRIES_MAX 32768 // 4 MiB; the first PARTITIONS_MAX count

static_assert(offsetof(struct gpt_header, entries_crc) + 4 == GPT_HEADER_SIZE, "5.3.2");
static_assert(sizeof(struct gpt_entry) == 128, "5.3.3");

// -EINVAL: there is no sound header.
static int gpt_read_header(struct partition_source *s, u64 lba, struct gpt_header *out)
{
    struct gpt_header *h = s->block;
    u32 crc;
    int err = s->read(s, lba);

    if (err)
        return err;
    if (h->signature != GPT_SIGNATURE || h->header_size < GPT_HEADER_SIZE ||
        h->header_size > s->block_size)
        return -EINVAL;
    crc = h->header_crc;
    h->header_crc = 0;
    memcpy(out, h, sizeof(*out));
    if (crc32(0, h, h->header_size) != crc || h->my_lba != lba || h->last_usable >= s->blocks ||
        h->first_usable > h->last_usable || h->entry_size != sizeof(struct gpt_entry) ||
        !h->entry_count || h->entry_count > GPT_ENTRIES_MAX || h->entries_lba >= s->blocks)
        return -EINVAL;
    return 0;
}

// Calls fn with each block of entries and the bytes in use there.
static int gpt_each_block(struct partition_source *s, const struct gpt_header *h,
                          int (*fn)(struct partition_source *s, u32 first, u32 bytes, u32 *crc),
                          u32 *crc)
{
    u32 size = h->entry_count * h->entry_size, bytes;
    int err = 0;

    for (u32 at = 0; at < size && !err; at += bytes) {
        bytes = MIN(size - at, s->block_size);
        err = h->entries_lba + at / s->block_size >= s->blocks
                  ? -EINVAL
                  : s->read(s, h->entries_lba + at / s->block_size);
        if (!err)
            err = fn(s, at / sizeof(struct gpt_entry), bytes, crc);
    }
    return err;
}

static int gpt_sum(struct partition_source *s, u32 first, u32 bytes, u32 *crc)
{
    *crc = crc32(*crc, s->block, bytes);
    return 0;
}

static int gpt_show(struct partition_source *s, u32 first, u32 bytes, u32 *crc)
{
    const struct gpt_entry *e = s->block;
    int err = 0;

    for (u32 i = 0; i < bytes / sizeof(*e) && !err; i++)
        if (e[i].type[0] | e[i].type[1] && e[i].first <= e[i].last && e[i].last < s->blocks)
            err = found(s, first + i + 1, e[i].first, e[i].last - e[i].first + 1);
    return err;
}

// -EINVAL: damaged, and nothing was found.
static int scan_gpt(struct partition_source *s, u64 lba)
{
    struct gpt_header h;
    u32 crc = 0;
    int err = gpt_read_header(s, lba, &h);

    if (!err)
        err = gpt_each_block(s, &h, gpt_sum, &crc);
    if (!err && crc != h.entries_crc)
        err = -EINVAL;
    return err ?: gpt_each_block(s, &h, gpt_show, NULL);
}

int partition_scan(struct partition_source *s)
{
    struct mbr_entry entries[MBR_COUNT];
    bool protects = false;
    int err;

    if (s->blocks < 2)
        return 0;
    err = s->read(s, 0);
    if (err || !mbr_parse(s, entries))
        return err;
    for (u32 i = 0; i < MBR_COUNT; i++) {
        if (entries[i].boot & 0x7f) // it is the first sector of a file system
            return 0;
        protects |= entries[i].type == TYPE_GPT;
    }
    if (!protects)
        return scan_mbr(s, entries);
    err = scan_gpt(s, 1);
    if (err == -EINVAL || err == -EIO)
        err = scan_gpt(s, s->blocks - 1);
    return err == -EINVAL ? 0 : err;
}
