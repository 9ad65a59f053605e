// SPDX-License-Identifier: MIT
// The real-time clock of QEMU's virt machine.
#pragma once

// Sets the kernel's clock from it. -ENODEV, -ENOMEM.
int rtc_init(void);
