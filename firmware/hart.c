// SPDX-License-Identifier: MIT
// Hart states, interrupts between harts and remote fences.
#include "firmware.h"

/*
 * The firmware runs with interrupts off, so a hart that waits for another must
 * itself answer: every waiting loop calls ipi_handle. Fences go one at a time:
 * fence_owner guards the request, and fence_waiting counts the harts that have
 * not done it. Waiting harts sleep in wfi: the last one to answer interrupts the
 * owner, and the owner that leaves interrupts the harts in fence_queue. The
 * software interrupt stays pending until ipi_handle, so neither can be missed.
 * A stopped hart answers from its parking loop, so a hart that stops between
 * being selected and being interrupted holds nobody up.
 */

#define FENCE_PAGES_MAX 64 /* longer ranges flush everything */

static struct hart harts[FW_HARTS];
static u64 harts_present;              /* (c) */
static u32 fence_owner;                /* (a) */
static u32 fence_waiting;              /* (a) */
static u64 fence_queue;                /* (a) */
static struct fence_request fence_now; /* (fence_owner) */

u64 hart_self(void)
{
    return CSR_READ(mhartid);
}

struct hart *hart_find(u64 hart)
{
    return hart < FW_HARTS && harts_present >> hart & 1 ? &harts[hart] : 0;
}

void hart_add(u64 hart)
{
    if (hart >= FW_HARTS)
        return;
    harts_present |= 1UL << hart;
    harts[hart].state = HART_STOPPED;
}

void hart_park(void)
{
    u64 id = hart_self();
    struct hart *self = &harts[id];

    CSR_WRITE(mie, IRQ_MSI);
    while (!__atomic_load_n(&self->start_ready, __ATOMIC_ACQUIRE)) {
        __asm__ volatile("wfi");
        ipi_handle();
    }
    u64 addr = self->start_addr, arg = self->start_arg;
    self->start_ready = 0;
    __atomic_fetch_and(&self->pending, ~IPI_SOFT, __ATOMIC_SEQ_CST);
    CSR_WRITE(sie, 0);
    CSR_WRITE(mie, IRQ_MSI);
    CSR_CLEAR(mip, IRQ_SSI | IRQ_STI);
    CSR_WRITE(satp, 0);
    CSR_WRITE(stvec, 0);
    CSR_WRITE(mstatus, 1UL << 11); /* MPP: supervisor; everything else off */
    __asm__ volatile("sfence.vma\n\tfence.i" : : : "memory");
    __atomic_store_n(&self->state, HART_STARTED, __ATOMIC_SEQ_CST);
    payload_enter(id, arg, addr);
}

