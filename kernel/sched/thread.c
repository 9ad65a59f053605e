// SPDX-License-Identifier: MIT
// Threads: creation, references, the end.
#include "sched/thread.h"
#include "abi/errno.h"
#include "arch/irq.h"
#include "base/panic.h"
#include "lib/string.h"
#include "mm/kstack.h"
#include "mm/slab.h"
#include "sched/hart.h"
#include "sched/inherit.h"

static struct slab_cache *thread_cache; // (c)

static_assert(offsetof(struct thread, arch) == 0, "tp points at both");

void threads_init(void)
{
    thread_cache = slab_cache_create("thread", sizeof(struct thread), 64);
}

// What a new thread runs first: interrupts are off, and the switch to it is not finished.
static void thread_begin(void *arg)
{
    struct thread *t = arg;

    sched_finish_switch(this_hart()->prev);
    if (!t->arch.preempt)
        irq_enable();
    t->start_fn(t->start_arg);
    thread_exit();
}

static void thread_set_fields(struct thread *t, const char *name)
{
    strlcpy(t->name, name, sizeof(t->name));
    ref_init(&t->refs, 1);
    t->policy = SCHED_CLASS_FAIR;
    t->weight = RUNQ_NICE_0;
    t->affinity = ~0UL;
}

void thread_adopt(struct thread *t, const char *name)
{
    thread_set_fields(t, name);
    t->mode = CPU_SYSTEM;
    t->state = THREAD_RUNNING;
    t->cred = &cred_root;
}

// A real-time thread's is an ordinary one, and none is favoured.
static void thread_reset_policy(struct thread *t)
{
    bool rt = t->policy == SCHED_CLASS_RT_FIFO || t->policy == SCHED_CLASS_RT_RR;

    t->policy = rt ? SCHED_CLASS_FAIR : t->policy;
    t->nice = rt ? 0 : MAX(t->nice, 0);
    t->rt_priority = t->own_priority = 0;
    t->weight = runq_weight(t->policy, t->nice);
    t->policy_flags &= ~THREAD_RESET_ON_FORK;
}

static void thread_inherit_policy(struct thread *t, const struct thread *self)
{
    spin_lock(&donation_lock);
    t->policy = self->policy;
    t->nice = self->nice;
    t->rt_priority = t->own_priority = self->own_priority; // not what is lent
    t->weight = self->weight;
    t->policy_flags = self->policy_flags;
    spin_unlock(&donation_lock);
    if (unlikely(t->policy_flags & THREAD_RESET_ON_FORK))
        thread_reset_policy(t);
}

int thread_create(struct thread **out, const char *name, void (*fn)(void *), void *arg)
{
    struct thread *self = thread_self(), *t = slab_alloc(thread_cache, ALLOC_ZERO);

    if (!t)
        return -ENOMEM;
    t->stack = kstack_alloc();
    if (!t->stack) {
        slab_free(thread_cache, t);
        return -ENOMEM;
    }
    thread_set_fields(t, name);
    t->mode = self->mode;
    thread_inherit_policy(t, self);
    t->affinity = self->affinity;
    t->state = THREAD_NEW;
    t->start_fn = fn;
    t->start_arg = arg;
    arch_thread_init(&t->arch, t->stack, thread_begin, t);
    t->arch.hart = READ_ONCE(self->arch.hart);
    *out = t;
    return 0;
}

static void thread_free(struct thread *t)
{
    assert(t->state == THREAD_NEW || (t->state == THREAD_DEAD && !load_acquire(&t->on_hart)));
    if (thread_hooks.release)
        thread_hooks.release(t);
    kstack_free(t->stack);
    slab_free(thread_cache, t);
}

void thread_destroy(struct thread *t)
{
    assert(t->state == THREAD_NEW);
    thread_free(t);
}

void thread_start(struct thread *t)
{
    sched_wake(t, BIT(THREAD_NEW));
}

void thread_exit(void)
{
    struct thread *t = thread_self();

    irq_disable();
    arch_fpu_drop(&t->arch);
    store_relaxed(&t->state, THREAD_DEAD);
    sched_switch();
    panic("dead thread %s runs", t->name);
}

void thread_get(struct thread *t)
{
    ref_get(&t->refs);
}

void thread_put(struct thread *t)
{
    if (ref_put(&t->refs))
        thread_free(t);
}
