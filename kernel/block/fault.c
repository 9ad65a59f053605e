// SPDX-License-Identifier: MIT
// Which request fails: see fault.h.
#include "block/fault.h"
#include "base/spinlock.h"
#include "lib/format.h"
#include "lib/parse.h"
#include "lib/string.h"

static struct spinlock lock = SPINLOCK_INIT(RANK_DEVICE);
u64 block_fault_left;
static bool go_on;                                          // (lock)
static char only[sizeof(((struct block_device *)0)->name)]; // (lock) empty: any device

int block_fault_set(const char *text)
{
    const char *at;
    irqflags_t irq;
    bool all;
    u64 n;

    if (strncmp(text, "io:", 3) || parse_u64(text + 3, &at, 10, &n))
        return -EINVAL;
    all = *at == '+';
    at += all;
    if (*at && (*at++ != ',' || !*at || strlen(at) >= sizeof(only)))
        return -EINVAL;
    irq = spin_lock_irqsave(&lock);
    strlcpy(only, at, sizeof(only));
    go_on = all;
    store_relaxed(&block_fault_left, n);
    spin_unlock_irqrestore(&lock, irq);
    return 0;
}

void block_fault_text(char out[BLOCK_FAULT_TEXT])
{
    irqflags_t irq = spin_lock_irqsave(&lock);

    snformat(out, BLOCK_FAULT_TEXT, "io:%lu%s%s%s", block_fault_left, go_on ? "+" : "",
             *only ? "," : "", only);
    spin_unlock_irqrestore(&lock, irq);
}

bool block_fault_hits(const struct block_device *d)
{
    irqflags_t irq = spin_lock_irqsave(&lock);
    u64 left = block_fault_left;
    bool hit = false;

    if (left && (!*only || !strcmp(only, d->name) || !strcmp(only, d->whole->name))) {
        hit = left == 1;
        store_relaxed(&block_fault_left, hit && go_on ? 1 : left - 1);
    }
    spin_unlock_irqrestore(&lock, irq);
    return hit;
}
