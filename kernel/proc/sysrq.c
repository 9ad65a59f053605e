// SPDX-License-Identifier: MIT
// /proc/sysrq-trigger: a letter written asks the kernel to tell the log about itself.
#include "arch/smp.h"
#include "base/lockorder.h"
#include "base/log.h"
#include "proc/procfs_private.h"
#include "sched/sched.h"

static void hart_show(void *hart)
{
    if (hart_index() != *(unsigned *)hart)
        return;
    log_raw("hart %lu: %s", hart_index(), thread_self()->name);
    arch_backtrace();
}

// From outside, as a hart that hangs with interrupts off answers nobody.
static void hart_describe(unsigned hart)
{
    struct thread *t = sched_current_get(hart);

    log_raw("hart %u runs %s (%u), work %x, preemption %u deep", hart, t->name, t->tid,
            t->arch.work, t->arch.preempt);
    if (DEBUG)
        for (u32 i = 0; i < MIN(t->arch.lock_depth, (u32)LOCK_DEPTH_MAX); i++)
            log_raw("  holds %s %p", lockorder_name(t->arch.lock_rank[i]), t->arch.lock[i]);
    if (t != sched_idle_thread(hart))
        arch_backtrace_of(&t->arch);
    thread_put(t);
}

// The writer's hart first, then the others one by one: each prints where it was interrupted.
static void harts_show(void)
{
    unsigned hart;

    preempt_disable();
    for (hart = 0; hart < hart_count; hart++)
        if (hart != hart_index())
            hart_describe(hart);
    hart = hart_index();
    hart_show(&hart);
    for (hart = 0; hart < hart_count; hart++)
        smp_call_others(hart_show, &hart);
    preempt_enable();
}

int proc_write_sysrq(const char *s, const struct proc_place *p)
{
    if (*s == 'l') {
        log_info("sysrq: backtraces of the harts");
        harts_show();
    } else {
        log_info("sysrq: no such letter; l shows backtraces of the harts");
    }
    return 0;
}
