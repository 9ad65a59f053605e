// SPDX-License-Identifier: MIT
// NS16550A driver (National Semiconductor PC16550D data sheet): interrupts both ways.
//
// Output goes into a ring and from there to the transmitter at once, as long as that takes it; a
// transmit interrupt is asked for only when it does not. The log writes under its own lock, so the
// port's lock has the same rank and is taken nested. When the ring is full the log waits for the
// transmitter, but not for ever: what a dead line swallows is still in the log's own ring.
#include "drivers/uart16550.h"
#include "abi/errno.h"
#include "arch/mmu.h"
#include "arch/smp.h"
#include "base/clock.h"
#include "base/devicetree.h"
#include "base/log.h"
#include "base/spinlock.h"
#include "drivers/mmio.h"
#include "drivers/plic.h"
#include "lib/macro.h"
#include "lib/ring.h"

enum { // registers
    UART_DATA = 0,
    UART_IER = 1,
    UART_FCR = 2,
    UART_LCR = 3,
    UART_MCR = 4,
    UART_LSR = 5
};

#define IER_RX      1
#define IER_TX      2
#define FCR_ENABLE  7 // queues on and cleared
#define LCR_8N1     3
#define LCR_DIVISOR 0x80
#define MCR_READY   0xb // DTR, RTS, interrupt line on
#define LSR_DATA    1
#define LSR_TX_IDLE 0x20

#define UART_BAUD  115200
#define UART_FIFO  16
#define UART_RING  4096
#define STALL_TIME (NS_PER_SEC / 5)

static u8 *regs; // (c)
static struct spinlock lock = SPINLOCK_INIT(RANK_LOG);
static u8 tx_buffer[UART_RING];                       // (lock)
static struct ring tx = {tx_buffer, UART_RING, 0, 0}; // (lock)
static u8 ier;                                        // (lock)
static bool line_open;                                // (lock) the last byte queued was no newline
static bool stalled;                                  // (lock) the log gave up waiting
static void (*receiver)(const u8 *s, size_t n);       // (a)
static void (*room_hook)(void);                       // (a)

static irqflags_t uart_lock(void)
{
    irqflags_t flags = irq_save();

    spin_lock_nested(&lock);
    return flags;
}

static void uart_set_ier(u8 value)
{
    if (value != ier)
        mmio_write8(regs + UART_IER, value);
    ier = value;
}

// Moves bytes from the ring to the transmitter while it takes them.
static void uart_pump_locked(void)
{
    u8 c;

    while (ring_used(&tx) && mmio_read8(regs + UART_LSR) & LSR_TX_IDLE) {
        for (int i = 0; i < UART_FIFO && ring_get(&tx, &c); i++)
            mmio_write8(regs + UART_DATA, c);
        stalled = false;
    }
}

// Waits, within reason, until the ring has room for one byte.
static bool uart_make_room_locked(void)
{
    ns_t deadline = clock_monotonic() + STALL_TIME;

    while (ring_space(&tx) == 0) {
        uart_pump_locked();
        if (stalled || clock_monotonic() > deadline) {
            stalled = true;
            return false;
        }
        smp_serve();
    }
    return true;
}

static bool uart_put_locked(u8 c)
{
    if (ring_space(&tx) == 0 && !uart_make_room_locked())
        return false;
    return ring_put(&tx, c);
}

// The log's console: whole lines.
static void uart_log_write(const char *s, size_t n)
{
    irqflags_t flags = uart_lock();
    bool ok = !line_open || (uart_put_locked('\r') && uart_put_locked('\n'));

    line_open = false;
    for (size_t i = 0; ok && i < n; i++) {
        if (s[i] == '\n')
            ok = uart_put_locked('\r');
        ok = ok && uart_put_locked((u8)s[i]);
    }
    uart_pump_locked();
    if (ring_used(&tx))
        uart_set_ier(ier | IER_TX);
    spin_unlock_irqrestore(&lock, flags);
}

int uart_init(void)
{
    u32 divisor = machine.uart_clock / (16 * UART_BAUD);

    if (!machine.uart.reg.size)
        return -ENODEV;
    regs = mmu_ioremap(machine.uart.reg.base, machine.uart.reg.size);
    if (!regs)
        return -ENOMEM;
    mmio_write8(regs + UART_IER, 0);
    if (divisor) {
        mmio_write8(regs + UART_LCR, LCR_DIVISOR);
        mmio_write8(regs + UART_DATA, (u8)divisor);
        mmio_write8(regs + UART_IER, (u8)(divisor >> 8));
    }
    mmio_write8(regs + UART_LCR, LCR_8N1);
    mmio_write8(regs + UART_FCR, FCR_ENABLE);
    mmio_write8(regs + UART_MCR, MCR_READY);
    log_set_console(uart_log_write);
    return 0;
}

size_t uart_write(const u8 *s, size_t n)
{
    irqflags_t flags = uart_lock();
    size_t done = 0, part;

    do {
        part = ring_write(&tx, s + done, n - done);
        done += part;
        uart_pump_locked();
    } while (done < n && part);
    if (done)
        line_open = s[done - 1] != '\n';
    if (ring_used(&tx))
        uart_set_ier(ier | IER_TX);
    spin_unlock_irqrestore(&lock, flags);
    return done;
}

size_t uart_pending(void)
{
    irqflags_t flags = uart_lock();
    size_t n = ring_used(&tx);

    spin_unlock_irqrestore(&lock, flags);
    return n;
}

void uart_discard(void)
{
    irqflags_t flags = uart_lock();

    tx.head = tx.tail;
    spin_unlock_irqrestore(&lock, flags);
}

// Input that nobody receives is read all the same, or the interrupt would never end.
static void uart_receive(void)
{
    void (*fn)(const u8 *, size_t) = load_acquire(&receiver);
    u8 buf[64];
    size_t n;

    do {
        for (n = 0; n < sizeof(buf) && mmio_read8(regs + UART_LSR) & LSR_DATA; n++)
            buf[n] = mmio_read8(regs + UART_DATA);
        if (n && fn)
            fn(buf, n);
    } while (n == sizeof(buf) && load_relaxed(&ier) & IER_RX);
}

static void uart_interrupt(void *arg)
{
    void (*hook)(void) = NULL;
    irqflags_t flags = uart_lock();
    bool input = ier & IER_RX;

    uart_pump_locked();
    if (ring_used(&tx) == 0 && ier & IER_TX) {
        uart_set_ier(ier & ~IER_TX);
        hook = load_acquire(&room_hook);
    }
    spin_unlock_irqrestore(&lock, flags);
    if (hook)
        hook();
    if (input)
        uart_receive();
}

int uart_start(void)
{
    int err = plic_register(machine.uart.irq, uart_interrupt, NULL);

    if (!err)
        uart_enable_input(true);
    return err;
}

void uart_set_receiver(void (*fn)(const u8 *s, size_t n))
{
    store_release(&receiver, fn);
}

void uart_enable_input(bool on)
{
    irqflags_t flags = uart_lock();

    uart_set_ier(on ? ier | IER_RX : ier & ~IER_RX);
    spin_unlock_irqrestore(&lock, flags);
}

void uart_set_room_hook(void (*fn)(void))
{
    store_release(&room_hook, fn);
}
