// SPDX-License-Identifier: MIT
// Memory is out: end the process with the most resident pages and page tables, never the kernel.
//
// The choice looks at every process once. That is the one walk over all processes in the kernel: it
// runs only when nothing else is left, and keeping an order would tax each page fault.

#include "abi/errno.h"
#include "base/log.h"
#include "mm/slab.h"
#include "proc/proc_private.h"

#define OOM_PLENTY   8 // a request that failed with this part of memory free is worth another try
#define OOM_PATIENCE (20UL * 1000 * 1000) // ns to wait for a victim's memory before asking again

static struct wait_queue oom_wait = WAIT_QUEUE_INIT(oom_wait);

// Pages that ending p would give back; 0 if it must not or need not be chosen.
static u64 oom_score(struct process *p)
{
    u64 score = 0;
    irqflags_t flags = spin_lock_irqsave(&p->siglock);

    if (p != init_process && p->space && !p->group_exit)
        score = vm_space_resident(p->space) + vm_space_table_pages(p->space) + 1;
    spin_unlock_irqrestore(&p->siglock, flags);
    return score;
}

static struct process *oom_choose_locked(bool *dying)
{
    struct process *p, *worst = NULL;
    u64 most = 0;

    *dying = false;
    LIST_FOR_EACH (p, &process_list, all_node) {
        u64 score = oom_score(p);

        *dying = *dying || (load_relaxed(&p->group_exit) && load_relaxed(&p->space));
        if (score > most) {
            most = score;
            worst = p;
        }
    }
    return worst;
}

static void oom_end_locked(struct process *p)
{
    log_info("out of memory: ending process %d (%s), %lu pages resident", p->pid->id,
             p->pid->task ? p->pid->task->thread->name : "?",
             p->space ? vm_space_resident(p->space) : 0);
    signal_send_process(p, SIGKILL, NULL);
}

static int oom_act(void)
{
    struct process *victim;
    bool dying;
    int err;

    if (signal_fatal_pending())
        return -EINTR;
    if (frames_free() >= frames_total() / OOM_PLENTY)
        return 0;
    shrink_all();
    spin_lock(&proctree_lock);
    victim = oom_choose_locked(&dying);
    if (!dying && victim)
        oom_end_locked(victim);
    spin_unlock(&proctree_lock);
    if (signal_fatal_pending())
        return -EINTR;
    if (!dying && !victim)
        return -ENOMEM;
    err = wait_event(&oom_wait, false, WAIT_KILLABLE, clock_monotonic() + OOM_PATIENCE);
    return err == -EINTR ? err : 0;
}

void oom_init(void)
{
    vm_hooks.out_of_memory = oom_act;
}
