// SPDX-License-Identifier: MIT
// The terminal on the serial port, under its three names.
//
// Input is taken in a work item, not in the interrupt: its signals need proctree_lock, and its echo
// the terminal's mutex. When the line discipline is full of input that nobody reads, bytes stay in
// `in`; when that is full too the port is told to hold its sender back.
#include "tty/console.h"
#include "abi/errno.h"
#include "base/log.h"
#include "drivers/uart16550.h"
#include "sync/workqueue.h"
#include "tty/tty.h"
#include "vfs/registry.h"

#define THROTTLE 256U

static struct console {
    struct tty tty;
    struct spinlock in_lock; // RANK_DEVICE
    struct ring in;          // (in_lock) bytes from the port
    bool throttled;          // (in_lock)
    struct work work;        // moves `in` to the line discipline, `out` to the port
    u8 in_buffer[TTY_RING];
} console;

/* Output */

static size_t console_write(struct tty *tty, const u8 *s, size_t n)
{
    return uart_write(s, n);
}

static size_t console_pending(struct tty *tty)
{
    return uart_pending();
}

static void console_room(void)
{
    work_queue(&console.work);
}

/* Input */

static void console_receive(const u8 *s, size_t n)
{
    irqflags_t flags = spin_lock_irqsave(&console.in_lock);

    ring_write(&console.in, s, n);
    if (!console.throttled && ring_space(&console.in) < THROTTLE) {
        console.throttled = true;
        uart_enable_input(false);
    }
    spin_unlock_irqrestore(&console.in_lock, flags);
    work_queue(&console.work);
}

static void console_unthrottle_locked(void)
{
    if (console.throttled && ring_space(&console.in) >= 2 * THROTTLE) {
        console.throttled = false;
        uart_enable_input(true);
    }
}

static bool console_next_input(u8 *c)
{
    irqflags_t flags = spin_lock_irqsave(&console.in_lock);
    bool any = ring_get(&console.in, c);

    console_unthrottle_locked();
    spin_unlock_irqrestore(&console.in_lock, flags);
    return any;
}

static void console_discard(struct tty *tty, u32 what)
{
    irqflags_t flags;

    if (what & TTY_OUTPUT)
        uart_discard();
    if (!(what & TTY_INPUT))
        return;
    flags = spin_lock_irqsave(&console.in_lock);
    console.in.head = console.in.tail;
    console_unthrottle_locked();
    spin_unlock_irqrestore(&console.in_lock, flags);
}

static void console_take_more(struct tty *tty)
{
    if (ring_used(&console.in)) // it may have waited for room
        work_queue(&console.work);
}

static void console_work(struct work *w)
{
    struct tty *tty = &console.tty;
    bool any = false;
    u8 c;

    mutex_lock(&tty->lock);
    while (ldisc_wants_input(&tty->ldisc) && console_next_input(&c)) {
        tty_input_locked(tty, c);
        any = true;
    }
    tty_pump_locked(tty);
    mutex_unlock(&tty->lock);
    if (any)
        tty_input_done(tty);
}

/* The nodes */

static const struct tty_ops console_ops = {
    .write = console_write,
    .discard = console_discard,
    .room = console_take_more,
    .pending = console_pending,
};

static struct device devices[] = {
    {.name = "console", .mode = S_IFCHR | 0620, .ops = &tty_file_ops, .data = &console.tty},
    {.name = "tty", .mode = S_IFCHR | 0666, .ops = &tty_file_ops},
    {.name = "ttyS0", .mode = S_IFCHR | 0620, .ops = &tty_file_ops, .data = &console.tty},
};

void console_init(void)
{
    static const u16 numbers[ARRAY_SIZE(devices)][2] = {{5, 1}, {5, 0}, {4, 64}};
    int err;

    tty_init(&console.tty, &console_ops, makedev(4, 64));
    console.tty.ldisc.dump_key = true;
    spin_init(&console.in_lock, RANK_DEVICE);
    ring_init(&console.in, console.in_buffer, TTY_RING);
    work_init(&console.work, console_work);
    tty_job_init();
    for (unsigned i = 0; i < ARRAY_SIZE(devices); i++) {
        devices[i].dev = makedev(numbers[i][0], numbers[i][1]);
        err = device_register(&devices[i]);
        if (err)
            log_info("console: %s: error %d", devices[i].name, -err);
    }
    uart_set_room_hook(console_room);
    uart_set_receiver(console_receive);
}
