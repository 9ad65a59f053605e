// SPDX-License-Identifier: MIT
// Loop devices: files as disks.
//
// A device without a file has no sectors, but can be opened, to be given one. From then on a thread
// of the device serves its transfers one after the other, through the file's page cache; a flush
// is an fsync of the file. Other threads' write-back waits for that thread, so it starts none of
// theirs when memory is short, but keeps its own file's pages few.
//
// A file is given up by LOOP_CLR_FD, or with LO_FLAGS_AUTOCLEAR, when the device and its partitions
// have no user any more. `changing` is held while a device gets, changes or gives up its file, and
// while that waits for requests; the thread does not take it. Inside it loops_lock keeps devices
// from being each other's file. A file is put without both: that may close another loop device.
//
// Nothing cached may survive such a change: it would be the next file's. All is written, dropped
// and unmapped, and who wants pages waits; then the size is 0, and what was submitted ends.
#include "drivers/loop.h"
#include "abi/capability.h"
#include "abi/errno.h"
#include "abi/loop.h"
#include "arch/uaccess.h"
#include "base/log.h"
#include "buf/buf.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "vfs/inode.h"
#include "vfs/registry.h"

#define MAJOR          7
#define CONTROL_MAJOR  10
#define CONTROL_MINOR  237
#define LOOPS_AT_BOOT  8
#define LOOPS_MAX      256
#define FLAGS_SETTABLE (LO_FLAGS_AUTOCLEAR | LO_FLAGS_PARTSCAN)
#define FALLOC_PUNCH   3 // FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE
#define RETRY_AFTER    (NS_PER_SEC / 100)

struct loop {
    struct block_device block;
    u32 number;             // (c)
    struct spinlock lock;   // RANK_DEVICE
    struct list transfers;  // (l) that wait for the thread
    struct mutex changing;  // RANK_NONE
    struct file *file;      // (l, changed with changing and loops_lock) NULL: none
    u64 offset;             // (l, changed with changing) of the device in the file, bytes
    u64 limit;              // (changing) of its size; 0: none
    u32 flags;              // (changing) LO_FLAGS_*
    u8 name[64];            // (changing) the file's, as its owner says
    bool has_thread;        // (changing)
    struct wait_queue wait; // the thread's
    struct wait_queue idle; // for the thread to have nothing to do
};

static struct mutex loops_lock = {.queue = WAIT_QUEUE_INIT(loops_lock.queue)}; // RANK_NONE
static struct loop *loops[LOOPS_MAX];                                          // (loops_lock)

static const struct block_device_ops loop_ops;

/* Transfers */

// Who waits for memory may be waiting for this thread, and nobody else write its file's pages: they
// do not stay when only the last memory is left.
static void let_pages_go(struct file *f)
{
    (void)vm_object_sync(f->object, 0, ~0UL); // its error is the next flush's
    vm_object_drop_clean(f->object, 0, ~0UL);
}

// Changed pages are lost if their transfer fails; memory comes back.
static bool memory_wait(struct file *f)
{
    let_pages_go(f);
    sleep_until(clock_monotonic() + RETRY_AFTER, WAIT_UNINTERRUPTIBLE);
    return true;
}

// What the file lacks at its end reads as zeroes.
static int move(struct file *f, enum block_op op, const struct block_segment *s, u64 pos)
{
    ssize_t n;

    for (size_t done = 0; done < s->length; done += n) {
        u8 *data = (u8 *)s->data + done;
        size_t left = s->length - done;

        do
            n = op == BLOCK_WRITE ? file_write_kernel(f, data, left, pos + done)
                                  : file_read_kernel(f, data, left, pos + done);
        while (n == -ENOMEM && memory_wait(f));
        if (n < 0)
            return n;
        if (!n && op == BLOCK_WRITE)
            return -ENOSPC;
        if (!n) {
            memset(data, 0, left);
            n = left;
        }
    }
    return 0;
}

static int serve_request(struct file *f, struct block_request *r, u64 pos)
{
    int err = 0;

    if (r->op == BLOCK_FLUSH)
        return file_fsync(f, false);
    if (r->op == BLOCK_DISCARD) // submitted, maybe, when there was another file
        return f->ops->fallocate
                   ? f->ops->fallocate(f, FALLOC_PUNCH, pos, r->sectors << SECTOR_SHIFT)
                   : -EOPNOTSUPP;
    for (u32 i = 0; i < r->segment_count && !err; i++) {
        err = move(f, r->op, &r->segments[i], pos);
        pos += r->segments[i].length;
    }
    return err;
}

