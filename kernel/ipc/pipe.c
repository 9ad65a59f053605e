// SPDX-License-Identifier: MIT
// Pipes and FIFOs: a byte ring over pages.
//
// Byte number p of the stream lies in pages[p / PAGE_SIZE % page_count]; `tail` is the next byte to
// read, and `used` bytes on is the next to write. Pages are allocated when first written. When the
// ring becomes empty the tail returns to 0, so that a pipe that carries small messages lives in one
// page; a large write then starts at its buffer's offset in a page, so that whole pages are copied.
// The pages stay until the pipe is closed. Who looks without the mutex finds in one word what each
// side waits for: the bytes `used`, and the `space` left.
//
// Copying is done under the mutex, straight between the caller's memory and the pages. User pages
// may not be faulted in there (RANK_SPACE comes first): a copy that stops short drops the mutex,
// prefaults, tries again. Writes up to PIPE_BUF are published only when copied whole.
//
// Waking. A reader waits for: not empty, or no writer. A writer waits for PIPE_WAKE free bytes
// (whatever it needs: any size up to PIPE_BUF then fits, and one byte read from a full pipe
// does not bounce two threads), or no reader. Waiters are exclusive. Whoever makes a condition true
// wakes one; one that leaves it true when done passes that on, so nobody sleeps past his chance.
//
// A FIFO's struct pipe hangs on inode->pipe while it is open anywhere; (inode lock). An anonymous
// pipe's contains the inode itself.
#include "ipc/pipe.h"
#include "abi/capability.h"
#include "abi/errno.h"
#include "abi/ioctl.h"
#include "abi/limits.h"
#include "arch/uaccess.h"
#include "base/panic.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "vfs/poll.h"
#include "vfs/registry.h"
#include "vfs/user.h"

#define DEFAULT_PAGES 16
#define MAX_PAGES     256
#define FEW_PAGES     2     // of a pipe of a user who has
#define USER_PAGES    16384 // in all his pipes
#define PIPE_WAKE     PIPE_BUF

struct side {
    u32 files;              // (lock; read anywhere) open
    u32 opens;              // (lock; read anywhere) so far, for FIFOs' opens
    struct wait_queue wait; // of threads of this side
};

struct pipe {
    struct mutex lock; // RANK_PIPE
    u64 tail;          // (lock) bytes
    u64 used, space;   // (lock; read anywhere) bytes: page_count pages in all
    u32 page_count;    // (lock; read anywhere) a power of two; so many count to
    uid_t uid;         // (c) this user
    void **pages;      // (lock) NULL until needed
    bool polled;       // (a) somebody may want to know of each write
    bool claimed;      // (lock; read anywhere) by a splice, which reads what is there
    bool filling;      // (lock; read anywhere) by a splice, which writes behind what is there
    struct side reader, writer;
    struct inode inode; // of an anonymous pipe
};

static struct slab_cache *pipe_cache; // (c)
static struct superblock *pipe_sb;    // (c)
static const struct file_ops pipe_ops;

/* State; exact under the lock, a hint elsewhere */

static inline bool has_bytes(const struct pipe *p)
{
    return load_relaxed(&p->used) && !load_relaxed(&p->claimed);
}

static inline bool has_room(const struct pipe *p)
{
    return load_relaxed(&p->space) >= PIPE_WAKE && !load_relaxed(&p->filling);
}

// The last writer has gone and left nothing: its bytes were there before it went.
static inline bool at_end(const struct pipe *p)
{
    return !load_acquire(&p->writer.files) && !load_relaxed(&p->used);
}

static bool may_read(const struct pipe *p)
{
    return has_bytes(p) || at_end(p);
}

static bool may_write(const struct pipe *p)
{
    return has_room(p) || !load_relaxed(&p->reader.files);
}

/* Life */

static u64 user_pages(void)
{
    return user_is_limited() ? USER_PAGES : UINT32_MAX;
}

