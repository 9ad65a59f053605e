// SPDX-License-Identifier: MIT
// Console device with several ports (Virtual I/O Device 1.2, section 5.3): control and names.
//
//   device                         driver
//                                  DEVICE_READY
//   PORT_ADD, one a port           PORT_READY
//   PORT_NAME, PORT_OPEN           registers the node
//
// All queues are made before the device starts, as section 3.1.1 asks. Control messages are read by
// a work item, one at a time; the ports' data by their readers (port.c). The device answers a
// DEVICE_READY with all its PORT_ADDs before anything else, so the list is complete as soon as
// each port that was added has a name.
#include "drivers/virtio/virtio_console.h"
#include "abi/errno.h"
#include "base/log.h"
#include "drivers/virtio/port.h"
#include "lib/string.h"
#include "mm/slab.h"

#define F_MULTIPORT     (1UL << 1)
#define CONFIG_MAX      4 // offset of max_nr_ports
#define PORTS_MAX       32U
#define CONTROL_SIZE    32
#define CONTROL_BUFFER  (PAGE_SIZE / CONTROL_SIZE)
#define CONTROL_RX      2
#define CONTROL_TX      3
#define CONTROL_TIMEOUT NS_PER_SEC
#define PORT_MAJOR      240

struct control_message {
    u32 port;
    u16 event;
    u16 value;
};
static_assert(sizeof(struct control_message) == 8, "5.3.6.2");

struct virtio_console {
    struct virtio_device *device; // (c)
    struct spinlock lock;         // RANK_DEVICE
    struct virtio_queue rx, tx;   // (l) control queues
    struct wait_queue tx_wait;    // for room in tx
    struct work control;
    struct wait_queue settled;
    u32 added, named; // (a) ports; changed by the control work
    u32 port_count;   // (c)
    struct port ports[];
};

static struct virtio_console *the_console; // (c) the first one, NULL: none

static bool control_try_send(struct virtio_console *c, struct control_message *m, int *err)
{
    struct virtq_buf buf = {virt_to_phys(m), sizeof(*m)};
    irqflags_t flags = spin_lock_irqsave(&c->lock);
    void *token;
    u32 len;

    while (virtq_take(&c->tx.ring, &token, &len) == 1)
        kfree(token);
    *err = virtq_add(&c->tx.ring, &buf, 1, 0, m);
    if (!*err)
        virtio_notify(&c->tx);
    spin_unlock_irqrestore(&c->lock, flags);
    return *err != -ENOSPC;
}

// A message that was sent is freed when the device has returned it.
int console_control_send(struct virtio_console *c, u32 port, u16 event, u16 value)
{
    struct control_message *m = kmalloc(sizeof(*m), 0);
    int err, sent;

    if (!m)
        return -ENOMEM;
    *m = (struct control_message){port, event, value};
    err = wait_event(&c->tx_wait, control_try_send(c, m, &sent), WAIT_UNINTERRUPTIBLE,
                     clock_monotonic() + CONTROL_TIMEOUT)
              ?: sent;
    if (err)
        kfree(m);
    return err;
}

static void control_post_locked(struct virtio_console *c, void *buffer)
{
    struct virtq_buf buf = {virt_to_phys(buffer), CONTROL_BUFFER};

    (void)virtq_add(&c->rx.ring, &buf, 0, 1, buffer); // fails only if the queue is broken
}

// One message: its length, 0 if there is none.
static u32 control_receive(struct virtio_console *c, void *out)
{
    irqflags_t flags = spin_lock_irqsave(&c->lock);
    void *buffer;
    u32 len = 0;

    if (virtq_take(&c->rx.ring, &buffer, &len) == 1) {
        memcpy(out, buffer, len);
        control_post_locked(c, buffer);
        virtio_notify(&c->rx);
    }
    spin_unlock_irqrestore(&c->lock, flags);
    return len;
}

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

// "rv.stdin" becomes "rv/stdin", any other name "vport/name"; odd characters become '_'.
static void port_node_name(char *out, size_t size, const char *name)
{
    size_t n = strlcpy(out, strncmp(name, "rv.", 3) == 0 ? "rv/" : "vport/", size);

    name += n == 3 ? 3 : 0;
    for (; *name && n + 1 < size; name++, n++)
        out[n] = name_char(*name) || (*name == '.' && out[n - 1] != '/') ? *name : '_';
    out[n] = '\0';
}

static void port_has_name(struct virtio_console *c, struct port *p)
{
    p->named = true;
    (void)atomic_fetch_add(&c->named, 1U);
    wake_all(&c->settled);
}

static void port_register(struct virtio_console *c, struct port *p, const char *name)
{
    int err;

    port_node_name(p->name, sizeof(p->name), name);
    p->device = (struct device){
        .name = p->name,
        .dev = makedev(PORT_MAJOR, p->id),
        .mode = S_IFCHR | 0600,
        .ops = &port_ops,
        .data = p,
    };
    err = device_register(&p->device);
    if (err)
        log_info("virtio-console: %s: error %d", p->name, -err);
    port_has_name(c, p);
}

