// SPDX-License-Identifier: MIT
// Terminal control: modes, window size, queues, job control.
#include "abi/capability.h"
#include "abi/errno.h"
#include "arch/uaccess.h"
#include "lib/string.h"
#include "proc/signal.h"
#include "tty/tty.h"

static_assert(offsetof(struct termios2, c_ispeed) == sizeof(struct termios),
              "termios2 begins as termios");

#define LINE_DISCIPLINE 0 // N_TTY, the only one

static u32 baud_of(u32 cflag, u32 other)
{
    static const u32 low[] = {0,   50,   75,   110,  134,  150,  200,   300,
                              600, 1200, 1800, 2400, 4800, 9600, 19200, 38400};
    static const u32 high[] = {0, 57600, 115200, 230400};
    u32 code = cflag & CBAUD;

    if (code < ARRAY_SIZE(low))
        return low[code];
    code &= ~(u32)BOTHER;
    return code && code < ARRAY_SIZE(high) ? high[code] : other;
}

// Reads the new mode over a copy of the old; `size` is of the caller's struct.
static int tty_set_mode(struct tty *tty, u64 arg, size_t size, bool drain, bool flush)
{
    struct termios2 mode = tty->ldisc.mode;
    int err = tty_check_background(tty, SIGTTOU);

    if (!err)
        err = copy_from_user(&mode, arg, size);
    if (!err && drain)
        err = tty_drain(tty);
    if (err)
        return err;
    mode.c_ospeed = baud_of(mode.c_cflag, mode.c_ospeed);
    mode.c_ispeed = mode.c_ospeed;
    mode.c_line = LINE_DISCIPLINE;
    if (flush)
        tty_flush_input(tty);
    mutex_lock(&tty->lock);
    ldisc_set_mode(&tty->ldisc, &mode);
    tty_pump_locked(tty);
    mutex_unlock(&tty->lock);
    wake_all(&tty->read_wait);
    return 0;
}

static s64 tty_ioctl_mode(struct tty *tty, u32 cmd, u64 arg)
{
    struct termios2 mode;

    switch (cmd) {
    case TCGETS:
    case TCGETS2:
        mutex_lock(&tty->lock);
        mode = tty->ldisc.mode;
        mutex_unlock(&tty->lock);
        return copy_to_user(arg, &mode, cmd == TCGETS ? sizeof(struct termios) : sizeof(mode));
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
        return tty_set_mode(tty, arg, sizeof(struct termios), cmd != TCSETS, cmd == TCSETSF);
    case TCSETS2:
    case TCSETSW2:
    case TCSETSF2:
        return tty_set_mode(tty, arg, sizeof(struct termios2), cmd != TCSETS2, cmd == TCSETSF2);
    case TIOCGETD:
        return put_user_u32(arg, LINE_DISCIPLINE);
    default:
        return -ENOTTY;
    }
}

static s64 tty_get_size(struct tty *tty, u64 arg)
{
    struct winsize size;

    mutex_lock(&tty->lock);
    size = tty->size;
    mutex_unlock(&tty->lock);
    return copy_to_user(arg, &size, sizeof(size));
}

static s64 tty_set_size(struct tty *tty, u64 arg)
{
    struct winsize size;
    bool changed;
    int err = copy_from_user(&size, arg, sizeof(size));

    if (err)
        return err;
    mutex_lock(&tty->lock);
    changed = memcmp(&size, &tty->size, sizeof(size)) != 0;
    tty->size = size;
    mutex_unlock(&tty->lock);
    if (changed)
        tty_signal(tty, SIGWINCH);
    return 0;
}

static void tty_flush_output(struct tty *tty)
{
    mutex_lock(&tty->lock);
    tty->out.head = tty->out.tail;
    tty->ops->discard();
    tty_pump_locked(tty);
    mutex_unlock(&tty->lock);
}

