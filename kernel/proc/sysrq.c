// SPDX-License-Identifier: MIT
// /proc/sysrq-trigger: a letter written asks the kernel to tell the log about itself.
#include "arch/smp.h"
#include "base/log.h"
#include "proc/procfs_private.h"

static void hart_show(void *hart)
{
    if (hart_index() != *(unsigned *)hart)
        return;
    log_raw("hart %lu: %s", hart_index(), thread_self()->name);
    arch_backtrace();
}

// The writer's hart first, then the others one by one: each prints where it was interrupted.
static void harts_show(void)
{
    unsigned hart;

    preempt_disable();
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
