// SPDX-License-Identifier: MIT
// The serial port of the device tree, an NS16550A: one output queue shared by terminal and log.
//
// A line of the log is never put inside a line of the terminal: if the terminal's line is
// unfinished, the log begins a new one.
#pragma once
#include "lib/types.h"

// Maps the port and makes it the log's console; polled, no interrupts. -ENODEV, -ENOMEM.
int uart_init(void);
// Interrupts on; after plic_init. -EINVAL if the port's interrupt cannot be had.
int uart_start(void);

// Queues what fits and returns its length; any context. For the terminal.
size_t uart_write(const u8 *s, size_t n);
size_t uart_pending(void); // bytes queued and not yet sent
void uart_discard(void);   // forgets them

// Input goes to fn, from interrupt context with interrupts off. Set before input is enabled.
void uart_set_receiver(void (*fn)(const u8 *s, size_t n));
// Input off: the sender is held back once the port's own queue is full.
void uart_enable_input(bool on);
// Called, interrupts off, when output that had to wait has all been sent.
void uart_set_room_hook(void (*fn)(void));
