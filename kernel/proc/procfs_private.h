// SPDX-License-Identifier: MIT
// What /proc is made of: tables of entries, and the texts that they show.
#pragma once
#include "proc/proc_private.h"
#include "vfs/pseudo.h"

#define TICK_NS (NS_PER_SEC / 100) // what proc(5) counts CPU time in

// A place in /proc: an entry of a table, and whose it is.
struct proc_place {
    const struct proc_entry *entry; // (c)
    pid_t id;                       // (c) process or thread; 0: none
    struct pid *pid;                // (c) whose it is, if another has the id later; NULL: not yet
    int fd;                         // (c) descriptor of it; -1: none
    bool thread;                    // (c) below a process's task/: of one thread alone
    // While a callback of a place with an id runs, with references:
    struct process *process;
    struct vm_space *space; // NULL once the process has exited
};

// Callbacks return 0 or -errno (readlink: the length).
struct proc_entry {
    const char *name;
    mode_t mode;  // with the type
    bool guarded; // for those who may look into the process (ptrace(2), PTRACE_MODE_READ)
    // Texts
    int (*show)(struct text *t, const struct proc_place *p);
    int (*write)(const char *s, const struct proc_place *p); // without the final newline
    void *arg;
    // Instead of show and write, of memory: p->space is that of the open, used by somebody still
    ssize_t (*read)(const struct proc_place *p, struct uio *u, loff_t *pos);
    ssize_t (*poke)(const struct proc_place *p, struct uio *u, loff_t *pos);
    // Links: to a text, or (follow) straight to a file
    int (*readlink)(const struct proc_place *p, char *buf, size_t size);
    int (*follow)(const struct proc_place *p, struct path *out);
    // Directories: entries up to one without a name, and then children with numbers for names, of
    // which `next` finds the first at or after *number
    const struct proc_entry *entries;
    bool (*next)(pid_t id, u32 *number);
    const struct proc_entry *numbered;
};

extern const struct proc_entry proc_root_entry;   // procfs_system.c
extern const struct proc_entry proc_fs_entries[]; // procfs_inotify.c
extern const struct proc_entry proc_sysvipc_entries[], proc_pty_entries[],
    proc_mqueue_entries[];                         // procfs_ipc.c
extern const struct proc_entry proc_process_entry; // procfs_process.c: /proc/<pid>
extern const struct proc_entry proc_net_entries[]; // procfs_system.c
int proc_show_partitions(struct text *t, const struct proc_place *p); // procfs_block.c
int proc_show_mounts(struct text *t, const struct proc_place *p);     // procfs_mounts.c
int proc_show_mountinfo(struct text *t, const struct proc_place *p);
int proc_show_vmstat(struct text *t, const struct proc_place *p); // procfs_vmstat.c
int proc_show_smaps(struct text *t, const struct proc_place *p);  // procfs_smaps.c
int proc_show_smaps_rollup(struct text *t, const struct proc_place *p);
int proc_show_locks(struct text *t, const struct proc_place *p);
// procfs_process.c: fn with a struct proc_maps for each mapping, under the space's lock.
struct proc_maps {
    struct text *text;
    char *path; // a page
};
int proc_maps_each(struct text *t, const struct proc_place *place,
                   int (*fn)(const struct vm_area *a, void *arg));
int proc_show_area(const struct vm_area *a, void *maps); // the line of it
int proc_show_swaps(struct text *t, const struct proc_place *p);
int proc_show_uuid(struct text *t, const struct proc_place *p); // procfs_uuid.c
int proc_show_boot_id(struct text *t, const struct proc_place *p);
extern u8 proc_boot_id[16];                                          // (c) random
int proc_show_oom_score(struct text *t, const struct proc_place *p); // procfs_oom.c
int proc_show_oom_adjust(struct text *t, const struct proc_place *p);
int proc_write_oom_adjust(const char *s, const struct proc_place *place);
int proc_show_fault(struct text *t, const struct proc_place *p);
int proc_write_fault(const char *s, const struct proc_place *p);
int proc_show_lockstat(struct text *t, const struct proc_place *p); // procfs_locks.c
int proc_write_lockstat(const char *s, const struct proc_place *p);
int proc_show_pagetable(struct text *t, const struct proc_place *p); // procfs_pagetable.c
ssize_t proc_read_pagemap(const struct proc_place *p, struct uio *u, loff_t *pos);
int proc_show_diskstats(struct text *t, const struct proc_place *p);
int proc_write_sysrq(const char *s, const struct proc_place *p);  // sysrq.c
int proc_show_number(struct text *t, const struct proc_place *p); // the u64 that arg points to
int proc_write_number(const char *s, u64 least, u64 most, u64 *to);
// procfs_core.c
int proc_show_core_pattern(struct text *t, const struct proc_place *p);
int proc_write_core_pattern(const char *s, const struct proc_place *p);
int proc_write_core_uses_pid(const char *s, const struct proc_place *p);
int proc_write_suid_dumpable(const char *s, const struct proc_place *p);
int proc_show_core_filter(struct text *t, const struct proc_place *p);
int proc_write_core_filter(const char *s, const struct proc_place *p);
ssize_t proc_read_auxv(const struct proc_place *p, struct uio *u, loff_t *pos); // ptrace_files.c
ssize_t proc_read_mem(const struct proc_place *p, struct uio *u, loff_t *pos);
ssize_t proc_write_mem(const struct proc_place *p, struct uio *u, loff_t *pos);
bool proc_next_process(pid_t unused, u32 *id);

bool proc_place_lives(const struct proc_place *p); // its process or thread has the id, still
bool proc_place_bind(struct proc_place *p);        // to who has the id now; false: nobody
void proc_place_unbind(const struct proc_place *p);
// Around a callback: gets the process and space of a place with an id (-ESRCH -EACCES), puts them
// and returns `result`.
int proc_place_begin(struct proc_place *p);
int proc_place_end(struct proc_place *p, int result);
void proc_owner(pid_t id, struct inode *i);            // sets the owner, by the mode
int proc_root_of(pid_t id, struct path *out);          // referenced; -ESRCH, -ENOENT (a zombie)
struct file *proc_file_of(const struct proc_place *p); // open as p->fd; referenced, NULL
// The first descriptor at or after *fd that is open, and its FILE_F_*; an inode's lock may be held.
bool proc_next_fd(pid_t id, u32 *fd, u32 *mode);
