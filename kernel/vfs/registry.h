// SPDX-License-Identifier: MIT
// What drivers and subsystems publish: device nodes, and text files of /proc.
#pragma once
#include "vfs/file.h"

// Character and block devices by number; the node appears in devfs under `name` ("null",
// "rv/stdin").
struct device {
    const char *name;           // (c)
    dev_t dev;                  // (c)
    mode_t mode;                // (c) S_IFCHR or S_IFBLK | permissions
    const struct file_ops *ops; // (c) file->private is `data` at open
    void *data;                 // (c)
    struct list link;
    struct hnode hash_node;
};
int device_register(struct device *d); // -EEXIST
struct device *device_find(dev_t dev, bool block);
void device_each(void (*fn)(struct device *d));
// Set by devfs to add nodes for devices registered later.
extern void (*device_added_hook)(struct device *d);

// Operations of FIFOs; set by ipc/.
extern const struct file_ops *fifo_ops;

// A growing text that a /proc file's show function fills.
struct text {
    char *data;
    size_t length, capacity;
    int error; // -ENOMEM sticks
};
void text_printf(struct text *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void text_append(struct text *t, const char *s, size_t n);

// A file of /proc (or /sys) at a fixed place, "meminfo" or "sys/vm/drop_caches"; directories are
// made as needed. show fills the text at open; write gets what was written.
struct proc_file {
    const char *path;
    mode_t mode; // permissions
    int (*show)(struct text *t, void *arg);
    int (*write)(const char *s, size_t n, void *arg);
    void *arg;
    struct list link;
};
void proc_register(struct proc_file *f);
void proc_each(void (*fn)(struct proc_file *f, void *arg), void *arg);

// How procfs reaches processes without knowing them; registered by proc/. Ids are thread-group ids.
struct procfs_source {
    // Next live id >= *id in the reader's view, false at the end.
    bool (*next)(pid_t *id);
    pid_t (*self)(void);
    pid_t (*self_thread)(void);
    // Files of /proc/<pid> and /proc/<pid>/task/<tid> (`thread` true), a NULL-name-terminated
    // table.
    const struct procfs_entry *entries;
    const struct procfs_entry *task_entries;
    bool (*alive)(pid_t id);
    bool (*thread_next)(pid_t id, pid_t *tid);
    // Owner of the files.
    void (*owner)(pid_t id, uid_t *uid, gid_t *gid);
    struct fdtable *(*files)(pid_t id); // referenced, NULL if gone
};
struct procfs_entry {
    const char *name;
    mode_t mode; // with type: S_IFREG, S_IFLNK (magic)
    int (*show)(struct text *t, pid_t id);
    ssize_t (*write)(const char *s, size_t n, pid_t id);
    int (*link)(pid_t id, struct path *out); // magic links: exe, cwd, root
};
extern const struct procfs_source *procfs_source;

// The names of uname(2), for /proc/version and /proc/sys/kernel; set by proc/ or init/.
struct utsname;
extern void (*system_names_get)(struct utsname *out);
extern void (*system_host_set)(const char *name);
