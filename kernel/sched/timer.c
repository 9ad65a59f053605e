// SPDX-License-Identifier: MIT
// Timers: two trees by deadline on each hart, of monotonic and of wall time, and the scheduler's
// tick beside them.
//
// The hart's one hardware timer is set to the earlier of the first timer and the tick, and set
// again only for something earlier, but by its interrupt: cancelling leaves it alone, and the early
// interrupt finds nothing due. `tick` and `programmed` are the hart's own, used with interrupts
// off.
//
// A callback runs without the tree's lock (RANK_TIMER), so that it can arm and cancel timers.
// `running` names it meanwhile, set before `armed` is cleared: a canceller on another hart that
// finds the timer not armed waits until `running` is another. So it holds no lock that the callback
// takes. The owner of a timer does not arm and cancel it at the same time on two harts.
#include "sched/timer.h"
#include "arch/irq.h"
#include "arch/smp.h"
#include "arch/timer.h"
#include "base/clock.h"
#include "base/spinlock.h"
#include "sched/runq.h"

struct timer_tree {
    struct rb_root root;
    struct rb_node *first; // earliest
};

struct timer_hart {
    struct spinlock lock;
    struct timer_tree trees[2]; // (l) the second of wall time
    struct timer *running;      // (a) its callback is being called; set under the lock
    ns_t tick;                  // (h) NS_NEVER: none
    ns_t programmed;            // (h) what the hardware is set to; 0 before the first use
} ALIGNED(64);

static struct timer_hart timer_harts[MAX_HARTS];

static inline struct timer *timer_of(struct rb_node *n)
{
    return container_of(n, struct timer, node);
}

static inline struct timer_tree *tree_of(struct timer_hart *th, const struct timer *t)
{
    return &th->trees[t->deadline >= NS_WALL];
}

static inline ns_t tree_next(const struct timer_tree *tree)
{
    return tree->first ? deadline_monotonic(timer_of(tree->first)->deadline) : NS_NEVER;
}

static void tree_insert(struct timer_tree *tree, struct timer *t)
{
    struct rb_node **link = &tree->root.node, *parent = NULL;
    bool first = true;

    while (*link) {
        parent = *link;
        if (t->deadline < timer_of(parent)->deadline) {
            link = &parent->left;
        } else {
            link = &parent->right;
            first = false;
        }
    }
    rb_link(&tree->root, &t->node, parent, link);
    if (first)
        tree->first = &t->node;
    store_relaxed(&t->armed, 1);
}

static void tree_remove(struct timer_tree *tree, struct timer *t)
{
    if (tree->first == &t->node)
        tree->first = rb_next(&t->node);
    rb_remove(&tree->root, &t->node);
    store_release(&t->armed, 0);
}

// Interrupts are off.
static void hart_program(struct timer_hart *th, ns_t deadline)
{
    if (th->programmed && deadline >= th->programmed)
        return;
    th->programmed = deadline;
    timer_arm(clock_to_ticks(deadline));
}

void timer_init(struct timer *t, void (*fn)(struct timer *))
{
    *t = (struct timer){.fn = fn};
}

// Takes t off whatever tree it is on; interrupts are off.
static bool timer_disarm(struct timer *t)
{
    while (load_acquire(&t->armed)) {
        u32 hart = load_relaxed(&t->hart);
        struct timer_hart *th = &timer_harts[hart];
        bool found;

        spin_lock(&th->lock);
        found = t->armed && t->hart == hart;
        if (found)
            tree_remove(tree_of(th, t), t);
        spin_unlock_irqrestore(&th->lock, 0);
        if (found)
            return true;
    }
    return false;
}

// The hart whose tree is to hold t: this one, unless another is in its callback: that one looks at
// its tree again when the callback returns, and timer_cancel needs to know where to look. Locked.
static struct timer_hart *hart_for(struct timer *t)
{
    struct timer_hart *self = &timer_harts[hart_index()], *last = &timer_harts[t->hart];

    if (unlikely(last != self && load_relaxed(&last->running) == t)) {
        spin_lock(&last->lock);
        if (last->running == t)
            return last;
        spin_unlock_irqrestore(&last->lock, 0);
    }
    spin_lock(&self->lock);
    return self;
}

void timer_start(struct timer *t, ns_t deadline)
{
    irqflags_t irq = irq_save();
    struct timer_hart *th;

    timer_disarm(t);
    th = hart_for(t);
    t->deadline = deadline;
    store_relaxed(&t->hart, th - timer_harts);
    tree_insert(tree_of(th, t), t);
    spin_unlock_irqrestore(&th->lock, 0);
    if (likely(th == &timer_harts[hart_index()]))
        hart_program(th, deadline_monotonic(deadline));
    irq_restore(irq);
}

bool timer_cancel(struct timer *t)
{
    irqflags_t irq = irq_save();
    bool was_armed = timer_disarm(t);
    u32 hart = load_relaxed(&t->hart);

    while (hart != hart_index() && load_acquire(&timer_harts[hart].running) == t)
        smp_serve();
    irq_restore(irq);
    return was_armed;
}

// Runs what is due at `now`; the lock is held, and dropped for each callback.
static void hart_expire(struct timer_hart *th, struct timer_tree *tree, ns_t now)
{
    while (tree_next(tree) <= now) {
        struct timer *t = timer_of(tree->first);

        store_relaxed(&th->running, t);
        tree_remove(tree, t);
        spin_unlock_irqrestore(&th->lock, 0);
        t->fn(t);
        spin_lock(&th->lock);
        store_release(&th->running, NULL);
    }
}

// Callbacks take half of a hart's time at most, however many timers are due again and again: the
// next come as long after them as they took, at most a slice, as the hart may have stood still.
void timers_interrupt(void)
{
    struct timer_hart *th = &timer_harts[hart_index()];
    ns_t now = clock_monotonic(), next, end;

    spin_lock(&th->lock);
    hart_expire(th, &th->trees[0], now);
    hart_expire(th, &th->trees[1], now);
    next = MIN(tree_next(&th->trees[0]), tree_next(&th->trees[1]));
    spin_unlock_irqrestore(&th->lock, 0);
    end = clock_monotonic();
    next = MAX(next, end + MIN(end - now, RUNQ_SLICE));
    if (th->tick <= now)
        th->tick = NS_NEVER;
    th->programmed = 0;
    hart_program(th, MIN(next, th->tick));
}

// The interrupt that this asks for comes at once.
static void hart_look_again(void *unused)
{
    struct timer_hart *th = &timer_harts[hart_index()];

    th->programmed = 0;
    hart_program(th, 1);
}

void timers_clock_was_set(void)
{
    irqflags_t irq = irq_save();

    hart_look_again(NULL);
    irq_restore(irq);
    smp_call_others(hart_look_again, NULL);
}

void timers_set_tick(ns_t deadline)
{
    struct timer_hart *th = &timer_harts[hart_index()];

    th->tick = deadline;
    hart_program(th, deadline);
}
