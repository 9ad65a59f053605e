// SPDX-License-Identifier: MIT
// Batches of frames, each hart's under a lock of its own, which others take only when the zone is
// empty: so nobody waits. A batch moves as pointers, newest first.
#include "mm/spares.h"
#include "arch/smp.h"
#include "base/spinlock.h"
#include "lib/string.h"

#define SPARES_MAX 4

static struct spares {
    struct spinlock lock;                            // RANK_FRAMES
    u64 count;                                       // (l)
    struct frame *batches[SPARES_MAX][SPARE_FRAMES]; // (l)
} ALIGNED(64) * all;                                 // (c) by hart index

size_t spares_size(void)
{
    return hart_count * sizeof(*all);
}

void spares_init(void *memory)
{
    all = memory;
    for (unsigned i = 0; i < hart_count; i++)
        spin_init(&all[i].lock, RANK_FRAMES);
}

static unsigned take_from(struct spares *s, struct frame **batch)
{
    bool some;

    if (!load_relaxed(&s->count))
        return 0;
    spin_lock_irqsave(&s->lock);
    some = s->count;
    if (some)
        memcpy(batch, s->batches[--s->count], sizeof(s->batches[0]));
    spin_unlock_irqrestore(&s->lock, 0);
    return some ? SPARE_FRAMES : 0;
}

unsigned spares_take(struct frame **batch)
{
    return take_from(&all[hart_index()], batch);
}

unsigned spares_steal(struct frame **batch)
{
    unsigned got = 0;

    for (unsigned hart = 0; hart < hart_count && !got; hart++)
        got = take_from(&all[hart], batch);
    return got;
}

bool spares_put(struct frame **frames, u64 *count)
{
    struct spares *s = &all[hart_index()];
    bool room;

    spin_lock_irqsave(&s->lock);
    room = s->count < SPARES_MAX;
    if (room)
        memcpy(s->batches[s->count++], frames, sizeof(s->batches[0]));
    spin_unlock_irqrestore(&s->lock, 0);
    if (room) {
        *count -= SPARE_FRAMES;
        memmove(frames, frames + SPARE_FRAMES, *count * sizeof(frames[0]));
    }
    return room;
}

u64 spares_frames(void)
{
    u64 batches = 0;

    for (unsigned hart = 0; hart < hart_count; hart++)
        batches += load_relaxed(&all[hart].count);
    return batches * SPARE_FRAMES;
}
