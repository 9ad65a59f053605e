// SPDX-License-Identifier: MIT
// What /sys is made of: tables of entries, each for a device, a hart, or none.
#pragma once
#include "block/block.h"
#include "vfs/pseudo.h"

struct sys_entry {
    const char *name;
    mode_t mode; // with the type
    // False: the device has no such entry. NULL: all have.
    bool (*applies)(const struct block_device *d);
    void (*show)(struct text *t, struct block_device *d); // texts
    void (*show_hart)(struct text *t, unsigned hart);     // texts below a hart
    ssize_t (*read)(struct uio *u, loff_t *pos);          // what is no text
    ssize_t (*write)(struct uio *u, loff_t *pos);
    int (*target)(struct block_device *d, char *buf, size_t size); // links: the text's length
    // Directories: entries up to one without a name; then every hart, as `hart`, with its number
    // behind that one's name; then devices that it has, each as `member`.
    const struct sys_entry *entries, *hart;
    bool (*has)(const struct block_device *dir, const struct block_device *d);
    const struct sys_entry *member;
    bool by_number; // members are called "254:0", not "vda"
};

#define SYS_DIR(text, table)                                   \
    {                                                          \
        .name = text, .mode = S_IFDIR | 0755, .entries = table \
    }
#define SYS_TEXT(text, fn)                               \
    {                                                    \
        .name = text, .mode = S_IFREG | 0444, .show = fn \
    }

extern const struct sys_entry sys_root_entry;       // sysfs_block.c
extern const struct sys_entry sys_kernel_entries[]; // sysfs_mm.c
extern const struct sys_entry sys_system_entries[]; // sysfs_cpu.c
