// SPDX-License-Identifier: MIT
// How a loop device gets, changes and gives up its file.
#include "abi/errno.h"
#include "drivers/loop/loop_private.h"
#include "lib/string.h"
#include "vfs/inode.h"

#define DRAIN_AGAIN (NS_PER_SEC / 100)

static void set_limits(struct loop *l, u32 block_size)
{
    const struct file *f = l->file;

    l->block.limits = (struct block_limits){
        .segments = 128,
        .sectors = 2048,
        .block_size = block_size,
        .physical_size = block_size,
        .discard_sectors = S_ISREG(f->inode->mode) && f->ops->fallocate ? UINT32_MAX : 0,
        .volatile_cache = true,
    };
}

static struct vm_object *cached(const struct loop *l)
{
    struct buf_cache *c = l->block.cache; // made when the device was opened

    return &c->object;
}

static void set_size(struct loop *l, u64 sectors)
{
    store_relaxed(&l->block.sectors, sectors);
    buf_device_resized(&l->block);
}

static void rescan(struct loop *l)
{
    if (l->block.minors)
        (void)block_rescan(&l->block);
}

static bool is_busy(const struct loop *l)
{
    return load_acquire(&l->block.stats.in_flight);
}

// Afterwards nothing can be submitted, and nothing is under way: block_submit counts a request
// before it looks at the sectors. It wakes nobody if there are none.
static void drain(struct loop *l)
{
    store_relaxed(&l->block.sectors, 0);
    smp_mb();
    while (is_busy(l))
        wait_event(&l->idle, !is_busy(l), WAIT_UNINTERRUPTIBLE, clock_monotonic() + DRAIN_AGAIN);
}

// A mount holds blocks; partitions have caches of their own.
static bool in_use(const struct loop *l)
{
    const struct buf_cache *c = l->block.cache;

    return c->count || block_users(l->block.whole) > load_relaxed(&l->block.opens);
}

// Until change_end there are no pages of the device, and no requests. -EAGAIN: it is in use.
static int change_begin(struct loop *l)
{
    int err = buf_cache_forget(l->block.cache)
                  ?: in_use(l) ? -EAGAIN
                               : vm_object_close(cached(l), 0);

    if (!err)
        drain(l);
    return err;
}

// The same of a device without sectors: nothing is written, so nothing can fail.
static void change_begin_empty(struct loop *l)
{
    int err = vm_object_close(cached(l), 0);

    verify(!err);
}

static void change_end(struct loop *l)
{
    set_size(l, l->file ? loop_file_sectors(l) : 0);
    vm_object_open(cached(l));
    rescan(l);
}

static int info_check(const struct loop_info64 *info)
{
    if (info->lo_encrypt_type || info->lo_encrypt_key_size)
        return -EINVAL;
    return info->lo_offset > INT64_MAX || info->lo_sizelimit > INT64_MAX ? -EOVERFLOW : 0;
}

static void info_apply(struct loop *l, const struct loop_info64 *info)
{
    loop_set_offset(l, info->lo_offset);
    l->limit = info->lo_sizelimit;
    memcpy(l->name, info->lo_file_name, sizeof(l->name));
    l->name[sizeof(l->name) - 1] = '\0';
}

static bool block_size_ok(u32 size)
{
    return size >= SECTOR_SIZE && size <= PAGE_SIZE && !(size & (size - 1));
}

static int bind_check(const struct loop *l, const struct loop_config *c)
{
    if (l->file)
        return -EBUSY;
    if (c->info.lo_flags & ~(LOOP_FLAGS_SETTABLE | LO_FLAGS_READ_ONLY) ||
        (c->block_size && !block_size_ok(c->block_size)))
        return -EINVAL;
    return info_check(&c->info);
}

