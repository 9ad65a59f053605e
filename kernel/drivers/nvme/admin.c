// SPDX-License-Identifier: MIT
// Starting a controller: section 3.5.1 of the base specification, a function a step.
#include "abi/errno.h"
#include "arch/smp.h"
#include "base/log.h"
#include "drivers/nvme/nvme_private.h"
#include "lib/atomic.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "sync/mutex.h"

#define ADMIN_DEPTH    16
#define PAGE_SHIFT_MIN 12 // what CAP.MPSMIN and MDTS count from

enum { // controller configuration and status, section 3.1.5
    CC_ENABLE = 1,
    CC_ENTRY_SIZES = 6 << 16 | 4 << 20, // log2 of a command and a completion
    CSTS_READY = 1,
    CSTS_FATAL = 2,
};

enum { FEATURE_QUEUES = 7 };
enum { QUEUE_CONTIGUOUS = 1, QUEUE_INTERRUPTS = 2 };
enum { CNS_NAMESPACE = 0, CNS_CONTROLLER = 1, CNS_ACTIVE = 2 };
enum { CAN_DATASET = 1 << 2, CAN_ZERO = 1 << 3 }; // optional commands

#define VERSION_1_1    0x10100
#define NAMESPACES_MAX 1024 // in a list

struct identify_controller { // figure 251
    u8 before_mdts[77];
    u8 mdts; // log2 of pages in a transfer; 0: any
    u8 before_version[2];
    u32 version;
    u8 before_count[432];
    u32 namespaces;
    u16 commands; // optional ones
    u8 before_cache[3];
    u8 cache; // bit 0
};
static_assert(offsetof(struct identify_controller, version) == 80, "5.15.2.2");
static_assert(offsetof(struct identify_controller, namespaces) == 516, "5.15.2.2");
static_assert(offsetof(struct identify_controller, cache) == 525, "5.15.2.2");

struct identify_namespace { // figure 249
    u64 blocks;
    u8 before_formats[17];
    u8 formats, format; // how many but one, the one in use
    u8 before_attributes[72];
    u8 attributes; // bit 0: write protected
    u8 before_list[28];
    struct {
        u16 metadata;
        u8 shift, performance;
    } list[16];
};
static_assert(offsetof(struct identify_namespace, attributes) == 99, "5.15.2.1");
static_assert(offsetof(struct identify_namespace, list) == 128, "5.15.2.1");

static u32 reg_read(struct nvme *n, u32 reg)
{
    return mmio_read32(n->regs + reg);
}

static void reg_write(struct nvme *n, u32 reg, u32 value)
{
    mmio_write32(n->regs + reg, value);
}

static void reg_write64(struct nvme *n, u32 reg, u64 value)
{
    reg_write(n, reg, (u32)value);
    reg_write(n, reg + 4, (u32)(value >> 32));
}

/* Commands */

static bool admin_is_done(struct nvme *n, struct nvme_slot *s)
{
    return !load_acquire(&s->pending) || load_relaxed(&n->stopped);
}

static struct nvme_slot *admin_send(struct nvme *n, const struct nvme_command *command, void *data)
{
    irqflags_t irq = spin_lock_irqsave(&n->admin.lock);
    struct nvme_command *c;
    struct nvme_slot *s = nvme_slot_take(&n->admin, NULL, &c);
    u16 id = c->id;

    *c = *command;
    c->id = id;
    c->prp1 = data ? virt_to_phys(data) : command->prp1;
    nvme_queue_ring(&n->admin);
    spin_unlock_irqrestore(&n->admin.lock, irq);
    return s;
}

int nvme_admin(struct nvme *n, struct nvme_command *command, void *data, u32 *result)
{
    struct nvme_slot *s = admin_send(n, command, data);
    int err = wait_event(&n->admin_wait, admin_is_done(n, s), WAIT_UNINTERRUPTIBLE,
                         clock_monotonic() + n->timeout);
    irqflags_t irq;

    if (err || load_relaxed(&n->stopped)) {
        log_info("%s: admin command %02xh is not answered", n->name, command->opcode);
        return -ETIMEDOUT;
    }
    if (result)
        *result = s->result;
    if (s->status) {
        log_info("%s: admin command %02xh failed: status %xh", n->name, command->opcode, s->status);
        err = -EIO;
    }
    irq = spin_lock_irqsave(&n->admin.lock);
    nvme_slot_put(&n->admin, s);
    spin_unlock_irqrestore(&n->admin.lock, irq);
    return err;
}

static int identify(struct nvme *n, u32 what, u32 nsid, void *page)
{
    struct nvme_command c = {.opcode = ADMIN_IDENTIFY, .nsid = nsid, .dw10 = what};

    return nvme_admin(n, &c, page, NULL);
}

/* Start */

static int wait_ready(struct nvme *n, u32 ready)
{
    ns_t deadline = clock_monotonic() + ((n->cap >> 24 & 0xff) + 1) * NS_PER_SEC / 2;
    u32 status;

    while (((status = reg_read(n, NVME_CSTS)) & CSTS_READY) != ready) {
        if (status & CSTS_FATAL || clock_monotonic() > deadline) {
            log_info("%s: does not become %sready: status %xh", n->name, ready ? "" : "un", status);
            return -ETIMEDOUT;
        }
        (void)sleep_until(clock_monotonic() + NS_PER_SEC / 1000, WAIT_UNINTERRUPTIBLE);
    }
    return 0;
}

