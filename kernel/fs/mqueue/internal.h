// SPDX-License-Identifier: MIT
// What the two halves of message queues share: a queue, and the inode that has it.
#pragma once
#include "fs/mqueue/mqueue.h"

struct mqueue; // inode->private

// The attributes are mq_open's, or NULL. -ENOSPC -EINVAL -EMFILE -ENOMEM
int mqueue_create(const struct mq_attr *attr, struct mqueue **out);
void mqueue_destroy(struct mqueue *q);
extern const struct file_ops mqueue_file_ops;
