// SPDX-License-Identifier: MIT
// The journal on disk (the jbd2 format): layouts, coding and decoding, recovery. PURE.
//
// The log is a ring of blocks [first, end) of the journal file, whose block 0 is its superblock.
// A transaction with sequence number n is
//
//     (descriptor block, the blocks that its tags name)*  revoke blocks  commit block
//
// in any order but for the commit block, which makes it valid; each of these three kinds of blocks
// starts with a header that has n. The next transaction follows at once and has n + 1. All numbers
// are big-endian. Block numbers in tags are those of the file system.
//
// A logged block that starts with the magic number has zeroes there instead, and a tag with
// JBD_TAG_ESCAPED. A revoke record of transaction n says: no copy of the block from transactions up
// to n is to be replayed.
#pragma once
#include "lib/macro.h"
#include "lib/radix.h"
#include "lib/types.h"

#define JBD_MAGIC 0xc03b3998U

enum { // types of blocks
    JBD_DESCRIPTOR = 1,
    JBD_COMMIT = 2,
    JBD_SUPER_V1 = 3,
    JBD_SUPER_V2 = 4,
    JBD_REVOKE = 5,
};
enum { // compatible features
    JBD_COMPAT_CHECKSUM = 1,
};
enum { // incompatible features
    JBD_INCOMPAT_REVOKE = 0x1,
    JBD_INCOMPAT_64BIT = 0x2,
    JBD_INCOMPAT_ASYNC_COMMIT = 0x4,
    JBD_INCOMPAT_CSUM_V2 = 0x8,
    JBD_INCOMPAT_CSUM_V3 = 0x10,
    JBD_INCOMPAT_FAST_COMMIT = 0x20,
    JBD_INCOMPAT_KNOWN = 0x3f,
};
enum { // of tags
    JBD_TAG_ESCAPED = 1,
    JBD_TAG_SAME_UUID = 2, // else 16 bytes of uuid follow
    JBD_TAG_LAST = 8,
};
enum { JBD_SUM_CRC32 = 1, JBD_SUM_CRC32C = 4 };

// Big-endian, at any address.
struct be16 {
    u8 byte[2];
};
struct be32 {
    u8 byte[4];
};
static inline u32 be16_get(struct be16 v)
{
    return v.byte[0] << 8 | v.byte[1];
}
static inline struct be16 be16_of(u32 v)
{
    return (struct be16){{v >> 8, v}};
}
static inline u32 be32_get(struct be32 v)
{
    return (u32)v.byte[0] << 24 | v.byte[1] << 16 | v.byte[2] << 8 | v.byte[3];
}
static inline struct be32 be32_of(u32 v)
{
    return (struct be32){{v >> 24, v >> 16, v >> 8, v}};
}

struct jbd_header {
    struct be32 magic, type, sequence;
};
static_assert(sizeof(struct jbd_header) == 12, "layout");

struct jbd_super {
    struct jbd_header header; // no sequence
    struct be32 block_size;
    struct be32 blocks; // of the journal, with this one
    struct be32 first;
    struct be32 sequence; // of the transaction at `start`, or the next one
    struct be32 start;    // log block of the oldest transaction; 0: the log is empty
    struct be32 error;    // -errno of an aborted journal
    struct be32 compat, incompat, ro_compat; // from here on: version 2
    u8 uuid[16];
    struct be32 users, dynamic_super, max_transaction, max_data;
    u8 checksum_type;
    u8 unused1[3];
    struct be32 fast_blocks; // at the end of the journal
    struct be32 head;
    u8 unused2[160];
    struct be32 checksum;
    u8 user_ids[768];
};
static_assert(offsetof(struct jbd_super, compat) == 0x24, "layout");
static_assert(offsetof(struct jbd_super, fast_blocks) == 0x54, "layout");
static_assert(offsetof(struct jbd_super, checksum) == 0xfc, "layout");
static_assert(sizeof(struct jbd_super) == 1024, "layout");

struct jbd_tag { // without CSUM_V3
    struct be32 block;
    struct be16 checksum, flags;
    struct be32 block_high; // with 64BIT
};
struct jbd_tag3 { // with CSUM_V3
    struct be32 block, flags, block_high, checksum;
};
static_assert(sizeof(struct jbd_tag) == 12 && sizeof(struct jbd_tag3) == 16, "layout");

