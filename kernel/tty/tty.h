// SPDX-License-Identifier: MIT
// Terminals: a line discipline between a device and the files open on it, and job control.
//
// A driver fills in `ops`, calls tty_init, hands input to tty_receive (any context) and calls
// tty_wake when it can send again. Terminals live for ever.
#pragma once
#include "proc/process.h"
#include "sync/workqueue.h"
#include "tty/ldisc.h"
#include "vfs/file.h"

#define TTY_RING 4096U

struct tty_ops { // none may sleep
    // Takes what it can, sends it in its own time; bytes taken.
    size_t (*write)(const u8 *s, size_t n);
    size_t (*pending)(void); // bytes taken and not yet sent
    void (*discard)(void);   // forgets them
    void (*enable_input)(bool on);
};

struct tty {
    const struct tty_ops *ops; // (c)
    u32 dev;                   // (c)
    struct mutex lock;         // RANK_TTY
    struct mutex write_lock;   // one write(2) at a time; outside `lock`
    struct ldisc ldisc;        // (l); waiters look at it unlocked, and again locked
    struct winsize size;       // (l)
    struct ring out;           // (l) echo and processed output
    struct spinlock in_lock;   // RANK_DEVICE
    struct ring in;            // (in_lock) bytes from the device
    bool throttled;            // (in_lock)
    struct work work;          // moves `in` to the line discipline, `out` to the device
    struct wait_queue read_wait, write_wait;
    struct session *session;  // (proctree) referenced; whose controlling terminal this is
    struct group *foreground; // (proctree) referenced
    u8 in_buffer[TTY_RING], out_buffer[TTY_RING];
};

void tty_init(struct tty *tty, const struct tty_ops *ops, u32 dev);
void tty_receive(struct tty *tty, const u8 *s, size_t n); // bytes that do not fit are lost
void tty_wake(struct tty *tty);

extern const struct file_ops tty_file_ops;
s64 tty_ioctl(struct file *file, u32 cmd, u64 arg);

// Moves output to the device; tty->lock is held.
void tty_pump_locked(struct tty *tty);
// Sleeps until all output is sent; -ERESTARTSYS.
int tty_drain(struct tty *tty);
void tty_flush_input(struct tty *tty);

// Job control (tty_job.c).
void tty_job_init(void);
// May the caller read (sig SIGTTIN) or change (SIGTTOU) the terminal? 0; -EIO; -ERESTARTSYS: its
// group was sent sig.
int tty_check_background(struct tty *tty, int sig);
void tty_signal(struct tty *tty, int sig); // to the foreground group
struct tty *tty_controlling(void);         // the caller's, NULL
int tty_acquire(struct tty *tty, bool steal);
int tty_disown(struct tty *tty);
// Id of the foreground group (0: none) or of the session; -ENOTTY if it is not the caller's.
s64 tty_owner(struct tty *tty, bool session);
// tcsetpgrp(3): a group of the caller's session; -ENOTTY -ESRCH -EPERM -EINVAL.
int tty_set_foreground(struct tty *tty, pid_t pgid);
