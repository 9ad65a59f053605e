// SPDX-License-Identifier: MIT
// Calls to the firmware (RISC-V SBI specification 1.0 and, where offered, 2.0's console).
#include "arch/sbi.h"
#include "abi/errno.h"
#include "arch/boot.h"
#include "arch/irq.h"
#include "arch/riscv/asm.h"
#include "lib/macro.h"

enum { SBI_LEGACY_PUTCHAR = 1, SBI_LEGACY_SHUTDOWN = 8, SBI_BASE = 0x10, SBI_TIME = 0x54494d45 };
enum { SBI_IPI = 0x735049, SBI_SRST = 0x53525354, SBI_DBCN = 0x4442434e };

#define SBI_BASE_PROBE     3
#define SBI_RESET_SHUTDOWN 0
#define SBI_RESET_COLD     1
#define SBI_HSM_START      0
#define SBI_HSM_STATUS     2
#define SBI_HSM_STOPPED    1 // a status
#define CONSOLE_CHUNK      128

struct sbi_result {
    s64 error, value;
};

static struct sbi_result sbi_call(u64 extension, u64 function, u64 a0, u64 a1, u64 a2)
{
    register u64 r0 __asm__("a0") = a0;
    register u64 r1 __asm__("a1") = a1;
    register u64 r2 __asm__("a2") = a2;
    register u64 r6 __asm__("a6") = function;
    register u64 r7 __asm__("a7") = extension;

    __asm__ volatile("ecall" : "+r"(r0), "+r"(r1) : "r"(r2), "r"(r6), "r"(r7) : "memory");
    return (struct sbi_result){(s64)r0, (s64)r1};
}

void sbi_send_ipi(u64 hart_mask, u64 base)
{
    sbi_call(SBI_IPI, 0, hart_mask, base, 0);
}

void sbi_set_timer(u64 time)
{
    sbi_call(SBI_TIME, 0, time, 0, 0);
}

int sbi_hart_start(u64 hart, paddr_t entry, u64 arg)
{
    return sbi_call(SBI_HSM, SBI_HSM_START, hart, entry, arg).error ? -EIO : 0;
}

bool sbi_hart_stopped(u64 hart)
{
    struct sbi_result r = sbi_call(SBI_HSM, SBI_HSM_STATUS, hart, 0, 0);

    return r.error == 0 && r.value == SBI_HSM_STOPPED;
}

void sbi_system_reset(bool reboot)
{
    sbi_call(SBI_SRST, 0, reboot ? SBI_RESET_COLD : SBI_RESET_SHUTDOWN, 0, 0);
    sbi_call(SBI_LEGACY_SHUTDOWN, 0, 0, 0, 0);
    irq_disable();
    for (;;)
        irq_wait();
}

// The firmware takes physical addresses, and the text may lie anywhere: it goes through the image.
static size_t console_write_chunk(const char *s, size_t n)
{
    static char buffer[CONSOLE_CHUNK];
    struct sbi_result r;

    n = MIN(n, sizeof(buffer));
    for (size_t i = 0; i < n; i++)
        buffer[i] = s[i];
    r = sbi_call(SBI_DBCN, 0, n, image_to_phys(buffer), 0);
    return r.error || r.value <= 0 ? n : (size_t)r.value;
}

void sbi_console_write(const char *s, size_t n)
{
    static int has_dbcn = -1; // (c) after the first call, on the boot hart

    if (has_dbcn < 0)
        has_dbcn = sbi_call(SBI_BASE, SBI_BASE_PROBE, SBI_DBCN, 0, 0).value > 0;
    for (size_t done = 0; done < n;) {
        if (has_dbcn)
            done += console_write_chunk(s + done, n - done);
        else
            sbi_call(SBI_LEGACY_PUTCHAR, 0, (u8)s[done++], 0, 0);
    }
}
