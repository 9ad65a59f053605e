// SPDX-License-Identifier: MIT
// Waiting for children: exits, stops, continues (POSIX.1-2017, waitid).
//
// Children that died, or stopped or continued, stand before those with nothing to report, so that
// waiting for any costs nothing per quiet child.

#include "abi/wait.h"
#include "abi/errno.h"
#include "lib/string.h"
#include "proc/ptrace.h"

// Counts of threads, ended and not.
static void usage_counts(struct process *p, struct rusage *out)
{
    irqflags_t flags = spin_lock_irqsave(&p->siglock);
    u64 all = p->switches, voluntary = p->voluntary_switches, peak = p->peak_rss;
    struct task *t;

    out->ru_minflt = p->minor_faults;
    LIST_FOR_EACH (t, &p->tasks, link) {
        out->ru_minflt += t->thread->minor_faults;
        all += t->thread->switches;
        voluntary += t->thread->voluntary_switches;
    }
    if (p->space)
        peak = MAX(peak, load_relaxed(&p->space->peak_pages) * 4);
    spin_unlock_irqrestore(&p->siglock, flags);
    out->ru_maxrss = peak;
    out->ru_nvcsw = voluntary;
    out->ru_nivcsw = all - voluntary;
}

void process_rusage(struct process *p, int who, struct rusage *out)
{
    ns_t user = 0, system = 0;

    memset(out, 0, sizeof(*out));
    if (who != RUSAGE_CHILDREN) {
        process_times(p, &user, &system);
        usage_counts(p, out);
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

// `trace` NULL: of a child.
static void wait_fill(struct process *child, const struct trace *trace, int status,
                      struct wait_result *out)
{
    out->pid = trace ? trace->pid->id : child->pid->id;
    out->uid = child->uid;
    out->status = status;
    out->code = status == WAIT_CONTINUED ? CLD_CONTINUED
                : WIFSTOPPED(status)     ? (trace ? CLD_TRAPPED : CLD_STOPPED)
                                         : status_code(status);
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

// Of children that are to end with another signal than SIGCHLD only who asks for these is told.
static bool is_waited_for(const struct wait_args *a, const struct process *child)
{
    bool other = exit_signal_locked(child) != SIGCHLD;

    return a->options & __WALL || other == !!(a->options & __WCLONE);
}

// *status: what the child has to report to this call; false and 0: nothing; left alone: it never
// will.
static bool wait_status(const struct wait_args *a, const struct process *child, int *status)
{
    int event = child->event_status;
    bool dead = child->state == PROCESS_ZOMBIE;
    u32 kind = dead ? WEXITED : event == WAIT_CONTINUED ? WCONTINUED : WSTOPPED;
    bool wanted = (dead ? !child->pid->trace : event != 0) && a->options & kind;

    if (!is_waited_for(a, child))
        return false;
    *status = !wanted ? 0 : dead ? child->exit_status : event;
    return wanted;
}

// The child to report, and its status; else NULL with the status 0, or as it was without any child.
static struct process *wait_find_locked(struct process *p, const struct wait_args *a, int *status)
{
    struct process *child = a->type == P_PID ? process_find(a->id) : NULL;

    if (child && a->process && a->process != child)
        child = NULL; // who has its number now
    if (a->type == P_PID)
        return child && child->parent == p && wait_status(a, child, status) ? child : NULL;
    LIST_FOR_EACH (child, &p->children, sibling) {
        if (a->type == P_PGID && child->group->pid->id != a->id)
            continue;
        if (wait_status(a, child, status))
            return child;
        if (a->type == P_ALL && child->state == PROCESS_ALIVE && !child->event_status && !*status)
            break; // so are the rest
    }
    return NULL;
}

// What was reported is not reported again; true if the child is gone with it.
static bool wait_consume_locked(struct process *p, struct process *child)
{
    if (child->state == PROCESS_ZOMBIE) {
        child_account_locked(p, child);
        process_unlink_zombie_locked(child);
        return true;
    }
    child->event_status = 0;
    child_insert_locked(child);
    return false;
}

// 1: *out is filled (and the child reaped unless WNOWAIT), 0: nothing yet, -ECHILD.
static int wait_try(struct process *p, const struct wait_args *a, struct wait_result *out)
{
    struct trace *trace, *gone = NULL;
    struct process *child = NULL;
    bool dead = false, keep = a->options & WNOWAIT;
    int status = -ECHILD;

    spin_lock(&proctree_lock);
    trace = list_empty(&p->tracees) ? NULL : trace_wait_find_locked(p, a, &status);
    if (trace) {
        wait_fill(trace->proc, trace, status, out);
        gone = !keep && trace_wait_consume_locked(trace) ? trace : NULL;
    } else if ((child = wait_find_locked(p, a, &status))) {
        wait_fill(child, NULL, status, out);
        dead = !keep && wait_consume_locked(p, child);
    }
    spin_unlock(&proctree_lock);
    trace_free(gone);
    if (dead)
        process_put(child);
    return trace || child ? 1 : status;
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
