// SPDX-License-Identifier: MIT
// What the tests of message queues share.
#pragma once

#include "abi.h"
#include <grp.h>
#include <mqueue.h>
#include <sys/resource.h>
#include <time.h>

#define NAME  "/abi.queue"
#define OTHER "/abi.other"

static inline void become(uid_t uid)
{
    NEED(setgroups(0, NULL) == 0 && setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0);
}

static inline mqd_t queue_new(long messages, long size, int flags)
{
    struct mq_attr attr = {.mq_maxmsg = messages, .mq_msgsize = size};

    mq_unlink(NAME);
    mqd_t q = mq_open(NAME, O_RDWR | O_CREAT | O_EXCL | flags, 0600, &attr);
    NEED(q != (mqd_t)-1);
    return q;
}

static inline void queue_end(mqd_t q)
{
    mq_close(q);
    mq_unlink(NAME);
}

static inline void send_text(mqd_t q, const char *text, unsigned priority)
{
    NEED(mq_send(q, text, strlen(text), priority) == 0);
}

// The text of the next message and its priority; "" if there is none.
static inline const char *receive_text(mqd_t q)
{
    static char text[8192 + 16];
    char message[8192];
    unsigned priority;
    ssize_t n = mq_receive(q, message, sizeof(message), &priority);

    if (n < 0)
        return "";
    snprintf(text, sizeof(text), "%.*s/%u", (int)n, message, priority);
    return text;
}

static inline long messages(mqd_t q)
{
    struct mq_attr attr;

    return mq_getattr(q, &attr) ? -1 : attr.mq_curmsgs;
}

static volatile int *handled __attribute__((unused)); // shared with children
static siginfo_t handled_info __attribute__((unused));

static inline void handler(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    handled_info = *info;
    __atomic_add_fetch(handled, 1, __ATOMIC_RELAXED);
}

static inline void handler_set(int number, int flags)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};

    NEED(sigaction(number, &action, NULL) == 0);
}

static inline void handled_await(int count)
{
    while (*handled < count)
        sched_yield();
}

struct waiting { // a child that waits for a queue, and says so before
    mqd_t q;
    struct gate ready;
};
