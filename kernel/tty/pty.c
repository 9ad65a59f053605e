// SPDX-License-Identifier: MIT
// Pseudo-terminals: a terminal whose device is another file, the master.
//
//   master --ptmx_write--> line discipline --tty_read---> slave
//                                 | echo
//   master <--ptmx_read-- to_master <-- out <--tty_write-- slave
//
// Opening /dev/ptmx makes the pair, and a node in devpts, which is locked until TIOCSPTLCK opens
// it. What the master writes goes through the line discipline in that call, so that its echo can be
// read as soon as the call returns; what finds no room there makes the writer wait.
//
// One mutex, the terminal's, guards both ends. `ends` counts the files of both: the number in
// devpts is free when it reaches 0, the memory when the last reference goes (a session may be the
// last). Closing the master removes the node, then hangs the slave up for ever; the slave may be
// closed and opened as often as it pleases, and while it is closed after that, the master reads
// what is left, and then -EIO.
//
// In packet mode (TIOCPKT) each read of the master begins with a byte: 0 before data, else events.
#include "tty/pty.h"
#include "abi/errno.h"
#include "arch/uaccess.h"
#include "base/log.h"
#include "fs/pseudo/devpts.h"
#include "lib/format.h"
#include "mm/slab.h"
#include "proc/signal.h"
#include "tty/tty.h"
#include "vfs/poll.h"
#include "vfs/registry.h"

#define CHUNK 256 // bytes copied at a time

static_assert(TTY_INPUT == TIOCPKT_FLUSHREAD && TTY_OUTPUT == TIOCPKT_FLUSHWRITE,
              "what is discarded is the event");

struct pty {
    struct tty tty;        // the slave's end
    struct superblock *sb; // (c) referenced while `ends`
    u32 index;             // (c)
    u32 ends;              // (tty lock) open files
    u32 slaves;            // (tty lock) those of the slave
    bool locked;           // (a) the slave cannot be opened
    bool gone;             // (tty lock; read anywhere) the slave was open and is not
    bool packet;           // (tty lock; read anywhere)
    bool stopped, xon;     // (tty lock) as last seen by pty_changed
    u8 events;             // (tty lock; read anywhere) TIOCPKT_*, not yet read
    struct ring to_master; // (tty lock)
    struct wait_queue read_wait, write_wait; // the master's
    struct mutex write_lock;                 // one write(2) of the master at a time
    u8 buffer[TTY_RING];
};

static struct file_ops pts_ops; // (c)

static struct pty *pty_of(struct tty *tty)
{
    return container_of(tty, struct pty, tty);
}

/* The slave's device */

static void pty_event_locked(struct pty *p, u32 events)
{
    if (!p->packet || !events)
        return;
    store_relaxed(&p->events, (u8)(p->events | events));
    wake_key(&p->read_wait, TTY_READ_BITS | POLLPRI);
}

static size_t pty_write(struct tty *tty, const u8 *s, size_t n)
{
    struct pty *p = pty_of(tty);

    n = ring_write(&p->to_master, s, n);
    if (n)
        wake_key(&p->read_wait, TTY_READ_BITS);
    return n;
}

static void pty_discard(struct tty *tty, u32 what)
{
    struct pty *p = pty_of(tty);

    if (what & TTY_OUTPUT)
        p->to_master.head = p->to_master.tail;
    pty_event_locked(p, what);
}

static void pty_room(struct tty *tty)
{
    wake_key(&pty_of(tty)->write_wait, TTY_WRITE_BITS);
}

// Whether the terminal stops at ^S and goes on at ^Q, so that a remote end may do so itself.
static bool has_xon(const struct termios2 *mode)
{
    return mode->c_iflag & IXON && mode->c_cc[VSTOP] == ('S' & 31) &&
           mode->c_cc[VSTART] == ('Q' & 31);
}