static s64 tty_flush(struct tty *tty, u64 which)
{
    int err = tty_check_background(tty, SIGTTOU);

    if (err)
        return err;
    if (which > TCIOFLUSH)
        return -EINVAL;
    if (which != TCOFLUSH)
        tty_flush_input(tty);
    if (which != TCIFLUSH)
        tty_flush_output(tty);
    return 0;
}

// tcflow(3): holds our output, or asks the other side to hold its own.
static s64 tty_flow(struct tty *tty, u64 what)
{
    int err = tty_check_background(tty, SIGTTOU);
    u8 key;

    if (err)
        return err;
    if (what > TCION)
        return -EINVAL;
    mutex_lock(&tty->lock);
    key = tty->ldisc.mode.c_cc[what == TCIOFF ? VSTOP : VSTART];
    if (what == TCOOFF || what == TCOON)
        tty->ldisc.stopped = what == TCOOFF;
    else if (key != _POSIX_VDISABLE)
        (void)tty->ops->write(&key, 1);
    tty_pump_locked(tty);
    mutex_unlock(&tty->lock);
    return 0;
}

// A break condition means nothing to these devices: what remains of TCSBRK is to wait for output.
static s64 tty_break(struct tty *tty)
{
    int err = tty_check_background(tty, SIGTTOU);

    return err ? err : tty_drain(tty);
}

static s64 tty_put_count(struct tty *tty, u32 cmd, u64 arg)
{
    u32 n;

    mutex_lock(&tty->lock);
    n = cmd == FIONREAD ? ldisc_available(&tty->ldisc) : ring_used(&tty->out) + tty->ops->pending();
    mutex_unlock(&tty->lock);
    return put_user_u32(arg, n);
}

static s64 tty_ioctl_queue(struct tty *tty, u32 cmd, u64 arg)
{
    switch (cmd) {
    case TIOCGWINSZ:
        return tty_get_size(tty, arg);
    case TIOCSWINSZ:
        return tty_set_size(tty, arg);
    case FIONREAD:
    case TIOCOUTQ:
        return tty_put_count(tty, cmd, arg);
    case TCFLSH:
        return tty_flush(tty, arg);
    case TCXONC:
        return tty_flow(tty, arg);
    case TCSBRK:
    case TCSBRKP:
        return tty_break(tty);
    default:
        return -ENOTTY;
    }
}

static s64 tty_put_id(s64 id, u64 arg)
{
    return id < 0 ? id : put_user_u32(arg, (u32)id);
}

static s64 tty_ioctl_set_foreground(struct tty *tty, u64 arg)
{
    u32 pgid;
    int err = tty_check_background(tty, SIGTTOU);

    if (!err)
        err = get_user_u32(&pgid, arg);
    return err ? err : tty_set_foreground(tty, (pid_t)pgid);
}

static s64 tty_ioctl_job(struct tty *tty, u32 cmd, u64 arg)
{
    switch (cmd) {
    case TIOCSCTTY:
        return tty_acquire(tty, arg == 1);
    case TIOCNOTTY:
        return tty_disown(tty);
    case TIOCGPGRP:
        return tty_put_id(tty_foreground(tty), arg);
    case TIOCSPGRP:
        return tty_ioctl_set_foreground(tty, arg);
    case TIOCGSID:
        return tty_put_id(tty_session(tty), arg);
    case TIOCVHANGUP:
        if (!cred_capable(thread_self()->cred, CAP_SYS_ADMIN))
            return -EPERM;
        tty_hangup(tty);
        return 0;
    default:
        return -ENOTTY;
    }
}

s64 tty_ioctl(struct file *file, u32 cmd, u64 arg)
{
    struct tty *tty = file->private;
    s64 ret = tty_ioctl_mode(tty, cmd, arg);

    if (ret == -ENOTTY)
        ret = tty_ioctl_queue(tty, cmd, arg);
    return ret == -ENOTTY ? tty_ioctl_job(tty, cmd, arg) : ret;
}
