// SPDX-License-Identifier: MIT
// clone(2): a new thread, or a new process; what it shares is up to the flags.
//
// Everything that can fail is made first, out of sight; then one step under proctree_lock publishes
// the child, unless the parent was told to die meanwhile. Undo runs in reverse order.

#include "abi/errno.h"
#include "arch/uaccess.h"
#include "lib/bitmap.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/pidfd.h"
#include "proc/ptrace.h"
#include "proc/rseq.h"

#define CLONE_NAMESPACES                                                                           \
    (CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | \
     CLONE_NEWTIME)

// The child while it is being made.
struct birth {
    const struct clone_args *args;
    struct thread *thread;
    struct pid *pid;
    struct process *proc; // new one, or the caller's for CLONE_THREAD
    struct task *task;
    bool charged;
    struct file *pidfd; // NULL: none; installed at pidfd_number in the end
    int pidfd_number;
    struct trace *trace; // NULL: the child is not to be traced
    struct birth_signals signals;
};

static int clone_check(const struct clone_args *a)
{
    u64 f = a->flags;

    if ((f & (CLONE_NAMESPACES | CLONE_INTO_CGROUP)) || a->set_tid_size)
        return -EINVAL;
    if ((f & CLONE_PARENT) && process_self() == init_process)
        return -EINVAL;
    if ((f & CLONE_NEWNS) && (f & CLONE_FS))
        return -EINVAL;
    if ((f & CLONE_PIDFD) && ((f & (CLONE_THREAD | CLONE_DETACHED)) ||
                              ((f & CLONE_PARENT_SETTID) && a->pidfd == a->parent_tid)))
        return -EINVAL;
    if ((f & CLONE_THREAD) && !(f & CLONE_SIGHAND))
        return -EINVAL;
    if ((f & CLONE_SIGHAND) && (!(f & CLONE_VM) || (f & CLONE_CLEAR_SIGHAND)))
        return -EINVAL;
    return a->exit_signal > 64 ? -EINVAL : 0;
}

// First code of every user thread.
static void user_thread_start(void *arg)
{
    struct task *t = task_self();

    if (t->set_child_tid)
        put_user_u32(t->set_child_tid, t->pid->id); // failure is the child's own affair
    arch_return_to_user();
}

static void child_start_state(struct birth *b, const struct trapframe *frame)
{
    struct trapframe *f = arch_frame(&b->thread->arch);
    const struct clone_args *a = b->args;

    *f = *frame;
    f->x[FRAME_A0] = 0;
    if (a->stack)
        f->x[FRAME_SP] = a->stack + a->stack_size;
    if (a->flags & CLONE_SETTLS)
        f->x[FRAME_TP] = a->tls;
    b->thread->tid = b->pid->id;
    if (a->flags & CLONE_CHILD_SETTID)
        b->task->set_child_tid = a->child_tid;
    if (a->flags & CLONE_CHILD_CLEARTID)
        b->task->clear_child_tid = a->child_tid;
    b->thread->arch.work |= arch_self()->work & WORK_TRACE;
    if (!(a->flags & CLONE_VM))
        rseq_fork(b->task);
    arch_fpu_save(arch_self());
    b->thread->arch.fpu = arch_self()->fpu;
}

// Descriptors, directories and memory: the same or copies.
static int share_or_copy(struct thread *t, u64 flags)
{
    struct thread *self = thread_self();
    int err = 0;

    if (flags & CLONE_FILES)
        fdtable_get(t->files = self->files);
    else
        err = fdtable_copy(self->files, &t->files);
    if (err)
        return err;
    if (flags & CLONE_FS)
        fs_context_get(t->fs = self->fs);
    else
        err = fs_context_copy(self->fs, &t->fs);
    if (!err && flags & CLONE_NEWNS)
        err = fs_context_own_mounts(t->fs);
    if (err)
        return err;
    if (flags & CLONE_VM)
        vm_space_get(t->space = self->space);
    else
        err = vm_space_fork(self->space, &t->space);
    return err;
}