static void pty_changed(struct tty *tty)
{
    struct termios2 *mode = &tty->ldisc.mode;
    struct pty *p = pty_of(tty);
    bool stopped = tty->ldisc.stopped, xon = has_xon(mode);

    mode->c_cflag = (mode->c_cflag & ~(CSIZE | PARENB)) | CS8 | CREAD; // there is no line
    if (stopped != p->stopped) {
        store_relaxed(&p->events, (u8)(p->events & ~(TIOCPKT_STOP | TIOCPKT_START)));
        pty_event_locked(p, stopped ? TIOCPKT_STOP : TIOCPKT_START);
    }
    if (xon != p->xon) {
        store_relaxed(&p->events, (u8)(p->events & ~(TIOCPKT_DOSTOP | TIOCPKT_NOSTOP)));
        pty_event_locked(p, xon ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP);
    }
    p->stopped = stopped;
    p->xon = xon;
}

static int pty_open(struct tty *tty)
{
    struct pty *p = pty_of(tty);
    int err = 0;

    mutex_lock(&tty->lock);
    if (load_relaxed(&p->locked) || tty->hung) {
        err = -EIO;
    } else {
        p->ends++;
        p->slaves++;
        store_relaxed(&p->gone, false);
    }
    mutex_unlock(&tty->lock);
    return err;
}

// An end less; the last frees the number.
static void pty_end(struct pty *p)
{
    bool last;

    mutex_lock(&p->tty.lock);
    last = --p->ends == 0;
    mutex_unlock(&p->tty.lock);
    if (!last)
        return;
    devpts_release(p->sb, p->index);
    superblock_put(p->sb);
}

static void pty_close(struct tty *tty)
{
    struct pty *p = pty_of(tty);

    mutex_lock(&tty->lock);
    store_relaxed(&p->gone, --p->slaves == 0);
    mutex_unlock(&tty->lock);
    wake_all(&p->read_wait);
    pty_end(p);
}

static void pty_free(struct tty *tty)
{
    kfree(pty_of(tty));
}

static const struct tty_ops pty_ops = {
    .write = pty_write,
    .discard = pty_discard,
    .room = pty_room,
    .changed = pty_changed,
    .open = pty_open,
    .close = pty_close,
    .free = pty_free,
};

// The node has no reference: the master has one while the node points to it.
static int pts_open(struct inode *i, struct file *file)
{
    struct pty *p;
    int err;

    read_lock(&i->lock);
    p = i->private;
    if (p)
        ref_get(&p->tty.refs);
    read_unlock(&i->lock);
    if (!p)
        return -EIO;
    file->private = &p->tty;
    err = tty_file_ops.open(i, file);
    tty_put(&p->tty);
    return err;
}

/* The master */

static int pty_create(struct pty **out)
{
    struct pty *p = kmalloc(sizeof(*p), ALLOC_ZERO);
    struct termios2 *mode;

    if (!p)
        return -ENOMEM;
    tty_init(&p->tty, &pty_ops, 0);
    p->tty.size = (struct winsize){0};
    mode = &p->tty.ldisc.mode;
    mode->c_iflag = ICRNL | IXON;
    mode->c_cflag = B38400 | CS8 | CREAD;
    mode->c_ispeed = mode->c_ospeed = 38400;
    ring_init(&p->to_master, p->buffer, TTY_RING);
    wait_queue_init(&p->read_wait);
    wait_queue_init(&p->write_wait);
    mutex_init(&p->write_lock, RANK_NONE);
    p->locked = p->xon = true;
    p->ends = 1;
    *out = p;
    return 0;
}

static int ptmx_open(struct inode *inode, struct file *file)
{
    struct path root SCOPED(path_end) = {0};
    struct pty *p;
    int err = devpts_find(&file->path, &root) ?: pty_create(&p);

    if (err)
        return err;
    p->sb = root.mount->sb;
    err = devpts_add(p->sb, &pts_ops, p, &p->index);
    if (err) {
        kfree(p);
        return err;
    }
    superblock_get(p->sb);
    p->tty.dev = PTS_DEV(p->index);
    file->private = p;
    return 0;
}