// The file, referenced, and where the device begins in it; NULL.
static struct file *loop_file(struct loop *l, u64 *offset)
{
    irqflags_t irq = spin_lock_irqsave(&l->lock);
    struct file *f = l->file;

    *offset = l->offset;
    if (f)
        file_get(f);
    spin_unlock_irqrestore(&l->lock, irq);
    return f;
}

// The file is put before its user hears that this was all: it may be about to unmount it.
static void serve(struct loop *l, struct block_request *transfer)
{
    u64 offset;
    struct file *f = loop_file(l, &offset);
    int err = f ? 0 : -EIO;

    for (struct block_request *r = transfer; r && !err; r = r->merged) {
        err = serve_request(f, r, offset + (r->sector << SECTOR_SHIFT));
        if (frames_short())
            let_pages_go(f);
    }
    if (f)
        file_put(f);
    block_complete(transfer, err);
}

static struct block_request *loop_take(struct loop *l)
{
    irqflags_t irq = spin_lock_irqsave(&l->lock);
    struct block_request *r = list_pop(&l->transfers, struct block_request, link);

    spin_unlock_irqrestore(&l->lock, irq);
    return r;
}

static void loop_main(void *arg)
{
    struct loop *l = arg;
    struct block_request *r;

    thread_self()->no_write_back = true;
    arch_self()->urgent++; // so that memory comes free
    for (;;) {
        wait_event(&l->wait, (r = loop_take(l)), WAIT_UNINTERRUPTIBLE, NS_NEVER);
        serve(l, r);
        wake_all(&l->idle);
    }
}

static int loop_submit(struct block_device *d, struct block_request *r)
{
    struct loop *l = d->private;
    irqflags_t irq = spin_lock_irqsave(&l->lock);

    list_insert_tail(&l->transfers, &r->link);
    spin_unlock_irqrestore(&l->lock, irq);
    wake_all(&l->wait);
    return 0;
}

/* Files */

static int start_thread(struct loop *l)
{
    struct thread *t;

    if (l->has_thread)
        return 0;
    if (thread_create(&t, l->block.name, loop_main, l))
        return -ENOMEM;
    t->cred = &cred_root;
    thread_start(t);
    l->has_thread = true;
    return 0;
}

static struct block_device *file_device(const struct file *f)
{
    return S_ISBLK(f->inode->mode) ? f->private : NULL;
}

// The file must not be, in the end, the device itself. loops_lock is held.
static int file_check(const struct loop *l, const struct file *f)
{
    const struct block_device *d;

    if (!S_ISREG(f->inode->mode) && !S_ISBLK(f->inode->mode))
        return -EINVAL;
    if (!(f->mode & FILE_F_READ))
        return -EBADF;
    while (f && (d = file_device(f)) && d->whole->ops == &loop_ops) {
        const struct loop *below = d->whole->private;

        if (below == l || !below->file)
            return -EBADF;
        f = below->file;
    }
    return 0;
}

static u64 file_sectors(const struct loop *l)
{
    struct block_device *d = file_device(l->file);
    u64 size = d ? load_relaxed(&d->sectors) << SECTOR_SHIFT : load_relaxed(&l->file->inode->size);

    size = size > l->offset ? size - l->offset : 0;
    return (l->limit ? MIN(size, l->limit) : size) >> SECTOR_SHIFT;
}

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

// Afterwards nothing can be submitted, and nothing is under way.
static void drain(struct loop *l)
{
    store_relaxed(&l->block.sectors, 0);
    wait_event(&l->idle, !load_acquire(&l->block.stats.in_flight), WAIT_UNINTERRUPTIBLE, NS_NEVER);
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
    set_size(l, l->file ? file_sectors(l) : 0);
    vm_object_open(cached(l));
    rescan(l);
}

static int info_check(const struct loop_info64 *info)
{
    if (info->lo_encrypt_type || info->lo_encrypt_key_size)
        return -EINVAL;
    return info->lo_offset > INT64_MAX || info->lo_sizelimit > INT64_MAX ? -EOVERFLOW : 0;
}

