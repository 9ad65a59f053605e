// SPDX-License-Identifier: MIT
// Pairs of rings (section 4.1): commands go in at the tail; completions come with a phase that
// changes each time round, so new ones are seen without asking the controller.
//
// What the controller returns is checked: it may complete what it has, once.
#include "abi/errno.h"
#include "drivers/nvme/nvme_private.h"
#include "lib/atomic.h"
#include "mm/slab.h"

#define STRIDE_SHIFT 32 // in CAP
#define STRIDE_MASK  15

static volatile u8 *doorbell(struct nvme_queue *q, bool completions)
{
    u32 stride = 4U << (q->nvme->cap >> STRIDE_SHIFT & STRIDE_MASK);

    return q->nvme->regs + NVME_DOORBELLS + (2U * q->id + completions) * stride;
}

void nvme_slot_put(struct nvme_queue *q, struct nvme_slot *s)
{
    s->leader = NULL;
    s->next_free = q->free;
    q->free = (u16)(s - q->slots);
    q->free_count++;
}

int nvme_queue_create(struct nvme_queue *q, struct nvme *n, u16 id, u16 depth)
{
    *q = (struct nvme_queue){.nvme = n, .id = id, .depth = depth, .phase = true};
    if (depth < 2 || doorbell(q, true) + sizeof(u32) > n->regs + n->mapped)
        return -ENODEV;
    spin_init(&q->lock, RANK_DEVICE);
    q->commands = kmalloc(MAX(depth * sizeof(*q->commands), PAGE_SIZE), ALLOC_ZERO);
    q->completions = kmalloc(MAX(depth * sizeof(*q->completions), PAGE_SIZE), ALLOC_ZERO);
    q->lists = kmalloc(MAX(depth * NVME_LIST * sizeof(u64), PAGE_SIZE), 0);
    q->slots = kmalloc(depth * sizeof(*q->slots), ALLOC_ZERO);
    if (!q->commands || !q->completions || !q->lists || !q->slots) {
        kfree(q->commands);
        kfree(q->completions);
        kfree(q->lists);
        kfree(q->slots);
        *q = (struct nvme_queue){0};
        return -ENOMEM;
    }
    for (u16 i = 0; i < depth - 1; i++)
        nvme_slot_put(q, &q->slots[i]);
    return 0;
}

struct nvme_slot *nvme_slot_take(struct nvme_queue *q, struct nvme_slot *leader,
                                 struct nvme_command **command)
{
    struct nvme_slot *s = &q->slots[q->free];

    q->free = s->next_free;
    q->free_count--;
    leader = leader ? leader : s;
    if (leader == s)
        *s = (struct nvme_slot){.started = clock_monotonic()};
    s->leader = leader;
    s->sent = true;
    leader->pending++;
    *command = &q->commands[q->tail];
    **command = (struct nvme_command){.id = (u16)(s - q->slots)};
    q->tail = (q->tail + 1) % q->depth;
    return s;
}

// Commands must be in memory before the controller looks.
void nvme_queue_ring(struct nvme_queue *q)
{
    io_mb();
    mmio_write32(doorbell(q, false), q->tail);
    nvme_watch(q->nvme);
}

u64 *nvme_slot_list(struct nvme_queue *q, const struct nvme_slot *s)
{
    return q->lists + (s - q->slots) * NVME_LIST;
}

/* Completion */

// Ends the command of a slot; true: its transfer, whose leader is then free, has ended.
static bool slot_end(struct nvme_queue *q, struct nvme_slot *s, u16 status, u32 result,
                     struct nvme_done *done)
{
    struct nvme_slot *leader = s->leader;

    s->sent = false;
    leader->status = leader->status ? leader->status : status;
    leader->result = result;
    if (s != leader)
        nvme_slot_put(q, s);
    if (--leader->pending)
        return false;
    *done = (struct nvme_done){leader->request, leader->status};
    if (leader->request)
        nvme_slot_put(q, leader);
    return true;
}

static bool reap_one(struct nvme_queue *q, struct nvme_done *done, unsigned *count)
{
    const struct nvme_completion *c = &q->completions[q->head];
    u16 status = load_acquire(&c->status), id = load_relaxed(&c->id);

    if ((status & 1) != q->phase)
        return false;
    q->head = (q->head + 1) % q->depth;
    q->phase ^= q->head == 0;
    if (id >= q->depth || !q->slots[id].leader || !q->slots[id].sent)
        store_relaxed(&q->nvme->stopped, true);
    else
        *count += slot_end(q, &q->slots[id], status >> 1, c->result, &done[*count]);
    return true;
}

// The head's doorbell also lowers the interrupt. Those who are called look again afterwards, so a
// completion that arrived before it is not overlooked.
bool nvme_queue_reap(struct nvme_queue *q, struct nvme_done *done, unsigned max, unsigned *count)
{
    irqflags_t irq = spin_lock_irqsave(&q->lock);
    u16 head = q->head;

    *count = 0;
    while (*count < max && !load_relaxed(&q->nvme->stopped) && reap_one(q, done, count))
        ;
    if (head != q->head) {
        io_mb(); // what was read may be overwritten now
        mmio_write32(doorbell(q, true), q->head);
    }
    spin_unlock_irqrestore(&q->lock, irq);
    return head != q->head;
}

struct block_request *nvme_queue_fail(struct nvme_queue *q)
{
    irqflags_t irq = spin_lock_irqsave(&q->lock);
    struct block_request *r = NULL;

    for (u16 i = 0; i < q->depth && !r; i++) {
        struct nvme_slot *s = &q->slots[i];

        if (s->leader != s || !s->request)
            continue;
        r = s->request;
        s->request = NULL; // the slot stays taken, as all of them: the controller may still know it
    }
    spin_unlock_irqrestore(&q->lock, irq);
    return r;
}

ns_t nvme_queue_oldest(struct nvme_queue *q)
{
    irqflags_t irq = spin_lock_irqsave(&q->lock);
    ns_t oldest = NS_NEVER;

    for (u16 i = 0; i < q->depth; i++)
        if (q->slots[i].leader == &q->slots[i] && q->slots[i].request)
            oldest = MIN(oldest, q->slots[i].started);
    spin_unlock_irqrestore(&q->lock, irq);
    return oldest;
}
