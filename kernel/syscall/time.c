// SPDX-License-Identifier: MIT
// Clocks, sleeping, interval timers.

#include "abi/capability.h"
#include "ipc/timerfd.h"
#include "lib/string.h"
#include "syscall/args.h"

#define REALTIME_MAX    (NS_NEVER / 2 - 30UL * 365 * 86400 * NS_PER_SEC) // fits s64 for 30 years more
#define CLOCK_COARSE_NS 4000000 // what coarse clocks claim to resolve

// Reads a clock; -EINVAL for one we do not have.
static int clock_read(int clock, ns_t *now)
{
    ns_t user, system;

    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_TAI:
        *now = clock_realtime();
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        *now = clock_monotonic();
        return 0;
    case CLOCK_PROCESS_CPUTIME_ID:
        process_times(process_self(), &user, &system);
        break;
    case CLOCK_THREAD_CPUTIME_ID:
        sched_times(thread_self(), &user, &system);
        break;
    default:
        return -EINVAL;
    }
    *now = user + system;
    return 0;
}

// Clock ids of processes, and of threads of our own: the complement of the id in the upper bits,
// then three bits of which bit 2 says thread (clock_getcpuclockid(3)).
static int clock_read_other(int clock, ns_t *now)
{
    pid_t id = ~(clock >> 3);
    ns_t user = 0, system = 0;
    struct process *p;
    struct task *t;
    bool found;

    spin_lock(&proctree_lock);
    t = clock & 4 ? (id ? task_find(id) : task_self()) : NULL;
    p = clock & 4 ? NULL : id ? process_find(id) : process_self();
    found = p || (t && t->proc == process_self());
    if (t)
        sched_times(t->thread, &user, &system);
    else if (p)
        process_times(p, &user, &system);
    spin_unlock(&proctree_lock);
    *now = (clock & 3) == 1 ? user : user + system;
    return found && (clock & 3) < 3 ? 0 : -EINVAL;
}

static int clock_read_any(int clock, ns_t *now)
{
    return clock < 0 ? clock_read_other(clock, now) : clock_read(clock, now);
}

s64 sys_clock_gettime(u64 clock, u64 out)
{
    ns_t now;

    return clock_read_any((int)clock, &now) ?: timespec_result(out, now);
}

s64 sys_clock_getres(u64 clock, u64 out)
{
    ns_t now;
    bool coarse = (int)clock == CLOCK_REALTIME_COARSE || (int)clock == CLOCK_MONOTONIC_COARSE;
    int err = clock_read_any((int)clock, &now);

    if (err || !out)
        return err;
    return timespec_result(out, coarse ? CLOCK_COARSE_NS : 1);
}

static s64 realtime_set(ns_t now)
{
    if (now > REALTIME_MAX)
        return -EINVAL;
    if (!cred_capable(thread_self()->cred, CAP_SYS_TIME))
        return -EPERM;
    clock_set_realtime(now);
    timers_clock_was_set();
    timerfd_clock_was_set();
    return 0;
}

s64 sys_clock_settime(u64 clock, u64 in)
{
    ns_t now;

    if ((int)clock != CLOCK_REALTIME)
        return -EINVAL;
    return timespec_arg(in, &now) ?: realtime_set(now);
}

static struct timezone time_zone; // (time_lock) only kept, for whoever asks
static struct spinlock time_lock = SPINLOCK_INIT(RANK_SIGNAL);

static int zone_set(u64 zone)
{
    struct timezone new;

    if (copy_from_user(&new, zone, sizeof(new)))
        return -EFAULT;
    if (!cred_capable(thread_self()->cred, CAP_SYS_TIME))
        return -EPERM;
    if (new.tz_minuteswest < -15 * 60 || new.tz_minuteswest > 15 * 60)
        return -EINVAL;
    spin_lock(&time_lock);
    time_zone = new;
    spin_unlock(&time_lock);
    return 0;
}

s64 sys_settimeofday(u64 tv, u64 zone)
{
    struct timeval now;
    int err;

    if (optional_arg(&now, tv, sizeof(now)))
        return -EFAULT;
    if (tv && ((u64)now.tv_usec >= 1000000 || (u64)now.tv_sec > REALTIME_MAX / NS_PER_SEC))
        return -EINVAL;
    err = zone ? zone_set(zone) : 0;
    return err || !tv ? err : realtime_set(now.tv_sec * NS_PER_SEC + now.tv_usec * 1000);
}

s64 sys_gettimeofday(u64 tv, u64 zone)
{
    struct timeval now = ns_timeval(clock_realtime());
    struct timezone kept;

    spin_lock(&time_lock);
    kept = time_zone;
    spin_unlock(&time_lock);
    return optional_result(optional_result(0, tv, &now, sizeof(now)), zone, &kept, sizeof(kept));
}

static s64 nanosleep_again(struct task *t);