static void set_place(struct loop *l, struct file *f, u64 offset)
{
    irqflags_t irq = spin_lock_irqsave(&l->lock);

    l->file = f;
    l->offset = offset;
    spin_unlock_irqrestore(&l->lock, irq);
}

static int attach(struct loop *l, struct file *f)
{
    int err;

    mutex_lock(&loops_lock);
    err = file_check(l, f);
    if (!err) {
        file_get(f);
        set_place(l, f, 0);
    }
    mutex_unlock(&loops_lock);
    return err;
}

static struct file *detach(struct loop *l)
{
    struct file *f = l->file;

    mutex_lock(&loops_lock);
    set_place(l, NULL, 0);
    mutex_unlock(&loops_lock);
    return f;
}

static void info_apply(struct loop *l, const struct loop_info64 *info)
{
    set_place(l, l->file, info->lo_offset);
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
    if (c->info.lo_flags & ~(FLAGS_SETTABLE | LO_FLAGS_READ_ONLY) ||
        (c->block_size && !block_size_ok(c->block_size)))
        return -EINVAL;
    return info_check(&c->info);
}

static int bind_locked(struct loop *l, struct file *f, const struct loop_config *c, bool may_write)
{
    u32 flags = c->info.lo_flags;
    int err = bind_check(l, c) ?: start_thread(l);

    if (err)
        return err;
    change_begin_empty(l);
    err = attach(l, f);
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

static int loop_bind(struct loop *l, const struct loop_config *c, bool may_write)
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
    f = detach(l);
    change_end(l);
    return f;
}

// At once if this is the only user, else when there is none any more.
static int loop_clear(struct loop *l)
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

static void loop_closed(struct block_device *d)
{
    struct loop *l = d->private;
    struct file *f SCOPED(file_end) = NULL;

    mutex_lock(&l->changing);
    if (l->file && l->flags & LO_FLAGS_AUTOCLEAR && !block_users(d))
        f = unbind_locked(l);
    mutex_unlock(&l->changing);
}

/* Ioctls */

static s64 configure(struct loop *l, uaddr_t arg, bool may_write)
{
    struct loop_config c;

    if (copy_from_user(&c, arg, sizeof(c)))
        return -EFAULT;
    for (unsigned i = 0; i < ARRAY_SIZE(c.reserved); i++)
        if (c.reserved[i])
            return -EINVAL;
    return loop_bind(l, &c, may_write);
}

static s64 get_status_locked(struct loop *l, struct loop_info64 *info)
{
    struct inode *i;

    if (!l->file)
        return -ENXIO;
    i = l->file->inode;
    *info = (struct loop_info64){
        .lo_device = i->sb->dev,
        .lo_inode = i->ino,
        .lo_rdevice = S_ISBLK(i->mode) ? i->rdev : 0,
        .lo_offset = l->offset,
        .lo_sizelimit = l->limit,
        .lo_number = l->number,
        .lo_flags = l->flags,
    };
    memcpy(info->lo_file_name, l->name, sizeof(l->name));
    return 0;
}

