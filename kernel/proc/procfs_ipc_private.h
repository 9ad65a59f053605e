// SPDX-License-Identifier: MIT
// The limits of communication, as entries of /proc/sys/kernel.
#pragma once
#include "ipc/sysv.h"
#include "proc/procfs_private.h"

int proc_write_ipc_limit(const char *s, const struct proc_place *p);
int proc_show_sem_limits(struct text *t, const struct proc_place *p);

#define PROC_IPC_LIMIT(name)                                                            \
    {                                                                                   \
#name, S_IFREG | 0644, .show = proc_show_number, .write = proc_write_ipc_limit, \
                               .arg = &ipc_limits.name                                  \
    }
#define PROC_IPC_LIMITS                                                         \
    PROC_IPC_LIMIT(msgmax), PROC_IPC_LIMIT(msgmnb), PROC_IPC_LIMIT(msgmni),     \
        PROC_IPC_LIMIT(shmall), PROC_IPC_LIMIT(shmmax), PROC_IPC_LIMIT(shmmni), \
    {                                                                           \
        "sem", S_IFREG | 0444, .show = proc_show_sem_limits                     \
    }
