// SPDX-License-Identifier: MIT
// Waiting for children: exits, stops, continues (POSIX.1-2017, waitid).
//
// A dead child stands in its parent's `zombies`, one with a stop or continue to report in `events`,
// so that waiting costs nothing per living child.

#include "abi/wait.h"
#include "abi/errno.h"
#include "lib/string.h"
#include "proc/proc_private.h"

static bool wait_matches(const struct wait_args *a, const struct process *child)
{
    if (a->type == P_PID)
        return child->pid->id == a->id;
    if (a->type == P_PGID)
        return child->group->pid->id == a->id;
    return true;
}

void process_rusage(struct process *p, int who, struct rusage *out)
{
    ns_t user = 0, system = 0;

    memset(out, 0, sizeof(*out));
    if (who != RUSAGE_CHILDREN) {
        process_times(p, &user, &system);
        out->ru_minflt = p->minor_faults;
        out->ru_maxrss = p->peak_rss;
    }
    if (who == RUSAGE_THREAD) {
        sched_times(thread_self(), &user, &system);
        out->ru_minflt = thread_self()->minor_faults;
        out->ru_nvcsw = thread_self()->voluntary_switches;
        out->ru_nivcsw = thread_self()->switches - thread_self()->voluntary_switches;
    }
    if (who == RUSAGE_CHILDREN || who == RUSAGE_BOTH) {
        user += p->child_user;
        system += p->child_system;
        out->ru_minflt += p->child_minor_faults;
        out->ru_maxrss = MAX(out->ru_maxrss, (s64)p->child_peak_rss);
    }
    out->ru_utime = ns_timeval(user);
    out->ru_stime = ns_timeval(system);
}

static void wait_fill(struct process *child, int status, struct wait_result *out)
{
    out->pid = child->pid->id;
    out->uid = child->charged_uid;
    out->status = status;
    out->code = status == 0xffff      ? CLD_CONTINUED
                : WIFSTOPPED(status)  ? CLD_STOPPED
                : WIFSIGNALED(status) ? CLD_KILLED
                                      : CLD_EXITED;
    out->exit_code = child->exit_code;
    process_rusage(child, RUSAGE_BOTH, &out->usage);
}

static void child_account_locked(struct process *p, struct process *child)
{
    p->child_user += child->dead_user + child->child_user;
    p->child_system += child->dead_system + child->child_system;
    p->child_minor_faults += child->minor_faults + child->child_minor_faults;
    p->child_peak_rss = MAX(p->child_peak_rss, MAX(child->peak_rss, child->child_peak_rss));
}

static struct process *wait_zombie_locked(struct process *p, const struct wait_args *a)
{
    struct process *child;

    if (!(a->options & WEXITED))
        return NULL;
    if (a->type == P_PID) {
        child = process_find(a->id);
        return child && child->parent == p && child->state == PROCESS_ZOMBIE ? child : NULL;
    }
    LIST_FOR_EACH (child, &p->zombies, sibling)
        if (wait_matches(a, child))
            return child;
    return NULL;
}

static struct process *wait_event_locked(struct process *p, const struct wait_args *a)
{
    struct process *child;

    LIST_FOR_EACH (child, &p->events, event_node) {
        u32 kind = child->event_status == 0xffff ? WCONTINUED : WSTOPPED;

        if ((a->options & kind) && wait_matches(a, child))
            return child;
    }
    return NULL;
}

static bool wait_has_children_locked(struct process *p, const struct wait_args *a)
{
    struct process *child;

    if (a->type == P_PID) {
        child = process_find(a->id);
        return child && child->parent == p;
    }
    if (a->type == P_ALL)
        return !list_empty(&p->children) || !list_empty(&p->zombies);
    LIST_FOR_EACH (child, &p->children, sibling)
        if (wait_matches(a, child))
            return true;
    LIST_FOR_EACH (child, &p->zombies, sibling)
        if (wait_matches(a, child))
            return true;
    return false;
}

// 1: *out is filled (and the child reaped unless WNOWAIT), 0: nothing yet, -ECHILD.
static int wait_try(struct process *p, const struct wait_args *a, struct wait_result *out)
{
    struct process *dead = NULL, *child;
    int found = 0;

    spin_lock(&proctree_lock);
    if ((child = wait_zombie_locked(p, a))) {
        wait_fill(child, child->exit_status, out);
        found = 1;
        if (!(a->options & WNOWAIT)) {
            child_account_locked(p, child);
            process_unlink_zombie_locked(child);
            dead = child;
        }
    } else if ((child = wait_event_locked(p, a))) {
        wait_fill(child, child->event_status, out);
        found = 1;
        if (!(a->options & WNOWAIT))
            list_remove(&child->event_node);
    } else if (!wait_has_children_locked(p, a)) {
        found = -ECHILD;
    }
    spin_unlock(&proctree_lock);
    if (dead)
        process_put(dead);
    return found;
}

int process_wait(const struct wait_args *args, struct wait_result *out)
{
    struct process *p = process_self();
    int found = 0;

    if (args->options & WNOHANG)
        return wait_try(p, args, out);
    wait_event(&p->child_wait, (found = wait_try(p, args, out)), WAIT_INTERRUPTIBLE, NS_NEVER);
    return found ? found : -ERESTARTSYS;
}

void process_times(struct process *p, ns_t *user, ns_t *system)
{
    ns_t u, s;
    struct task *t;
    irqflags_t flags = spin_lock_irqsave(&p->siglock);

    *user = p->dead_user;
    *system = p->dead_system;
    LIST_FOR_EACH (t, &p->tasks, link) {
        sched_times(t->thread, &u, &s);
        *user += u;
        *system += s;
    }
    spin_unlock_irqrestore(&p->siglock, flags);
}
