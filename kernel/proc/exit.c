// SPDX-License-Identifier: MIT
// The end of threads and processes.
//
// A thread gives back what it shares, then leaves its process; the last one turns the process into
// a zombie: children go to a reaper, the parent gets its signal, and whoever waits takes the
// status.

#include "abi/errno.h"
#include "abi/wait.h"
#include "base/panic.h"
#include "ipc/futex.h"
#include "ipc/sysv.h"
#include "lib/string.h"
#include "proc/ptrace.h"
#include "proc/rseq.h"
#include "proc/signalfd.h"
#include "sched/inherit.h"

void siginfo_times(struct siginfo *info, ns_t user, ns_t system)
{
    const ns_t tick = NS_PER_SEC / 100;

    info->si_utime = (s64)(user / tick);
    info->si_stime = (s64)(system / tick);
}

static void child_move_locked(struct process *child, struct process *to)
{
    bool last = tree_detach_locked(child);

    child->parent = to;
    store_relaxed(&child->parent_pid, to->pid->id);
    child_insert_locked(child);
    tree_attach_locked(child);
    if (last && child->group->outside == 0)
        group_orphaned_locked(child->group);
}

// A signal (0: none) that says what happened to p, and a wake-up.
static void parent_notify_locked(struct process *p, int sig, int code, int status)
{
    struct siginfo info;
    ns_t user, system;

    if (sig) {
        siginfo_kernel(&info, sig, code);
        info.si_pid = p->pid->id;
        info.si_uid = p->uid;
        info.si_status = status;
        process_times(p, &user, &system);
        siginfo_times(&info, user, system);
        signal_send_process(p->parent, sig, &info);
    }
    wake_all(&p->parent->child_wait);
}

void process_event_locked(struct process *p, int code, int status)
{
    bool quiet;

    assert(lock_held(&proctree_lock));
    if (!p->parent || p->state != PROCESS_ALIVE)
        return;
    if (p->pid->trace && p->pid->trace->tracer == p->parent)
        return; // who traces is told of every stop
    p->event_status = code == CLD_CONTINUED ? WAIT_CONTINUED : status << 8 | 0x7f;
    child_insert_locked(p);
    quiet = sighand_action(p->parent->sighand, SIGCHLD)->flags & SA_NOCLDSTOP;
    parent_notify_locked(p, quiet ? 0 : SIGCHLD, code, status);
}

// A program that was not there at the clone is not sent what it may not know of.
int exit_signal_locked(const struct process *p)
{
    return p->parent_execs == p->parent->execs ? p->exit_signal : SIGCHLD;
}

// True if nobody will wait: SIGCHLD ignored, or SA_NOCLDWAIT.
static bool parent_does_not_wait(const struct process *p)
{
    const struct k_sigaction *a = sighand_action(p->parent->sighand, SIGCHLD);

    return exit_signal_locked(p) == SIGCHLD && (a->handler == SIG_IGN || (a->flags & SA_NOCLDWAIT));
}

