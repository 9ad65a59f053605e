// SPDX-License-Identifier: MIT
// The harts: start, interrupts between them, requests to them.
//
// A sender first posts (a bit in the target's `ipi`, for TLB work also its own index in the
// target's `requests`), then interrupts; the target clears the pending bit of the interrupt, then
// takes what is posted: so nothing is missed. Each hart has one outgoing TLB request and waits for
// it with preemption off; interrupts stay on, so that it answers others meanwhile. A hart that
// spins with interrupts off answers through smp_serve. The request of a waiting hart is constant
// until every target has cleared its bit of `pending`. One that has spun for long sleeps, because a
// target of a virtual machine may need its processor; the last to answer then interrupts it.
#include "arch/smp.h"
#include "abi/errno.h"
#include "arch/boot.h"
#include "arch/irq.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/trap.h"
#include "arch/sbi.h"
#include "arch/timer.h"
#include "arch/upcalls.h"
#include "lib/bitmap.h"

#define SIP_SSIP        2UL
#define START_TIMEOUT   20000000UL // counts of the time counter: 2 s at 10 MHz
#define SHOOTDOWN_SPINS 2000       // some 20 microseconds
#define STOP_TIMEOUT    1000000UL

struct hart harts[MAX_HARTS];
unsigned hart_count = 1;
u64 hart_ids[MAX_HARTS];
u64 smp_online = 1;
static u64 smp_stopped; // (a)

static struct {
    u32 busy;           // (a)
    void (*fn)(void *); // (busy)
    void *arg;          // (busy)
    u64 pending;        // (a) harts that have not run it
} call;

void smp_set_harts(const u64 *ids, unsigned n)
{
    hart_ids[0] = boot_hart_id;
    hart_count = 1;
    for (unsigned i = 0; i < n && hart_count < MAX_HARTS; i++) {
        if (ids[i] != boot_hart_id)
            hart_ids[hart_count++] = ids[i];
    }
}

void smp_hart_online(void)
{
    mmu_init_hart();
    atomic_fetch_or(&smp_online, BIT(hart_index()));
}

// OpenSBI up to 1.2 makes a hart's start visible before it has stored where to start: a hart that
// looks in between goes to the image's first instruction, as if it were to boot. boot_entry stops
// such a hart, and it is started again.
int smp_hart_start(unsigned index, struct arch_thread *idle)
{
    paddr_t entry = image_to_phys((void *)secondary_entry);
    u64 limit = timer_ticks() + START_TIMEOUT;

    idle->hart = index;
    smp_mb();
    if (sbi_hart_start(hart_ids[index], entry, (u64)idle))
        return -EIO;
    while (!(load_acquire(&smp_online) & BIT(index))) {
        if (sbi_hart_stopped(hart_ids[index]))
            sbi_hart_start(hart_ids[index], entry, (u64)idle);
        if (timer_ticks() > limit)
            return -EIO;
    }
    return 0;
}

// Harts whose ids are below 64 share one call of the firmware.
void smp_send(u64 mask, u32 bits)
{
    u64 low = 0;

    smp_mb();
    for (u64 m = mask; m; m &= m - 1) {
        unsigned i = bit_lowest(m);

        if (atomic_fetch_or(&harts[i].ipi, bits) == bits)
            continue; // posted before and not yet taken: its interrupt is on the way
        if (hart_ids[i] < 64)
            low |= BIT(hart_ids[i]);
        else
            sbi_send_ipi(1, hart_ids[i]);
    }
    if (low)
        sbi_send_ipi(low, 0);
}

void smp_reschedule(unsigned index)
{
    smp_send(BIT(index), IPI_RESCHEDULE);
}

void smp_serve(void)
{
    struct hart *self = hart_self();
    u64 from, me = BIT(hart_index());

    if (likely(!load_relaxed(&self->requests)))
        return;
    from = atomic_xchg(&self->requests, 0UL);
    for (; from; from &= from - 1) {
        struct shootdown *s = &harts[bit_lowest(from)].shootdown;

        mmu_shootdown_local(s);
        if (atomic_fetch_and(&s->pending, ~me) == me && load_acquire(&s->sleeping))
            smp_send(from & -from, IPI_SERVE);
    }
}

static void shootdown_sleep(struct shootdown *s)
{
    irqflags_t flags = irq_save();

    store_relaxed(&s->sleeping, 1U);
    smp_mb();
    if (load_acquire(&s->pending) && !load_relaxed(&hart_self()->requests))
        irq_wait();
    store_relaxed(&s->sleeping, 0U);
    irq_restore(flags);
}

void smp_shootdown(u64 mask, enum shootdown_kind kind, struct mmu_space *space, uaddr_t start,
                   uaddr_t end)
{
    struct shootdown *s = &hart_self()->shootdown;
    u64 me = BIT(hart_index());

    s->space = space;
    s->start = start;
    s->end = end;
    s->kind = kind;
    store_release(&s->pending, mask);
    for (u64 m = mask; m; m &= m - 1)
        atomic_fetch_or(&harts[bit_lowest(m)].requests, me);
    smp_send(mask, IPI_SERVE);
    for (unsigned spins = 0; load_acquire(&s->pending); spins++) {
        smp_serve();
        if (spins >= SHOOTDOWN_SPINS)
            shootdown_sleep(s);
    }
}

static void smp_stop_self(void)
{
    irq_disable();
    csr_write(sie, 0UL);
    atomic_fetch_or(&smp_stopped, BIT(hart_index()));
    for (;;)
        irq_wait();
}

static void smp_run_call(void)
{
    u64 me = BIT(hart_index());

    if (!(load_acquire(&call.pending) & me))
        return;
    call.fn(call.arg);
    atomic_fetch_and(&call.pending, ~me);
}

void smp_interrupt(void)
{
    u32 bits;

    csr_clear(sip, SIP_SSIP);
    bits = atomic_xchg(&hart_self()->ipi, 0U);
    if (bits & IPI_STOP)
        smp_stop_self();
    smp_serve();
    if (bits & IPI_CALL)
        smp_run_call();
}

void smp_call_others(void (*fn)(void *), void *arg)
{
    u64 others;

    preempt_disable();
    while (atomic_xchg(&call.busy, 1U))
        smp_serve();
    others = load_relaxed(&smp_online) & ~BIT(hart_index());
    call.fn = fn;
    call.arg = arg;
    store_release(&call.pending, others);
    smp_send(others, IPI_CALL);
    while (load_acquire(&call.pending))
        smp_serve();
    store_release(&call.busy, 0U);
    preempt_enable();
}

void smp_stop_others(void)
{
    u64 others = load_relaxed(&smp_online) & ~BIT(hart_index());
    u64 limit = timer_ticks() + STOP_TIMEOUT;

    smp_send(others, IPI_STOP);
    while ((load_acquire(&smp_stopped) & others) != others && timer_ticks() < limit)
        ;
}
