// SPDX-License-Identifier: MIT
// Terminals: a line discipline between a device and the files open on it, and job control.
//
// A driver fills in `ops`, calls tty_init, hands input to tty_input_locked and tty_input_done, and
// calls tty_pump_locked when it can send again.
#pragma once
#include "proc/process.h"
#include "tty/ldisc.h"
#include "vfs/file.h"

#define TTY_RING 4096U

#define TTY_READ_BITS  (POLLIN | POLLRDNORM)
#define TTY_WRITE_BITS (POLLOUT | POLLWRNORM)

struct tty;
struct uio;

enum { TTY_INPUT = 1, TTY_OUTPUT = 2 }; // as TIOCPKT_FLUSHREAD and TIOCPKT_FLUSHWRITE

// None may sleep but open and close; tty->lock is held for write, pending, discard, changed.
// Members after `room` may be missing.
struct tty_ops {
    // Takes what it can, sends it in its own time; bytes taken.
    size_t (*write)(struct tty *tty, const u8 *s, size_t n);
    // Forgets output taken and not yet sent; or input that the line discipline has not seen.
    void (*discard)(struct tty *tty, u32 what);
    void (*room)(struct tty *tty);      // something was read: the line discipline takes more
    size_t (*pending)(struct tty *tty); // bytes taken and not yet sent; missing: nobody waits
    void (*changed)(struct tty *tty);   // modes are new, or output was stopped or goes on
    int (*open)(struct tty *tty);       // a file more; -EIO
    void (*close)(struct tty *tty);     // a file less
    void (*free)(struct tty *tty);      // the last reference is gone; any context
};

struct tty {
    const struct tty_ops *ops; // (c)
    u32 dev;                   // (c)
    struct ref refs;           // files and the session
    struct mutex lock;         // RANK_TTY
    struct mutex read_lock;    // one read takes its line at a time; outside `lock`
    struct mutex write_lock;   // see struct tty_writer
    struct ldisc ldisc;        // (l); waiters look at it unlocked, and again locked
    struct winsize size;       // (l)
    struct ring out;           // (l) echo and processed output
    bool hung;                 // (l; read anywhere) the other end is gone for ever
    struct wait_queue read_wait, write_wait;
    struct session *session;  // (proctree) referenced; whose controlling terminal this is
    struct group *foreground; // (proctree) referenced
    u8 out_buffer[TTY_RING];
};

void tty_init(struct tty *tty, const struct tty_ops *ops, u32 dev);
void tty_put(struct tty *tty);
// One byte from the device, for the line discipline; what it asked for (LDISC_*) is done.
u32 tty_input_locked(struct tty *tty, u8 c);
void tty_input_done(struct tty *tty); // readers look again; not locked
void tty_hangup(struct tty *tty);     // for ever

// The end of a terminal that is written to: the terminal itself, or a master.
struct tty_writer {
    struct mutex *lock; // one write(2) at a time; outside tty->lock
    struct wait_queue *room;
    ssize_t (*take)(struct tty *tty, const u8 *s, size_t n); // what it can; -EIO
    bool (*ready)(struct tty *tty);                          // it takes something
};
ssize_t tty_write_to(const struct tty_writer *w, struct tty *tty, struct file *file,
                     struct uio *u); // write(2)

extern const struct file_ops tty_file_ops;
s64 tty_control(struct tty *tty, struct file *file, u32 cmd, u64 arg); // ioctl(2)
s64 tty_ioctl(struct file *file, u32 cmd, u64 arg);

// Moves output to the device; tty->lock is held.
void tty_pump_locked(struct tty *tty);
// Sleeps until all output is sent; -EINTR.
int tty_drain(struct tty *tty);
void tty_flush_input(struct tty *tty);

// Job control (tty_job.c).
void tty_job_init(void);
// May the caller read (sig SIGTTIN) or change (SIGTTOU) the terminal? 0; -EIO; -ERESTARTSYS: its
// group was sent sig.
int tty_check_background(struct tty *tty, int sig);
void tty_signal(struct tty *tty, int sig); // to the foreground group
struct tty *tty_controlling(void);         // the caller's, with a reference; NULL
// Makes it the controlling terminal of the session that the caller leads; `reads`: by a file open
// for reading. -EPERM; -EIO: it was hung up.
int tty_acquire(struct tty *tty, bool reads, bool steal);
int tty_disown(struct tty *tty);
// Id of the foreground group (0: none) or of the session; -ENOTTY if there is no session, or the
// terminal `must` be the caller's and is not.
int tty_get_owner(struct tty *tty, bool session, bool must, uaddr_t out);
void tty_hangup_session(struct tty *tty);
// tcsetpgrp(3): a group of the caller's session; -ENOTTY -ESRCH -EPERM -EINVAL.
int tty_set_foreground(struct tty *tty, pid_t pgid);
