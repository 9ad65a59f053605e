// SPDX-License-Identifier: MIT
// What drivers publish: devices by number.
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
};
int device_register(struct device *d); // -EEXIST
struct device *device_find(dev_t dev, bool block);
// Calls fn for each device there is and will be; it may sleep.
void device_watch(void (*fn)(struct device *d));

// Operations of FIFOs; set by ipc/.
extern const struct file_ops *fifo_ops;
