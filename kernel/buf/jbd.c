// SPDX-License-Identifier: MIT
// Coding and decoding of the journal's blocks.
#include "buf/jbd.h"
#include "abi/errno.h"
#include "lib/crc32.h"
#include "lib/string.h"

#define UUID_SIZE           16
#define FAST_BLOCKS_DEFAULT 256
#define MIN_BLOCKS          64 // of the ring

/* Superblock */

static u32 super_sum(const struct jbd_super *s)
{
    struct be32 none = be32_of(0);
    u32 crc = crc32c(~0U, s, offsetof(struct jbd_super, checksum));

    crc = crc32c(crc, &none, sizeof(none));
    return crc32c(crc, s->user_ids, sizeof(s->user_ids));
}

static bool has_csum(const struct jbd_super *s)
{
    return be32_get(s->incompat) & (JBD_INCOMPAT_CSUM_V2 | JBD_INCOMPAT_CSUM_V3);
}

void jbd_super_seal(struct jbd_super *s)
{
    if (has_csum(s))
        s->checksum = be32_of(super_sum(s));
}

static void decode_format(u32 compat, u32 incompat, struct jbd_log *l)
{
    l->wide = incompat & JBD_INCOMPAT_64BIT;
    l->async = incompat & JBD_INCOMPAT_ASYNC_COMMIT;
    l->sums_all = compat & JBD_COMPAT_CHECKSUM;
    l->csum = incompat & JBD_INCOMPAT_CSUM_V3 ? 3 : incompat & JBD_INCOMPAT_CSUM_V2 ? 2 : 0;
    l->block_tail = l->csum ? sizeof(struct be32) : 0;
    l->tag_size = sizeof(struct jbd_tag3);
    if (l->csum != 3)
        l->tag_size = sizeof(struct jbd_tag) + (l->csum ? sizeof(struct be16) : 0) -
                      (l->wide ? 0 : sizeof(struct be32));
}

static int decode_features(const struct jbd_super *s, struct jbd_log *l)
{
    u32 incompat = be32_get(s->incompat);

    if (incompat & ~JBD_INCOMPAT_KNOWN || be32_get(s->ro_compat))
        return -EOPNOTSUPP;
    if (has_csum(s)) {
        if (s->checksum_type != JBD_SUM_CRC32C)
            return -EOPNOTSUPP;
        if (be32_get(s->checksum) != super_sum(s))
            return -EUCLEAN;
    }
    decode_format(be32_get(s->compat), incompat, l);
    if (incompat & JBD_INCOMPAT_FAST_COMMIT)
        l->fast_blocks = be32_get(s->fast_blocks) ?: FAST_BLOCKS_DEFAULT;
    memcpy(l->uuid, s->uuid, UUID_SIZE);
    l->seed = crc32c(~0U, s->uuid, UUID_SIZE);
    return 0;
}

int jbd_super_decode(const void *block, u32 block_size, u32 log_blocks, struct jbd_log *l)
{
    const struct jbd_super *s = block;
    u32 type = be32_get(s->header.type), blocks = be32_get(s->blocks);
    int err = 0;

    *l = (struct jbd_log){
        .block_size = block_size,
        .first = be32_get(s->first),
        .start = be32_get(s->start),
        .sequence = be32_get(s->sequence),
        .error = (int)be32_get(s->error),
    };
    if (be32_get(s->header.magic) != JBD_MAGIC || be32_get(s->block_size) != block_size ||
        (type != JBD_SUPER_V1 && type != JBD_SUPER_V2) || blocks > log_blocks)
        return -EUCLEAN;
    decode_format(0, 0, l);
    if (type == JBD_SUPER_V2)
        err = decode_features(s, l);
    if (err)
        return err;
    if (!l->first || l->fast_blocks >= blocks || l->first >= blocks - l->fast_blocks)
        return -EUCLEAN;
    l->end = blocks - l->fast_blocks;
    if (l->end - l->first < MIN_BLOCKS || (l->start && l->start < l->first) || l->start >= l->end)
        return -EUCLEAN;
    return 0;
}

void jbd_super_set_features(struct jbd_super *s, bool wide, bool checksums)
{
    u32 incompat, csums = JBD_INCOMPAT_CSUM_V2 | JBD_INCOMPAT_CSUM_V3;

    if (be32_get(s->header.type) == JBD_SUPER_V1) {
        s->header.type = be32_of(JBD_SUPER_V2);
        memset(&s->compat, 0, sizeof(*s) - offsetof(struct jbd_super, compat));
    }
    incompat = be32_get(s->incompat) & ~(csums | JBD_INCOMPAT_ASYNC_COMMIT);
    incompat |= JBD_INCOMPAT_REVOKE | (wide ? JBD_INCOMPAT_64BIT : 0);
    incompat |= checksums ? JBD_INCOMPAT_CSUM_V3 : 0;
    s->compat = be32_of(be32_get(s->compat) & ~JBD_COMPAT_CHECKSUM);
    s->incompat = be32_of(incompat);
    s->checksum_type = checksums ? JBD_SUM_CRC32C : 0;
    s->checksum = be32_of(0);
    jbd_super_seal(s);
}

/* Blocks of the log */

u32 jbd_block_begin(const struct jbd_log *l, void *block, u32 type, u32 sequence)
{
    memset(block, 0, l->block_size);
    *(struct jbd_header *)block =
        (struct jbd_header){be32_of(JBD_MAGIC), be32_of(type), be32_of(sequence)};
    return type == JBD_REVOKE ? sizeof(struct jbd_revoke) : sizeof(struct jbd_header);
}

