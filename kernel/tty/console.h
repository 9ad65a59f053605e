// SPDX-License-Identifier: MIT
// The terminal on the serial port: /dev/console, /dev/ttyS0, and /dev/tty for whoever it controls.
#pragma once

// Registers the nodes and takes the port's input; after drivers_init.
void console_init(void);