// The name goes first: nobody new finds the slave. It is hung up before the number can be free.
static void ptmx_release(struct file *file)
{
    struct pty *p = file->private;

    devpts_remove(p->sb, p->index);
    tty_hangup(&p->tty);
    pty_end(p);
    tty_put(&p->tty);
}

static bool ptmx_readable(struct pty *p)
{
    return ring_used(&p->to_master) || load_relaxed(&p->events) || load_relaxed(&p->gone);
}

// Fills the chunk for a read of which `done` bytes are there.
static ssize_t ptmx_take(struct pty *p, u8 *chunk, size_t n, ssize_t done)
{
    size_t at = 0;
    bool any, gone;

    mutex_lock(&p->tty.lock);
    any = ring_used(&p->to_master);
    gone = p->gone;
    if (p->events && !done) {
        chunk[at++] = p->events;
        store_relaxed(&p->events, 0);
        any = false;
    } else if (any && p->packet && !done) {
        chunk[at++] = TIOCPKT_DATA;
    }
    while (any && at < n && ring_get(&p->to_master, &chunk[at]))
        at++;
    tty_pump_locked(&p->tty); // there is room
    mutex_unlock(&p->tty.lock);
    return at ? (ssize_t)at : gone ? -EIO : -EAGAIN;
}

static ssize_t ptmx_read_some(struct pty *p, struct uio *u)
{
    u8 chunk[CHUNK];
    ssize_t done = 0, n;
    int err;

    do {
        n = ptmx_take(p, chunk, MIN(u->left, sizeof(chunk)), done);
        if (n < 0)
            return done ? done : n;
        err = uio_put(u, chunk, n);
        if (err)
            return done ? done : err;
        done += n;
    } while (n == sizeof(chunk) && u->left && !wait_interrupted(WAIT_INTERRUPTIBLE));
    return done;
}

static ssize_t ptmx_read(struct file *file, struct uio *u, loff_t *pos)
{
    struct pty *p = file->private;
    ssize_t n;
    int err;

    if (!u->left)
        return 0;
    while ((n = ptmx_read_some(p, u)) == -EAGAIN && !(file->flags & O_NONBLOCK)) {
        err = wait_event(&p->read_wait, ptmx_readable(p), WAIT_INTERRUPTIBLE, NS_NEVER);
        if (err)
            return err;
    }
    return n;
}

static size_t ptmx_feed_locked(struct pty *p, const u8 *s, size_t n)
{
    size_t done = 0;

    while (done < n && ldisc_wants_input(&p->tty.ldisc))
        if (tty_input_locked(&p->tty, s[done++]) & LDISC_FLUSH)
            pty_event_locked(p, TIOCPKT_FLUSHREAD);
    tty_pump_locked(&p->tty);
    return done;
}

static ssize_t ptmx_feed(struct tty *tty, const u8 *s, size_t n)
{
    size_t done;

    mutex_lock(&tty->lock);
    done = ptmx_feed_locked(pty_of(tty), s, n);
    mutex_unlock(&tty->lock);
    tty_input_done(tty);
    return done;
}

static bool ptmx_writable(struct tty *tty)
{
    return ldisc_wants_input(&tty->ldisc);
}

static ssize_t ptmx_write(struct file *file, struct uio *u, loff_t *pos)
{
    struct pty *p = file->private;
    const struct tty_writer w = {&p->write_lock, &p->write_wait, ptmx_feed, ptmx_writable};

    return tty_write_to(&w, &p->tty, file, u);
}

static u32 ptmx_poll(struct file *file, struct poll_table *table)
{
    struct pty *p = file->private;
    u32 ready, events;

    poll_wait(table, &p->read_wait);
    poll_wait(table, &p->write_wait);
    ready = load_relaxed(&p->gone) ? POLLHUP : 0;
    events = load_relaxed(&p->events);
    if (ring_used(&p->to_master) || events)
        ready |= TTY_READ_BITS;
    if (events)
        ready |= POLLPRI;
    return ready | (ptmx_writable(&p->tty) ? TTY_WRITE_BITS : 0);
}

