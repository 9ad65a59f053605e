// SPDX-License-Identifier: MIT
// The 16550 serial port, polled, for the SBI console calls and the firmware's own last words.
#include "firmware.h"

enum uart_register {
    UART_DATA = 0,
    UART_FCR = 2,
    UART_LCR = 3,
    UART_LSR = 5,
};

#define LSR_DATA_READY 0x01
#define LSR_THR_EMPTY  0x20

static volatile u8 *const uart = (volatile u8 *)0x10000000;
static u32 uart_lock; /* (a) keeps the bytes of one write together */

void console_init(void)
{
    uart[UART_LCR] = 3; /* 8 data bits, no parity */
    uart[UART_FCR] = 1; /* FIFOs on */
}

void console_lock(void)
{
    while (__atomic_exchange_n(&uart_lock, 1, __ATOMIC_ACQUIRE))
        ipi_handle(); /* the owner may wait for this hart's answer */
}

void console_unlock(void)
{
    __atomic_store_n(&uart_lock, 0, __ATOMIC_RELEASE);
}

void console_put(u8 byte)
{
    while (!(uart[UART_LSR] & LSR_THR_EMPTY))
        ;
    uart[UART_DATA] = byte;
}

int console_get(void)
{
    return uart[UART_LSR] & LSR_DATA_READY ? uart[UART_DATA] : -1;
}

void console_print(const char *text)
{
    while (*text)
        console_put(*text++);
}

void console_print_hex(u64 value)
{
    for (int shift = 60; shift >= 0; shift -= 4)
        console_put("0123456789abcdef"[value >> shift & 15]);
}
