// SPDX-License-Identifier: MIT
// Per-hart state of the machine layer, and the mailboxes between harts.
#pragma once
#include "arch/csr.h"
#include "arch/mmu.h"
#include "arch/preempt.h"
#include "arch/thread.h"
#include "arch/upcalls.h"

enum { IPI_RESCHEDULE = 1, IPI_SERVE = 2, IPI_CALL = 4, IPI_STOP = 8 };

enum shootdown_kind { SHOOT_RANGE, SHOOT_LEAVE, SHOOT_ICACHE, SHOOT_KERNEL };

// One hart's request to others; the owner waits until `pending` is 0.
struct shootdown {
    struct mmu_space *space;
    uaddr_t start, end;
    enum shootdown_kind kind;
    u64 pending;  // (a) hart bits that have not answered
    u32 sleeping; // (a) the owner wants an interrupt when `pending` becomes 0
};

struct hart {
    struct mmu_space *space; // (a) written by own hart; what it runs or switches to, NULL: kernel's
    struct mmu_space
        *tables; // (a) written by own hart; whose tables satp points at, NULL: kernel's
    u64 satp;    // (h)
    struct arch_thread *fpu_owner; // (h) whose state the FP registers hold, if its fpu_hart agrees
    u64 requests;                  // (a) bit per hart whose shootdown waits for this one
    u32 ipi;                       // (a) IPI_*
    u32 flush_all;                 // (a) ASIDs were recycled: flush at the next switch
    struct shootdown shootdown;    // (h) own request to others
} __attribute__((aligned(128)));

extern struct hart harts[MAX_HARTS];

static inline struct hart *hart_self(void)
{
    return &harts[hart_index()];
}

// smp.c: sends `bits` to the harts of a mask of hart indexes.
void smp_send(u64 mask, u32 bits);
void smp_interrupt(void); // software interrupt
// Does `kind` on the harts of `mask` (not this one) and waits; preemption off, interrupts on.
void smp_shootdown(u64 mask, enum shootdown_kind kind, struct mmu_space *space, uaddr_t start,
                   uaddr_t end);

// mmu.c: the local half of a request.
void mmu_shootdown_local(const struct shootdown *s);

// trap.c, fpu.c, entry.S
void trap_entry(void);
bool fpu_trap(void);
void fpu_store(struct fpu_state *out);
void fpu_load(const struct fpu_state *in);

// uaccess back end: true if the kernel-mode fault was in a user copy and `frame` now retries or
// reports it.
bool uaccess_trap(struct trapframe *frame);
