// SPDX-License-Identifier: MIT
// The thread of a loop device, which serves its transfers.
#include "abi/errno.h"
#include "drivers/loop/loop_private.h"
#include "lib/string.h"
#include "vfs/inode.h"

#define FALLOC_PUNCH 3 // FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE
#define RETRY_AFTER  (NS_PER_SEC / 100)

// Who waits for memory may be waiting for this thread, and nobody else write its file's pages: they
// do not stay when only the last memory is left.
static void let_pages_go(struct file *f)
{
    (void)vm_object_sync(f->object, 0, ~0UL); // its error is the next flush's
    vm_object_drop_clean(f->object, 0, ~0UL);
}

// Changed pages are lost if their transfer fails, and a journal ends with its flush; memory comes
// back.
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

static int without_data(struct file *f, const struct block_request *r, u64 pos)
{
    if (r->op == BLOCK_FLUSH)
        return file_fsync(f, false);
    if (!f->ops->fallocate) // submitted, maybe, when there was another file
        return -EOPNOTSUPP;
    return f->ops->fallocate(f, FALLOC_PUNCH, pos, r->sectors << SECTOR_SHIFT);
}

static int serve_request(struct file *f, const struct block_request *r, u64 pos)
{
    int err = 0;

    if (r->op > BLOCK_WRITE) {
        do
            err = without_data(f, r, pos);
        while (err == -ENOMEM && memory_wait(f));
        return err;
    }
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

int loop_submit(struct block_device *d, struct block_request *r)
{
    struct loop *l = d->private;
    irqflags_t irq = spin_lock_irqsave(&l->lock);

    list_insert_tail(&l->transfers, &r->link);
    spin_unlock_irqrestore(&l->lock, irq);
    wake_all(&l->wait);
    return 0;
}

int loop_start_thread(struct loop *l)
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