static void process_inherit(struct process *p, const struct clone_args *a)
{
    struct process *self = process_self();
    irqflags_t flags = spin_lock_irqsave(&self->siglock);

    memcpy(p->limits, self->limits, sizeof(p->limits));
    p->dumpable = self->dumpable;
    p->coredump_filter = load_relaxed(&self->coredump_filter);
    p->no_new_privs = self->no_new_privs;
    p->oom_adjust = load_relaxed(&self->oom_adjust);
    p->oom_adjust_least = load_relaxed(&self->oom_adjust_least);
    spin_unlock_irqrestore(&self->siglock, flags);
    p->exit_signal = (s32)a->exit_signal;
}

static int birth_process(struct birth *b)
{
    struct process *self = process_self();
    int err;

    if (b->args->flags & CLONE_THREAD) {
        b->proc = self;
        process_ref(self);
        return 0;
    }
    err = process_create(&b->proc, b->pid);
    if (err)
        return err;
    process_inherit(b->proc, b->args);
    return 0;
}

static int birth_charge(struct birth *b)
{
    int err = user_charge(b->task, thread_self()->cred->uid);

    b->charged = !err;
    return err;
}

// The parent's wait for a child of vfork(2), which a kill may end before the child does.
struct vfork {
    struct ref refs; // parent and child
    struct completion done;
};

static void vfork_put(struct vfork *v)
{
    if (v && ref_put(&v->refs))
        kfree(v);
}

void vfork_end(struct task *t)
{
    if (t->vfork)
        complete_all(&t->vfork->done);
    vfork_put(t->vfork);
    t->vfork = NULL;
}

static int birth_vfork(struct birth *b)
{
    if (!(b->args->flags & CLONE_VFORK))
        return 0;
    b->task->vfork = kmalloc(sizeof(*b->task->vfork), 0);
    if (!b->task->vfork)
        return -ENOMEM;
    ref_init(&b->task->vfork->refs, 1);
    completion_init(&b->task->vfork->done);
    return 0;
}

static int birth_pidfd(struct birth *b)
{
    int err;

    if (!(b->args->flags & CLONE_PIDFD))
        return 0;
    err = pidfd_create(b->proc, 0, &b->pidfd);
    if (err)
        return err;
    b->pidfd_number = fd_reserve(0, fd_limit_hook(), true);
    if (b->pidfd_number < 0)
        return b->pidfd_number;
    return put_user_u32(b->args->pidfd, b->pidfd_number);
}

// Makes all the parts; what was made stays in *b and t for birth_undo.
static int birth_parts(struct birth *b)
{
    struct thread *t = b->thread;
    u64 flags = b->args->flags;

    t->cred = thread_self()->cred;
    ref_get(&t->cred->refs);
    return pid_alloc(&b->pid) ?: birth_process(b) ?: task_create(&b->task, b->proc, b->pid, t)
               ?: birth_charge(b) ?: birth_vfork(b) ?: share_or_copy(t, flags)
               ?: signal_fork(b->task, b->proc, flags) ?: birth_pidfd(b) ?: trace_birth(b->args, &b->trace);
}

static void birth_undo(struct birth *b)
{
    struct thread *t = b->thread;

    trace_free(b->trace);
    if (b->pidfd)
        file_put(b->pidfd);
    if (b->pidfd && b->pidfd_number >= 0)
        fd_unreserve(b->pidfd_number);
    if (t->space)
        vm_space_put(t->space);
    if (t->fs)
        fs_context_put(t->fs);
    if (t->files)
        fdtable_put(t->files);
    t->space = NULL;
    t->fs = NULL;
    t->files = NULL;
    if (b->charged)
        user_uncharge(b->task->charged_uid);
    if (b->task)
        vfork_put(b->task->vfork);
    if (b->proc)
        process_put(b->proc); // the task's own reference goes with the thread
    if (b->pid) {
        spin_lock(&proctree_lock);
        pid_use_end_locked(b->pid);
        spin_unlock(&proctree_lock);
    }
    thread_destroy(t);
}

static u64 forks = 1; // (proctree) init is not made by one

u64 process_forks(void)
{
    return load_relaxed(&forks);
}

