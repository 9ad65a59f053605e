// SPDX-License-Identifier: MIT
// /dev/null, zero, full, random, urandom.
#include "abi/errno.h"
#include "base/random.h"
#include "fs/pseudo/pseudo.h"
#include "vfs/registry.h"

static ssize_t null_read(struct file *f, struct uio *u, loff_t *pos)
{
    return 0;
}

static ssize_t sink_write(struct file *f, struct uio *u, loff_t *pos)
{
    size_t n = u->left;

    uio_advance(u, n);
    return n;
}

// -EINTR: after another round of n bytes, and before the last, the thread is to die.
static int rounds_end(size_t n, const struct uio *u)
{
    bool ask = u->left && (n - u->left) % UIO_ROUND == 0;

    return ask && wait_interrupted(WAIT_KILLABLE) ? -EINTR : 0;
}

static __attribute__((noinline)) ssize_t zero_many(struct uio *u)
{
    size_t n = u->left;
    int err = 0;

    while (u->left && !err) {
        err = uio_zero(u, MIN(u->left, UIO_ROUND));
        err = err ?: rounds_end(n, u);
    }
    return n > u->left ? (ssize_t)(n - u->left) : err;
}

static ssize_t zero_read(struct file *f, struct uio *u, loff_t *pos)
{
    size_t n = u->left;

    if (unlikely(n > PAGE_SIZE || n != u->length || u->kernel))
        return zero_many(u);
    return user_zero(u->base, n) ?: (ssize_t)n;
}

static ssize_t full_write(struct file *f, struct uio *u, loff_t *pos)
{
    return u->left ? -ENOSPC : 0;
}

static ssize_t random_transfer(struct uio *u, bool write)
{
    size_t n = u->left;
    u8 block[256];
    int err = 0;

    while (u->left && !err) {
        size_t part = MIN(u->left, sizeof(block));

        if (!write)
            random_bytes(block, part);
        err = write ? uio_get(u, block, part) : uio_put(u, block, part);
        if (write && !err)
            random_mix(block, part);
        err = err ?: rounds_end(n, u);
    }
    return n > u->left ? (ssize_t)(n - u->left) : err;
}

static ssize_t random_read(struct file *f, struct uio *u, loff_t *pos)
{
    return random_transfer(u, false);
}

static ssize_t random_write(struct file *f, struct uio *u, loff_t *pos)
{
    return random_transfer(u, true);
}

static loff_t still_seek(struct file *f, loff_t offset, int whence)
{
    return 0;
}

static int zero_mmap(struct file *f, struct vm_object **out)
{
    *out = NULL;
    return 0;
}

static const struct file_ops null_ops = {
    .read = null_read, .write = sink_write, .seek = still_seek};
static const struct file_ops zero_ops = {
    .read = zero_read,
    .write = sink_write,
    .seek = still_seek,
    .mmap = zero_mmap,
};
static const struct file_ops full_ops = {
    .read = zero_read, .write = full_write, .seek = still_seek};
static const struct file_ops random_ops = {
    .read = random_read, .write = random_write, .seek = still_seek};

static struct device devices[] = {
    {.name = "null", .mode = S_IFCHR | 0666, .ops = &null_ops},
    {.name = "zero", .mode = S_IFCHR | 0666, .ops = &zero_ops},
    {.name = "full", .mode = S_IFCHR | 0666, .ops = &full_ops},
    {.name = "random", .mode = S_IFCHR | 0666, .ops = &random_ops},
    {.name = "urandom", .mode = S_IFCHR | 0666, .ops = &random_ops},
};

void memdev_init(void)
{
    static const u8 minors[ARRAY_SIZE(devices)] = {3, 5, 7, 8, 9};

    for (unsigned i = 0; i < ARRAY_SIZE(devices); i++) {
        devices[i].dev = makedev(1, minors[i]);
        device_register(&devices[i]);
    }
}