s64 hart_start(u64 hart, u64 addr, u64 arg)
{
    struct hart *target = hart_find(hart);
    u32 stopped = HART_STOPPED;

    if (!target)
        return SBI_ERR_INVALID_PARAM;
    if ((addr & 1) || addr - FW_BASE < FW_SIZE)
        return SBI_ERR_INVALID_ADDRESS;
    if (!__atomic_compare_exchange_n(&target->state, &stopped, HART_START_PENDING, 0,
                                     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return SBI_ERR_ALREADY_AVAILABLE;
    target->start_addr = addr;
    target->start_arg = arg;
    __atomic_store_n(&target->start_ready, 1, __ATOMIC_SEQ_CST);
    *clint_msip(hart) = 1;
    return 0;
}

void hart_stop(void)
{
    u64 id = hart_self();

    __atomic_store_n(&harts[id].state, HART_STOPPED, __ATOMIC_SEQ_CST);
    hart_park();
}

/* Only the default retentive state. Waking without a cause is allowed. */
s64 hart_suspend(u32 type)
{
    struct hart *self = &harts[hart_self()];

    if (type == 0x80000000)
        return SBI_ERR_NOT_SUPPORTED;
    if (type != 0)
        return SBI_ERR_INVALID_PARAM;
    __atomic_store_n(&self->state, HART_SUSPENDED, __ATOMIC_SEQ_CST);
    __asm__ volatile("wfi");
    __atomic_store_n(&self->state, HART_STARTED, __ATOMIC_SEQ_CST);
    return 0;
}

s64 hart_select(u64 mask, u64 base, u64 *out)
{
    u64 chosen = harts_present;

    if (base != ~0UL) {
        if (mask && (base >= FW_HARTS || mask << base >> base != mask))
            return SBI_ERR_INVALID_PARAM;
        chosen = mask ? mask << base : 0;
        if (chosen & ~harts_present)
            return SBI_ERR_INVALID_PARAM;
    }
    *out = 0;
    for (u64 id = 0; id < FW_HARTS; id++) {
        u32 state = __atomic_load_n(&harts[id].state, __ATOMIC_SEQ_CST);

        if (!(chosen >> id & 1))
            continue;
        if (state == HART_STARTED || state == HART_SUSPENDED)
            *out |= 1UL << id;
    }
    return 0;
}

void ipi_send(u64 set, u32 bit)
{
    for (u64 id = 0; id < FW_HARTS; id++) {
        if (!(set >> id & 1))
            continue;
        __atomic_fetch_or(&harts[id].pending, bit, __ATOMIC_SEQ_CST);
        __asm__ volatile("fence rw, o" : : : "memory");
        *clint_msip(id) = 1;
    }
}

static void fence_vma(const struct fence_request *r)
{
    u64 first = r->start >> 12, pages = ((r->start & 0xfff) + r->size + 0xfff) >> 12;
    int whole = r->size == 0 || r->size == ~0UL || r->size > FENCE_PAGES_MAX << 12;
    int with_asid = r->kind == FENCE_VMA_ASID;

    if (whole && with_asid)
        __asm__ volatile("sfence.vma zero, %0" : : "r"(r->asid) : "memory");
    else if (whole)
        __asm__ volatile("sfence.vma" : : : "memory");
    for (u64 page = first; !whole && page < first + pages; page++) {
        u64 addr = page << 12;

        if (with_asid)
            __asm__ volatile("sfence.vma %0, %1" : : "r"(addr), "r"(r->asid) : "memory");
        else
            __asm__ volatile("sfence.vma %0" : : "r"(addr) : "memory");
    }
}

void ipi_handle(void)
{
    u64 id = hart_self();

    if (!(CSR_READ(mip) & IRQ_MSI))
        return;
    *clint_msip(id) = 0;
    __asm__ volatile("fence o, rw" : : : "memory");
    u32 bits = __atomic_exchange_n(&harts[id].pending, 0, __ATOMIC_SEQ_CST);
    if (bits & IPI_SOFT)
        CSR_SET(mip, IRQ_SSI);
    if (bits & IPI_FENCE) {
        if (fence_now.kind == FENCE_I)
            __asm__ volatile("fence.i" : : : "memory");
        else
            fence_vma(&fence_now);
        u64 owner = fence_now.owner; /* the request may change after the last answer */
        if (__atomic_sub_fetch(&fence_waiting, 1, __ATOMIC_SEQ_CST) == 0 && owner != id)
            ipi_send(1UL << owner, 0);
    }
}

void fence_send(u64 set, const struct fence_request *request)
{
    u64 self = hart_self();
    u32 count = 0;

    for (u64 rest = set; rest; rest &= rest - 1)
        count++;
    while (__atomic_exchange_n(&fence_owner, 1, __ATOMIC_SEQ_CST)) {
        __atomic_fetch_or(&fence_queue, 1UL << self, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&fence_owner, __ATOMIC_SEQ_CST))
            __asm__ volatile("wfi");
        ipi_handle();
    }
    fence_now = *request;
    fence_now.owner = self;
    __atomic_store_n(&fence_waiting, count, __ATOMIC_SEQ_CST);
    ipi_send(set, IPI_FENCE);
    ipi_handle();
    while (__atomic_load_n(&fence_waiting, __ATOMIC_SEQ_CST)) {
        __asm__ volatile("wfi");
        ipi_handle();
    }
    __atomic_store_n(&fence_owner, 0, __ATOMIC_SEQ_CST);
    ipi_send(__atomic_exchange_n(&fence_queue, 0, __ATOMIC_SEQ_CST), 0);
}