/* Descriptors */

bool jbd_descriptor_full(const struct jbd_log *l, u32 at)
{
    return at + l->tag_size > l->block_size - l->block_tail;
}

u32 jbd_tags_per_block(const struct jbd_log *l)
{
    return (l->block_size - l->block_tail - sizeof(struct jbd_header) - UUID_SIZE) / l->tag_size;
}

static u32 tag_flags(const struct jbd_log *l, const void *tag)
{
    return l->csum == 3 ? be32_get(((const struct jbd_tag3 *)tag)->flags)
                        : be16_get(((const struct jbd_tag *)tag)->flags);
}

static void tag_set_flags(const struct jbd_log *l, void *tag, u32 flags)
{
    if (l->csum == 3)
        ((struct jbd_tag3 *)tag)->flags = be32_of(flags);
    else
        ((struct jbd_tag *)tag)->flags = be16_of(flags);
}

void jbd_descriptor_add(const struct jbd_log *l, void *block, u32 *at, u64 target, bool escaped,
                        const void *data)
{
    struct jbd_tag *tag = (void *)((u8 *)block + *at);
    struct jbd_tag3 *tag3 = (void *)tag;
    bool first = *at == sizeof(struct jbd_header);
    u32 sequence = be32_get(((struct jbd_header *)block)->sequence);
    u32 sum = l->csum ? jbd_data_sum(l, sequence, data) : 0;

    tag->block = be32_of(target);
    if (l->csum == 3)
        tag3->checksum = be32_of(sum);
    else
        tag->checksum = be16_of(sum);
    if (l->wide)
        tag->block_high = be32_of(target >> 32);
    tag_set_flags(l, tag, (escaped ? JBD_TAG_ESCAPED : 0) | (first ? 0 : JBD_TAG_SAME_UUID));
    *at += l->tag_size;
    if (first) {
        memcpy((u8 *)block + *at, l->uuid, UUID_SIZE);
        *at += UUID_SIZE;
    }
}

// At least one tag was added.
static void descriptor_end(const struct jbd_log *l, void *block, u32 at)
{
    bool single = at == sizeof(struct jbd_header) + l->tag_size + UUID_SIZE;
    u8 *last = (u8 *)block + at - l->tag_size - (single ? UUID_SIZE : 0);

    tag_set_flags(l, last, tag_flags(l, last) | JBD_TAG_LAST);
}

void jbd_block_end(const struct jbd_log *l, void *block, u32 at)
{
    struct be32 *tail = (struct be32 *)((u8 *)block + l->block_size - sizeof(*tail));

    if (be32_get(((struct jbd_header *)block)->type) == JBD_REVOKE)
        ((struct jbd_revoke *)block)->used = be32_of(at);
    else
        descriptor_end(l, block, at);
    if (l->csum)
        *tail = be32_of(crc32c(l->seed, block, l->block_size)); // it was zero
}

bool jbd_tag_next(const struct jbd_log *l, const void *block, u32 *at, struct jbd_tag_info *out)
{
    const struct jbd_tag *tag = (const void *)((const u8 *)block + *at);

    if (jbd_descriptor_full(l, *at))
        return false;
    out->flags = tag_flags(l, tag);
    out->block = be32_get(tag->block);
    if (l->wide)
        out->block |= (u64)be32_get(tag->block_high) << 32;
    out->checksum = be16_get(tag->checksum);
    if (l->csum == 3)
        out->checksum = be32_get(((const struct jbd_tag3 *)tag)->checksum);
    *at += l->tag_size + (out->flags & JBD_TAG_SAME_UUID ? 0 : UUID_SIZE);
    if (out->flags & JBD_TAG_LAST)
        *at = l->block_size;
    return true;
}

u32 jbd_data_sum(const struct jbd_log *l, u32 sequence, const void *data)
{
    struct be32 n = be32_of(sequence);
    u32 sum = crc32c(crc32c(l->seed, &n, sizeof(n)), data, l->block_size);

    return l->csum == 2 ? sum & 0xffff : sum;
}

bool jbd_must_escape(const void *data)
{
    return be32_get(*(const struct be32 *)data) == JBD_MAGIC;
}

/* Revoke blocks */

static u32 revoke_size(const struct jbd_log *l)
{
    return l->wide ? 8 : 4;
}

u32 jbd_revokes_per_block(const struct jbd_log *l)
{
    return (l->block_size - l->block_tail - sizeof(struct jbd_revoke)) / revoke_size(l);
}

bool jbd_revoke_add(const struct jbd_log *l, void *block, u32 *at, u64 target)
{
    struct be32 *record = (void *)((u8 *)block + *at);

    if (*at + revoke_size(l) > l->block_size - l->block_tail)
        return false;
    if (l->wide)
        *record++ = be32_of(target >> 32);
    *record = be32_of(target);
    *at += revoke_size(l);
    return true;
}

/* Commit blocks */

void jbd_commit_make(const struct jbd_log *l, void *block, u32 sequence, u64 ns)
{
    struct jbd_commit *c = block;
    u64 seconds = ns / 1000000000UL;

    jbd_block_begin(l, block, JBD_COMMIT, sequence);
    c->seconds_high = be32_of(seconds >> 32);
    c->seconds = be32_of(seconds);
    c->nanoseconds = be32_of(ns % 1000000000UL);
    if (l->csum)
        c->checksum[0] = be32_of(crc32c(l->seed, block, l->block_size));
}