static struct pipe *pipe_alloc(void)
{
    struct pipe *p = slab_alloc(pipe_cache, ALLOC_ZERO);
    int err;

    if (!p)
        return NULL;
    p->uid = thread_self()->cred->uid;
    p->page_count = DEFAULT_PAGES;
    err = user_count_add(p->uid, USER_PIPE_PAGES, DEFAULT_PAGES, user_pages());
    if (err == -EAGAIN) {
        p->page_count = FEW_PAGES;
        err = user_count_add(p->uid, USER_PIPE_PAGES, FEW_PAGES, UINT32_MAX);
    }
    if (!err)
        p->pages = kmalloc(p->page_count * sizeof(void *), ALLOC_ZERO);
    if (!p->pages) {
        if (!err)
            user_count_sub(p->uid, USER_PIPE_PAGES, p->page_count);
        slab_free(pipe_cache, p);
        return NULL;
    }
    p->space = (u64)p->page_count << PAGE_SHIFT;
    mutex_init(&p->lock, RANK_PIPE);
    wait_queue_init(&p->reader.wait);
    wait_queue_init(&p->writer.wait);
    return p;
}

static void pages_free(struct pipe *p)
{
    for (u32 i = 0; i < p->page_count; i++)
        if (p->pages[i])
            frame_put(virt_to_frame(p->pages[i]));
    kfree(p->pages);
}

static void pipe_free(struct pipe *p)
{
    pages_free(p);
    user_count_sub(p->uid, USER_PIPE_PAGES, p->page_count);
    slab_free(pipe_cache, p);
}

static void pipe_evict(struct inode *inode)
{
    pipe_free(inode->pipe);
}

void pipe_init(void)
{
    static const struct fs_type type = {.name = "pipefs"};
    static const struct superblock_ops ops = {.evict = pipe_evict};

    pipe_cache = slab_cache_create("pipe", sizeof(struct pipe), 8);
    verify(!superblock_create(&pipe_sb, &type, &ops));
    pipe_sb->magic = PIPEFS_MAGIC;
    fifo_ops = &pipe_ops;
}

static void side_open(struct side *own, struct side *other)
{
    own->files++;
    own->opens++;
    wake_all(&other->wait);
}

static void pipe_join(struct pipe *p, u32 mode)
{
    if (mode & FILE_F_READ)
        side_open(&p->reader, &p->writer);
    if (mode & FILE_F_WRITE)
        side_open(&p->writer, &p->reader);
}

// A FIFO's pipe goes with its last file.
static void pipe_leave(struct inode *inode, struct pipe *p, u32 mode)
{
    bool last;

    write_lock(&inode->lock);
    mutex_lock(&p->lock);
    if (mode & FILE_F_READ && --p->reader.files == 0)
        wake_all(&p->writer.wait);
    if (mode & FILE_F_WRITE && --p->writer.files == 0)
        wake_all(&p->reader.wait);
    last = !p->reader.files && !p->writer.files;
    mutex_unlock(&p->lock);
    if (last && inode != &p->inode) {
        inode->pipe = NULL;
        pipe_free(p);
    }
    write_unlock(&inode->lock);
}

static void pipe_release(struct file *f)
{
    pipe_leave(f->inode, f->private, f->mode);
}

/* Copying; the mutex is held */

static __attribute__((noinline)) void *page_make(void)
{
    struct frame *frame = frame_alloc(0, 0);

    return frame ? frame_address(frame) : NULL;
}

