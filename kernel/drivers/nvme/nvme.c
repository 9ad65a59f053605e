// SPDX-License-Identifier: MIT
// NVMe controllers on PCI: nvme0 and on, and their namespaces, the disks nvme0n1 and on.
//
//     admin.c   starts the controller, makes its queues, finds its namespaces
//     disk.c    block requests as commands
//     queue.c   the rings
//
// A hart submits to the queue of its number, if the controller grants as many; the interrupt, of
// which there is one, looks at all. While commands are under way a timer watches: a transfer that
// takes longer than the timeout (30 seconds, or boot argument `nvme_timeout=SECONDS`) ends the
// controller: it is cut off from memory, reset, and all it had, and gets later, is -EIO.
#include "drivers/nvme/nvme.h"
#include "abi/errno.h"
#include "base/devicetree.h"
#include "base/log.h"
#include "drivers/nvme/nvme_private.h"
#include "lib/atomic.h"
#include "lib/format.h"
#include "lib/parse.h"
#include "mm/slab.h"

#define CLASS_NVME  0x010802
#define REAP        16 // transfers taken back at once
#define MAP_MAX     (1U << 20)
#define TIMEOUT     30          // seconds
#define CAP_NVM     (1UL << 37) // the NVM command set
#define CAP_MPS_MIN 48

static void reap_queue(struct nvme *n, struct nvme_queue *q, bool *any)
{
    struct nvme_done done[REAP];
    unsigned count;

    while (nvme_queue_reap(q, done, REAP, &count)) {
        *any = true;
        for (unsigned i = 0; i < count; i++) {
            if (done[i].request)
                nvme_disk_complete(n, &done[i]);
            else
                wake_all(&n->admin_wait);
        }
    }
}

static bool reap(struct nvme *n)
{
    u32 count = load_acquire(&n->io_count);
    bool any = false;

    if (load_acquire(&n->admin_made))
        reap_queue(n, &n->admin, &any);
    for (u32 i = 0; i < count; i++)
        reap_queue(n, &n->io[i], &any);
    return any;
}

static bool nvme_interrupt(void *arg)
{
    struct nvme *n = arg;
    bool was_stopped = load_relaxed(&n->stopped), any = reap(n);

    if (!was_stopped && load_relaxed(&n->stopped))
        nvme_stop(n, "completed what it did not have");
    return any;
}

/* Timeouts */

void nvme_stop(struct nvme *n, const char *why)
{
    struct block_request *r;

    store_relaxed(&n->stopped, true);
    pci_disable(n->pci);
    mmio_write32(n->regs + NVME_CC, 0);
    log_info("%s: the controller %s, and is stopped", n->name, why);
    for (u32 i = 0; i < load_acquire(&n->io_count); i++)
        while ((r = nvme_queue_fail(&n->io[i])))
            block_complete(r, -EIO);
    wake_all(&n->admin_wait);
}

static void timer_expired(struct timer *t)
{
    work_queue(&container_of(t, struct nvme, timer)->watch);
}

// NS_NEVER: nothing is under way.
static ns_t oldest(struct nvme *n)
{
    ns_t when = NS_NEVER;

    for (u32 i = 0; i < load_acquire(&n->io_count); i++)
        when = MIN(when, nvme_queue_oldest(&n->io[i]));
    return when;
}

// A submitter that still sees `watching` has put its command where the look at the queues, which
// comes after the store, finds it: both are under the queue's lock. The interrupt may be taking
// back what is late just now.
static void watch(struct work *w)
{
    struct nvme *n = container_of(w, struct nvme, watch);
    ns_t now = clock_monotonic(), late = now > n->timeout ? now - n->timeout : 0, when;
    bool lost;

    store_relaxed(&n->watching, 0U);
    lost = oldest(n) <= late && nvme_interrupt(n);
    when = oldest(n);
    if (load_relaxed(&n->stopped))
        return;
    if (lost && when > late)
        log_info("%s: an interrupt was lost", n->name);
    if (when <= late)
        nvme_stop(n, "does not answer");
    else if (when != NS_NEVER)
        nvme_watch(n);
}

void nvme_watch(struct nvme *n)
{
    if (!load_relaxed(&n->watching) && !atomic_xchg(&n->watching, 1U))
        timer_start(&n->timer, clock_monotonic() + n->timeout / 4);
}

/* Start */

static bool match(const struct pci_device *p)
{
    return p->class == CLASS_NVME;
}

static ns_t timeout(void)
{
    char text[12];
    u64 seconds;

    if (!bootarg_get("nvme_timeout", text, sizeof(text)) || parse_u64(text, NULL, 10, &seconds) ||
        !seconds || seconds > 3600)
        seconds = TIMEOUT;
    return seconds * NS_PER_SEC;
}

static int attach(struct nvme *n, struct pci_device *p)
{
    n->mapped = MIN(p->bar[0].size, (u64)MAP_MAX);
    n->regs = pci_map(p, 0, 0, n->mapped);
    if (!n->regs || n->mapped < NVME_DOORBELLS)
        return -ENODEV;
    n->cap = mmio_read32(n->regs + NVME_CAP) | (u64)mmio_read32(n->regs + NVME_CAP + 4) << 32;
    if (!(n->cap & CAP_NVM) || n->cap >> CAP_MPS_MIN & 15)
        return -EOPNOTSUPP;
    return pci_connect(p, nvme_interrupt, n) ?: nvme_start(n) ?: nvme_find_namespaces(n);
}

static int probe(struct pci_device *p)
{
    static u32 controllers; // found so far
    struct nvme *n = kmalloc(sizeof(*n), ALLOC_ZERO);

    if (!n)
        return -ENOMEM;
    snformat(n->name, sizeof(n->name), "nvme%u", controllers++);
    n->pci = p;
    n->timeout = timeout();
    wait_queue_init(&n->admin_wait);
    timer_init(&n->timer, timer_expired);
    work_init(&n->watch, watch);
    return attach(n, p);
}

const struct pci_driver nvme_driver = {.name = "nvme", .match = match, .probe = probe};
