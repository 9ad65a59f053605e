// SPDX-License-Identifier: MIT
// /proc/sys/fs: limits of inotify and message queues.
#include "proc/procfs_private.h"
#include "vfs/inotify.h"

static int write_number(const char *s, const struct proc_place *p)
{
    return proc_write_number(s, 0, INT32_MAX, p->entry->arg);
}

#define LIMIT(name, number)                                                                     \
    {                                                                                           \
        name, S_IFREG | 0644, .show = proc_show_number, .write = write_number, .arg = &(number) \
    }

static const struct proc_entry inotify_entries[] = {
    LIMIT("max_queued_events", inotify_max_events),
    LIMIT("max_user_instances", inotify_max_instances),
    LIMIT("max_user_watches", inotify_max_watches),
    {0},
};

const struct proc_entry proc_fs_entries[] = {
    {"inotify", S_IFDIR | 0555, .entries = inotify_entries},
    {"nr_open", S_IFREG | 0444, .show = proc_show_number, .arg = (u64[]){FDTABLE_MAX}},
    {"mqueue", S_IFDIR | 0555, .entries = proc_mqueue_entries},
    {"suid_dumpable", S_IFREG | 0644, .show = proc_show_number, .write = proc_write_suid_dumpable,
     .arg = &suid_dumpable},
    {0},
};
