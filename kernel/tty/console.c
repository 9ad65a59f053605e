// SPDX-License-Identifier: MIT
// The terminal on the serial port, under its three names.
#include "tty/console.h"
#include "abi/errno.h"
#include "base/log.h"
#include "drivers/uart16550.h"
#include "tty/tty.h"
#include "vfs/registry.h"

static struct tty console;

static const struct tty_ops console_ops = {
    .write = uart_write,
    .pending = uart_pending,
    .discard = uart_discard,
    .enable_input = uart_enable_input,
};

static void console_receive(const u8 *s, size_t n)
{
    tty_receive(&console, s, n);
}

static void console_room(void)
{
    tty_wake(&console);
}

static struct device devices[] = {
    {.name = "console", .mode = S_IFCHR | 0620, .ops = &tty_file_ops, .data = &console},
    {.name = "tty", .mode = S_IFCHR | 0666, .ops = &tty_file_ops},
    {.name = "ttyS0", .mode = S_IFCHR | 0620, .ops = &tty_file_ops, .data = &console},
};

void console_init(void)
{
    static const u16 numbers[ARRAY_SIZE(devices)][2] = {{5, 1}, {5, 0}, {4, 64}};
    int err;

    tty_init(&console, &console_ops, makedev(4, 64));
    console.ldisc.dump_key = true;
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