static int bind_locked(struct loop *l, struct file *f, const struct loop_config *c, bool may_write)
{
    u32 flags = c->info.lo_flags;
    int err = bind_check(l, c) ?: loop_start_thread(l);

    if (err)
        return err;
    change_begin_empty(l);
    err = loop_attach(l, f);
    if (!err) {
        if (!(f->mode & FILE_F_WRITE) || !may_write)
            flags |= LO_FLAGS_READ_ONLY;
        info_apply(l, &c->info);
        l->flags = flags;
        l->block.read_only = flags & LO_FLAGS_READ_ONLY;
        l->block.minors = flags & LO_FLAGS_PARTSCAN ? 1 : 0;
        set_limits(l, c->block_size ? c->block_size : SECTOR_SIZE);
    }
    change_end(l);
    return err;
}

int loop_bind(struct loop *l, const struct loop_config *c, bool may_write)
{
    struct file *f SCOPED(file_end) = fd_get((int)c->fd);
    int err;

    if (!f)
        return -EBADF;
    mutex_lock(&l->changing);
    err = bind_locked(l, f, c, may_write);
    mutex_unlock(&l->changing);
    return err;
}

// The file, which the caller puts. Requests under way, of who shares the last user, still get it.
static struct file *unbind_locked(struct loop *l)
{
    struct file *f;

    (void)buf_cache_forget(l->block.cache);
    drain(l);
    rescan(l);
    change_begin_empty(l);
    l->block.minors = 0;
    l->block.read_only = false;
    l->flags = 0;
    memset(l->name, 0, sizeof(l->name));
    f = loop_detach(l);
    change_end(l);
    return f;
}

int loop_clear(struct loop *l)
{
    struct file *f SCOPED(file_end) = NULL;
    int err = 0;

    mutex_lock(&l->changing);
    if (!l->file)
        err = -ENXIO;
    else if (block_users(&l->block) > 1)
        l->flags |= LO_FLAGS_AUTOCLEAR;
    else
        f = unbind_locked(l);
    mutex_unlock(&l->changing);
    return err;
}

void loop_closed(struct block_device *d)
{
    struct loop *l = d->private;
    struct file *f SCOPED(file_end) = NULL;

    mutex_lock(&l->changing);
    if (l->file && l->flags & LO_FLAGS_AUTOCLEAR && !block_users(d))
        f = unbind_locked(l);
    mutex_unlock(&l->changing);
}

/* Changes of a bound device */

static int set_status_locked(struct loop *l, const struct loop_info64 *info)
{
    int err = l->file ? info_check(info) : -ENXIO;
    bool moves = info->lo_offset != l->offset || info->lo_sizelimit != l->limit;

    if (!err && moves)
        err = change_begin(l);
    if (err)
        return err;
    info_apply(l, info);
    l->flags = (l->flags & ~LO_FLAGS_AUTOCLEAR) | (info->lo_flags & LOOP_FLAGS_SETTABLE);
    l->block.minors = l->flags & LO_FLAGS_PARTSCAN ? 1 : 0;
    if (moves)
        change_end(l);
    else
        rescan(l);
    return 0;
}

int loop_set_status(struct loop *l, const struct loop_info64 *info)
{
    int err;

    mutex_lock(&l->changing);
    err = set_status_locked(l, info);
    mutex_unlock(&l->changing);
    return err;
}

static int set_block_size_locked(struct loop *l, u32 size)
{
    int err = !l->file ? -ENXIO : block_size_ok(size) ? change_begin(l) : -EINVAL;

    if (err)
        return err;
    set_limits(l, size);
    change_end(l);
    return 0;
}

int loop_set_block_size(struct loop *l, u32 size)
{
    int err;

    mutex_lock(&l->changing);
    err = set_block_size_locked(l, size);
    mutex_unlock(&l->changing);
    return err;
}

// Looks at the file's size again: also under a mount, whose blocks stay where they are.
static int set_capacity_locked(struct loop *l)
{
    int err = l->file ? change_begin(l) : -ENXIO;

    if (!err)
        change_end(l);
    if (err != -EAGAIN)
        return err;
    set_size(l, loop_file_sectors(l));
    rescan(l);
    return 0;
}

int loop_set_capacity(struct loop *l)
{
    int err;

    mutex_lock(&l->changing);
    err = set_capacity_locked(l);
    mutex_unlock(&l->changing);
    return err;
}
