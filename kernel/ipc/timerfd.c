// SPDX-License-Identifier: MIT
// timerfd(2).
//
// `next` and `interval` say when the timer expires, `ticks` how often it has up to `next`. All else
// is worked out when somebody asks; the kernel's timer only wakes, and is armed again when the
// expiries are taken. So its callback needs no lock, and a short interval costs nothing by itself.
#include "ipc/timerfd.h"
#include "abi/errno.h"
#include "abi/ioctl.h"
#include "abi/time.h"
#include "arch/uaccess.h"
#include "mm/slab.h"
#include "sched/timer.h"
#include "vfs/poll.h"
#include "vfs/pseudo.h"

#define FAR_FUTURE (NS_NEVER / 4) // longer times are as good as this
#define READABLE   (POLLIN | POLLRDNORM)

struct timerfd {
    struct spinlock lock; // RANK_DEVICE
    struct timer timer;   // armed and cancelled under the lock
    struct wait_queue queue;
    s32 clock;             // (c) CLOCK_*
    u32 flags;             // (l) as it was set, TFD_TIMER_*
    bool real;             // (c) CLOCK_REALTIME: alone is ever on wall_timers
    bool wall;             // (l) absolute in it: `next` is real time, else monotonic
    bool cancel_on_set;    // (l)
    bool cancelled;        // (l; read anywhere)
    ns_t next;             // (l; read anywhere) 0: disarmed
    ns_t interval;         // (l)
    u64 ticks;             // (l; read anywhere) before `next`, not yet read
    struct list wall_link; // (wall_mutex)
};

static struct mutex wall_mutex = MUTEX_INIT(wall_mutex, RANK_NONE); // outside of timers' locks
static struct list wall_timers = LIST_INIT(wall_timers);            // (wall_mutex) with `wall`
static const struct file_ops timerfd_ops;

bool file_is_timerfd(const struct file *f)
{
    return f->ops == &timerfd_ops;
}

/* Time */

static ns_t timer_now(const struct timerfd *t)
{
    return t->wall ? clock_realtime() : clock_monotonic();
}

static bool timer_is_due(const struct timerfd *t)
{
    ns_t next = load_relaxed(&t->next);

    return load_relaxed(&t->cancelled) || load_relaxed(&t->ticks) || (next && timer_now(t) >= next);
}

static void timer_fired(struct timer *timer)
{
    wake_key(&container_of(timer, struct timerfd, timer)->queue, READABLE);
}

static void timer_arm_locked(struct timerfd *t)
{
    if (!t->next)
        timer_cancel(&t->timer);
    else
        timer_start(&t->timer, t->wall ? deadline_wall(t->next) : t->next);
}

// Counts what has expired at `now`; `next` is then to come.
static void timer_count_locked(struct timerfd *t, ns_t now)
{
    u64 steps;

    if (!t->next || now < t->next)
        return;
    steps = t->interval ? (now - t->next) / t->interval + 1 : 1;
    t->ticks += steps;
    t->next = t->interval ? t->next + steps * t->interval : 0;
    timer_arm_locked(t);
}

static void timer_catch_up_locked(struct timerfd *t)
{
    timer_count_locked(t, timer_now(t));
}

static void timer_read_locked(struct timerfd *t, ns_t *left, ns_t *interval)
{
    ns_t now;

    timer_catch_up_locked(t);
    now = timer_now(t);
    *interval = t->interval;
    *left = !t->next ? 0 : t->next > now ? t->next - now : 1;
}

void timerfd_get(struct file *f, ns_t *left, ns_t *interval)
{
    struct timerfd *t = f->private;

    spin_lock(&t->lock);
    timer_read_locked(t, left, interval);
    spin_unlock(&t->lock);
}

// True if the clock was set since the timer was, which is then told once.
static bool timer_take_cancelled_locked(struct timerfd *t)
{
    bool cancelled = t->cancelled && t->cancel_on_set;

    store_relaxed(&t->cancelled, false);
    return cancelled;
}

static int timer_set_locked(struct timerfd *t, u32 flags, ns_t value, ns_t interval)
{
    t->wall = t->real && flags & TFD_TIMER_ABSTIME;
    t->cancel_on_set = t->wall && flags & TFD_TIMER_CANCEL_ON_SET;
    t->flags = flags;
    t->interval = MIN(interval, FAR_FUTURE);
    value = MIN(value, FAR_FUTURE);
    if (value && !(flags & TFD_TIMER_ABSTIME))
        value += clock_monotonic();
    store_relaxed(&t->next, value);
    store_relaxed(&t->ticks, 0UL);
    timer_arm_locked(t);
    return timer_take_cancelled_locked(t) && value ? -ECANCELED : 0;
}

