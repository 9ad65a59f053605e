// SPDX-License-Identifier: MIT
// Address-space switch, ASIDs and TLB flushes.
//
// Identifiers. A space's asid carries a generation. When identifiers run out the generation rises
// and every hart flushes its whole TLB at its next switch. The recycler writes the generation, then
// the flush flags, then hands out identifiers: so a hart that has got a new one sees its flag set,
// and one that finds its flag set sees the new generation when it chooses again. Thus no hart uses
// a recycled identifier before it has flushed, nor an old one after. A hart may go on running a
// space under an older one: identifiers have meaning per hart only. Debug builds use few
// identifiers, so that all of this happens all the time, and check it: emulators may ignore them.
//
// Who must be told of a change. space->harts is a superset of the harts that may hold entries. For
// a hart of the set that runs another space now, the space gets a new identifier instead (asid =
// 0), and the hart leaves the set:
//
//     switch in                          flush
//     hart->space = space                change entries; space->asid = 0
//     full barrier                       full barrier
//     read space->asid                   read hart->space
//
// Either the flush sees the hart in the space and interrupts it, or the hart sees asid 0 and
// takes a fresh one. Interrupted harts flush what they run. A hart that comes back while it is
// being taken out is missing from the set for a moment, so nobody else relies on the set then:
// `narrowing` is read after the entries were changed and before the set.
//
// A hart that has named its next space walks the last one's tables until satp is written, and only
// then stores hart->tables; meanwhile it counts as one that runs the last. Interrupts are off, so
// its answer says that the switch is over, and tables are not freed under it.
#include "abi/errno.h"
#include "arch/boot.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/pagetable.h"
#include "arch/smp.h"
#include "arch/upcalls.h"
#include "lib/bitmap.h"
#include "lib/string.h"

#define SATP_MODE_SV39  (8UL << 60)
#define SATP_ASID_SHIFT 44
#define SATP_PPN        (BIT(SATP_ASID_SHIFT) - 1)
#define ASID_BITS       16
#define ASID_MASK       ((1UL << ASID_BITS) - 1)
#define DEBUG_ASIDS     7
// More pages than this are flushed as a whole space. Emulators flush everything each time.
#define FLUSH_PAGES_MAX 1

static u64 asid_max;                              // (c) 0: the hardware has none
static u64 asid_generation = 1;                   // (a)
static u64 asid_next = 1;                         // (asid_lock) 0 is the kernel's
static u32 asid_lock;                             // (a) interrupts off while held
static u64 asid_held[MAX_HARTS][DEBUG_ASIDS + 1]; // (h) what entries since the last flush stand for

static u64 kernel_satp(void)
{
    return SATP_MODE_SV39 | image_to_phys(kernel_root) >> PAGE_SHIFT;
}

void mmu_init_hart(void)
{
    u64 satp = kernel_satp();

    csr_write(satp, satp | ASID_MASK << SATP_ASID_SHIFT);
    asid_max = csr_read(satp) >> SATP_ASID_SHIFT & ASID_MASK; // the same on every hart
    if (DEBUG)
        asid_max = MIN(asid_max, (u64)DEBUG_ASIDS);
    csr_write(satp, satp);
    hart_self()->satp = satp;
    sfence_all();
    fence_i();
}

int mmu_space_init(struct mmu_space *space)
{
    *space = (struct mmu_space){.root = up_table_alloc()};
    if (!space->root)
        return -ENOMEM;
    kernelmap_copy(space->root);
    return 0;
}

static u64 asid_assign(struct mmu_space *space)
{
    u64 asid;

    while (atomic_xchg(&asid_lock, 1U))
        ;
    asid = load_relaxed(&space->asid);
    if (asid >> ASID_BITS != asid_generation) {
        if (asid_next > asid_max) {
            atomic_fetch_add(&asid_generation, 1UL);
            for (unsigned i = 0; i < MAX_HARTS; i++)
                store_relaxed(&harts[i].flush_all, 1U);
            asid_next = 1;
        }
        asid = asid_generation << ASID_BITS | asid_next++;
        store_release(&space->asid, asid);
    }
    store_release(&asid_lock, 0U);
    return asid;
}

// No identifier, without its generation, stands for two spaces in this hart's TLB.
static void asid_check(u64 asid, bool flush)
{
    u64 *held = asid_held[hart_index()];

    if (flush)
        memset(held, 0, sizeof(asid_held[0]));
    held += asid & ASID_MASK;
    if (*held && *held != asid)
        up_panic(NULL, "an address-space identifier was recycled without a flush");
    *held = asid;
}

void mmu_space_switch(struct mmu_space *space)
{
    struct hart *self = hart_self();
    u64 me = BIT(hart_index()), asid = 0;
    bool flush = !asid_max;

    if (!space || space == self->space)
        return;
    store_relaxed(&self->space, space);
    smp_mb();
    if (!(load_relaxed(&space->harts) & me))
        atomic_fetch_or(&space->harts, me);
    while (asid_max) {
        asid = load_acquire(&space->asid);
        if (asid >> ASID_BITS != load_acquire(&asid_generation))
            asid = asid_assign(space);
        if (likely(!load_relaxed(&self->flush_all)))
            break;
        atomic_xchg(&self->flush_all, 0U);
        flush = true;
    }
    if (DEBUG)
        asid_check(asid, flush);
    self->satp = SATP_MODE_SV39 | (asid & ASID_MASK) << SATP_ASID_SHIFT |
                 virt_to_phys(space->root) >> PAGE_SHIFT;
    csr_write(satp, self->satp);
    store_release(&self->tables, space);
    if (unlikely(flush))
        sfence_all();
    fence_i(); // mmu_sync_icache tells only harts that run the space
}

