// SPDX-License-Identifier: MIT
// Tracepoints: the newest records of each hart, in a ring that only this hart writes.
#include "base/trace.h"
#include "arch/irq.h"
#include "arch/smp.h"
#include "arch/timer.h"
#include "base/log.h"

#define TRACE_RING 32

struct trace_entry {
    u64 ticks; // 0: unused
    u64 event; // enum trace_event
    u64 a, b;
};

struct trace_ring {
    u64 next; // (h)
    struct trace_entry entries[TRACE_RING];
};

bool trace_enabled;
static struct trace_ring rings[MAX_HARTS];

static const char *const event_names[TRACE_COUNT] = {
    [TRACE_NONE] = "none",
    [TRACE_SWITCH] = "switch",
    [TRACE_WAKE] = "wake",
    [TRACE_FAULT] = "fault",
    [TRACE_EXIT] = "exit",
    [TRACE_SIGNAL] = "signal",
    [TRACE_BLOCK_SUBMIT] = "block_submit",
    [TRACE_BLOCK_DONE] = "block_done",
};

void trace_record(enum trace_event event, u64 a, u64 b)
{
    irqflags_t flags = irq_save();
    struct trace_ring *r = &rings[hart_index()];

    r->entries[r->next++ % TRACE_RING] = (struct trace_entry){timer_ticks(), event, a, b};
    irq_restore(flags);
}

// Of the records that lie `back[i]` from the newest of each hart i, the latest; NULL at the end.
static const struct trace_entry *newest(u32 *back, unsigned *hart)
{
    const struct trace_entry *best = NULL;

    for (unsigned i = 0; i < hart_count; i++) {
        const struct trace_ring *r = &rings[i];
        const struct trace_entry *e = &r->entries[(r->next - 1 - back[i]) % TRACE_RING];

        if (back[i] >= TRACE_RING || back[i] >= r->next || (best && e->ticks <= best->ticks))
            continue;
        best = e;
        *hart = i;
    }
    if (best)
        back[*hart]++;
    return best;
}

// In time order, oldest first: collects backwards, prints forwards.
void trace_dump(unsigned count)
{
    const struct trace_entry *found[TRACE_RING * 2];
    u8 harts[TRACE_RING * 2];
    u32 back[MAX_HARTS] = {0};
    unsigned n = 0, hart = 0;

    if (count > ARRAY_SIZE(found))
        count = ARRAY_SIZE(found);
    while (n < count && (found[n] = newest(back, &hart)))
        harts[n++] = (u8)hart;
    while (n-- > 0)
        log_raw("trace: %lu hart %u %s %lx %lx", found[n]->ticks, harts[n],
                event_names[found[n]->event], found[n]->a, found[n]->b);
}
