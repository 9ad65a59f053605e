// SPDX-License-Identifier: MIT
// Flags of eventfd2 and signalfd4.
#pragma once

#define EFD_SEMAPHORE 01
#define EFD_CLOEXEC   02000000
#define EFD_NONBLOCK  04000
#define SFD_CLOEXEC   02000000
#define SFD_NONBLOCK  04000