/* Control */

static s64 ptmx_set_packet(struct pty *p, u64 arg)
{
    u32 on;
    int err = get_user_u32(&on, arg);

    if (err)
        return err;
    mutex_lock(&p->tty.lock);
    store_relaxed(&p->packet, on != 0);
    if (!on)
        store_relaxed(&p->events, 0);
    mutex_unlock(&p->tty.lock);
    return 0;
}

static s64 ptmx_set_lock(struct pty *p, u64 arg)
{
    u32 on;
    int err = get_user_u32(&on, arg);

    if (!err)
        store_relaxed(&p->locked, on != 0);
    return err;
}

// TIOCGPTPEER: a descriptor of the slave, for whoever has the master.
static s64 ptmx_open_peer(struct pty *p, const struct path *ptmx, u32 flags)
{
    struct path root SCOPED(path_end) = {0}, node;
    struct file *f;
    char name[12];
    int err = devpts_find(ptmx, &root);

    if (!err && root.mount->sb != p->sb)
        err = -ENODEV;
    snformat(name, sizeof(name), "%u", p->index);
    err = err ?: path_child(&root, name, &node);
    err = err ?: file_open_path(&node, flags & (O_ACCMODE | O_NONBLOCK | O_NOCTTY), &f);
    return err ?: fd_add(f, flags & O_CLOEXEC);
}

static s64 ptmx_signal(struct pty *p, u64 sig)
{
    if (sig != SIGINT && sig != SIGQUIT && sig != SIGTSTP)
        return -EINVAL;
    tty_signal(&p->tty, sig);
    return 0;
}

// What the master writes has no queue of its own to be flushed.
static s64 ptmx_flush(struct pty *p, u64 which)
{
    if (which > TCIOFLUSH)
        return -EINVAL;
    mutex_lock(&p->tty.lock);
    if (which != TCOFLUSH)
        p->to_master.head = p->to_master.tail;
    tty_pump_locked(&p->tty);
    mutex_unlock(&p->tty.lock);
    return 0;
}

static s64 ptmx_ioctl(struct file *file, u32 cmd, u64 arg)
{
    struct pty *p = file->private;

    switch (cmd) {
    case TIOCGPTN:
        return put_user_u32(arg, p->index);
    case TIOCGPTPEER:
        return ptmx_open_peer(p, &file->path, arg);
    case TIOCSPTLCK:
        return ptmx_set_lock(p, arg);
    case TIOCGPTLCK:
        return put_user_u32(arg, load_relaxed(&p->locked));
    case TIOCPKT:
        return ptmx_set_packet(p, arg);
    case TIOCGPKT:
        return put_user_u32(arg, load_relaxed(&p->packet));
    case TIOCSIG:
        return ptmx_signal(p, arg);
    case FIONREAD:
        return put_user_u32(arg, ring_used(&p->to_master));
    case TIOCOUTQ:
        return put_user_u32(arg, 0);
    case TIOCGPGRP:
    case TIOCGSID:
        return tty_get_owner(&p->tty, cmd == TIOCGSID, false, arg);
    case TCFLSH:
        return ptmx_flush(p, arg);
    case TCXONC:
    case TIOCNOTTY:
        return -ENOTTY;
    default:
        return tty_control(&p->tty, file, cmd, arg); // modes and size are the terminal's
    }
}

static const struct file_ops ptmx_ops = {
    .open = ptmx_open,
    .release = ptmx_release,
    .read = ptmx_read,
    .write = ptmx_write,
    .poll = ptmx_poll,
    .signals = true,
    .ioctl = ptmx_ioctl,
};

void pty_init(void)
{
    static struct device ptmx = {.name = "ptmx", .mode = S_IFCHR | 0666, .ops = &ptmx_ops};
    int err;

    pts_ops = tty_file_ops;
    pts_ops.open = pts_open;
    ptmx.dev = PTMX_DEV;
    err = device_register(&ptmx);
    if (err)
        log_info("ptmx: error %d", -err);
}
