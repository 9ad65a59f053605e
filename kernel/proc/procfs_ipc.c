// SPDX-License-Identifier: MIT
// What /proc shows of communication and of pseudo-terminals: sysvipc(5), and limits that can be
// set.
#include "fs/pseudo/devpts.h"
#include "proc/procfs_private.h"

static int write_pty_max(const char *s, const struct proc_place *p)
{
    return proc_write_number(s, 0, DEVPTS_MAX, &devpts_max);
}

const struct proc_entry proc_pty_entries[] = {
    {"max", S_IFREG | 0644, .show = proc_show_number, .write = write_pty_max, .arg = &devpts_max},
    {"nr", S_IFREG | 0444, .show = proc_show_number, .arg = &devpts_count},
    {0},
};
