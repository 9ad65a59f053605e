// SPDX-License-Identifier: MIT
// Terminals: reading and writing.
//
//   device --tty_input--> line discipline --tty_read--> program
//                            | echo
//   device <--pump-- out <---+--- ldisc_output <--tty_write--- program
//
// A terminal that was hung up reads as ended and takes no output; a read that was waiting is -EIO.
#include "tty/tty.h"
#include "abi/errno.h"
#include "proc/signal.h"
#include "vfs/poll.h"

// /dev/console never becomes a controlling terminal by being opened: TIOCSCTTY makes it one.
#define CONSOLE_DEV makedev(5, 1)

#define CHUNK    256 // bytes copied at a time
#define OUT_ROOM 64U // free bytes of `out` that make it writable

void tty_init(struct tty *tty, const struct tty_ops *ops, u32 dev)
{
    tty->ops = ops;
    tty->dev = dev;
    ref_init(&tty->refs, 1);
    mutex_init(&tty->lock, RANK_TTY);
    mutex_init(&tty->read_lock, RANK_NONE);
    mutex_init(&tty->write_lock, RANK_NONE);
    ring_init(&tty->out, tty->out_buffer, TTY_RING);
    ldisc_init(&tty->ldisc, &tty->out);
    tty->size = (struct winsize){.ws_row = 24, .ws_col = 80};
    wait_queue_init(&tty->read_wait);
    wait_queue_init(&tty->write_wait);
}

void tty_put(struct tty *tty)
{
    if (ref_put(&tty->refs))
        tty->ops->free(tty);
}

u32 tty_input_locked(struct tty *tty, u8 c)
{
    u32 what = ldisc_input(&tty->ldisc, c);

    if (likely(!what))
        return 0;
    if (what & LDISC_FLUSH)
        tty->ops->discard(tty, TTY_OUTPUT);
    if (what & LDISC_INTR)
        tty_signal(tty, SIGINT);
    if (what & LDISC_QUIT)
        tty_signal(tty, SIGQUIT);
    if (what & LDISC_SUSP)
        tty_signal(tty, SIGTSTP);
    if (what & LDISC_DUMP) {
        tty_pump_locked(tty); // what was typed stands above
        process_dump_all();
    }
    return what;
}

void tty_input_done(struct tty *tty)
{
    wake_key(&tty->read_wait, TTY_READ_BITS);
}

void tty_hangup(struct tty *tty)
{
    mutex_lock(&tty->lock);
    store_relaxed(&tty->hung, true);
    mutex_unlock(&tty->lock);
    wake_all(&tty->read_wait);
    wake_all(&tty->write_wait);
    tty_hangup_session(tty);
}

void tty_pump_locked(struct tty *tty)
{
    struct ring *out = &tty->out;
    size_t n = 1;

    if (tty->ops->changed)
        tty->ops->changed(tty);
    while (n && ring_used(out) && !tty->ldisc.stopped) {
        u32 from = out->head & (out->size - 1);

        n = tty->ops->write(tty, out->buf + from, MIN(ring_used(out), out->size - from));
        out->head += n;
    }
    if (ring_space(out) >= OUT_ROOM)
        wake_key(&tty->write_wait, TTY_WRITE_BITS);
}

void tty_flush_input(struct tty *tty)
{
    mutex_lock(&tty->lock);
    tty->ops->discard(tty, TTY_INPUT);
    ldisc_flush_input(&tty->ldisc);
    mutex_unlock(&tty->lock);
    tty->ops->room(tty);
}

static bool tty_drained(struct tty *tty)
{
    if (!tty->ops->pending || load_relaxed(&tty->hung))
        return true;
    return ring_used(&tty->out) == 0 && tty->ops->pending(tty) == 0;
}

int tty_drain(struct tty *tty)
{
    return wait_event(&tty->write_wait, tty_drained(tty), WAIT_INTERRUPTIBLE, NS_NEVER);
}

// The rules of VMIN and VTIME (POSIX.1-2017, 11.1.7): the time runs from the last byte, or from the
// start where no byte has to come. 0 also when it is over.
static int tty_wait_input(struct tty *tty, size_t n)
{
    const struct ldisc *l = &tty->ldisc;
    ns_t timeout, deadline;
    size_t seen;
    int err;

    do {
        seen = ldisc_available(l);
        timeout = ldisc_timeout(l, seen);
        deadline = timeout == LDISC_FOREVER ? NS_NEVER : clock_monotonic() + timeout;
        err =
            wait_event(&tty->read_wait,
                       load_relaxed(&tty->hung) || ldisc_enough(l, n) || ldisc_available(l) > seen,
                       WAIT_INTERRUPTIBLE, deadline);
    } while (!err && !load_relaxed(&tty->hung) && !ldisc_enough(l, n));
    return err == -ETIMEDOUT ? 0 : err;
}

// A read may end with what is there: a line, some bytes, or nothing where VMIN is 0 and the time,
// if there is one, has been waited for.
static bool tty_may_take(const struct ldisc *l, bool waited)
{
    const u8 *cc = l->mode.c_cc;

    if (ldisc_canonical(l))
        return ldisc_readable(l);
    return ldisc_available(l) || (cc[VMIN] == 0 && (waited || cc[VTIME] == 0));
}

// -EAGAIN, -EINTR.
static int lock_or_not(struct mutex *m, bool wait)
{
    if (wait)
        return mutex_lock_interruptible(m);
    return mutex_trylock(m) ? 0 : -EAGAIN;
}

