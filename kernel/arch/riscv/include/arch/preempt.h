// SPDX-License-Identifier: MIT
// Preemption control: while the depth is above 0 the thread stays on its hart.
#pragma once
#include "arch/thread.h"
#include "arch/upcalls.h"
#include "lib/macro.h"

static inline void preempt_disable(void)
{
    arch_self()->preempt++;
    barrier();
}

static inline void preempt_enable_no_resched(void)
{
    barrier();
    arch_self()->preempt--;
}

// May switch to another thread when this was the outermost level.
static inline void preempt_enable(void)
{
    struct arch_thread *t = arch_self();

    barrier();
    if (--t->preempt == 0 && unlikely(READ_ONCE(t->work) & WORK_RESCHED))
        up_reschedule();
}
