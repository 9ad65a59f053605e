// SPDX-License-Identifier: MIT
// FP state, switched lazily.
//
// A hart's FP registers hold the state of hart->fpu_owner as long as that thread's fpu_hart names
// the hart; both must agree, so either side can end the claim by itself. sstatus.FS is Off while
// the running thread does not own the registers: its first FP instruction traps and loads them.
// Clean means that t->fpu equals the registers. A thread that leaves a hart with Dirty registers
// is saved at once (it may resume elsewhere) but keeps its claim, so coming back costs nothing.
#include "arch/irq.h"
#include "arch/riscv/asm.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/trap.h"
#include "lib/string.h"

static_assert(offsetof(struct fpu_state, fcsr) == 256, "fpu.S");

static void fpu_set_status(u64 fs)
{
    csr_clear(sstatus, STATUS_FS);
    csr_set(sstatus, fs);
}

static bool fpu_owned(const struct arch_thread *t)
{
    return hart_self()->fpu_owner == t && t->fpu_hart == hart_index();
}

void fpu_switch(struct arch_thread *from, struct arch_thread *to)
{
    u64 fs = csr_read(sstatus) & STATUS_FS;
    u64 next = fpu_owned(to) ? STATUS_FS_CLEAN : 0;

    if (fs == STATUS_FS)
        fpu_store(&from->fpu);
    if (fs != next)
        fpu_set_status(next);
}

void arch_fpu_save(struct arch_thread *t)
{
    irqflags_t flags = irq_save();

    if ((csr_read(sstatus) & STATUS_FS) == STATUS_FS) {
        fpu_store(&t->fpu);
        fpu_set_status(STATUS_FS_CLEAN);
    }
    irq_restore(flags);
}

void arch_fpu_drop(struct arch_thread *t)
{
    irqflags_t flags = irq_save();

    t->fpu_hart = FPU_NO_HART;
    if (t == arch_self())
        csr_clear(sstatus, STATUS_FS);
    irq_restore(flags);
}

void arch_fpu_reset(struct arch_thread *t)
{
    arch_fpu_drop(t);
    memset(&t->fpu, 0, sizeof(t->fpu));
}

// An illegal instruction in user mode, interrupts off: true if it may only have lacked the FP
// registers. It is tried again with them; one that is illegal all the same then traps once more.
bool fpu_trap(void)
{
    struct arch_thread *self = arch_self();

    if (csr_read(sstatus) & STATUS_FS)
        return false;
    fpu_set_status(STATUS_FS_CLEAN);
    fpu_load(&self->fpu);
    fpu_set_status(STATUS_FS_CLEAN);
    hart_self()->fpu_owner = self;
    self->fpu_hart = self->hart;
    return true;
}
