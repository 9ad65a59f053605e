// SPDX-License-Identifier: MIT
// PLIC: one context a hart; every source goes to the boot hart, so that no interrupt wakes several.
#include "drivers/plic.h"
#include "abi/errno.h"
#include "arch/mmu.h"
#include "arch/smp.h"
#include "base/devicetree.h"
#include "base/log.h"
#include "base/spinlock.h"
#include "drivers/mmio.h"

#define PLIC_ENABLE         0x2000UL
#define PLIC_ENABLE_STRIDE  0x80UL
#define PLIC_CONTEXT        0x200000UL
#define PLIC_CONTEXT_STRIDE 0x1000UL
#define PLIC_THRESHOLD      0
#define PLIC_CLAIM          4

struct plic_source {
    void (*handler)(void *arg); // (a) set after arg
    void *arg;                  // (c) once handler is set
};

static u8 *plic_sources;  // (c) priorities and enable bits
static u8 *plic_contexts; // (c) threshold and claim registers
static struct spinlock plic_lock = SPINLOCK_INIT(RANK_DEVICE);
static struct plic_source sources[PLIC_SOURCES];

static u8 *plic_enable_word(unsigned hart, u32 irq)
{
    return plic_sources + PLIC_ENABLE + machine.plic_context[hart] * PLIC_ENABLE_STRIDE +
           irq / 32 * 4;
}

static u8 *plic_context(unsigned hart)
{
    return plic_contexts + machine.plic_context[hart] * PLIC_CONTEXT_STRIDE;
}

// Only the registers in use are mapped: they are far apart.
int plic_init(void)
{
    unsigned last = 0;

    if (!machine.plic.reg.size)
        return -ENODEV;
    for (unsigned i = 0; i < machine.hart_count; i++)
        last = MAX(last, machine.plic_context[i]);
    plic_sources =
        mmu_ioremap(machine.plic.reg.base, PLIC_ENABLE + (last + 1) * PLIC_ENABLE_STRIDE);
    plic_contexts =
        mmu_ioremap(machine.plic.reg.base + PLIC_CONTEXT, (last + 1) * PLIC_CONTEXT_STRIDE);
    if (!plic_sources || !plic_contexts)
        return -ENOMEM;
    for (unsigned i = 0; i < machine.hart_count; i++) {
        for (u32 irq = 0; irq < PLIC_SOURCES; irq += 32)
            mmio_write32(plic_enable_word(i, irq), 0);
        mmio_write32(plic_context(i) + PLIC_THRESHOLD, 0);
    }
    return 0;
}

int plic_register(u32 irq, void (*handler)(void *arg), void *arg)
{
    irqflags_t flags;
    u8 *word;

    if (irq == 0 || irq >= PLIC_SOURCES || !plic_sources || sources[irq].handler)
        return -EINVAL;
    sources[irq].arg = arg;
    store_release(&sources[irq].handler, handler);
    flags = spin_lock_irqsave(&plic_lock);
    mmio_write32(plic_sources + irq * 4, 1);
    word = plic_enable_word(0, irq);
    mmio_write32(word, mmio_read32(word) | 1U << irq % 32);
    spin_unlock_irqrestore(&plic_lock, flags);
    return 0;
}

void plic_dispatch(void)
{
    u8 *context = plic_context(hart_index());
    u32 irq;

    while ((irq = mmio_read32(context + PLIC_CLAIM)) != 0) {
        if (irq < PLIC_SOURCES && load_acquire(&sources[irq].handler))
            sources[irq].handler(sources[irq].arg);
        mmio_write32(context + PLIC_CLAIM, irq);
    }
}