// Moves n bytes, number `at` and on, into or out of the ring; how many came through, or -ENOMEM for
// none. A buffer in one piece, the usual one, is advanced once for all.
static inline ssize_t ring_copy(struct pipe *p, struct uio *u, u64 at, size_t n, bool write)
{
    bool one_piece = u->length >= n && !u->kernel;
    uaddr_t user = u->base;
    size_t left = n;
    ssize_t done;

    while (left) {
        void **page = &p->pages[(at >> PAGE_SHIFT) & (p->page_count - 1)], *place;
        size_t part = MIN(PAGE_SIZE - (at & ~PAGE_MASK), left), moved;

        if (unlikely(!*page) && !(*page = page_make())) {
            if (left == n)
                return -ENOMEM;
            break;
        }
        place = *page + (at & ~PAGE_MASK);
        if (unlikely(!one_piece))
            moved = write ? uio_get_nofault(u, place, part) : uio_put_nofault(u, place, part);
        else
            moved = write ? copy_from_user_nofault(place, user, part)
                          : copy_to_user_nofault(user, place, part);
        at += moved;
        user += moved;
        left -= moved;
        if (moved < part)
            break;
    }
    done = n - left;
    if (one_piece) {
        u->base = user;
        u->length -= done;
        u->left -= done;
    }
    return done;
}

/* Reading */

// n bytes were read; the mutex is held, and let go.
static void read_done(struct pipe *p, size_t n)
{
    bool was_tight = p->space < PIPE_WAKE;

    p->tail += n;
    p->used -= n;
    p->space += n;
    if (p->used)
        wake_next(&p->reader.wait);
    else if (!p->filling)
        p->tail = 0;
    mutex_unlock(&p->lock);
    if (was_tight && may_write(p))
        wake_one(&p->writer.wait);
}

// One attempt: bytes read. *stopped: at memory that is not ready; then u stands there and nothing
// is read, unless `partly`.
static ssize_t read_once(struct pipe *p, struct uio *u, bool partly, bool *stopped)
{
    size_t n, there;

    mutex_lock(&p->lock);
    there = p->claimed ? 0 : MIN(p->used, u->left);
    n = ring_copy(p, u, p->tail, there, false);
    *stopped = n < there;
    if (unlikely(*stopped && !partly))
        n = 0;
    read_done(p, n);
    return n;
}

// Waits for bytes; 1: there are none and will be none.
static int read_wait(struct pipe *p, bool wait)
{
    if (at_end(p))
        return 1;
    if (!wait)
        return may_read(p) ? 0 : -EAGAIN;
    return wait_event_exclusive(&p->reader.wait, may_read(p), WAIT_INTERRUPTIBLE, NS_NEVER);
}

// The bytes of one read lie together in the pipe, so what cannot be stored whole is begun again.
static ssize_t read_some(struct pipe *p, struct uio *u, bool wait)
{
    bool stopped;
    int err, fault = 0;

    while (u->left) {
        struct uio start = *u;
        ssize_t n = read_once(p, u, fault != 0, &stopped);

        if (n || (stopped && fault))
            return n ? n : fault;
        if (stopped)
            fault = uio_prefault(u, ACCESS_WRITE);
        else if ((err = read_wait(p, wait && !(u->flags & RWF_NOWAIT))))
            return MIN(err, 0);
        *u = start;
    }
    return 0;
}

static ssize_t pipe_read(struct file *f, struct uio *u, loff_t *pos)
{
    return read_some(f->private, u, !(f->flags & O_NONBLOCK));
}

/* Writing */

// One attempt: bytes written, 0 (prefault from where u stands now), -EAGAIN (no space), -EPIPE,
// -ENOMEM.
static ssize_t write_locked(struct pipe *p, struct uio *u, bool atomic)
{
    u64 n = MIN(u->left, p->space);
    ssize_t done;

    if (unlikely(!p->reader.files))
        return -EPIPE;
    if (!n || p->filling || (atomic && n < u->left))
        return -EAGAIN;
    if (!atomic && !p->used)
        p->tail = u->base & ~PAGE_MASK;
    done = ring_copy(p, u, p->tail + p->used, n, true);
    if (unlikely(done < (ssize_t)n && atomic))
        return MIN(done, 0L);
    if (done > 0) {
        p->used += done;
        p->space -= done;
    }
    return done;
}