static int enable(struct nvme *n)
{
    int err;

    reg_write(n, NVME_CC, 0);
    err = wait_ready(n, 0) ?: nvme_queue_create(&n->admin, n, 0, ADMIN_DEPTH);
    if (err)
        return err;
    store_release(&n->admin_made, true);
    reg_write(n, NVME_AQA, (ADMIN_DEPTH - 1) << 16 | (ADMIN_DEPTH - 1));
    reg_write64(n, NVME_ASQ, virt_to_phys(n->admin.commands));
    reg_write64(n, NVME_ACQ, virt_to_phys(n->admin.completions));
    reg_write(n, NVME_CC, CC_ENTRY_SIZES | CC_ENABLE);
    return wait_ready(n, CSTS_READY);
}

static void read_controller(struct nvme *n, const struct identify_controller *id)
{
    u32 page_shift = PAGE_SHIFT_MIN + (n->cap >> 48 & 15);

    n->max_bytes = NVME_MAX_BYTES;
    if (id->mdts && id->mdts + page_shift < 31)
        n->max_bytes = MIN(n->max_bytes, 1U << (id->mdts + page_shift));
    n->cache = id->cache & 1;
    n->zero = id->commands & CAN_ZERO;
    n->discard = id->commands & CAN_DATASET;
}

// The completion queue comes first: the other names it.
static int create_io_queue(struct nvme *n, struct nvme_queue *q)
{
    u32 size = (q->depth - 1U) << 16 | q->id;
    struct nvme_command cq = {
        .opcode = ADMIN_CREATE_CQ, .dw10 = size, .dw11 = QUEUE_CONTIGUOUS | QUEUE_INTERRUPTS};
    struct nvme_command sq = {
        .opcode = ADMIN_CREATE_SQ, .dw10 = size, .dw11 = (u32)q->id << 16 | QUEUE_CONTIGUOUS};

    return nvme_admin(n, &cq, q->completions, NULL) ?: nvme_admin(n, &sq, q->commands, NULL);
}

// As many as harts, if the controller grants them: asked for, and granted, is one less.
static int create_io_queues(struct nvme *n)
{
    struct nvme_command ask = {.opcode = ADMIN_SET_FEATURES,
                               .dw10 = FEATURE_QUEUES,
                               .dw11 = (hart_count - 1) << 16 | (hart_count - 1)};
    u16 depth = MIN((n->cap & 0xffff) + 1, (u64)NVME_DEPTH);
    u32 granted, count;
    int err = nvme_admin(n, &ask, NULL, &granted);

    if (err)
        return err;
    count = MIN(MIN(granted & 0xffff, granted >> 16) + 1, hart_count);
    n->io = kmalloc(count * sizeof(*n->io), ALLOC_ZERO);
    if (!n->io)
        return -ENOMEM;
    for (u32 i = 0; i < count && !err; i++) {
        err = nvme_queue_create(&n->io[i], n, i + 1, depth) ?: create_io_queue(n, &n->io[i]);
        if (!err)
            store_release(&n->io_count, i + 1);
    }
    return n->io_count ? 0 : err;
}

int nvme_start(struct nvme *n)
{
    void *page = kmalloc(PAGE_SIZE, ALLOC_ZERO);
    int err = page ? enable(n) : -ENOMEM;

    if (!err)
        err = identify(n, CNS_CONTROLLER, 0, page);
    if (!err) {
        read_controller(n, page);
        err = create_io_queues(n);
    }
    if (err != -ETIMEDOUT) // else the controller may still write there
        kfree(page);
    return err;
}

/* Namespaces */

static int create_namespace(struct nvme *n, u32 nsid, const struct identify_namespace *id)
{
    u32 format = id->format & 15, shift = id->list[format].shift;

    if (!id->blocks)
        return 0;
    if (shift < SECTOR_SHIFT || shift > PAGE_SHIFT || id->list[format].metadata) {
        log_info("%s: namespace %u has blocks of 2^%u bytes and %u of metadata: not supported",
                 n->name, nsid, shift, id->list[format].metadata);
        return 0;
    }
    return nvme_disk_create(n, nsid, id->blocks, 1U << shift, id->attributes & 1);
}

static int find_namespaces(struct nvme *n, u32 *list, void *page)
{
    int err = identify(n, CNS_CONTROLLER, 0, page);
    struct identify_controller *id = page;
    u32 count = id->namespaces;

    if (!err && id->version >= VERSION_1_1)
        err = identify(n, CNS_ACTIVE, 0, list);
    else if (!err)
        for (u32 i = 0; i < MIN(count, (u32)NAMESPACES_MAX); i++)
            list[i] = i + 1;
    for (u32 i = 0; i < NAMESPACES_MAX && list[i] && !err; i++)
        err = identify(n, CNS_NAMESPACE, list[i], page) ?: create_namespace(n, list[i], page);
    return err;
}

int nvme_find_namespaces(struct nvme *n)
{
    u32 *list = kmalloc(NAMESPACES_MAX * sizeof(*list), ALLOC_ZERO);
    void *page = kmalloc(PAGE_SIZE, ALLOC_ZERO);
    int err = list && page ? find_namespaces(n, list, page) : -ENOMEM;

    if (err == -ETIMEDOUT)
        return err;
    kfree(list);
    kfree(page);
    return err;
}
