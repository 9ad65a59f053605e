// SPDX-License-Identifier: MIT
// The split ring: descriptors, available and used entries.
#include "drivers/virtio/virtq.h"
#include "abi/errno.h"
#include "lib/atomic.h"
#include "lib/macro.h"

static_assert(sizeof(struct virtq_desc) == 16, "2.7.5");
static_assert(sizeof(struct virtq_avail) == 4, "2.7.6");
static_assert(sizeof(struct virtq_used_elem) == 8, "2.7.8");
static_assert(sizeof(struct virtq_used) == 4, "2.7.8");

enum { DESC_NEXT = 1, DESC_WRITE = 2 };
enum { AVAIL_NO_INTERRUPT = 1 };
enum { USED_NO_NOTIFY = 1 };

// Each ring is followed by an event index, which is not used.
static size_t virtq_used_offset(u16 size)
{
    return ALIGN_UP(size * sizeof(struct virtq_desc) + sizeof(struct virtq_avail) +
                        size * sizeof(u16) + sizeof(u16),
                    4UL);
}

size_t virtq_bytes(u16 size)
{
    return virtq_used_offset(size) + sizeof(struct virtq_used) +
           size * sizeof(struct virtq_used_elem) + sizeof(u16);
}

size_t virtq_slots_bytes(u16 size)
{
    return size * sizeof(struct virtq_slot);
}

void virtq_init(struct virtq *q, u16 size, void *memory, struct virtq_slot *slots)
{
    u8 *base = memory;

    *q = (struct virtq){
        .size = size,
        .desc = memory,
        .avail = (void *)(base + size * sizeof(struct virtq_desc)),
        .used = (void *)(base + virtq_used_offset(size)),
        .slots = slots,
        .free_count = size,
    };
    for (u16 i = 0; i < size; i++)
        slots[i] = (struct virtq_slot){.next = i + 1};
}

int virtq_add(struct virtq *q, const struct virtq_buf *bufs, unsigned out, unsigned in, void *token)
{
    unsigned count = out + in;
    u16 head = q->free_head, at = head, last = head;
    u32 writable = 0;

    if (q->broken)
        return -EIO;
    if (count == 0 || count > q->free_count)
        return -ENOSPC;
    for (unsigned i = 0; i < count; i++) {
        bool more = i + 1 < count;

        q->desc[at] = (struct virtq_desc){
            .addr = bufs[i].addr,
            .len = bufs[i].len,
            .flags = (more ? DESC_NEXT : 0) | (i >= out ? DESC_WRITE : 0),
            .next = more ? q->slots[at].next : 0,
        };
        writable += i >= out ? bufs[i].len : 0;
        last = at;
        at = q->slots[at].next;
    }
    q->free_head = q->slots[last].next;
    q->free_count -= count;
    q->slots[head].token = token;
    q->slots[head].writable = writable;
    q->slots[head].count = count;
    q->avail->ring[q->avail_idx & (q->size - 1)] = head;
    store_release(&q->avail->idx, ++q->avail_idx);
    return 0;
}

static int virtq_fail(struct virtq *q)
{
    q->broken = true;
    return -EIO;
}

// Puts the chain at `head` in front of the free list.
static void virtq_free_chain(struct virtq *q, u16 head)
{
    u16 last = head;

    for (u16 i = 1; i < q->slots[head].count; i++)
        last = q->slots[last].next;
    q->slots[last].next = q->free_head;
    q->free_head = head;
    q->free_count += q->slots[head].count;
    q->slots[head].token = NULL;
}

int virtq_take(struct virtq *q, void **token, u32 *len)
{
    u16 used = load_acquire(&q->used->idx);
    u32 id, written;

    if (q->broken)
        return -EIO;
    if (used == q->used_idx)
        return 0;
    if ((u16)(used - q->used_idx) > virtq_in_flight(q))
        return virtq_fail(q);
    id = load_relaxed(&q->used->ring[q->used_idx & (q->size - 1)].id);
    written = load_relaxed(&q->used->ring[q->used_idx & (q->size - 1)].len);
    if (id >= q->size || !q->slots[id].token || written > q->slots[id].writable)
        return virtq_fail(q);
    *token = q->slots[id].token;
    *len = written;
    q->used_idx++;
    virtq_free_chain(q, id);
    return 1;
}

// The entry must be visible before the flag is read, or both sides may wait.
bool virtq_needs_notify(const struct virtq *q)
{
    io_mb();
    return !q->broken && !(load_relaxed(&q->used->flags) & USED_NO_NOTIFY);
}

void virtq_set_interrupts(struct virtq *q, bool on)
{
    store_relaxed(&q->avail->flags, on ? 0 : AVAIL_NO_INTERRUPT);
    io_mb();
}
