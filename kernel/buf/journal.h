// SPDX-License-Identifier: MIT
// The journal: groups of block changes that happen all or not at all (the jbd2 format).
//
// An operation opens a handle, reserving as many blocks as it may change, and closes it; many
// handles make one transaction. Three kinds of transactions exist at once: running (handles join),
// committing (being written to the log), and those committed but not checkpointed (their blocks
// not yet written in place). A block belongs to at most one running and one committing transaction.
//
//     err = journal_begin(j, credits, &h);
//     err = journal_get_write(h, b);         // before the first change of b in this handle
//     buf_lock(b); change b->data; buf_unlock(b);
//     journal_dirty(h, b);
//     err = journal_end(h);
//
// Without a journal (j NULL: ext2, or has_journal absent) all of these work and only mark buffers
// dirty, so that a file system is written once.
//
// Handles nest: begin inside an open handle of the same thread and journal returns the same one,
// and each begin needs its end. A handle may not be held across anything that waits for a commit,
// nor while user memory is faulted in. See docs/journal.md.
#pragma once
#include "buf/buf.h"
#include "lib/ranges.h"

struct journal;
struct handle;
extern const struct ranges_mem journal_ranges_mem; // nodes of ranges, some of which are kept

struct journal_config {
    struct buf_cache *cache; // (c) of the device that holds the log, the same as the file system's
    // Log block number -> device block: the journal inode's mapping, called by journal_open only.
    // *count is how many are wanted, and then how many follow each other there, or fewer. 0, -EIO.
    int (*map)(void *owner, u32 log_block, u64 *device_block, u32 *count);
    // The log failed, once: the file system acts on its errors= policy. May not sleep.
    void (*failed)(void *owner, int error);
    // After a transaction is durable: what it freed may be used again (tid says which). May sleep,
    // but not open a handle.
    void (*committed)(void *owner, u32 tid);
    void *owner;
    u32 log_blocks; // from the journal inode's size
    bool checksums; // the file system has metadata_csum: so has the log, from now on
};

// Reads the journal's superblock; replays what is committed and clears the log unless read_only
// (-EROFS if there is something to replay then). All buffers of the device must be clean or unused:
// what is replayed is in them afterwards (a file system reads its superblock's fields again). Says
// what it did. -EUCLEAN: the log is not one, or damaged; -EOPNOTSUPP: incompatible features, or a
// fast commit to be replayed; -EIO; -ENOMEM.
struct journal_recovery {
    u32 transactions, blocks, revoked;
    int error; // what the journal's superblock says of an earlier mount: 0 or -errno
};
int journal_open(const struct journal_config *config, bool read_only,
                 struct journal_recovery *recovery, struct journal **out);
// Commits, checkpoints everything, marks the log empty. The error of the journal. No handle is
// open. After an abort the buffers are read from the device again, as far as it can be read.
int journal_close(struct journal *j);

// Sleeps until there is room. -EROFS once aborted, -ENOSPC if credits exceed a quarter of the log
// (in a nested begin: if the handle cannot be extended so far), -ENOMEM.
int journal_begin(struct journal *j, u32 credits, struct handle **out);
int journal_extend(struct handle *h, u32 credits); // -ENOSPC: restart instead. Does not sleep.
// Ends and begins: the file system is consistent here. After an error (as of begin) the handle is
// good for journal_end only.
int journal_restart(struct handle *h, u32 credits);
// Left; without a journal plenty. 0 also if the transaction has many revokes: restart.
u32 journal_credits(const struct handle *h);
int journal_end(struct handle *h); // -EIO if the journal aborted meanwhile
// Ends the handle of an operation that came to `err`; the first error. One of the device, or
// -ENOMEM, that left changes half done aborts the journal: they are not to be committed.
int journal_finish(struct handle *h, int err);
void journal_undone(struct handle *h); // what was changed is as it was

// b is going to change, or is new (which takes back a revoke) / has changed. Each block costs one
// credit in each transaction. May sleep; buf_lock is not held. 0, -ENOMEM, -EROFS, -ENOSPC: no
// credit is left and none could be had (a mistake of the caller).
int journal_get_write(struct handle *h, struct buf *b);
void journal_dirty(struct handle *h, struct buf *b);
// The same around one change: the buffer is locked from the one (unless it fails) to the other.
static inline int journal_change(struct handle *h, struct buf *b)
{
    int err = journal_get_write(h, b);

    if (!err)
        buf_lock(b);
    return err;
}
static inline void journal_changed(struct handle *h, struct buf *b)
{
    buf_unlock(b);
    journal_dirty(h, b);
}
// Blocks freed: `count` metadata blocks from `block` on leave the running transaction, and must not
// be replayed from older ones (revoke). They may not be used for data before this transaction is
// durable. Their buffers are forgotten then. No credits. -ENOMEM, -EROFS, -ENOSPC: more than
// the log has room for (thousands in the smallest log).
int journal_revoke(struct handle *h, struct buf_cache *c, u64 block, u64 count);

u32 journal_handle_tid(const struct handle *h); // the transaction it is in; 0 without journal
u32 journal_newest_tid(struct journal *j);      // the last that was begun; 0 without journal
// Starts the commit of `tid` if it runs, and waits until it is durable. 0, -EIO. No handle is open.
int journal_commit_wait(struct journal *j, u32 tid);
// The same, and until its blocks have left it, and the owner has been told: step 10.
int journal_commit_wait_end(struct journal *j, u32 tid);
// Whether the commit of `tid` is still going to flush the device: if not, an fsync that has written
// data in place flushes by itself after journal_commit_wait. To be asked when the data is written.
bool journal_will_flush(struct journal *j, u32 tid);
// Everything begun before is durable, and all that was written in place before.
int journal_sync(struct journal *j);
bool journal_is_durable(struct journal *j, u32 tid);
bool journal_abort(struct journal *j, int error); // nothing reaches the log any more; the first?
int journal_error(struct journal *j);             // 0, or the -errno it aborted with
int journal_flush(struct journal *j);             // commit and checkpoint all: the log is empty
void journal_set_interval(struct journal *j, ns_t interval); // commit=N of mount
void journal_check(struct journal *j);
