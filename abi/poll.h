// SPDX-License-Identifier: MIT
// Events and structures of ppoll and pselect6.
#pragma once

#include "abi/base.h"

#define POLLIN     0x1
#define POLLPRI    0x2
#define POLLOUT    0x4
#define POLLERR    0x8
#define POLLHUP    0x10
#define POLLNVAL   0x20
#define POLLRDNORM 0x40
#define POLLRDBAND 0x80
#define POLLWRNORM 0x100
#define POLLWRBAND 0x200
#define POLLMSG    0x400
#define POLLREMOVE 0x1000
#define POLLRDHUP  0x2000

struct pollfd {
    abi_s32 fd; /* negative: skipped */
    abi_s16 events;
    abi_s16 revents;
};
_Static_assert(sizeof(struct pollfd) == 8, "pollfd");
_Static_assert(__builtin_offsetof(struct pollfd, revents) == 6, "pollfd.revents");

#define FD_SETSIZE 1024

/* The sixth argument of pselect6. */
struct pselect6_mask {
    abi_u64 set;  /* address of the signal set, or 0 */
    abi_u64 size; /* its bytes: 8 */
};
_Static_assert(sizeof(struct pselect6_mask) == 16, "pselect6_mask");
