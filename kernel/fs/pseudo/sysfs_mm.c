// SPDX-License-Identifier: MIT
// /sys/kernel/mm/page_idle/bitmap: idle page tracking, a bit for each page frame in words of 64.
// Writing a one marks a frame idle; it reads as one until a process uses it. What no process maps
// reads as zero.
#include "abi/errno.h"
#include "fs/pseudo/sysfs_private.h"
#include "lib/macro.h"
#include "mm/frame.h"
#include "vm/space.h"

// Whole words, as far as there are frames.
static int bitmap_range(const struct uio *u, loff_t pos, u64 *words)
{
    u64 word = pos / sizeof(u64), end = DIV_ROUND_UP(frame_end, 64);

    if (pos < 0 || pos % sizeof(u64) || u->left % sizeof(u64))
        return -EINVAL;
    *words = word < end ? MIN(u->left / sizeof(u64), end - word) : 0;
    return 0;
}

static int bitmap_part(struct uio *u, pfn_t first, u64 words, bool mark)
{
    u64 idle[VM_IDLE_FRAMES / 64];
    int err;

    if (!mark) {
        vm_idle_get(first, idle, words * 64);
        return uio_put(u, idle, words * sizeof(u64));
    }
    err = uio_get(u, idle, words * sizeof(u64));
    if (!err)
        vm_idle_mark(first, idle, words * 64);
    return err;
}

static ssize_t bitmap_transfer(struct uio *u, loff_t *pos, bool mark)
{
    u64 words, done = 0, n;
    int err = bitmap_range(u, *pos, &words);

    if (!err && mark && u->left && !words)
        err = -ENXIO;
    for (; !err && done < words; done += err ? 0 : n) {
        n = MIN(words - done, VM_IDLE_FRAMES / 64);
        err = bitmap_part(u, (*pos / sizeof(u64) + done) * 64, n, mark);
    }
    *pos += done * sizeof(u64);
    return done ? (ssize_t)(done * sizeof(u64)) : err;
}

static ssize_t bitmap_read(struct uio *u, loff_t *pos)
{
    return bitmap_transfer(u, pos, false);
}

static ssize_t bitmap_write(struct uio *u, loff_t *pos)
{
    return bitmap_transfer(u, pos, true);
}

static const struct sys_entry idle_entries[] = {
    {.name = "bitmap", .mode = S_IFREG | 0600, .read = bitmap_read, .write = bitmap_write}, {0}};

static const struct sys_entry mm_entries[] = {
    {.name = "page_idle", .mode = S_IFDIR | 0755, .entries = idle_entries}, {0}};

const struct sys_entry sys_kernel_entries[] = {
    {.name = "mm", .mode = S_IFDIR | 0755, .entries = mm_entries}, {0}};