static ssize_t write_once(struct pipe *p, struct uio *u, bool atomic)
{
    bool was_empty, roomy;
    ssize_t n;

    mutex_lock(&p->lock);
    was_empty = !p->used;
    n = write_locked(p, u, atomic);
    roomy = has_room(p);
    mutex_unlock(&p->lock);
    if (n > 0 && (was_empty || load_relaxed(&p->polled)))
        wake_one(&p->reader.wait);
    if (roomy)
        wake_next(&p->writer.wait);
    return n;
}

// After an attempt that moved nothing: prefault or wait. 0: try again.
static int write_wait(struct pipe *p, struct uio *u, ssize_t result, bool wait)
{
    if (result == 0)
        return uio_prefault(u, ACCESS_READ);
    if (result != -EAGAIN || !wait || u->flags & RWF_NOWAIT)
        return result;
    return wait_event_exclusive(&p->writer.wait, may_write(p), WAIT_INTERRUPTIBLE, NS_NEVER);
}

static ssize_t write_all(struct pipe *p, struct uio *u, bool atomic, bool wait)
{
    ssize_t done = 0;

    while (u->left) {
        struct uio start = *u;
        ssize_t n = write_once(p, u, atomic);

        if (n <= 0) {
            n = write_wait(p, u, n, wait);
            *u = start;
        }
        if (n < 0)
            return done ? done : n;
        done += n;
    }
    return done;
}

static ssize_t pipe_write(struct file *f, struct uio *u, loff_t *pos)
{
    return write_all(f->private, u, u->left <= PIPE_BUF, !(f->flags & O_NONBLOCK));
}

/* Opening */

// A pipe without a name is opened by the links of /proc/PID/fd; that never waits.
static inline bool is_anonymous(const struct pipe *p)
{
    return p->inode.pipe != NULL;
}

// *opens: how often the other side was opened by those who have left again. -ENXIO: who only writes
// and does not wait finds no reader.
static int fifo_join(struct inode *inode, u32 mode, u32 flags, struct pipe **out, u32 *opens)
{
    struct pipe *p;
    int err = 0;

    write_lock(&inode->lock);
    p = inode->pipe;
    if (mode == FILE_F_WRITE && flags & O_NONBLOCK && !(p && (p->reader.files || is_anonymous(p))))
        err = -ENXIO;
    else if (!p && !(inode->pipe = p = pipe_alloc()))
        err = -ENOMEM;
    if (!err) {
        const struct side *other = mode == FILE_F_READ ? &p->writer : &p->reader;

        mutex_lock(&p->lock);
        *opens = other->opens - other->files;
        pipe_join(p, mode);
        mutex_unlock(&p->lock);
    }
    write_unlock(&inode->lock);
    *out = p;
    return err;
}

// Waits for the other side: one that has it open, or has opened it since and may have gone again.
static int fifo_rendezvous(struct pipe *p, u32 mode, u32 opens)
{
    bool reads = mode == FILE_F_READ;
    struct side *own = reads ? &p->reader : &p->writer, *other = reads ? &p->writer : &p->reader;

    return wait_event(&own->wait, load_relaxed(&other->opens) != opens, WAIT_INTERRUPTIBLE,
                      NS_NEVER);
}

static int fifo_open(struct inode *inode, struct file *f)
{
    u32 mode = f->mode & (FILE_F_READ | FILE_F_WRITE), opens;
    struct pipe *p;
    int err = fifo_join(inode, mode, f->flags, &p, &opens);

    if (err)
        return err;
    f->private = p;
    if (mode != (FILE_F_READ | FILE_F_WRITE) && !(f->flags & O_NONBLOCK) && !is_anonymous(p))
        err = fifo_rendezvous(p, mode, opens);
    if (err)
        pipe_leave(inode, p, mode);
    return err;
}

static int end_create(struct pipe *p, u32 flags, struct file **out)
{
    int err = file_create_anon(&pipe_ops, "pipe", &p->inode, flags, p, out);

    if (!err) {
        inode_get(&p->inode);
        pipe_join(p, (*out)->mode);
    }
    return err;
}