static void port_add(struct virtio_console *c, struct port *p)
{
    if (p->added)
        return;
    p->added = true;
    (void)atomic_fetch_add(&c->added, 1U);
    (void)console_control_send(c, p->id, CONTROL_PORT_READY, 1); // else it gets no name
}

static void control_handle(struct virtio_console *c, const struct control_message *m,
                           const char *text)
{
    struct port *p;

    if (m->port >= c->port_count)
        return;
    p = &c->ports[m->port];
    if (m->event == CONTROL_PORT_ADD)
        port_add(c, p);
    else if (!p->added)
        return;
    else if (m->event == CONTROL_PORT_REMOVE)
        port_set_state(p, PORT_CLOSED);
    else if (m->event == CONTROL_PORT_OPEN)
        port_set_state(p, m->value ? PORT_OPENED : PORT_CLOSED);
    else if (m->event == CONTROL_PORT_NAME && !p->named)
        port_register(c, p, text);
    else if (m->event == CONTROL_CONSOLE_PORT && !p->named)
        port_has_name(c, p); // it gets no other
}

static void control_work(struct work *w)
{
    struct virtio_console *c = container_of(w, struct virtio_console, control);
    struct {
        struct control_message m;
        char text[CONTROL_BUFFER - sizeof(struct control_message) + 1];
    } in;
    u32 len;

    while ((len = control_receive(c, &in)) != 0) {
        if (len < sizeof(in.m))
            continue;
        in.text[len - sizeof(in.m)] = '\0';
        control_handle(c, &in.m, in.text);
    }
}

static void virtio_console_interrupt(struct virtio_device *d)
{
    struct virtio_console *c = d->private;

    work_queue(&c->control);
    wake_all(&c->tx_wait);
    for (u32 i = 0; i < c->port_count; i++) {
        if (load_relaxed(&c->ports[i].added))
            port_interrupt(&c->ports[i]);
    }
}

// Port 0 comes before the control queues, the others after them.
static int console_make_queues(struct virtio_console *c)
{
    int err = virtio_queue_init(&c->rx, c->device, CONTROL_RX, CONTROL_SIZE)
                  ?: virtio_queue_init(&c->tx, c->device, CONTROL_TX, CONTROL_SIZE);

    for (u32 i = 0; i < c->port_count && !err; i++) {
        struct port *p = &c->ports[i];
        u32 base = i ? 2 + 2 * i : 0;

        port_init(p, c, i);
        err = virtio_queue_init(&p->rx, c->device, base, PORT_BUFFERS)
                  ?: virtio_queue_init(&p->tx, c->device, base + 1, PORT_BUFFERS);
    }
    return err;
}

static int virtio_console_probe(struct virtio_device *d)
{
    struct virtio_console *c;
    u8 *page;
    u32 count;
    int err;

    if (!(d->features & F_MULTIPORT) || the_console)
        return -ENODEV;
    count = MIN(virtio_config_read(d, CONFIG_MAX, 4), PORTS_MAX);
    page = kmalloc(PAGE_SIZE, ALLOC_ZERO);
    c = kmalloc(sizeof(*c) + count * sizeof(c->ports[0]), ALLOC_ZERO);
    if (!c || !page) {
        kfree(c);
        kfree(page);
        return -ENOMEM;
    }
    c->device = d;
    c->port_count = count;
    spin_init(&c->lock, RANK_DEVICE);
    wait_queue_init(&c->tx_wait);
    wait_queue_init(&c->settled);
    work_init(&c->control, control_work);
    err = console_make_queues(c);
    if (err) // the device has seen the queues: their memory stays
        return err;
    for (unsigned i = 0; i < c->rx.ring.size; i++)
        control_post_locked(c, page + i * CONTROL_BUFFER);
    the_console = c;
    virtio_start(d, c);
    virtio_notify(&c->rx);
    return console_control_send(c, 0, CONTROL_DEVICE_READY, 1);
}

static bool console_is_settled(struct virtio_console *c)
{
    u32 named = load_acquire(&c->named);

    return named && named == load_acquire(&c->added);
}

int virtio_console_wait(ns_t timeout)
{
    struct virtio_console *c = the_console;

    if (!c)
        return -ENODEV;
    return wait_event(&c->settled, console_is_settled(c), WAIT_UNINTERRUPTIBLE,
                      clock_monotonic() + timeout);
}

const struct virtio_driver virtio_console_driver = {
    .name = "virtio-console",
    .id = VIRTIO_ID_CONSOLE,
    .features = F_MULTIPORT,
    .probe = virtio_console_probe,
    .interrupt = virtio_console_interrupt,
};