static s64 get_status(struct loop *l, uaddr_t arg)
{
    struct loop_info64 info;
    s64 err;

    mutex_lock(&l->changing);
    err = get_status_locked(l, &info);
    mutex_unlock(&l->changing);
    return err ?: copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

static s64 set_status_locked(struct loop *l, const struct loop_info64 *info)
{
    int err = l->file ? info_check(info) : -ENXIO;
    bool moves = info->lo_offset != l->offset || info->lo_sizelimit != l->limit;

    if (!err && moves)
        err = change_begin(l);
    if (err)
        return err;
    info_apply(l, info);
    l->flags = (l->flags & ~LO_FLAGS_AUTOCLEAR) | (info->lo_flags & FLAGS_SETTABLE);
    l->block.minors = l->flags & LO_FLAGS_PARTSCAN ? 1 : 0;
    if (moves)
        change_end(l);
    else
        rescan(l);
    return 0;
}

static s64 set_status(struct loop *l, uaddr_t arg)
{
    struct loop_info64 info;
    s64 err;

    if (copy_from_user(&info, arg, sizeof(info)))
        return -EFAULT;
    mutex_lock(&l->changing);
    err = set_status_locked(l, &info);
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

// Looks at the file's size again: also under a mount, whose blocks stay where they are.
static int set_capacity_locked(struct loop *l)
{
    int err = l->file ? change_begin(l) : -ENXIO;

    if (!err)
        change_end(l);
    if (err != -EAGAIN)
        return err;
    set_size(l, file_sectors(l));
    rescan(l);
    return 0;
}

static s64 set_geometry(struct loop *l, u32 cmd, u64 arg)
{
    int err;

    mutex_lock(&l->changing);
    err = cmd == LOOP_SET_CAPACITY ? set_capacity_locked(l) : set_block_size_locked(l, (u32)arg);
    mutex_unlock(&l->changing);
    return err;
}

static s64 loop_ioctl(struct block_device *d, u32 cmd, u64 arg, bool may_write)
{
    struct loop *l = d->private;
    struct loop_config c = {.fd = (u32)arg};
    bool may = may_write || cred_capable(thread_self()->cred, CAP_SYS_ADMIN);

    switch (cmd) {
    case LOOP_SET_FD:
        return loop_bind(l, &c, may_write);
    case LOOP_CONFIGURE:
        return configure(l, arg, may_write);
    case LOOP_CLR_FD:
        return may ? loop_clear(l) : -EPERM;
    case LOOP_GET_STATUS64:
        return get_status(l, arg);
    case LOOP_SET_STATUS64:
        return may ? set_status(l, arg) : -EPERM;
    case LOOP_SET_CAPACITY:
    case LOOP_SET_BLOCK_SIZE:
        return may ? set_geometry(l, cmd, arg) : -EPERM;
    }
    return -ENOTTY;
}

static const struct block_device_ops loop_ops = {
    .submit = loop_submit,
    .ioctl = loop_ioctl,
    .closed = loop_closed,
};

/* Devices */

static int create_locked(u32 number)
{
    struct loop *l;
    int err;

    if (number >= LOOPS_MAX)
        return -ENOSPC;
    if (loops[number])
        return -EEXIST;
    l = kmalloc(sizeof(*l), ALLOC_ZERO);
    if (!l)
        return -ENOMEM;
    snformat(l->block.name, sizeof(l->block.name), "loop%u", number);
    l->number = number;
    l->block.limits.block_size = SECTOR_SIZE;
    l->block.ops = &loop_ops;
    l->block.private = l;
    spin_init(&l->lock, RANK_DEVICE);
    mutex_init(&l->changing, RANK_NONE);
    list_init(&l->transfers);
    wait_queue_init(&l->wait);
    wait_queue_init(&l->idle);
    err = block_register(&l->block, MAJOR, number, 0);
    if (err)
        kfree(l);
    else
        loops[number] = l;
    return err ?: (int)number;
}

static int free_locked(void)
{
    u32 number = 0;

    while (number < LOOPS_MAX && loops[number] && loops[number]->file)
        number++;
    return number < LOOPS_MAX && loops[number] ? (int)number : create_locked(number);
}

// Devices live for ever: none is removed.
static s64 control_ioctl(struct file *f, u32 cmd, u64 arg)
{
    s64 result = -ENOTTY;

    mutex_lock(&loops_lock);
    if (cmd == LOOP_CTL_GET_FREE)
        result = free_locked();
    else if (cmd == LOOP_CTL_ADD)
        result = create_locked((u32)arg);
    else if (cmd == LOOP_CTL_REMOVE)
        result = arg < LOOPS_MAX && loops[arg] ? -EBUSY : -ENODEV;
    mutex_unlock(&loops_lock);
    return result;
}

void loop_init(void)
{
    static const struct file_ops control_ops = {.ioctl = control_ioctl};
    static struct device control = {
        .name = "loop-control", .mode = S_IFCHR | 0660, .ops = &control_ops};
    int err;

    control.dev = makedev(CONTROL_MAJOR, CONTROL_MINOR);
    err = device_register(&control);
    mutex_lock(&loops_lock);
    for (u32 i = 0; i < LOOPS_AT_BOOT && err >= 0; i++)
        err = create_locked(i);
    mutex_unlock(&loops_lock);
    if (err < 0)
        log_info("loop: error %d", -err);
}