int pipe_create(struct file **read_end, struct file **write_end, u32 flags)
{
    static const struct inode_ops no_ops;
    struct pipe *p = pipe_alloc();
    int err;

    if (!p)
        return -ENOMEM;
    inode_init(&p->inode, pipe_sb, S_IFIFO | 0600);
    p->inode.ops = &no_ops;
    p->inode.pipe = p;
    p->inode.uid = thread_self()->cred->fsuid;
    p->inode.gid = thread_self()->cred->fsgid;
    flags &= O_NONBLOCK;
    err = end_create(p, flags | O_RDONLY, read_end);
    if (!err && (err = end_create(p, flags | O_WRONLY, write_end)))
        file_put(*read_end);
    inode_put(&p->inode);
    return err;
}

/* Other calls */

static u32 pipe_poll(struct file *f, struct poll_table *table)
{
    struct pipe *p = f->private;
    u32 ready = 0;
    bool ended;

    if (f->mode & FILE_F_READ) {
        store_relaxed(&p->polled, true);
        poll_wait(table, &p->reader.wait);
        ended = !load_acquire(&p->writer.files) && load_relaxed(&p->writer.opens);
        if (has_bytes(p))
            ready |= POLLIN | POLLRDNORM;
        if (ended && (ready || at_end(p)))
            ready |= POLLHUP; // not while a splice has the last bytes
    }
    if (f->mode & FILE_F_WRITE) {
        poll_wait(table, &p->writer.wait);
        if (has_room(p))
            ready |= POLLOUT | POLLWRNORM;
        if (!load_relaxed(&p->reader.files))
            ready |= POLLERR;
    }
    return ready;
}

static s64 pipe_ioctl(struct file *f, u32 cmd, u64 arg)
{
    return cmd == FIONREAD ? put_user_u32(arg, ((struct pipe *)f->private)->used) : -ENOTTY;
}

s64 pipe_get_size(struct file *f)
{
    return f->ops == &pipe_ops ? (s64)((struct pipe *)f->private)->page_count * PAGE_SIZE : -EBADF;
}

// Moves the pages that hold bytes to a ring of `count`, and frees the others. False: they do not
// fit, or the first and the last byte share a page.
static bool pages_move(struct pipe *p, void **pages, u64 count)
{
    u64 first = p->tail >> PAGE_SHIFT, end = DIV_ROUND_UP(p->tail + p->used, PAGE_SIZE);

    if (p->claimed || p->filling || (p->used && end - first > MIN(count, (u64)p->page_count)))
        return false;
    for (u64 i = first; i < end; i++) {
        void **slot = &p->pages[i % p->page_count];

        pages[i % count] = *slot;
        *slot = NULL;
    }
    pages_free(p);
    p->pages = pages;
    p->page_count = count;
    p->space = (count << PAGE_SHIFT) - p->used;
    return true;
}

// For a moment both rings count.
static int ring_replace(struct pipe *p, void **pages, u64 count)
{
    u32 old = p->page_count;
    u64 limit = count > old ? user_pages() + old : UINT64_MAX;
    int err = user_count_add(p->uid, USER_PIPE_PAGES, count, limit);

    if (err)
        return err == -EAGAIN ? -EPERM : err;
    err = pages_move(p, pages, count) ? 0 : -EBUSY;
    user_count_sub(p->uid, USER_PIPE_PAGES, err ? count : old);
    return err;
}

s64 pipe_set_size(struct file *f, u64 size)
{
    struct pipe *p = f->private;
    u64 count = 1;
    void **pages;
    int err;

    if (f->ops != &pipe_ops)
        return -EBADF;
    if (size > 1UL << 31)
        return -EINVAL;
    while (count << PAGE_SHIFT < size)
        count *= 2;
    if (count > MAX_PAGES && !cred_capable(thread_self()->cred, CAP_SYS_RESOURCE))
        return -EPERM;
    pages = kmalloc(count * sizeof(void *), ALLOC_ZERO);
    if (!pages)
        return -ENOMEM;
    mutex_lock(&p->lock);
    err = ring_replace(p, pages, count);
    mutex_unlock(&p->lock);
    if (err) {
        kfree(pages);
        return err;
    }
    wake_all(&p->writer.wait);
    return count << PAGE_SHIFT;
}

