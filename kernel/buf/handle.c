// SPDX-License-Identifier: MIT
// Handles.
#include "abi/errno.h"
#include "base/panic.h"
#include "buf/buf_private.h"
#include "buf/journal.h"

struct handle {
    struct journal *journal; // (c) NULL: none
};

static struct handle no_journal;

int journal_open(const struct journal_config *config, bool read_only,
                 struct journal_recovery *recovery, struct journal **out)
{
    return -ENOSYS;
}

int journal_close(struct journal *j)
{
    return 0;
}

int journal_begin(struct journal *j, u32 credits, struct handle **out)
{
    *out = &no_journal;
    return 0;
}

int journal_extend(struct handle *h, u32 credits)
{
    return 0;
}

int journal_restart(struct handle *h, u32 credits)
{
    return 0;
}

u32 journal_credits(const struct handle *h)
{
    return 1U << 30;
}

int journal_end(struct handle *h)
{
    return 0;
}

int journal_get_write(struct handle *h, struct buf *b)
{
    return 0;
}

void journal_dirty(struct handle *h, struct buf *b)
{
    buf_mark_dirty(b);
}

int journal_revoke(struct handle *h, struct buf_cache *c, u64 block, u64 count)
{
    buf_forget(c, block, count);
    return 0;
}

u32 journal_handle_tid(const struct handle *h)
{
    return 0;
}

int journal_commit_wait(struct journal *j, u32 tid)
{
    return 0;
}

bool journal_will_flush(struct journal *j, u32 tid)
{
    return false;
}

int journal_sync(struct journal *j)
{
    return 0;
}

bool journal_is_durable(struct journal *j, u32 tid)
{
    return true;
}

void journal_abort(struct journal *j, int error)
{
}

int journal_error(struct journal *j)
{
    return 0;
}

int journal_flush(struct journal *j)
{
    return 0;
}

void journal_set_interval(struct journal *j, ns_t interval)
{
}

void journal_check(struct journal *j)
{
}
