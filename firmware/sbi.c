// SPDX-License-Identifier: MIT
// The supervisor binary interface (RISC-V SBI specification 2.0), one function an extension.
#include "firmware.h"

#define SBI_SPEC_VERSION (2 << 24)
#define SBI_IMPL_ID      0x52697675 /* not registered */
#define SBI_IMPL_VERSION 1

#define TEST_DEVICE ((volatile u32 *)0x100000)
#define TEST_PASS   0x5555
#define TEST_FAIL   0x13333 /* exit status 1 */
#define TEST_RESET  0x7777

/* A call's arguments a0.. in arg[]; the value goes to *value, the error is returned. */
typedef s64 sbi_handler(u64 function, const u64 *arg, u64 *value);

struct sbi_extension {
    u64 id;
    sbi_handler *handle;
};

static sbi_handler base_call, time_call, ipi_call, rfence_call, hsm_call, srst_call, dbcn_call;

static const struct sbi_extension extensions[] = {
    {0x10, base_call},         {0x54494d45, time_call}, {0x735049, ipi_call},
    {0x52464e43, rfence_call}, {0x48534d, hsm_call},    {0x53525354, srst_call},
    {0x4442434e, dbcn_call},
};

static sbi_handler *extension_find(u64 id)
{
    for (u64 i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++)
        if (extensions[i].id == id)
            return extensions[i].handle;
    return 0;
}

static s64 base_call(u64 function, const u64 *arg, u64 *value)
{
    switch (function) {
    case 0:
        *value = SBI_SPEC_VERSION;
        return 0;
    case 1:
        *value = SBI_IMPL_ID;
        return 0;
    case 2:
        *value = SBI_IMPL_VERSION;
        return 0;
    case 3: /* the two legacy console calls are there as well */
        *value = extension_find(arg[0]) || arg[0] == 1 || arg[0] == 2;
        return 0;
    case 4:
        *value = CSR_READ(mvendorid);
        return 0;
    case 5:
        *value = CSR_READ(marchid);
        return 0;
    case 6:
        *value = CSR_READ(mimpid);
        return 0;
    default:
        return SBI_ERR_NOT_SUPPORTED;
    }
}

/* set_timer, which also takes a pending timer interrupt back. */
static s64 time_call(u64 function, const u64 *arg, u64 *value)
{
    if (function != 0)
        return SBI_ERR_NOT_SUPPORTED;
    if (timer_has_sstc()) {
        CSR_WRITE(0x14d, arg[0]); /* stimecmp */
        return 0;
    }
    *clint_mtimecmp(hart_self()) = arg[0];
    CSR_CLEAR(mip, IRQ_STI);
    CSR_SET(mie, IRQ_MTI);
    return 0;
}

static s64 ipi_call(u64 function, const u64 *arg, u64 *value)
{
    u64 set;
    s64 error = function ? SBI_ERR_NOT_SUPPORTED : hart_select(arg[0], arg[1], &set);

    if (!error)
        ipi_send(set, IPI_SOFT);
    return error;
}

static s64 rfence_call(u64 function, const u64 *arg, u64 *value)
{
    struct fence_request request = {function, arg[2], arg[3], arg[4], 0};
    u64 set;

    if (function > FENCE_VMA_ASID)
        return SBI_ERR_NOT_SUPPORTED;
    s64 error = hart_select(arg[0], arg[1], &set);
    if (!error)
        fence_send(set, &request);
    return error;
}

static s64 hsm_call(u64 function, const u64 *arg, u64 *value)
{
    struct hart *hart;

    switch (function) {
    case 0:
        return hart_start(arg[0], arg[1], arg[2]);
    case 1:
        hart_stop();
    case 2:
        hart = hart_find(arg[0]);
        if (!hart)
            return SBI_ERR_INVALID_PARAM;
        *value = __atomic_load_n(&hart->state, __ATOMIC_SEQ_CST);
        return 0;
    case 3:
        return hart_suspend(arg[0]);
    default:
        return SBI_ERR_NOT_SUPPORTED;
    }
}

/* system_reset: type 0 ends the machine, 1 and 2 start it again. */
static s64 srst_call(u64 function, const u64 *arg, u64 *value)
{
    u32 type = arg[0], reason = arg[1];

    if (function != 0)
        return SBI_ERR_NOT_SUPPORTED;
    if (type > 2 || reason > 1)
        return SBI_ERR_INVALID_PARAM;
    if (type == 0)
        *TEST_DEVICE = reason ? TEST_FAIL : TEST_PASS;
    else
        *TEST_DEVICE = TEST_RESET;
    for (;;)
        __asm__ volatile("wfi");
}

/* Write (or read) up to count bytes at a physical address that the caller may use itself. */
static s64 dbcn_transfer(u64 count, u64 addr, int reading, u64 *done)
{
    if (addr + count < addr || (addr < FW_BASE + FW_SIZE && addr + count > FW_BASE))
        return SBI_ERR_INVALID_PARAM;
    for (*done = 0; *done < count; ++*done) {
        s64 byte = reading ? console_get() : probe_load(addr + *done);

        if (byte < 0)
            return reading || *done ? 0 : SBI_ERR_INVALID_PARAM;
        if (!reading)
            console_put(byte);
        else if (probe_store(addr + *done, byte))
            return SBI_ERR_INVALID_PARAM;
    }
    return 0;
}

static s64 dbcn_call(u64 function, const u64 *arg, u64 *value)
{
    s64 error = 0;

    if (function > 2)
        return SBI_ERR_NOT_SUPPORTED;
    if (function < 2 && arg[2] != 0)
        return SBI_ERR_INVALID_PARAM;
    console_lock();
    if (function == 2)
        console_put(arg[0]);
    else
        error = dbcn_transfer(arg[0], arg[1], function == 1, value);
    console_unlock();
    return error;
}

void sbi_call(struct trap_frame *frame)
{
    sbi_handler *handle = extension_find(frame->a7);
    u64 value = 0;

    if (frame->a7 == 1) { /* legacy putchar: only a0 changes */
        console_lock();
        console_put(frame->a0);
        console_unlock();
        frame->a0 = 0;
    } else if (frame->a7 == 2) { /* legacy getchar */
        frame->a0 = (s64)console_get();
    } else {
        frame->a0 = handle ? handle(frame->a6, &frame->a0, &value) : SBI_ERR_NOT_SUPPORTED;
        frame->a1 = value;
    }
}
