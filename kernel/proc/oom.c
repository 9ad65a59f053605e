// SPDX-License-Identifier: MIT
// Memory is out: end the process with the most resident pages and page tables, and those that it is
// to count besides (oom_score_adj), never the kernel.
//
// The choice looks at every process once, as only calls that ask for all processes do besides: it
// runs only when nothing else is left, and keeping an order would tax each page fault.

#include "abi/errno.h"
#include "base/log.h"
#include "mm/slab.h"
#include "proc/proc_private.h"

#define OOM_PLENTY   8 // a request that failed with this part of memory free is worth another try
#define OOM_PATIENCE (20UL * 1000 * 1000) // ns to wait for a victim's memory before asking again
#define OOM_DYING    NS_PER_SEC // who takes longer to end does not hold up the next choice

static struct wait_queue oom_wait = WAIT_QUEUE_INIT(oom_wait);
static ns_t oom_last; // (proctree) when one was chosen

u64 oom_score(struct process *p)
{
    s64 score = 0, adjust = load_relaxed(&p->oom_adjust);
    irqflags_t flags = spin_lock_irqsave(&p->siglock);

    if (p != init_process && p->space && !p->group_exit && adjust != OOM_ADJUST_NEVER) {
        score = vm_space_resident(p->space) + vm_space_table_pages(p->space) + 1;
        score = MAX(score + adjust * (s64)frames_total() / OOM_ADJUST_MAX, 1);
    }
    spin_unlock_irqrestore(&p->siglock, flags);
    return score;
}

static struct process *oom_choose_locked(bool *dying, u64 *most)
{
    struct process *p, *worst = NULL;
    bool recent = clock_monotonic() < oom_last + OOM_DYING;

    *dying = false;
    *most = 0;
    LIST_FOR_EACH (p, &process_list, all_node) {
        u64 score = oom_score(p);

        // Its pages go after its threads have let go of them: only a zombie has none.
        *dying = *dying || (recent && load_relaxed(&p->group_exit) && p->state != PROCESS_ZOMBIE);
        if (score > *most) {
            *most = score;
            worst = p;
        }
    }
    return worst;
}

// All processes that share the victim's space, as the memory is theirs too.
static void oom_end_locked(struct process *victim, u64 pages)
{
    const struct vm_space *space = load_relaxed(&victim->space);
    struct process *p;

    log_info("out of memory: ending process %d (%s), %lu pages", victim->pid->id,
             process_name_locked(victim), pages);
    oom_last = clock_monotonic();
    LIST_FOR_EACH (p, &process_list, all_node)
        if (p == victim || (space && load_relaxed(&p->space) == space && p != init_process))
            signal_send_process(p, SIGKILL, NULL);
}

static bool memory_is_plenty(void)
{
    return frames_free() >= frames_total() / OOM_PLENTY;
}

static int oom_act(void)
{
    struct process *victim;
    bool dying;
    u64 pages;
    int err;

    if (signal_fatal_pending())
        return -EINTR;
    if (memory_is_plenty())
        return 0;
    shrink_all();
    spin_lock(&proctree_lock);
    victim = oom_choose_locked(&dying, &pages);
    // Looked at behind `dying`: a victim that was a zombie there has given its memory back here.
    dying = dying || memory_is_plenty();
    if (!dying && victim)
        oom_end_locked(victim, pages);
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
