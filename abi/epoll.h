// SPDX-License-Identifier: MIT
// The epoll interface.
#pragma once

#include "abi/base.h"

#define EPOLL_CLOEXEC  02000000
#define EPOLL_CTL_ADD  1
#define EPOLL_CTL_DEL  2
#define EPOLL_CTL_MOD  3
#define EPOLLIN        0x1
#define EPOLLPRI       0x2
#define EPOLLOUT       0x4
#define EPOLLERR       0x8
#define EPOLLHUP       0x10
#define EPOLLRDNORM    0x40
#define EPOLLRDBAND    0x80
#define EPOLLWRNORM    0x100
#define EPOLLWRBAND    0x200
#define EPOLLMSG       0x400
#define EPOLLRDHUP     0x2000
#define EPOLLEXCLUSIVE 0x10000000
#define EPOLLWAKEUP    0x20000000
#define EPOLLONESHOT   0x40000000
#define EPOLLET        0x80000000U

struct epoll_event {
    abi_u32 events; /* EPOLL* */
    abi_u32 pad;
    abi_u64 data; /* the caller's; returned as it came */
};
_Static_assert(sizeof(struct epoll_event) == 16, "epoll_event");
_Static_assert(__builtin_offsetof(struct epoll_event, data) == 8, "epoll_event.data");
