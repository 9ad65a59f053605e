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

// 32 words without loops or calls, two instructions each: so the compiler copies 64 bytes.
static inline __attribute__((always_inline)) void copy_registers(void *to, const void *from)
{
    struct words {
        u64 word[8];
    } *d = to;

#pragma GCC unroll 4
    for (unsigned i = 0; i < 4; i++)
        d[i] = ((const struct words *)from)[i];
}

static uaddr_t frame_place(const struct task *t, const struct trapframe *frame,
                           const struct k_sigaction *action)
{
    const struct sigstack *alt = &t->altstack;
    uaddr_t sp = frame->x[FRAME_SP];
    bool inside = on_altstack(t, sp);

    if ((action->flags & SA_ONSTACK) && alt->ss_size && !inside)
        sp = alt->ss_sp + alt->ss_size;
    else if (inside && sp - alt->ss_sp < sizeof(struct rt_sigframe))
        return 0; // would run off the low end of the alternate stack
    return ALIGN_DOWN(sp - sizeof(struct rt_sigframe), 16);
}

struct siginfo_rest {
    u64 word[(sizeof(struct siginfo) - sizeof(struct siginfo_used)) / sizeof(u64)];
};

// What has no meaning yet (space for more signals and wider registers) stays as it is. FP state is
// the saved one.
static __attribute__((noinline)) void frame_fill(struct rt_sigframe *f, const struct task *t,
                                                 const struct trapframe *frame,
                                                 const struct siginfo *info, u64 mask)
{
    const struct fpu_state *fpu = &t->thread->arch.fpu;
    struct ucontext *uc = &f->uc;

    *siginfo_used(&f->info) = *siginfo_used(info);
    *(struct siginfo_rest *)(siginfo_used(&f->info) + 1) = (struct siginfo_rest){0};
    uc->uc_flags = 0;
    uc->uc_link = 0;
    uc->uc_stack = t->altstack;
    if (!t->altstack.ss_size)
        uc->uc_stack.ss_flags = SS_DISABLE;
    uc->uc_sigmask = mask;
    copy_registers(uc->uc_mcontext.gregs, frame);
    copy_registers(uc->uc_mcontext.fpregs.d.f, fpu->f);
    uc->uc_mcontext.fpregs.d.fcsr = fpu->fcsr;
    for (unsigned i = 0; i < ARRAY_SIZE(uc->uc_mcontext.fpregs.q.reserved); i++)
        uc->uc_mcontext.fpregs.q.reserved[i] = 0;
}

static __attribute__((noinline)) int frame_write_copy(uaddr_t sp, const struct task *t,
                                                      const struct trapframe *frame,
                                                      const struct siginfo *info, u64 mask)
{
    struct rt_sigframe copy;

    memset(&copy, 0, sizeof(copy));
    frame_fill(&copy, t, frame, info, mask);
    return copy_to_user(sp, &copy, sizeof(copy));
}

// In place if the frame lies within one page that is there.
static int frame_write(uaddr_t sp, struct task *t, const struct trapframe *frame,
                       const struct siginfo *info, u64 mask)
{
    struct rt_sigframe *f;

    arch_fpu_save(&t->thread->arch);
    irq_disable();
    f = user_window(sp, sizeof(*f), ACCESS_WRITE);
    if (likely(f))
        frame_fill(f, t, frame, info, mask);
    irq_enable();
    return likely(f) ? 0 : frame_write_copy(sp, t, frame, info, mask);
}

int signal_frame_push(struct trapframe *frame, int sig, const struct siginfo *info,
                      const struct k_sigaction *action, u64 mask)
{
    struct task *t = task_self();
    uaddr_t sp = frame_place(t, frame, action);

    if (!sp || frame_write(sp, t, frame, info, mask))
        return -EFAULT;
    if (unlikely(t->altstack.ss_flags))
        t->altstack = (struct sigstack){0}; // SS_AUTODISARM: the frame brings it back
    frame->pc = action->handler;
    frame->x[FRAME_RA] = vdso_sigreturn(t->thread->space);
    frame->x[FRAME_SP] = sp;
    frame->x[FRAME_A0] = sig;
    frame->x[FRAME_A1] = sp + offsetof(struct rt_sigframe, info);
    frame->x[FRAME_A2] = sp + offsetof(struct rt_sigframe, uc);
    return 0;
}

// What a handler has written there counts as by sigaltstack(2), whose errors nobody is told.
static inline void altstack_restore(struct task *t, const struct sigstack *stack, uaddr_t sp)
{
    struct sigstack new = *stack;

    if (new.ss_sp != t->altstack.ss_sp || new.ss_size != t->altstack.ss_size ||
        (new.ss_flags & ~SS_DISABLE) != t->altstack.ss_flags)
        (void)signal_altstack(&new, NULL, sp);
}

static void frame_restore(const struct ucontext *uc, struct task *t, struct trapframe *frame)
{
    copy_registers(frame, uc->uc_mcontext.gregs);
    copy_registers(t->thread->arch.fpu.f, uc->uc_mcontext.fpregs.d.f);
    t->thread->arch.fpu.fcsr = uc->uc_mcontext.fpregs.d.fcsr;
    arch_fpu_drop(&t->thread->arch);
    altstack_restore(t, &uc->uc_stack, frame->x[FRAME_SP]);
    signal_set_mask(READ_ONCE(uc->uc_sigmask));
}

// A frame that cannot be read ends the program.
s64 signal_return(struct trapframe *frame)
{
    struct task *t = task_self();
    uaddr_t at = frame->x[FRAME_SP] + offsetof(struct rt_sigframe, uc);
    struct ucontext copy, *uc = NULL;

    arch_self()->in_syscall = 0;
    irq_disable();
    if (IS_ALIGNED(at, 16))
        uc = user_window(at, sizeof(*uc), ACCESS_READ);
    if (unlikely(!uc)) {
        irq_enable();
        if (!IS_ALIGNED(at, 16) || copy_from_user(&copy, at, sizeof(copy))) {
            signal_force(SIGSEGV, SI_KERNEL, 0);
            return 0;
        }
        uc = &copy;
        irq_disable();
    }
    frame_restore(uc, t, frame);
    irq_enable();
    return (s64)frame->x[FRAME_A0];
}