// -EAGAIN: nothing is there, or somebody else was faster.
static ssize_t tty_take(struct tty *tty, struct uio *u, bool waited)
{
    u8 chunk[CHUNK];
    ssize_t done = 0;
    bool more;
    size_t n;
    int err;

    do {
        mutex_lock(&tty->lock);
        if (!tty_may_take(&tty->ldisc, waited)) {
            mutex_unlock(&tty->lock);
            return done ? done : -EAGAIN;
        }
        n = ldisc_read(&tty->ldisc, chunk, MIN(u->left, sizeof(chunk)), &more);
        mutex_unlock(&tty->lock);
        err = uio_put(u, chunk, n);
        if (err)
            return done ? done : err;
        done += n;
    } while (more && u->left && !wait_interrupted(WAIT_KILLABLE));
    return done;
}

static ssize_t tty_read(struct file *file, struct uio *u, loff_t *pos)
{
    struct tty *tty = file->private;
    bool wait = !(file->flags & O_NONBLOCK);
    ssize_t n;
    int err;

    if (!u->left || load_relaxed(&tty->hung))
        return 0;
    do {
        err = tty_check_background(tty, SIGTTIN);
        if (!err && wait)
            err = tty_wait_input(tty, u->left);
        err = err ?: lock_or_not(&tty->read_lock, wait);
        if (err)
            return err;
        n = tty_take(tty, u, wait);
        mutex_unlock(&tty->read_lock);
    } while (n == -EAGAIN && wait && !load_relaxed(&tty->hung));
    tty->ops->room(tty);
    return n == -EAGAIN && load_relaxed(&tty->hung) ? -EIO : n;
}

static bool tty_writable(struct tty *tty)
{
    return load_relaxed(&tty->hung) || ring_space(&tty->out) >= OUT_ROOM;
}

static ssize_t tty_emit(struct tty *tty, const u8 *s, size_t n)
{
    ssize_t taken;

    mutex_lock(&tty->lock);
    taken = tty->hung ? -EIO : (ssize_t)ldisc_output(&tty->ldisc, s, n);
    tty_pump_locked(tty);
    mutex_unlock(&tty->lock);
    return taken;
}

// Bytes taken of n, fewer only with *err set.
static size_t write_chunk(const struct tty_writer *w, struct tty *tty, const u8 *s, size_t n,
                          bool wait, int *err)
{
    size_t done = 0;
    ssize_t taken;

    for (;;) {
        taken = w->take(tty, s + done, n - done);
        done += MAX(taken, 0L);
        if (done == n)
            return done;
        if (taken < 0)
            *err = taken;
        else if (!wait && !w->ready(tty))
            *err = -EAGAIN;
        else
            *err = wait_event(w->room, w->ready(tty), WAIT_INTERRUPTIBLE, NS_NEVER);
        if (*err)
            return done;
    }
}

ssize_t tty_write_to(const struct tty_writer *w, struct tty *tty, struct file *file, struct uio *u)
{
    bool wait = !(file->flags & O_NONBLOCK);
    u8 chunk[CHUNK];
    ssize_t done = 0;
    int err = lock_or_not(w->lock, wait);

    if (err)
        return err;
    while (u->left && !err) {
        size_t n = MIN(u->left, sizeof(chunk));

        err = done && wait_interrupted(WAIT_INTERRUPTIBLE) ? -EINTR : uio_get(u, chunk, n);
        if (!err)
            done += write_chunk(w, tty, chunk, n, wait, &err);
    }
    mutex_unlock(w->lock);
    return done ? done : err;
}

static ssize_t tty_write(struct file *file, struct uio *u, loff_t *pos)
{
    struct tty *tty = file->private;
    const struct tty_writer w = {&tty->write_lock, &tty->write_wait, tty_emit, tty_writable};
    int err = 0;

    if (tty->ldisc.mode.c_lflag & TOSTOP)
        err = tty_check_background(tty, SIGTTOU);
    return err ? err : tty_write_to(&w, tty, file, u);
}

static u32 tty_poll(struct file *file, struct poll_table *table)
{
    struct tty *tty = file->private;

    poll_wait(table, &tty->read_wait);
    poll_wait(table, &tty->write_wait);
    if (load_relaxed(&tty->hung))
        return TTY_READ_BITS | TTY_WRITE_BITS | POLLERR | POLLHUP;
    return (ldisc_readable(&tty->ldisc) ? TTY_READ_BITS : 0) |
           (tty_writable(tty) ? TTY_WRITE_BITS : 0);
}

// A node without a terminal of its own, /dev/tty, is whatever terminal the caller's session has.
static int tty_open(struct inode *inode, struct file *file)
{
    struct tty *tty = file->private;
    int err;

    if (tty)
        ref_get(&tty->refs);
    else
        tty = tty_controlling();
    if (!tty)
        return -ENXIO;
    err = tty->ops->open ? tty->ops->open(tty) : 0;
    if (err) {
        tty_put(tty);
        return err;
    }
    file->private = tty;
    if (!(file->flags & O_NOCTTY) && file->mode & FILE_F_READ && inode->rdev != CONSOLE_DEV)
        (void)tty_acquire(tty, true, false); // only a session leader without one gets it
    return 0;
}

static void tty_release(struct file *file)
{
    struct tty *tty = file->private;

    if (tty->ops->close)
        tty->ops->close(tty);
    tty_put(tty);
}

const struct file_ops tty_file_ops = {
    .open = tty_open,
    .release = tty_release,
    .read = tty_read,
    .write = tty_write,
    .poll = tty_poll,
    .signals = true,
    .ioctl = tty_ioctl,
};
