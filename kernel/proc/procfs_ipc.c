// SPDX-License-Identifier: MIT
// What /proc shows of communication and of pseudo-terminals: sysvipc(5), and limits that can be
// set.
#include "fs/pseudo/devpts.h"
#include "proc/procfs_ipc_private.h"

int proc_write_ipc_limit(const char *s, const struct proc_place *p)
{
    u64 most = p->entry->arg == &ipc_limits.shmmni || p->entry->arg == &ipc_limits.msgmni
                   ? IPC_IDS_MAX
                   : (u64)INT64_MAX;

    return proc_write_number(s, 0, p->entry->arg == &ipc_limits.shmmax ? SHM_LIMIT : most,
                             p->entry->arg);
}

int proc_show_sem_limits(struct text *t, const struct proc_place *p)
{
    text_printf(t, "%d\t%d\t%d\t%d\n", SEM_SET_MAX, SEM_ALL_MAX, SEM_OPS_MAX, SEM_SET_MAX);
    return 0;
}

static int show_shm(struct text *t, const struct proc_place *p)
{
    return shm_show(t);
}

static int show_sem(struct text *t, const struct proc_place *p)
{
    return sem_show(t);
}

static int show_msg(struct text *t, const struct proc_place *p)
{
    return msg_show(t);
}

const struct proc_entry proc_sysvipc_entries[] = {
    {"msg", S_IFREG | 0444, .show = show_msg},
    {"sem", S_IFREG | 0444, .show = show_sem},
    {"shm", S_IFREG | 0444, .show = show_shm},
    {0},
};

static int write_pty_max(const char *s, const struct proc_place *p)
{
    return proc_write_number(s, 0, DEVPTS_MAX, &devpts_max);
}

const struct proc_entry proc_pty_entries[] = {
    {"max", S_IFREG | 0644, .show = proc_show_number, .write = write_pty_max, .arg = &devpts_max},
    {"nr", S_IFREG | 0444, .show = proc_show_number, .arg = &devpts_count},
    {0},
};
