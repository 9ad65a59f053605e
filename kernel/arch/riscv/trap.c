// SPDX-License-Identifier: MIT
// Traps behind entry.S: decides what a trap is and calls the layer above.
#include "arch/riscv/trap.h"
#include "abi/errno.h"
#include "arch/irq.h"
#include "arch/riscv/asm.h"
#include "arch/riscv/hart.h"
#include "arch/timer.h"
#include "arch/uaccess.h"
#include "arch/upcalls.h"
#include "lib/format.h"
#include "lib/string.h"

#define CAUSE_INTERRUPT         (1UL << 63)
#define INSTRUCTION_ECALL       0x73
#define INTERRUPT_CODE_SOFTWARE 1
#define INTERRUPT_CODE_TIMER    5
#define INTERRUPT_CODE_EXTERNAL 9
#define SIE_ALL \
    (1UL << INTERRUPT_CODE_SOFTWARE | 1UL << INTERRUPT_CODE_TIMER | 1UL << INTERRUPT_CODE_EXTERNAL)

enum { CAUSE_ILLEGAL = 2, CAUSE_FETCH_FAULT = 12, CAUSE_LOAD_FAULT = 13 };

const char *(*arch_thread_name)(const struct arch_thread *t);

void hart_init(void)
{
    csr_write(stvec, trap_entry);
    csr_write(sscratch, 0UL);
    csr_clear(sstatus, STATUS_SIE | STATUS_SPP | STATUS_FS | STATUS_VS | STATUS_SUM);
    csr_set(sstatus, STATUS_SPIE);
    arch_self()->fpu_hart = FPU_NO_HART;
    csr_write(scounteren, 7UL); // user code reads cycle, time and instret
    csr_write(sie, SIE_ALL);
    timer_arm(~0UL);
}

// Whether the program was at work. An interrupt that comes while a system call returns, with
// interrupts off, is taken behind the ecall: then it was the kernel.
static bool user_at_work(uaddr_t pc)
{
    const void *call = user_window(pc - sizeof(u32), sizeof(u32), ACCESS_EXEC);
    u32 instruction = 0;

    if (call)
        memcpy(&instruction, call, sizeof(instruction));
    return pc && instruction != INSTRUCTION_ECALL;
}

static void interrupt_dispatch(u64 code, uaddr_t user_pc)
{
    if (code == INTERRUPT_CODE_SOFTWARE)
        smp_interrupt();
    else if (code == INTERRUPT_CODE_TIMER)
        up_interrupt(user_at_work(user_pc) ? INTERRUPT_TIMER_USER : INTERRUPT_TIMER_KERNEL);
    else
        up_interrupt(INTERRUPT_EXTERNAL);
}

void trap_interrupt(u64 cause, uaddr_t user_pc)
{
    struct arch_thread *self = arch_self();
    u32 lock_base = self->lock_base;

    if (DEBUG)
        self->lock_base = self->lock_depth;
    interrupt_dispatch(cause & ~CAUSE_INTERRUPT, user_pc);
    if (DEBUG)
        self->lock_base = lock_base;
}

static enum access fault_access(const struct trapframe *frame)
{
    if (frame->cause == CAUSE_FETCH_FAULT)
        return ACCESS_EXEC;
    return frame->cause == CAUSE_LOAD_FAULT ? ACCESS_READ : ACCESS_WRITE;
}

int trap_user_fault(struct trapframe *frame)
{
    struct mmu_space *space = hart_self()->space;

    irq_enable();
    if (frame->tval >= USER_TOP)
        return -EFAULT;
    return up_fault(space, frame->tval, fault_access(frame));
}

void trap_user_exception(struct trapframe *frame, int error)
{
    if (frame->cause == CAUSE_ILLEGAL && fpu_trap())
        return;
    irq_enable();
    up_user_trap(frame, error);
}

void trap_exit_work(struct trapframe *frame)
{
    while (READ_ONCE(arch_self()->work) & ~(WORK_TRACE | WORK_PTRACE)) {
        irq_enable();
        up_exit_work(frame);
        irq_disable();
    }
}

static const char *kernel_trap_name(u64 cause)
{
    static const char *const names[] = {
        [0] = "misaligned fetch", [1] = "fetch access fault", [2] = "illegal instruction",
        [3] = "breakpoint",       [4] = "misaligned load",    [5] = "load access fault",
        [6] = "misaligned store", [7] = "store access fault", [12] = "fetch page fault",
        [13] = "load page fault", [15] = "store page fault",
    };

    return cause < ARRAY_SIZE(names) && names[cause] ? names[cause] : "unknown trap";
}

static void kernel_trap_panic(const struct trapframe *frame)
{
    const struct arch_thread *self = arch_self();
    char why[128];

    if (stack_overflowed)
        snformat(why, sizeof(why), "kernel stack overflow in thread %s (%p)",
                 arch_thread_name ? arch_thread_name(self) : "", (const void *)self);
    else
        snformat(why, sizeof(why), "kernel %s at %lx, pc %lx", kernel_trap_name(frame->cause),
                 frame->tval, frame->pc);
    up_panic(frame, why);
}

void trap_kernel(struct trapframe *frame)
{
    struct arch_thread *self = arch_self();

    if (frame->cause & CAUSE_INTERRUPT) {
        trap_interrupt(frame->cause, 0);
        if (self->preempt == 0 && READ_ONCE(self->work) & WORK_RESCHED) {
            // SPP and SUM belong to the interrupted code, not to a thread that runs meanwhile.
            csr_clear(sstatus, STATUS_SPP | STATUS_SUM);
            csr_set(sstatus, STATUS_SPIE);
            up_reschedule();
        }
        return;
    }
    if (stack_overflowed || !uaccess_trap(frame))
        kernel_trap_panic(frame);
}