bool process_zombie_report_locked(struct process *p)
{
    int status = p->exit_status;
    bool reaped = parent_does_not_wait(p);

    child_insert_locked(p);
    parent_notify_locked(p, exit_signal_locked(p), status_code(status),
                         WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    if (reaped)
        process_unlink_zombie_locked(p);
    return reaped;
}

/* Orphans */

static u32 subreapers; // (proctree) processes that are one and not yet zombies

void process_subreaper_set(bool on)
{
    struct process *p = process_self();

    spin_lock(&proctree_lock);
    subreapers += on - p->subreaper;
    store_relaxed(&p->subreaper, on);
    spin_unlock(&proctree_lock);
}

// Who is the parent of p's children when p has ended: the nearest subreaper above, or the first
// process.
static struct process *reaper_find_locked(struct process *p)
{
    struct process *reaper = subreapers ? p->parent : init_process;

    while (reaper != init_process && !reaper->subreaper)
        reaper = reaper->parent;
    return reaper;
}

static void death_signal_send_locked(struct process *child)
{
    struct siginfo info;
    int sig = load_relaxed(&child->death_signal);

    if (!sig)
        return;
    siginfo_user(&info, sig, SI_USER);
    signal_kill_one_locked(child, sig, &info);
}

// The reaper may not know what else than SIGCHLD it is to be told of. Those it does not wait for go
// to `gone`, to be put.
static void children_give_away_locked(struct process *p, struct list *gone)
{
    struct process *child, *reaper;

    if (list_empty(&p->children))
        return;
    reaper = reaper_find_locked(p);
    while ((child = list_first(&p->children, struct process, sibling))) {
        child->exit_signal = SIGCHLD;
        child_move_locked(child, reaper);
        death_signal_send_locked(child);
        if (child->state == PROCESS_ZOMBIE && !child->pid->trace &&
            process_zombie_report_locked(child))
            list_insert_tail(gone, &child->sibling);
    }
}

// The last thread of p is leaving.
static void process_become_zombie(struct process *p)
{
    struct process *child, *next;
    struct list gone = LIST_INIT(gone);
    bool reaped, last_outside;

    verify(p != init_process);
    // The main thread tells its tracer nothing more.
    wait_event(&p->exit_wait, !load_acquire(&p->pid->task), WAIT_UNINTERRUPTIBLE, NS_NEVER);
    itimer_fini(p);
    posix_timers_fini(p);
    signalfd_leave(p);
    if (p->sem_undos)
        sem_exit(p->sem_undos, p->pid->id);
    trace_tracer_ends(p);
    trace_process_ends(p);
    spin_lock(&proctree_lock);
    if (p->group->session->leader == p)
        session_leader_exit_hook(p->group->session);
    last_outside = tree_detach_locked(p);
    p->state = PROCESS_ZOMBIE;
    wake_all(&p->exit_wait); // pidfds
    if (p->group->session->leader == p)
        p->group->session->leader = NULL;
    subreapers -= p->subreaper;
    children_give_away_locked(p, &gone);
    if (last_outside && p->group->outside == 0)
        group_orphaned_locked(p->group);
    reaped = !trace_holds_zombie_locked(p) && process_zombie_report_locked(p);
    spin_unlock(&proctree_lock);
    LIST_FOR_EACH_SAFE (child, next, &gone, sibling)
        process_put(child);
    if (reaped)
        process_put(p);
}

void task_leave_memory(struct task *t, bool ends)
{
    uaddr_t robust = load_relaxed(&t->robust_list);

    if (robust)
        futex_exit_robust(robust, t->pid->id);
    if (t->clear_child_tid && ref_read(&t->thread->space->refs) > 1) {
        put_user_u32(t->clear_child_tid, 0);
        futex_wake(t->clear_child_tid, 1, ~0U, false);
    }
    t->clear_child_tid = 0;
    store_relaxed(&t->robust_list, (uaddr_t)0);
    rseq_forget(t);
    donation_cut(ends);
}

// What the thread shares with others.
static void thread_give_back(struct task *t)
{
    struct thread *thread = t->thread;
    struct vm_space *space = thread->space;
    struct fdtable *files = thread->files;
    struct fs_context *fs = thread->fs;
    irqflags_t flags;

    task_leave_memory(t, true);
    flags = spin_lock_irqsave(&t->proc->siglock); // readers of /proc take references under it
    t->proc->peak_rss = MAX(t->proc->peak_rss, load_relaxed(&space->peak_pages) * 4);
    thread->files = NULL;
    thread->fs = NULL;
    spin_unlock_irqrestore(&t->proc->siglock, flags);
    fdtable_put(files);
    fs_context_put(fs);
}

// The space to put once no reader of /proc can find it through the process any more.
static struct vm_space *space_leave(struct task *t)
{
    struct thread *thread = t->thread;
    struct vm_space *space = thread->space;
    irqflags_t flags;

    flags = irq_save();
    thread->space = NULL;
    mmu_space_switch(NULL);
    irq_restore(flags);
    vfork_end(t);
    return space;
}

// The wait status of a thread that gave `code` to exit, unless all end together.
static int status_at_end(const struct process *p, s32 code)
{
    return load_relaxed(&p->group_exit) ? p->group_exit_status : (code & 0xff) << 8;
}

// Out of the process's list; true for the last thread. `code` is what it gave to exit.
static bool task_leave(struct task *t, s32 code)
{
    struct process *p = t->proc;
    struct thread *thread = t->thread;
    ns_t user, system;
    irqflags_t flags;
    bool last, stopped;

    sched_times(thread, &user, &system);
    flags = spin_lock_irqsave(&p->siglock);
    list_remove(&t->link);
    last = --p->task_count == 0;
    p->dead_user += user;
    p->dead_system += system;
    p->minor_faults += thread->minor_faults;
    p->switches += thread->switches;
    p->voluntary_switches += thread->voluntary_switches;
    stopped = task_stop_count_locked(t) && !last && !p->group_exit;
    signal_pass_on_locked(p, ~0UL); // that it was to take
    if (last) {
        p->uid = t->charged_uid;
        p->exit_code = p->group_exit ? p->exit_code : code;
        p->exit_status = status_at_end(p, code);
        p->space = NULL;
        t->charged_uid = UID_NONE;
    }
    spin_unlock_irqrestore(&p->siglock, flags);
    wake_all(&p->exit_wait);
    if (stopped)
        process_report(p, true);
    return last;
}

// Others look at the process by it still. The cred that was kept before it, of another main thread.
static struct cred *main_keep_locked(struct process *p, const struct thread *main)
{
    struct cred *before = p->ended.cred;

    p->ended.cred = main->cred;
    ref_get(&main->cred->refs);
    memcpy(p->ended.name, main->name, sizeof(p->ended.name));
    wake_all(&p->exit_wait); // who waits for the id: exec_alone, process_become_zombie
    return before;
}

void task_exit(s32 code)
{
    struct task *t = task_self();
    struct process *p = t->proc;
    struct cred *cred = NULL;
    struct vm_space *space;
    struct trace *trace;
    bool last;

    if (task_is_traced(t)) {
        core_pass_by(t);
        trace_event(PTRACE_EVENT_EXIT, status_at_end(p, code));
    }
    if (p == init_process && p->task_count == 1)
        panic("init ended with status 0x%x", status_at_end(p, code));
    thread_give_back(t);
    space = space_leave(t);
    last = task_leave(t, code);
    vm_space_put(space);
    spin_lock(&proctree_lock);
    trace = trace_task_ends_locked(t, status_at_end(p, code));
    store_release(&t->pid->task, NULL);
    if (t->pid == p->pid)
        cred = main_keep_locked(p, t->thread);
    pid_use_end_locked(t->pid);
    spin_unlock(&proctree_lock);
    user_uncharge(t->charged_uid);
    trace_free(trace);
    if (cred)
        cred_put(cred);
    if (last)
        process_become_zombie(p);
    thread_exit();
}

void process_exit_group(s32 code)
{
    struct process *p = process_self();
    irqflags_t flags = spin_lock_irqsave(&p->siglock);

    if (!p->group_exit)
        p->exit_code = code;
    if (!p->core_dumps) // its status is known
        process_kill_all_locked(p, (code & 0xff) << 8, NULL);
    spin_unlock_irqrestore(&p->siglock, flags);
    task_exit(code);
}
