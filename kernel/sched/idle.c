// SPDX-License-Identifier: MIT
// Harts without work: start of the scheduler on each hart, the idle loop, stealing.
//
// A hart with nothing to run first takes a waiting thread from a hart of sched_busy_mask, then
// announces itself in sched_idle_mask, looks once more, and waits with interrupts off: an
// interrupt that comes after the look ends the wait. A waker that queues a thread here claims the
// bit and interrupts; so does a tick that finds threads queued elsewhere.
#include "arch/irq.h"
#include "arch/mmu.h"
#include "arch/smp.h"
#include "arch/upcalls.h"
#include "base/devicetree.h"
#include "base/panic.h"
#include "lib/bitmap.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "sched/hart.h"

static_assert(sizeof(struct thread) <= PAGE_SIZE, "fits the boot context's storage");

static void idle_entry(void *unused)
{
    sched_start_hart();
}

static struct thread *idle_create(unsigned hart)
{
    struct thread *t;

    if (thread_create(&t, "idle", idle_entry, NULL))
        panic("out of memory: no idle thread for hart %u", hart);
    t->mode = CPU_IDLE;
    t->arch.hart = hart;
    t->arch.preempt = 1;
    t->affinity = BIT(hart);
    t->state = THREAD_RUNNING;
    return t;
}

// The boot context becomes a thread like any other; it is never freed.
static void boot_adopt(void)
{
    thread_adopt(thread_self(), "boot");
    thread_get(thread_self());
}

static const char *thread_name(const struct arch_thread *t)
{
    return ((const struct thread *)t)->name;
}

void sched_init(void)
{
    unsigned count = MAX(hart_count, machine.hart_count);

    sched_harts = kmalloc(count * sizeof(*sched_harts), ALLOC_ZERO | ALLOC_NOFAIL_TEST);
    if (!sched_harts)
        panic("out of memory: no room for %u run queues", count);
    threads_init();
    boot_adopt();
    arch_thread_name = thread_name;
    for (unsigned i = 0; i < count; i++) {
        struct sched_hart *h = &sched_harts[i];

        spin_init(&h->lock, RANK_RUNQ);
        h->index = i;
        h->tick = NS_NEVER;
        h->idle = idle_create(i);
        h->current = i == 0 ? thread_self() : h->idle;
        h->current->on_hart = true;
        h->current->run_start = clock_monotonic();
    }
    sched_online = BIT(0);
    sched_need_tick(&sched_harts[0], clock_monotonic());
    if (DEBUG)
        shrinker_register(sched_check);
}

struct thread *sched_idle_thread(unsigned hart)
{
    return sched_harts[hart].idle;
}

// Takes one waiting thread from another hart; interrupts are off, no lock is held.
static bool steal(struct sched_hart *h)
{
    u64 victims = load_relaxed(&sched_busy_mask) & ~BIT(h->index);
    struct thread *t = NULL;

    for (; victims && !t; victims &= victims - 1) {
        struct sched_hart *from = &sched_harts[bit_lowest(victims)];

        hart_lock(from);
        t = runq_find_movable(&from->rq, h->index);
        if (t) {
            sched_remove(from, t);
            sched_move(from, h, t);
        }
        hart_unlock(from);
    }
    if (!t)
        return false;
    hart_lock(h);
    runq_place(&h->rq, t, false);
    sched_insert(h, t, false);
    hart_unlock(h);
    return true;
}

static inline bool have_work(struct sched_hart *h)
{
    return load_relaxed(&h->rq.count) || steal(h);
}

static void idle_once(struct sched_hart *h)
{
    if (!have_work(h)) {
        atomic_fetch_or(&sched_idle_mask, BIT(h->index));
        if (!have_work(h))
            irq_wait();
        atomic_fetch_and(&sched_idle_mask, ~BIT(h->index));
        irq_enable();
        irq_disable();
        sched_load_sample(clock_monotonic());
    }
    if (load_relaxed(&h->rq.count))
        sched_switch();
}

void sched_start_hart(void)
{
    struct sched_hart *h;

    irq_disable();
    h = this_hart();
    atomic_fetch_or(&sched_online, BIT(h->index));
    if (thread_self() != h->idle)
        thread_exit();
    for (;;)
        idle_once(h);
}

void up_hart_main(void)
{
    sched_start_hart();
}
