// SPDX-License-Identifier: MIT
// Terminal control: modes, window size, queues, job control; one table of all the calls.
#include "abi/errno.h"
#include "arch/uaccess.h"
#include "lib/string.h"
#include "proc/signal.h"
#include "tty/tty.h"

static_assert(offsetof(struct termios2, c_ispeed) == sizeof(struct termios),
              "termios2 begins as termios");

// TCGETS to TCSETSF take the short struct, their namesakes with a 2 the long one.
static size_t mode_size(u32 cmd)
{
    return cmd <= TCSETSF ? sizeof(struct termios) : sizeof(struct termios2);
}

static s64 tty_get_mode(struct tty *tty, u32 cmd, u64 arg)
{
    struct termios2 mode;

    mutex_lock(&tty->lock);
    mode = tty->ldisc.mode;
    mutex_unlock(&tty->lock);
    return copy_to_user(arg, &mode, mode_size(cmd));
}

static s64 tty_get_short_mode(struct tty *tty, u32 cmd, u64 arg)
{
    struct termios2 mode;
    struct termio out = {};

    mutex_lock(&tty->lock);
    mode = tty->ldisc.mode;
    mutex_unlock(&tty->lock);
    out.c_iflag = (u16)mode.c_iflag;
    out.c_oflag = (u16)mode.c_oflag;
    out.c_cflag = (u16)mode.c_cflag;
    out.c_lflag = (u16)mode.c_lflag;
    memcpy(out.c_cc, mode.c_cc, sizeof(out.c_cc));
    return copy_to_user(arg, &out, sizeof(out));
}

// System V's struct has the lower halves of the flags and the first of the keys.
static int short_mode_read(struct termios2 *mode, u64 arg)
{
    struct termio in;

    if (copy_from_user(&in, arg, sizeof(in)))
        return -EFAULT;
    mode->c_iflag = (mode->c_iflag & ~0xffffU) | in.c_iflag;
    mode->c_oflag = (mode->c_oflag & ~0xffffU) | in.c_oflag;
    mode->c_cflag = (mode->c_cflag & ~0xffffU) | in.c_cflag;
    mode->c_lflag = (mode->c_lflag & ~0xffffU) | in.c_lflag;
    memcpy(mode->c_cc, in.c_cc, sizeof(in.c_cc));
    return 0;
}

// Reads the new mode over a copy of the old.
static s64 tty_set_mode(struct tty *tty, u32 cmd, u64 arg)
{
    struct termios2 mode = tty->ldisc.mode;
    bool is_short = cmd >= TCSETA && cmd <= TCSETAF;
    int err = is_short ? short_mode_read(&mode, arg) : copy_from_user(&mode, arg, mode_size(cmd));

    if (!err && mode.c_lflag & EXTPROC) // a discipline of the other end's own
        err = -EINVAL;
    if (!err && cmd != TCSETS && cmd != TCSETA && cmd != TCSETS2)
        err = tty_drain(tty);
    if (err)
        return err;
    if (cmd == TCSETSF || cmd == TCSETAF || cmd == TCSETSF2)
        tty_flush_input(tty);
    mode.c_line = 0; // N_TTY, the only discipline
    mutex_lock(&tty->lock);
    ldisc_set_mode(&tty->ldisc, &mode);
    tty_pump_locked(tty);
    mutex_unlock(&tty->lock);
    wake_all(&tty->read_wait);
    return 0;
}

static s64 tty_get_size(struct tty *tty, u32 cmd, u64 arg)
{
    struct winsize size;

    mutex_lock(&tty->lock);
    size = tty->size;
    mutex_unlock(&tty->lock);
    return copy_to_user(arg, &size, sizeof(size));
}

static s64 tty_set_size(struct tty *tty, u32 cmd, u64 arg)
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

static s64 tty_flush(struct tty *tty, u32 cmd, u64 which)
{
    if (which > TCIOFLUSH)
        return -EINVAL;
    if (which != TCOFLUSH)
        tty_flush_input(tty);
    if (which == TCIFLUSH)
        return 0;
    mutex_lock(&tty->lock);
    tty->out.head = tty->out.tail;
    tty->ops->discard(tty, TTY_OUTPUT);
    tty_pump_locked(tty);
    mutex_unlock(&tty->lock);
    return 0;
}

