// SPDX-License-Identifier: MIT
// Interrupts from the machine layer, handed to whoever serves them.
#pragma once

// Sets the function that serves external interrupts (the interrupt controller's driver); boot only.
// It runs with interrupts off.
void interrupt_set_external(void (*handler)(void));
