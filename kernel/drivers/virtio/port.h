// SPDX-License-Identifier: MIT
// Private to the console driver: a port, and what its two files share.
#pragma once
#include "drivers/virtio/virtio.h"
#include "lib/list.h"
#include "sync/mutex.h"
#include "sync/workqueue.h"
#include "vfs/registry.h"

#define PORT_BUFFERS  16 // pages in flight, each way
#define PORT_NAME_MAX 48 // of the node, with its NUL

enum port_state { PORT_UNOPENED, PORT_OPENED, PORT_CLOSED }; // the host's end

struct port {
    struct virtio_console *console; // (c)
    u32 id;                         // (c)
    bool added;                     // (control work)
    bool named;                     // (control work)
    u32 state;                      // (a) enum port_state
    u32 opens;                      // (open_lock) open files
    bool filled_once;               // (open_lock) the receive queue has its buffers
    struct spinlock lock;           // RANK_DEVICE
    struct virtio_queue rx, tx;     // (l)
    struct list received; // (l) frames with bytes, oldest first; frame.private: see port.c
    u64 sent, done;       // (l) pages given to the device, and returned by it
    struct mutex open_lock;
    struct mutex read_lock; // order of bytes among readers
    struct wait_queue read_wait, write_wait;
    struct device device; // (c) once registered
    char name[PORT_NAME_MAX];
};

void port_init(struct port *p, struct virtio_console *c, u32 id);
void port_set_state(struct port *p, enum port_state state);
void port_interrupt(struct port *p);
extern const struct file_ops port_ops;

enum { // control events, section 5.3.6.2
    CONTROL_DEVICE_READY = 0,
    CONTROL_PORT_ADD = 1,
    CONTROL_PORT_REMOVE = 2,
    CONTROL_PORT_READY = 3,
    CONTROL_CONSOLE_PORT = 4,
    CONTROL_PORT_OPEN = 6,
    CONTROL_PORT_NAME = 7,
};

// Sends one control message; may sleep. -EIO, -ENOMEM, -ETIMEDOUT.
int console_control_send(struct virtio_console *c, u32 port, u16 event, u16 value);
