// SPDX-License-Identifier: MIT
// The frame that a signal handler finds on its stack, and the way back (Linux riscv64 ABI).
//
// The handler returns into the vDSO, which issues rt_sigreturn with sp at the frame. Registers are
// copied between the trap frame and the user's frame in one piece: both start with pc, x1..x31.

#include "abi/errno.h"
#include "arch/irq.h"
#include "arch/uaccess.h"
#include "lib/string.h"
#include "proc/proc_private.h"

static_assert(offsetof(struct trapframe, x) == 8, "trap frames begin like gregs");

static uaddr_t frame_place(const struct task *t, const struct trapframe *frame,
                           const struct k_sigaction *action)
{
    const struct sigstack *alt = &t->altstack;
    uaddr_t sp = frame->x[FRAME_SP];
    bool inside = sp > alt->ss_sp && sp - alt->ss_sp <= alt->ss_size;

    if ((action->flags & SA_ONSTACK) && alt->ss_size &&
        (!inside || (alt->ss_flags & SS_AUTODISARM)))
        sp = alt->ss_sp + alt->ss_size;
    else if (inside && sp - alt->ss_sp < sizeof(struct rt_sigframe))
        return 0; // would run off the low end of the alternate stack
    return ALIGN_DOWN(sp - sizeof(struct rt_sigframe), 16);
}

// What has no meaning yet (space for more signals and wider registers) stays as it is.
static void frame_fill(struct rt_sigframe *f, struct task *t, const struct trapframe *frame,
                       const struct siginfo *info, u64 mask)
{
    struct ucontext *uc = &f->uc;

    *siginfo_used(&f->info) = *siginfo_used(info);
    memset(siginfo_used(&f->info) + 1, 0, sizeof(f->info) - sizeof(struct siginfo_used));
    uc->uc_flags = 0;
    uc->uc_link = 0;
    uc->uc_stack = t->altstack;
    if (!t->altstack.ss_size)
        uc->uc_stack.ss_flags = SS_DISABLE;
    uc->uc_sigmask = mask;
    memcpy(uc->uc_mcontext.gregs, frame, sizeof(uc->uc_mcontext.gregs));
    arch_fpu_save(&t->thread->arch);
    memcpy(&uc->uc_mcontext.fpregs.d, &t->thread->arch.fpu, sizeof(uc->uc_mcontext.fpregs.d));
    for (unsigned i = 0; i < ARRAY_SIZE(uc->uc_mcontext.fpregs.q.reserved); i++)
        uc->uc_mcontext.fpregs.q.reserved[i] = 0;
}

// In place if the frame lies within one page that is there.
static int frame_write(uaddr_t sp, struct task *t, const struct trapframe *frame,
                       const struct siginfo *info, u64 mask)
{
    irqflags_t flags = irq_save();
    struct rt_sigframe copy, *f = user_window(sp, sizeof(*f), ACCESS_WRITE);

    if (unlikely(!f))
        f = memset(&copy, 0, sizeof(copy));
    frame_fill(f, t, frame, info, mask);
    irq_restore(flags);
    return f == &copy ? copy_to_user(sp, &copy, sizeof(copy)) : 0;
}

int signal_frame_push(struct trapframe *frame, int sig, const struct siginfo *info,
                      const struct k_sigaction *action, u64 mask)
{
    struct task *t = task_self();
    uaddr_t sp = frame_place(t, frame, action);

    if (!sp || frame_write(sp, t, frame, info, mask))
        return -EFAULT;
    if (t->altstack.ss_flags & SS_AUTODISARM)
        t->altstack = (struct sigstack){0};
    frame->pc = action->handler;
    frame->x[FRAME_RA] = vdso_sigreturn(t->thread->space);
    frame->x[FRAME_SP] = sp;
    frame->x[FRAME_A0] = sig;
    frame->x[FRAME_A1] = sp + offsetof(struct rt_sigframe, info);
    frame->x[FRAME_A2] = sp + offsetof(struct rt_sigframe, uc);
    return 0;
}

static void frame_restore(const struct ucontext *uc, struct task *t, struct trapframe *frame)
{
    memcpy(frame, uc->uc_mcontext.gregs, sizeof(uc->uc_mcontext.gregs));
    memcpy(&t->thread->arch.fpu, &uc->uc_mcontext.fpregs.d, sizeof(struct riscv_d_state));
    arch_fpu_reload(&t->thread->arch);
    t->altstack = uc->uc_stack;
    if (t->altstack.ss_flags & SS_DISABLE)
        t->altstack = (struct sigstack){0};
    signal_set_mask(READ_ONCE(uc->uc_sigmask));
}

// A frame that cannot be read ends the program.
s64 signal_return(struct trapframe *frame)
{
    struct task *t = task_self();
    uaddr_t at = frame->x[FRAME_SP] + offsetof(struct rt_sigframe, uc);
    struct ucontext copy, *uc = NULL;
    irqflags_t flags;

    arch_self()->in_syscall = 0;
    flags = irq_save();
    if (IS_ALIGNED(at, 16))
        uc = user_window(at, sizeof(*uc), ACCESS_READ);
    if (unlikely(!uc)) {
        irq_restore(flags);
        if (!IS_ALIGNED(at, 16) || copy_from_user(&copy, at, sizeof(copy))) {
            signal_force(SIGSEGV, SI_KERNEL, 0);
            return 0;
        }
        uc = &copy;
        flags = irq_save();
    }
    frame_restore(uc, t, frame);
    irq_restore(flags);
    return (s64)frame->x[FRAME_A0];
}
