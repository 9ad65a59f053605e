// SPDX-License-Identifier: MIT
// Pseudo-terminals (pty(7)): /dev/ptmx.
#pragma once

void pty_init(void);
