// SPDX-License-Identifier: MIT
// Calls to the machine-mode firmware (RISC-V SBI specification 1.0).
#pragma once
#include "lib/types.h"

void sbi_send_ipi(u64 hart_mask, u64 base);
void sbi_set_timer(u64 time);
int sbi_hart_start(u64 hart, paddr_t entry, u64 arg);
bool sbi_hart_stopped(u64 hart);
void sbi_system_reset(bool reboot) __attribute__((noreturn));
// Early console output, before the UART driver; works under every firmware.
void sbi_console_write(const char *s, size_t n);
