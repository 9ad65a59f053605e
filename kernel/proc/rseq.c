// SPDX-License-Identifier: MIT
// Restartable sequences (rseq(2)): a thread tells where it has a struct rseq. The kernel keeps the
// number of its hart there; and a thread that stands in the section which that struct names, when
// it was preempted, moved, or has a signal to handle, goes on at the section's abort address.
//
// A call of the kernel is in no section. So only a thread that a trap took from its program needs
// looking at: one that was preempted, one that slept in a fault (arch.in_fault), or that moved, and
// so has a new number. The scheduler sets WORK_RSEQ for these, and a thread that waits in calls on
// one hart pays nothing.
#include "proc/rseq.h"
#include "abi/errno.h"
#include "abi/rseq.h"
#include "arch/smp.h"
#include "arch/uaccess.h"
#include "proc/proc_private.h"

static int rseq_write_hart(uaddr_t area, u32 start, u32 hart)
{
    struct {
        u32 cpu_id_start, cpu_id;
    } ids = {start, hart};

    static_assert(offsetof(struct rseq, cpu_id_start) == 0 && offsetof(struct rseq, cpu_id) == 4,
                  "written as one");
    return copy_to_user(area, &ids, sizeof(ids));
}

static bool rseq_in_section(const struct rseq_cs *cs, uaddr_t pc)
{
    return pc - cs->start_ip < cs->post_commit_offset;
}

static bool section_is_sound(const struct rseq_cs *cs)
{
    return cs->start_ip < USER_TOP && cs->abort_ip < USER_TOP && cs->abort_ip >= sizeof(u32) &&
           cs->post_commit_offset <= USER_TOP - cs->start_ip && !cs->version &&
           !rseq_in_section(cs, cs->abort_ip);
}

// Before the address that it would go on at, a section has the signature: so a program's writes
// cannot make any code it has a handler.
static int section_read(const struct task *t, uaddr_t at, struct rseq_cs *cs)
{
    u32 signature;
    int err = copy_from_user(cs, at, sizeof(*cs));

    if (!err && !section_is_sound(cs))
        err = -EINVAL;
    err = err ?: copy_from_user(&signature, cs->abort_ip - sizeof(u32), sizeof(signature));
    if (!err && signature != t->rseq.signature)
        err = -EINVAL;
    return err;
}

static int rseq_break(const struct task *t, struct trapframe *frame)
{
    uaddr_t field = t->rseq.area + offsetof(struct rseq, rseq_cs);
    struct rseq_cs cs;
    u32 flags = 0;
    bool inside;
    u64 at;
    int err = get_user_u64(&at, field);

    if (err || !at)
        return err;
    err = section_read(t, at, &cs);
    inside = !err && rseq_in_section(&cs, frame->pc);
    if (inside)
        err = get_user_u32(&flags, t->rseq.area + offsetof(struct rseq, flags));
    if (inside && !err && (flags | cs.flags))
        err = -EINVAL; // none is known any more
    err = err ?: put_user_u64(field, 0);
    if (inside && !err)
        frame->pc = cs.abort_ip;
    return err;
}

// May be called again at once: a fault here may move the thread.
void rseq_resume(struct trapframe *frame)
{
    struct task *t = task_self();
    u32 hart;
    int err = 0;

    atomic_fetch_and(&arch_self()->work, ~(u32)WORK_RSEQ);
    if (!t->rseq.area)
        return;
    if (!arch_self()->in_syscall)
        err = rseq_break(t, frame);
    hart = (u32)hart_index();
    if (err || rseq_write_hart(t->rseq.area, hart, hart))
        signal_force(SIGSEGV, SI_KERNEL, 0);
}

void rseq_signal(struct trapframe *frame)
{
    struct task *t = task_self();

    if (t->rseq.area && rseq_break(t, frame))
        signal_force(SIGSEGV, SI_KERNEL, 0);
}

static int rseq_check(const struct task *t, uaddr_t area, u32 length, u32 signature)
{
    if (t->rseq.area != area || t->rseq.length != length)
        return -EINVAL;
    return t->rseq.signature == signature ? 0 : -EPERM;
}

int rseq_register(uaddr_t area, u32 length, u32 signature)
{
    struct task *t = task_self();
    u32 hart;

    if (t->rseq.area)
        return rseq_check(t, area, length, signature) ?: -EBUSY;
    if (length < sizeof(struct rseq) || area % _Alignof(struct rseq))
        return -EINVAL;
    if (!area || area > USER_TOP - length)
        return -EFAULT;
    t->rseq.area = area;
    t->rseq.length = length;
    t->rseq.signature = signature;
    t->thread->restarts = true; // from here on the scheduler says when it moves
    hart = (u32)hart_index();
    if (put_user_u64(area + offsetof(struct rseq, rseq_cs), 0) ||
        rseq_write_hart(area, hart, hart)) {
        rseq_forget(t);
        return -EFAULT;
    }
    return 0;
}

int rseq_unregister(uaddr_t area, u32 length, u32 signature)
{
    struct task *t = task_self();
    int err = t->rseq.area ? rseq_check(t, area, length, signature) : -EINVAL;

    err = err ?: rseq_write_hart(area, 0, (u32)RSEQ_CPU_ID_UNINITIALIZED);
    if (!err)
        rseq_forget(t);
    return err;
}

void rseq_forget(struct task *t)
{
    t->rseq.area = 0;
    t->thread->restarts = false;
}

// What the child's copy of the memory says may be another hart's number.
void rseq_fork(struct task *child)
{
    child->rseq = task_self()->rseq;
    child->thread->restarts = child->rseq.area;
    if (child->rseq.area)
        child->thread->arch.work |= WORK_RSEQ;
}

struct rseq_others {
    const struct vm_space *space;
    int only;
};

static void rseq_break_here(void *arg)
{
    const struct rseq_others *o = arg;
    struct thread *t = thread_self();

    if (t->restarts && t->space == o->space && (o->only < 0 || hart_index() == (u64)o->only))
        atomic_fetch_or(&t->arch.work, WORK_RSEQ);
}

void rseq_break_others(const struct vm_space *space, int only)
{
    smp_call_others(rseq_break_here, &(struct rseq_others){space, only});
}