int timerfd_set(struct file *f, u32 flags, ns_t value, ns_t interval, ns_t *left,
                ns_t *old_interval)
{
    struct timerfd *t = f->private;
    int err;

    if (t->real)
        mutex_lock(&wall_mutex);
    spin_lock(&t->lock);
    timer_read_locked(t, left, old_interval);
    err = timer_set_locked(t, flags, value, interval);
    spin_unlock(&t->lock);
    list_remove(&t->wall_link);
    if (t->wall)
        list_insert_tail(&wall_timers, &t->wall_link);
    if (t->real)
        mutex_unlock(&wall_mutex);
    return err;
}

void timerfd_clock_was_set(void)
{
    struct timerfd *t;

    mutex_lock(&wall_mutex);
    LIST_FOR_EACH (t, &wall_timers, wall_link) {
        spin_lock(&t->lock);
        if (!timer_cancel(&t->timer)) // it has woken somebody by the clock of before
            timer_count_locked(t, t->next);
        timer_arm_locked(t);
        store_relaxed(&t->cancelled, t->cancel_on_set);
        spin_unlock(&t->lock);
        if (t->cancelled)
            wake_key(&t->queue, READABLE);
    }
    mutex_unlock(&wall_mutex);
}

/* Files */

// Takes the expiries, if there are any; -ECANCELED.
static int timer_take(struct timerfd *t, u64 *ticks)
{
    int err;

    spin_lock(&t->lock);
    timer_catch_up_locked(t);
    err = timer_take_cancelled_locked(t) ? -ECANCELED : 0;
    *ticks = t->ticks;
    store_relaxed(&t->ticks, 0UL);
    spin_unlock(&t->lock);
    return err;
}

static ssize_t timerfd_read(struct file *f, struct uio *u, loff_t *pos)
{
    struct timerfd *t = f->private;
    u64 ticks;
    int err;

    if (u->left < sizeof(ticks))
        return -EINVAL;
    while (!(err = timer_take(t, &ticks)) && !ticks) {
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        err = wait_event(&t->queue, timer_is_due(t), WAIT_INTERRUPTIBLE, NS_NEVER);
        if (err)
            return err;
    }
    return err ?: uio_put(u, &ticks, sizeof(ticks)) ?: (ssize_t)sizeof(ticks);
}

static u32 timerfd_poll(struct file *f, struct poll_table *table)
{
    struct timerfd *t = f->private;

    poll_wait(table, &t->queue);
    return timer_is_due(t) ? READABLE : 0;
}

static s64 timerfd_ioctl(struct file *f, u32 cmd, u64 arg)
{
    struct timerfd *t = f->private;
    u64 ticks;

    if (cmd != TFD_IOC_SET_TICKS)
        return -ENOTTY;
    if (copy_from_user(&ticks, arg, sizeof(ticks)))
        return -EFAULT;
    if (!ticks)
        return -EINVAL;
    spin_lock(&t->lock);
    store_relaxed(&t->ticks, ticks);
    spin_unlock(&t->lock);
    wake_key(&t->queue, READABLE);
    return 0;
}

static void timerfd_release(struct file *f)
{
    struct timerfd *t = f->private;

    if (t->real) {
        mutex_lock(&wall_mutex);
        list_remove(&t->wall_link);
        mutex_unlock(&wall_mutex);
    }
    timer_cancel(&t->timer);
    kfree(t);
}

static void timerfd_show(struct file *f, struct text *text)
{
    struct timerfd *t = f->private;
    ns_t left, interval;
    u64 ticks;
    u32 flags;

    spin_lock(&t->lock);
    timer_read_locked(t, &left, &interval);
    ticks = t->ticks;
    flags = t->flags;
    spin_unlock(&t->lock);
    text_printf(text,
                "clockid: %d\nticks: %lu\nsettime flags: 0%o\nit_value: (%lu, %lu)\n"
                "it_interval: (%lu, %lu)\n",
                t->clock, ticks, flags, left / NS_PER_SEC, left % NS_PER_SEC, interval / NS_PER_SEC,
                interval % NS_PER_SEC);
}

static const struct file_ops timerfd_ops = {
    .read = timerfd_read,
    .ioctl = timerfd_ioctl,
    .poll = timerfd_poll,
    .release = timerfd_release,
    .show = timerfd_show,
};

int timerfd_create(int clock, bool real, u32 flags, struct file **out)
{
    struct timerfd *t = kmalloc(sizeof(*t), ALLOC_ZERO);
    int err;

    if (!t)
        return -ENOMEM;
    t->clock = clock;
    t->real = real;
    spin_init(&t->lock, RANK_DEVICE);
    timer_init(&t->timer, timer_fired);
    wait_queue_init(&t->queue);
    list_init(&t->wall_link);
    err = file_create_anon(&timerfd_ops, "anon_inode:[timerfd]", NULL,
                           O_RDWR | (flags & TFD_NONBLOCK), t, out);
    if (err)
        kfree(t);
    return err;
}
