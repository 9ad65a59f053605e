// SPDX-License-Identifier: MIT
// The frame that a signal handler finds on its stack, and the way back (Linux riscv64 ABI).
//
// The handler returns into the vDSO, which issues rt_sigreturn with sp at the frame. Registers are
// copied between the trap frame and the user's frame in one piece: both start with pc, x1..x31.

#include "abi/errno.h"
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

static void frame_fill(struct rt_sigframe *f, struct task *t, const struct trapframe *frame,
                       const struct siginfo *info, u64 mask)
{
    struct ucontext *uc = &f->uc;

    f->info = *info;
    uc->uc_flags = 0;
    uc->uc_link = 0;
    uc->uc_stack = t->altstack;
    if (!t->altstack.ss_size)
        uc->uc_stack.ss_flags = SS_DISABLE;
    uc->uc_sigmask = mask;
    memset(uc->pad, 0, sizeof(uc->pad));
    memcpy(uc->uc_mcontext.gregs, frame, sizeof(uc->uc_mcontext.gregs));
    arch_fpu_save(&t->thread->arch);
    memcpy(&uc->uc_mcontext.fpregs.d, &t->thread->arch.fpu, sizeof(uc->uc_mcontext.fpregs.d));
    memset((char *)&uc->uc_mcontext.fpregs + sizeof(struct riscv_d_state), 0,
           sizeof(union riscv_fp_state) - sizeof(struct riscv_d_state));
}

int signal_frame_push(struct trapframe *frame, int sig, const struct siginfo *info,
                      const struct k_sigaction *action, u64 mask)
{
    struct task *t = task_self();
    uaddr_t sp = frame_place(t, frame, action);
    struct rt_sigframe f;

    if (!sp)
        return -EFAULT;
    frame_fill(&f, t, frame, info, mask);
    if (copy_to_user(sp, &f, sizeof(f)))
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

// A frame that cannot be read, or asks for extensions we do not have, ends the program.
s64 signal_return(struct trapframe *frame)
{
    struct task *t = task_self();
    uaddr_t sp = frame->x[FRAME_SP];
    struct ucontext uc;

    arch_self()->in_syscall = 0;
    if (!IS_ALIGNED(sp, 16) ||
        copy_from_user(&uc, sp + offsetof(struct rt_sigframe, uc), sizeof(uc))) {
        signal_force(SIGSEGV, SI_KERNEL, 0);
        return 0;
    }
    memcpy(frame, uc.uc_mcontext.gregs, sizeof(uc.uc_mcontext.gregs));
    memcpy(&t->thread->arch.fpu, &uc.uc_mcontext.fpregs.d, sizeof(struct riscv_d_state));
    arch_fpu_reload(&t->thread->arch);
    signal_set_mask(uc.uc_sigmask);
    t->altstack = uc.uc_stack;
    if (t->altstack.ss_flags & SS_DISABLE)
        t->altstack = (struct sigstack){0};
    return (s64)frame->x[FRAME_A0];
}