// tcflow(3): holds our output, or asks the other side to hold its own.
static s64 tty_flow(struct tty *tty, u32 cmd, u64 what)
{
    u8 key;

    if (what > TCION)
        return -EINVAL;
    mutex_lock(&tty->lock);
    key = tty->ldisc.mode.c_cc[what == TCIOFF ? VSTOP : VSTART];
    if (what == TCOOFF || what == TCOON)
        tty->ldisc.stopped = what == TCOOFF;
    else if (key != _POSIX_VDISABLE)
        (void)tty->ops->write(tty, &key, 1);
    tty_pump_locked(tty);
    mutex_unlock(&tty->lock);
    return 0;
}

// A break condition means nothing to these devices: what remains of TCSBRK is to wait for output.
static s64 tty_break(struct tty *tty, u32 cmd, u64 arg)
{
    return tty_drain(tty);
}

static s64 tty_get_count(struct tty *tty, u32 cmd, u64 arg)
{
    u32 n = 0;

    mutex_lock(&tty->lock);
    if (cmd == FIONREAD)
        n = ldisc_available(&tty->ldisc);
    else if (tty->ops->pending)
        n = ring_used(&tty->out) + tty->ops->pending(tty);
    mutex_unlock(&tty->lock);
    return put_user_u32(arg, n);
}

static s64 tty_get_ids(struct tty *tty, u32 cmd, u64 arg)
{
    return tty_get_owner(tty, cmd == TIOCGSID, true, arg);
}

static s64 tty_set_owner(struct tty *tty, u32 cmd, u64 arg)
{
    u32 pgid;

    return get_user_u32(&pgid, arg) ?: tty_set_foreground(tty, (pid_t)pgid);
}

static s64 tty_no_master(struct tty *tty, u32 cmd, u64 arg)
{
    return -EIO;
}

static s64 tty_part(struct tty *tty, u32 cmd, u64 arg)
{
    return tty_disown(tty);
}

static const struct {
    u32 cmd;
    bool changes; // a call from the background gets SIGTTOU first
    s64 (*call)(struct tty *tty, u32 cmd, u64 arg);
} calls[] = {
    {TCGETS, false, tty_get_mode},       {TCGETS2, false, tty_get_mode},
    {TCSETS, true, tty_set_mode},        {TCSETS2, true, tty_set_mode},
    {TCSETSW, true, tty_set_mode},       {TCSETSW2, true, tty_set_mode},
    {TCSETSF, true, tty_set_mode},       {TCSETSF2, true, tty_set_mode},
    {TCGETA, false, tty_get_short_mode}, {TCSETA, true, tty_set_mode},
    {TCSETAW, true, tty_set_mode},       {TCSETAF, true, tty_set_mode},
    {TIOCGWINSZ, false, tty_get_size},   {TIOCSWINSZ, false, tty_set_size},
    {TCFLSH, true, tty_flush},           {TCXONC, true, tty_flow},
    {TCSBRK, true, tty_break},           {TCSBRKP, true, tty_break},
    {FIONREAD, false, tty_get_count},    {TIOCOUTQ, false, tty_get_count},
    {TIOCGPGRP, false, tty_get_ids},     {TIOCSPGRP, true, tty_set_owner},
    {TIOCGSID, false, tty_get_ids},      {TIOCNOTTY, false, tty_part},
    {TIOCGPTPEER, false, tty_no_master},
};

// Of a terminal that was hung up, or to a group in the background that nobody could continue.
static int not_ours(u32 cmd)
{
    return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
}

s64 tty_control(struct tty *tty, struct file *file, u32 cmd, u64 arg)
{
    int err;

    if (load_relaxed(&tty->hung))
        return not_ours(cmd);
    if (cmd == TIOCSCTTY)
        return tty_acquire(tty, file->mode & FILE_F_READ, arg == 1);
    for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
        if (calls[i].cmd != cmd)
            continue;
        err = calls[i].changes ? tty_check_background(tty, SIGTTOU) : 0;
        if (err)
            return err == -EIO ? not_ours(cmd) : err;
        return calls[i].call(tty, cmd, arg);
    }
    return -ENOTTY;
}

s64 tty_ioctl(struct file *file, u32 cmd, u64 arg)
{
    return tty_control(file->private, file, cmd, arg);
}
