// SPDX-License-Identifier: MIT
// POSIX message queues (mq_overview(7)): what their calls and /proc use. Errors are those of the
// manual page of the call.
#pragma once
#include "abi/mqueue.h"
#include "vfs/file.h"

void mqueue_init(void); // registers "mqueue"

/* What /proc/sys/fs/mqueue shows (a) */

struct mqueue_limits {
    u64 queues_max, msg_max, msgsize_max;
    u64 msg_default, msgsize_default; // of a queue made without attributes
};
extern struct mqueue_limits mqueue_limits;

#define MQUEUE_MESSAGES_MAX 65536U // of one queue, whoever makes it; msg_max
#define MQUEUE_SIZE_MIN     128U   // msgsize_max
#define MQUEUE_SIZE_MAX     (16U << 20)

// RLIMIT_MSGQUEUE of the running process; set by proc/.
extern u64 (*mqueue_limit_hook)(void);

/* Names */

// flags: O_ACCMODE, O_NONBLOCK, O_CREAT, O_EXCL; attr may be NULL.
int mqueue_open(const char *name, u32 flags, mode_t mode, const struct mq_attr *attr,
                struct file **out);
int mqueue_unlink(const char *name);

/* Open queues */

bool file_is_mqueue(const struct file *f);
// The message is the program's; deadline 0 is past. -EMSGSIZE -EAGAIN -ETIMEDOUT -EINTR -ENOMEM
int mqueue_send(struct file *f, uaddr_t message, u64 size, u32 priority, ns_t deadline);
// Its size. -EMSGSIZE -EAGAIN -ETIMEDOUT -EINTR; -EFAULT: the message is lost.
s64 mqueue_receive(struct file *f, uaddr_t to, u64 size, uaddr_t priority, ns_t deadline);
void mqueue_attr(struct file *f, struct mq_attr *out);
void mqueue_touch(struct file *f); // its attributes were set

// Who is told, once, that a message has come to a queue that was empty.
struct mqueue_watch {
    struct process *owner; // NULL: nobody
    // It is no more: a message `arrived`, or it was taken back. The queue is locked.
    void (*end)(const struct mqueue_watch *w, bool arrived);
    s32 notify, signo; // SIGEV_*
    u64 value;
    pid_t pid; // the owner's
    u32 execs; // and how many programs it had begun
};
// end() is called for it if this succeeds. -EBUSY
int mqueue_watch(struct file *f, const struct mqueue_watch *w);
void mqueue_unwatch(struct file *f); // the running process's, if it is