/* Splicing */

bool file_is_pipe(const struct file *f)
{
    return f->ops == &pipe_ops;
}

// Not exclusive: whatever becomes of the splice, the wake-up that ends its wait was not for it
// alone.
int pipe_await(struct file *f, bool write)
{
    struct pipe *p = f->private;

    return write ? wait_event(&p->writer.wait, may_write(p), WAIT_INTERRUPTIBLE, NS_NEVER)
                 : wait_event(&p->reader.wait, may_read(p), WAIT_INTERRUPTIBLE, NS_NEVER);
}

ssize_t pipe_move(struct file *f, struct uio *u, bool write)
{
    return write ? write_all(f->private, u, false, false) : read_some(f->private, u, false);
}

s64 pipe_claim(struct file *f)
{
    struct pipe *p = f->private;
    u64 used;

    mutex_lock(&p->lock);
    used = p->claimed ? 0 : p->used;
    p->claimed |= used != 0;
    mutex_unlock(&p->lock);
    return used || at_end(p) ? (s64)used : -EAGAIN;
}

// Nobody moves pages or the tail while the claim lasts.
void *pipe_peek(struct file *f, u64 at, size_t *n)
{
    struct pipe *p = f->private;

    at += p->tail;
    *n = PAGE_SIZE - (at & ~PAGE_MASK);
    return p->pages[(at >> PAGE_SHIFT) & (p->page_count - 1)] + (at & ~PAGE_MASK);
}

// Who looked meanwhile, be it for the end, found the claim: what is left is news to all of them.
void pipe_unclaim(struct file *f, size_t n)
{
    struct pipe *p = f->private;

    mutex_lock(&p->lock);
    p->claimed = false;
    read_done(p, n);
    if (may_read(p))
        wake_all(&p->reader.wait);
}

static s64 reserve_locked(struct pipe *p, u64 n, struct iovec *places)
{
    u64 at = p->tail + p->used, done = 0;

    if (!p->reader.files)
        return -EPIPE;
    if (!p->space || p->filling)
        return -EAGAIN;
    n = MIN(n, p->space);
    for (unsigned i = 0; i < PIPE_PLACES && done < n; i++) {
        void **page = &p->pages[((at + done) >> PAGE_SHIFT) & (p->page_count - 1)];
        u64 offset = (at + done) & ~PAGE_MASK, part = MIN(PAGE_SIZE - offset, n - done);

        if (!*page && !(*page = page_make()))
            break;
        places[i] = (struct iovec){(u64)*page + offset, part};
        done += part;
    }
    p->filling = done != 0;
    return done ? (s64)done : -ENOMEM;
}

s64 pipe_reserve(struct file *f, u64 n, struct iovec *places)
{
    struct pipe *p = f->private;
    s64 room;

    mutex_lock(&p->lock);
    room = reserve_locked(p, n, places);
    mutex_unlock(&p->lock);
    return room;
}

void pipe_fill(struct file *f, size_t n)
{
    struct pipe *p = f->private;

    mutex_lock(&p->lock);
    p->filling = false;
    p->used += n;
    p->space -= n;
    mutex_unlock(&p->lock);
    if (n)
        wake_one(&p->reader.wait);
    if (may_write(p))
        wake_one(&p->writer.wait);
}

static const struct file_ops pipe_ops = {
    .open = fifo_open,
    .release = pipe_release,
    .read = pipe_read,
    .write = pipe_write,
    .ioctl = pipe_ioctl,
    .poll = pipe_poll,
    .signals = true,
    .nowait = true,
};
