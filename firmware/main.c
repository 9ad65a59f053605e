// SPDX-License-Identifier: MIT
// The way from reset to the payload, per-hart set-up, and machine-mode traps.
#include "firmware.h"

#define PAYLOAD_DEFAULT 0x80200000
#define INFO_MAGIC      0x4942534f /* "OSBI" */

/* Words of the fw_dynamic information that QEMU passes in a2. */
#define INFO_NEXT_ADDR 2

#define MENVCFG_STCE (1UL << 63) /* stimecmp for supervisor mode */
#define MENVCFG_PBMT (1UL << 62) /* page-based memory types */
#define MENVCFG_CBO  0xf0UL      /* cache-block instructions */

#define CAUSE_INTERRUPT  (1UL << 63)
#define CAUSE_MSI        (CAUSE_INTERRUPT | 3)
#define CAUSE_MTI        (CAUSE_INTERRUPT | 7)
#define CAUSE_SUPERVISOR 9 /* ecall from supervisor mode */

/* All but the environment calls from supervisor and machine mode. */
#define DELEGATED_EXCEPTIONS 0xf0b5ff
#define DELEGATED_INTERRUPTS (IRQ_SSI | IRQ_STI | IRQ_SEI | 1UL << 13)

#define PMP_NAPOT 0x18
#define PMP_RWX   0x07

static int sstc; /* (c) */

int timer_has_sstc(void)
{
    return sstc;
}

/* Entry 0, which wins, shuts supervisor mode out of the firmware; entry 1 allows the rest. */
static void pmp_init(void)
{
    CSR_WRITE(pmpaddr0, FW_BASE >> 2 | ((FW_SIZE >> 3) - 1));
    CSR_WRITE(pmpaddr1, ~0UL >> 10);
    CSR_WRITE(pmpcfg0, (PMP_NAPOT | PMP_RWX) << 8 | PMP_NAPOT);
    __asm__ volatile("sfence.vma" : : : "memory");
}

/*
 * True with Sstc; menvcfg.STCE alone does not tell, as some machines keep the bit without it. No
 * compare value is written here or when a hart starts: mie holds the timer back until set_timer,
 * and QEMU's -icount clock jumps to the farthest time that an idle machine was ever given.
 */
static int timer_init(void)
{
    u64 features = probe_menvcfg(MENVCFG_STCE | MENVCFG_PBMT | MENVCFG_CBO);

    return features != ~0UL && (features & MENVCFG_STCE) && probe_stimecmp() == 0;
}

void hart_init(u64 hart)
{
    pmp_init();
    timer_init();
    CSR_WRITE(medeleg, DELEGATED_EXCEPTIONS);
    CSR_WRITE(mideleg, DELEGATED_INTERRUPTS);
    CSR_WRITE(mcounteren, ~0U);
    CSR_WRITE(scounteren, 7); /* cycle, time, instret; the payload may change it */
    hart_park();
}

void boot_main(u64 hart, const void *tree, const u64 *info)
{
    u64 payload = PAYLOAD_DEFAULT;

    sstc = timer_init();
    if (info && info[0] == INFO_MAGIC && info[INFO_NEXT_ADDR])
        payload = info[INFO_NEXT_ADDR];
    console_init();
    fdt_find_harts(tree);
    hart_add(hart);
    if (hart_start(hart, payload, (u64)tree))
        trap_fatal();
    __atomic_store_n(&boot_done, 1, __ATOMIC_RELEASE);
    hart_init(hart);
}

void trap_fatal(void)
{
    console_print("\r\nfirmware: unexpected trap, mcause ");
    console_print_hex(CSR_READ(mcause));
    console_print(" mepc ");
    console_print_hex(CSR_READ(mepc));
    console_print(" mtval ");
    console_print_hex(CSR_READ(mtval));
    console_print("\r\n");
    for (;;)
        __asm__ volatile("wfi");
}

void trap_handle(struct trap_frame *frame)
{
    switch (CSR_READ(mcause)) {
    case CAUSE_SUPERVISOR:
        frame->mepc += 4;
        sbi_call(frame);
        break;
    case CAUSE_MSI:
        ipi_handle();
        break;
    case CAUSE_MTI: /* pass it on; the next set_timer takes it back */
        CSR_CLEAR(mie, IRQ_MTI);
        CSR_SET(mip, IRQ_STI);
        break;
    default:
        trap_fatal();
    }
}
