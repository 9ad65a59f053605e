// SPDX-License-Identifier: MIT
// What the firmware's files share: machine registers, the per-hart record, entry points.
#pragma once

/* Shared with the assembly. */
#define FW_BASE       0x80000000
#define FW_SIZE       0x200000 /* a power of two: one PMP entry covers it */
#define FW_HARTS      64
#define FW_STACK_SIZE 2048
#define FRAME_SIZE    160

#ifndef __ASSEMBLER__

#include "lib/types.h"

#define CSR_READ(name)                                                       \
    ({                                                                       \
        u64 csr_value_;                                                      \
        __asm__ volatile("csrr %0, " #name : "=r"(csr_value_) : : "memory"); \
        csr_value_;                                                          \
    })
#define CSR_WRITE(name, value) \
    __asm__ volatile("csrw " #name ", %0" : : "r"((u64)(value)) : "memory")
#define CSR_SET(name, bits)   __asm__ volatile("csrs " #name ", %0" : : "r"((u64)(bits)) : "memory")
#define CSR_CLEAR(name, bits) __asm__ volatile("csrc " #name ", %0" : : "r"((u64)(bits)) : "memory")

/* Bits of mip, mie and mideleg. */
#define IRQ_SSI (1UL << 1)
#define IRQ_MSI (1UL << 3)
#define IRQ_STI (1UL << 5)
#define IRQ_MTI (1UL << 7)
#define IRQ_SEI (1UL << 9)

/* SBI errors. */
#define SBI_ERR_FAILED            (-1)
#define SBI_ERR_NOT_SUPPORTED     (-2)
#define SBI_ERR_INVALID_PARAM     (-3)
#define SBI_ERR_INVALID_ADDRESS   (-5)
#define SBI_ERR_ALREADY_AVAILABLE (-6)

/* Harts in the device tree are STOPPED until they start, whether or not they got here yet. */
enum hart_state {
    HART_STARTED = 0,
    HART_STOPPED = 1,
    HART_START_PENDING = 2,
    HART_SUSPENDED = 4,
};

/* Why a hart was interrupted; bits of hart.pending. */
enum ipi_bit {
    IPI_SOFT = 1,  /* pass on to supervisor mode */
    IPI_FENCE = 2, /* do what fence_request says */
};

struct hart {
    u32 state;       /* (a) enum hart_state */
    u32 pending;     /* (a) enum ipi_bit */
    u32 start_ready; /* (a) set after the next two, by the hart that claimed START_PENDING */
    u64 start_addr;
    u64 start_arg;
};

/* The caller's registers; the assembly in entry.S knows the order. */
struct trap_frame {
    u64 ra, t0, t1, t2, a0, a1, a2, a3, a4, a5, a6, a7, t3, t4, t5, t6;
    u64 sp;
    u64 mepc;
    u64 mstatus;
    u64 pad;
};
_Static_assert(sizeof(struct trap_frame) == FRAME_SIZE, "entry.S");

enum fence_kind { FENCE_I, FENCE_VMA, FENCE_VMA_ASID };

struct fence_request {
    u32 kind; /* enum fence_kind */
    u64 start;
    u64 size;
    u64 asid;
    u64 owner; /* the hart that waits for the answers; fence_send fills it in */
};

/* entry.S */
extern char fw_end[];
void trap_entry(void);
void payload_enter(u64 hart, u64 arg, u64 entry) __attribute__((noreturn));
/* Each returns -1 where the access traps, else what menvcfg then reads, 0, the byte, 0. */
u64 probe_menvcfg(u64 bits);
u64 probe_stimecmp(void);
s64 probe_load(u64 addr);
s64 probe_store(u64 addr, u8 byte);

/* main.c */
extern u32 boot_done;
void boot_main(u64 hart, const void *tree, const u64 *info) __attribute__((noreturn));
void hart_init(u64 hart) __attribute__((noreturn));
void trap_handle(struct trap_frame *frame);
void trap_fatal(void) __attribute__((noreturn));
int timer_has_sstc(void);

/* hart.c */
struct hart *hart_find(u64 hart);
u64 hart_self(void);
void hart_add(u64 hart);
void hart_park(void) __attribute__((noreturn));
s64 hart_start(u64 hart, u64 addr, u64 arg);
void hart_stop(void) __attribute__((noreturn));
s64 hart_suspend(u32 type);
/* The harts base + n for each bit n of mask, or all for base -1, as bits of *out. */
s64 hart_select(u64 mask, u64 base, u64 *out);
void ipi_send(u64 harts, u32 bit);
void ipi_handle(void);
/* Returns when every hart in the set has done the fence. */
void fence_send(u64 harts, const struct fence_request *request);

/* fdt.c: reports every hart under /cpus of the device tree with hart_add. */
void fdt_find_harts(const void *tree);

/* sbi.c: serves the call in the frame's registers. */
void sbi_call(struct trap_frame *frame);

/* console.c */
void console_init(void);
void console_put(u8 byte);
int console_get(void); /* -1 when nothing has arrived */
void console_lock(void);
void console_unlock(void);
void console_print(const char *text);
void console_print_hex(u64 value);

static inline volatile u32 *clint_msip(u64 hart)
{
    return (volatile u32 *)(0x2000000 + 4 * hart);
}

static inline volatile u64 *clint_mtimecmp(u64 hart)
{
    return (volatile u64 *)(0x2004000 + 8 * hart);
}

#endif
