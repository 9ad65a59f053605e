/* SPDX-License-Identifier: MIT */
/* POSIX message queues. */
#pragma once

#include "abi/base.h"

#define MQ_PRIO_MAX       32768
#define NOTIFY_COOKIE_LEN 32

struct mq_attr {
    abi_s64 mq_flags; /* O_NONBLOCK */
    abi_s64 mq_maxmsg;
    abi_s64 mq_msgsize;
    abi_s64 mq_curmsgs;
    abi_s64 reserved[4];
};
_Static_assert(sizeof(struct mq_attr) == 64, "mq_attr");