struct jbd_revoke {
    struct jbd_header header;
    struct be32 used; // bytes, with this header; then block numbers of 4 or (64BIT) 8 bytes
};
static_assert(sizeof(struct jbd_revoke) == 16, "layout");

struct jbd_commit {
    struct jbd_header header;
    u8 checksum_type, checksum_size; // of COMPAT_CHECKSUM
    u8 unused[2];
    struct be32 checksum[8];
    struct be32 seconds_high, seconds, nanoseconds;
};
static_assert(offsetof(struct jbd_commit, checksum) == 16, "layout");
static_assert(offsetof(struct jbd_commit, nanoseconds) == 56, "layout");

// What the superblock says.
struct jbd_log {
    u32 block_size;
    u32 first, end;      // the ring
    u32 start, sequence; // as in the superblock; first <= start < end, or 0
    u32 fast_blocks;     // behind the ring
    int error;
    bool wide;      // 64BIT
    bool async;     // commit blocks may be on disk before what they commit
    bool sums_all;  // COMPAT_CHECKSUM: one sum in the commit block
    u8 csum;        // 2 or 3: a sum in every tag and block; else 0
    u32 tag_size;   // bytes
    u32 block_tail; // bytes of checksum at the end of descriptors and revoke blocks
    u32 seed;
    u8 uuid[16];
};

// `block` has block_size bytes, the journal log_blocks. -EUCLEAN: not a journal's superblock or not
// one that fits; -EOPNOTSUPP: features.
int jbd_super_decode(const void *block, u32 block_size, u32 log_blocks, struct jbd_log *log);
void jbd_super_seal(struct jbd_super *s); // after changes
// For a log that is empty and about to be written: version 2, revokes, and these features.
void jbd_super_set_features(struct jbd_super *s, bool wide, bool checksums);

static inline bool jbd_after(u32 a, u32 b) // of sequence numbers
{
    return (s32)(a - b) > 0;
}
static inline u32 jbd_next(const struct jbd_log *l, u32 at) // the block that follows in the ring
{
    return at + 1 < l->end ? at + 1 : l->first;
}

// Descriptors and revoke blocks: begin, add until there is no room, end. `at` is the place of the
// next tag or record.
u32 jbd_block_begin(const struct jbd_log *l, void *block, u32 type, u32 sequence);
void jbd_block_end(const struct jbd_log *l, void *block, u32 at);
// `data` is what will be in the log, escaped.
void jbd_descriptor_add(const struct jbd_log *l, void *block, u32 *at, u64 target, bool escaped,
                        const void *data);
bool jbd_descriptor_full(const struct jbd_log *l, u32 at);
u32 jbd_tags_per_block(const struct jbd_log *l);

struct jbd_tag_info {
    u64 block;
    u32 flags, checksum;
};
// The tag at *at (at first sizeof(struct jbd_header)), false after the last.
bool jbd_tag_next(const struct jbd_log *l, const void *block, u32 *at, struct jbd_tag_info *tag);
u32 jbd_data_sum(const struct jbd_log *l, u32 sequence, const void *data);
bool jbd_must_escape(const void *data);

bool jbd_revoke_add(const struct jbd_log *l, void *block, u32 *at, u64 target); // false: full
u32 jbd_revokes_per_block(const struct jbd_log *l);

void jbd_commit_make(const struct jbd_log *l, void *block, u32 sequence, u64 ns);

/* Recovery */

struct jbd_recovery {
    const struct jbd_log *log;
    int (*read)(struct jbd_recovery *r, u32 log_block, void *to);
    int (*write)(struct jbd_recovery *r, u64 block, const void *data); // in place
    const struct radix_mem *mem;
    u8 *head, *data; // of block_size each
    struct radix revokes;
    // Results
    u32 next;                          // the sequence number that the log ends before
    u32 transactions, blocks, revoked; // blocks written, blocks not written as they were revoked
};
// Finds what is committed, from log->start: sets next and transactions. The log ends at the first
// block that is not the next one of the next transaction. -EUCLEAN: a committed block is damaged
// (by its checksum), nothing is replayed then; -EOPNOTSUPP: a fast commit follows, the same; -EIO.
int jbd_scan(struct jbd_recovery *r);
// After a scan: writes each block of each committed transaction that is not revoked, in order. It
// may be done again. -ENOMEM, -EIO, -EUCLEAN.
int jbd_replay(struct jbd_recovery *r);