// Sleeps until the deadline; what is left goes to `left` (0: nowhere; the deadline is monotonic) if
// interrupted.
static s64 nanosleep_until(ns_t deadline, uaddr_t left)
{
    struct task *t = task_self();
    int err = sleep_until(deadline, WAIT_INTERRUPTIBLE);
    ns_t now = clock_monotonic();

    if (!err || now >= deadline_monotonic(deadline))
        return 0;
    if (left && timespec_result(left, deadline - now))
        return -EFAULT;
    t->restart = nanosleep_again;
    t->restart_deadline = deadline;
    t->restart_args[0] = left;
    return -ERESTART_RESTARTBLOCK;
}

static s64 nanosleep_again(struct task *t)
{
    return nanosleep_until(t->restart_deadline, t->restart_args[0]);
}

static s64 nanosleep_relative(ns_t ns, uaddr_t left)
{
    return nanosleep_until(deadline_in(ns), left);
}

s64 sys_nanosleep(u64 request, u64 left)
{
    ns_t ns;

    return timespec_arg(request, &ns) ?: nanosleep_relative(ns, left);
}

s64 sys_clock_nanosleep(u64 clock, u64 flags, u64 request, u64 left)
{
    ns_t ns, now;
    int err;

    if ((int)clock == CLOCK_THREAD_CPUTIME_ID || clock_read((int)clock, &now))
        return -EINVAL;
    if ((int)clock == CLOCK_PROCESS_CPUTIME_ID || (int)clock == CLOCK_MONOTONIC_COARSE ||
        (int)clock == CLOCK_REALTIME_COARSE || (int)clock == CLOCK_MONOTONIC_RAW)
        return -EOPNOTSUPP;
    err = timespec_arg(request, &ns);
    if (err)
        return err;
    if (!((u32)flags & TIMER_ABSTIME))
        return nanosleep_relative(ns, left);
    if ((int)clock == CLOCK_REALTIME || (int)clock == CLOCK_TAI)
        ns = deadline_wall(ns);
    err = nanosleep_until(ns, 0);
    return err == -ERESTART_RESTARTBLOCK ? -ERESTARTNOHAND : err;
}

s64 sys_getitimer(u64 which, u64 out)
{
    struct itimerval value;

    return itimer_get((int)which, &value) ?: copy_to_user(out, &value, sizeof(value));
}

s64 sys_setitimer(u64 which, u64 new, u64 old)
{
    struct itimerval value = {0}, previous;
    int err;

    if (optional_arg(&value, new, sizeof(value)))
        return -EFAULT;
    err = itimer_set((int)which, &value, &previous);
    return optional_result(err, old, &previous, sizeof(previous));
}

s64 sys_times(u64 out)
{
    struct process *p = process_self();
    const ns_t tick = NS_PER_SEC / 100;
    ns_t user, system;
    struct tms t;

    process_times(p, &user, &system);
    t.tms_utime = user / tick;
    t.tms_stime = system / tick;
    t.tms_cutime = p->child_user / tick;
    t.tms_cstime = p->child_system / tick;
    if (out && copy_to_user(out, &t, sizeof(t)))
        return -EFAULT;
    return clock_monotonic() / tick;
}

int itimerspec_arg(uaddr_t src, ns_t *value, ns_t *interval)
{
    return timespec_arg(src + offsetof(struct itimerspec, it_value), value)
               ?: timespec_arg(src + offsetof(struct itimerspec, it_interval), interval);
}

int itimerspec_result(uaddr_t dst, ns_t value, ns_t interval)
{
    struct itimerspec spec = {.it_value = ns_timespec(value), .it_interval = ns_timespec(interval)};

    return copy_to_user(dst, &spec, sizeof(spec));
}

s64 sys_timer_create(u64 clock, u64 event, u64 id)
{
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    ns_t now;
    s64 made;

    if ((int)clock < 0 || clock_read((int)clock, &now))
        return -EINVAL;
    if (optional_arg(&e, event, sizeof(e)))
        return -EFAULT;
    made = posix_timer_create((int)clock, event ? &e : NULL);
    if (made < 0)
        return made;
    if (put_user_u32(id, made)) {
        posix_timer_delete(made);
        return -EFAULT;
    }
    return 0;
}

s64 sys_timer_settime(u64 id, u64 flags, u64 new, u64 old)
{
    ns_t value, interval, left, old_interval;
    int err = new ? itimerspec_arg(new, &value, &interval) : -EINVAL;

    if (err)
        return err;
    err =
        posix_timer_set((s32)id, (u32)flags & TIMER_ABSTIME, value, interval, &left, &old_interval);
    if (err || !old)
        return err;
    return itimerspec_result(old, left, old_interval);
}

s64 sys_timer_gettime(u64 id, u64 out)
{
    ns_t left, interval;

    return posix_timer_get((s32)id, &left, &interval) ?: itimerspec_result(out, left, interval);
}

s64 sys_timer_getoverrun(u64 id)
{
    return posix_timer_overrun((s32)id);
}

s64 sys_timer_delete(u64 id)
{
    return posix_timer_delete((s32)id);
}