// Joins the thread to its process; -EAGAIN if that one is ending. siglock inside proctree_lock.
static int task_publish_locked(struct birth *b)
{
    struct process *p = b->proc;
    irqflags_t flags = spin_lock_irqsave(&p->siglock);
    int err = 0;

    if (p->group_exit || p->exec_task) {
        err = -EAGAIN;
    } else if (p == process_self() && (task_self()->stop_pending & STOP_GROUP)) {
        err = -ERESTARTNOINTR; // the stop under way counts the threads that it found
    } else {
        list_insert_tail(&p->tasks, &b->task->link);
        p->task_count++;
        forks++;
        p->space = b->thread->space;
        b->pid->task = b->task;
    }
    spin_unlock_irqrestore(&p->siglock, flags);
    return err;
}

// What kill(2) and terminals send to many from now on, the child gets; before, the parent alone.
static int birth_begin(struct birth *b)
{
    struct process *self = process_self();
    irqflags_t flags = spin_lock_irqsave(&self->siglock);
    int err = 0;

    if (signal_pending())
        err = -ERESTARTNOINTR;
    else
        hlist_insert(&self->births, &b->signals.node);
    spin_unlock_irqrestore(&self->siglock, flags);
    return err;
}

static void birth_end(struct birth *b)
{
    struct process *self = process_self();
    irqflags_t flags = spin_lock_irqsave(&self->siglock);

    hlist_remove(&b->signals.node);
    spin_unlock_irqrestore(&self->siglock, flags);
}

static void signals_missed_locked(const struct birth *b)
{
    struct siginfo info;

    for (u64 left = b->signals.missed; left; left &= left - 1) {
        siginfo_kernel(&info, (int)bit_lowest(left) + 1, SI_USER);
        signal_send_process(b->proc, info.si_signo, &info);
    }
}

// A sibling is to its parent what the caller is.
static void birth_link_locked(const struct birth *b)
{
    struct process *self = process_self(), *p = b->proc;

    p->group = self->group;
    group_get(self->group);
    if (!(b->args->flags & CLONE_PARENT)) {
        process_link(p, self);
    } else {
        process_link(p, self->parent);
        p->parent_execs = self->parent_execs;
        p->exit_signal = self->exit_signal;
    }
}

static int birth_publish(struct birth *b)
{
    int err;

    spin_lock(&proctree_lock);
    err = signal_fatal_pending() ? -ERESTARTNOINTR : task_publish_locked(b);
    if (!err && !(b->args->flags & CLONE_THREAD)) {
        birth_link_locked(b);
        signals_missed_locked(b);
    }
    if (!err && b->trace && trace_birth_locked(b->trace, b->task))
        b->trace = NULL; // it is the tracer's now
    spin_unlock(&proctree_lock);
    return err;
}

static s64 clone_run(struct birth *b)
{
    struct vfork *vfork = b->task->vfork;
    pid_t id = b->pid->id;

    if (b->pidfd)
        fd_install(b->pidfd_number, b->pidfd);
    if (vfork)
        ref_get(&vfork->refs);
    if (b->args->flags & CLONE_THREAD)
        process_put(b->proc); // its task holds it; a new process's first reference is the tree's
    trace_free(b->trace);
    thread_start(b->thread);
    if (task_is_traced(task_self()) && !(b->args->flags & CLONE_UNTRACED))
        trace_event(trace_birth_event(b->args), id);
    if (vfork)
        completion_wait(&vfork->done, WAIT_KILLABLE);
    if (vfork && task_is_traced(task_self()))
        trace_event(PTRACE_EVENT_VFORK_DONE, id);
    vfork_put(vfork);
    return id;
}

s64 process_clone(const struct clone_args *args, const struct trapframe *frame)
{
    struct birth b = {.args = args};
    int err = clone_check(args);

    if (err)
        return err;
    err = thread_create(&b.thread, thread_self()->name, user_thread_start, NULL);
    if (err)
        return err;
    err = args->flags & CLONE_THREAD ? 0 : birth_begin(&b);
    if (!err)
        err = birth_parts(&b);
    if (!err && (args->flags & CLONE_PARENT_SETTID))
        err = put_user_u32(args->parent_tid, b.pid->id);
    if (!err) {
        child_start_state(&b, frame);
        err = birth_publish(&b);
    }
    if (!(args->flags & CLONE_THREAD))
        birth_end(&b);
    if (err) {
        birth_undo(&b);
        return err;
    }
    return clone_run(&b);
}