static void leave_local(struct hart *self)
{
    self->satp = kernel_satp();
    csr_write(satp, self->satp);
    store_release(&self->tables, NULL);
    store_release(&self->space, NULL);
    if (!asid_max)
        sfence_all();
}

static void flush_local(const struct hart *self, uaddr_t start, uaddr_t end)
{
    u64 asid = self->satp >> SATP_ASID_SHIFT & ASID_MASK;

    if (end - start > FLUSH_PAGES_MAX * PAGE_SIZE) {
        sfence_asid(asid);
        return;
    }
    for (uaddr_t va = ALIGN_DOWN(start, PAGE_SIZE); va < end; va += PAGE_SIZE)
        sfence_user_page(va, asid);
}

void mmu_shootdown_local(const struct shootdown *s)
{
    struct hart *self = hart_self();

    switch (s->kind) {
    case SHOOT_RANGE:
        if (self->space == s->space)
            flush_local(self, s->start, s->end);
        break;
    case SHOOT_LEAVE:
        if (self->space == s->space)
            leave_local(self);
        break;
    case SHOOT_ICACHE:
        fence_i();
        break;
    case SHOOT_KERNEL:
        sfence_page(s->start);
        break;
    }
}

// Runs it, switches to it, or away from it.
static bool hart_uses(const struct hart *h, const struct mmu_space *space)
{
    return load_acquire(&h->space) == space || load_relaxed(&h->tables) == space;
}

// Those harts of the set that use the space now; the others leave it. Preemption is off.
static u64 space_narrow(struct mmu_space *space)
{
    u64 mask;

    while (atomic_xchg(&space->narrowing, 1U))
        smp_serve();
    mask = load_relaxed(&space->harts);
    store_relaxed(&space->asid, 0UL);
    smp_mb();
    for (u64 m = mask; m; m &= m - 1) {
        u64 bit = m & -m;
        const struct hart *h = &harts[bit_lowest(m)];

        if (hart_uses(h, space))
            continue;
        atomic_fetch_and(&space->harts, ~bit);
        if (hart_uses(h, space))
            atomic_fetch_or(&space->harts, bit); // it came back meanwhile
        else
            mask &= ~bit;
    }
    store_release(&space->narrowing, 0U);
    return mask;
}

static u64 space_users(const struct mmu_space *space)
{
    u64 mask = 0;

    for (unsigned i = 0; i < hart_count; i++)
        if (hart_uses(&harts[i], space))
            mask |= BIT(i);
    return mask;
}

// No hart has entries of the space.
static inline bool space_unused(struct mmu_space *space)
{
    return !load_acquire(&space->narrowing) && !load_relaxed(&space->harts);
}

// Only this hart has entries of the space, which it runs.
static inline bool space_own(struct mmu_space *space)
{
    return !load_acquire(&space->narrowing) && load_relaxed(&space->harts) == BIT(hart_index()) &&
           hart_self()->space == space;
}

void mmu_flush(struct mmu_space *space, uaddr_t start, uaddr_t end)
{
    u64 mask, me;

    smp_mb();
    if (space_unused(space))
        return;
    preempt_disable();
    me = BIT(hart_index());
    mask = likely(space_own(space)) ? me : space_narrow(space);
    if (mask & me)
        flush_local(hart_self(), start, end);
    if (mask & ~me)
        smp_shootdown(mask & ~me, SHOOT_RANGE, space, start, end);
    preempt_enable();
}

// Takes every hart off the space.
static void space_retire(struct mmu_space *space)
{
    u64 mask, me;

    if (space_unused(space))
        return;
    preempt_disable();
    me = BIT(hart_index());
    mask = space_narrow(space);
    if (mask & me)
        leave_local(hart_self());
    if (mask & ~me)
        smp_shootdown(mask & ~me, SHOOT_LEAVE, space, 0, 0);
    store_relaxed(&space->harts, 0UL);
    preempt_enable();
}

// No hart walks the tables below this root.
static void root_check(const pte_t *root)
{
    for (unsigned i = 0; i < hart_count; i++)
        if ((load_relaxed(&harts[i].satp) & SATP_PPN) == virt_to_phys(root) >> PAGE_SHIFT)
            up_panic(NULL, "page tables are freed that a hart uses");
}

void mmu_space_fini(struct mmu_space *space)
{
    space_retire(space);
    if (DEBUG)
        root_check(space->root);
    pagetable_free_user(space);
    kernelmap_clear(space->root);
    up_table_free(space->root);
    space->root = NULL;
}

void mmu_flush_local(uaddr_t va)
{
    sfence_page(va);
}

void mmu_sync_icache(struct mmu_space *space)
{
    u64 mask = 0;

    smp_mb();
    preempt_disable();
    fence_i();
    if (!space_own(space))
        mask = space_users(space) & ~BIT(hart_index());
    if (mask)
        smp_shootdown(mask, SHOOT_ICACHE, space, 0, 0);
    preempt_enable();
}
