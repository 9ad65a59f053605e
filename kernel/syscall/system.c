// SPDX-License-Identifier: MIT
// Calls about the whole system: names, limits, usage, randomness, reboot.

#include "abi/capability.h"
#include "abi/hwprobe.h"
#include "abi/limits.h"
#include "abi/random.h"
#include "abi/reboot.h"
#include "abi/sysinfo.h"
#include "abi/utsname.h"
#include "arch/sbi.h"
#include "arch/smp.h"
#include "base/log.h"
#include "base/random.h"
#include "lib/string.h"
#include "proc/utsname.h"
#include "syscall/args.h"

s64 sys_uname(u64 out)
{
    struct utsname name;

    utsname_get(&name);
    return copy_to_user(out, &name, sizeof(name));
}

static s64 name_set(u64 name, u64 length, void (*set)(const char *name))
{
    char text[UTSNAME_LENGTH] = {0};

    if (!cred_capable(thread_self()->cred, CAP_SYS_ADMIN))
        return -EPERM;
    if ((s32)length < 0 || (u32)length >= sizeof(text))
        return -EINVAL;
    if (copy_from_user(text, name, (u32)length))
        return -EFAULT;
    set(text);
    return 0;
}

s64 sys_sethostname(u64 name, u64 length)
{
    return name_set(name, length, utsname_set_host);
}

s64 sys_setdomainname(u64 name, u64 length)
{
    return name_set(name, length, utsname_set_domain);
}

s64 sys_sysinfo(u64 out)
{
    struct sysinfo info = {0};
    struct sched_stats stats;

    sched_stats_get(&stats);
    info.uptime = clock_monotonic() / NS_PER_SEC;
    for (int i = 0; i < 3; i++)
        info.loads[i] = stats.load[i] << 5; // 11 fractional bits to 16
    info.totalram = frames_total() << PAGE_SHIFT;
    info.freeram = frames_free() << PAGE_SHIFT;
    info.procs = process_count();
    info.mem_unit = 1;
    return copy_to_user(out, &info, sizeof(info));
}

#define SYSLOG_READ_ALL    3
#define SYSLOG_READ_CLEAR  4
#define SYSLOG_CLEAR       5
#define SYSLOG_SIZE_UNREAD 9
#define SYSLOG_SIZE_BUFFER 10

static u64 syslog_cleared; // (a) what was logged before is not read again

static s64 syslog_read_all(uaddr_t buf, u64 size)
{
    char chunk[256];
    u64 end = log_end(), done = 0, n;
    u64 pos = MAX(load_relaxed(&syslog_cleared), end - MIN(size, end)); // the newest that fit

    while (done < size && (n = log_read(&pos, chunk, MIN(sizeof(chunk), size - done)))) {
        if (copy_to_user(buf + done, chunk, n))
            return -EFAULT;
        done += n;
    }
    return done;
}

s64 sys_syslog(u64 type, u64 buf, u64 size)
{
    u64 end = log_end();
    s64 ret;

    type = (u32)type;
    if (type != SYSLOG_READ_ALL && type != SYSLOG_SIZE_BUFFER &&
        !cred_capable(thread_self()->cred, CAP_SYSLOG))
        return -EPERM;
    switch (type) {
    case SYSLOG_READ_ALL:
    case SYSLOG_READ_CLEAR:
        ret = !buf || (s32)size < 0 ? -EINVAL : syslog_read_all(buf, (u32)size);
        if (ret >= 0 && type == SYSLOG_READ_CLEAR)
            store_relaxed(&syslog_cleared, end);
        return ret;
    case SYSLOG_CLEAR:
        store_relaxed(&syslog_cleared, end);
        return 0;
    case SYSLOG_SIZE_UNREAD:
    case SYSLOG_SIZE_BUFFER:
        return log_size();
    default:
        return -EINVAL;
    }
}

s64 sys_getrandom(u64 buf, u64 size, u64 flags)
{
    char chunk[256];
    u64 done = 0;

    if ((u32)flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    if (((u32)flags & GRND_RANDOM) && ((u32)flags & GRND_INSECURE))
        return -EINVAL;
    size = MIN(size, MAX_RW_COUNT);
    while (done < size) {
        u64 n = MIN(sizeof(chunk), size - done);

        random_bytes(chunk, n);
        if (copy_to_user(buf + done, chunk, n))
            return done ? (s64)done : -EFAULT;
        done += n;
        if (signal_pending() && done < size)
            return done;
    }
    return done;
}

s64 sys_reboot(u64 magic1, u64 magic2, u64 cmd, u64 arg)
{
    if (!cred_capable(thread_self()->cred, CAP_SYS_BOOT))
        return -EPERM;
    if ((u32)magic1 != LINUX_REBOOT_MAGIC1 ||
        ((u32)magic2 != LINUX_REBOOT_MAGIC2 && (u32)magic2 != LINUX_REBOOT_MAGIC2A &&
         (u32)magic2 != LINUX_REBOOT_MAGIC2B && (u32)magic2 != LINUX_REBOOT_MAGIC2C))
        return -EINVAL;
    switch ((u32)cmd) {
    case LINUX_REBOOT_CMD_CAD_ON:
    case LINUX_REBOOT_CMD_CAD_OFF:
        return 0;
    case LINUX_REBOOT_CMD_RESTART:
        vfs_shutdown();
        smp_stop_others();
        sbi_system_reset(true);
    case LINUX_REBOOT_CMD_HALT:
    case LINUX_REBOOT_CMD_POWER_OFF:
        vfs_shutdown();
        smp_stop_others();
        sbi_system_reset(false);
    default:
        return -EINVAL;
    }
}

s64 sys_prlimit64(u64 pid, u64 resource, u64 new, u64 old)
{
    struct rlimit64 limit, previous;
    int err;

    if (optional_arg(&limit, new, sizeof(limit)))
        return -EFAULT;
    err = process_prlimit((s32)pid, (u32)resource, new ? &limit : NULL, old ? &previous : NULL);
    return optional_result(err, old, &previous, sizeof(previous));
}

s64 sys_getrlimit(u64 resource, u64 out)
{
    struct rlimit64 limit;
    int err = process_prlimit(0, (u32)resource, NULL, &limit);

    return err ?: copy_to_user(out, &limit, sizeof(limit));
}

s64 sys_setrlimit(u64 resource, u64 in)
{
    struct rlimit64 limit;

    if (copy_from_user(&limit, in, sizeof(limit)))
        return -EFAULT;
    return process_prlimit(0, (u32)resource, &limit, NULL);
}

s64 sys_getrusage(u64 who, u64 out)
{
    struct rusage usage;

    if ((s32)who != RUSAGE_SELF && (s32)who != RUSAGE_CHILDREN && (s32)who != RUSAGE_THREAD)
        return -EINVAL;
    process_rusage(process_self(), (s32)who, &usage);
    return copy_to_user(out, &usage, sizeof(usage));
}

// Pairs of key and value; an unknown key comes back as -1 (Linux, arch/riscv/hwprobe.rst).
s64 sys_riscv_hwprobe(u64 pairs, u64 count, u64 cpu_size, u64 cpus, u64 flags)
{
    struct riscv_hwprobe pair;

    if (flags)
        return -EINVAL;
    for (u64 i = 0; i < count; i++) {
        uaddr_t at = pairs + i * sizeof(pair);

        if (copy_from_user(&pair, at, sizeof(pair)))
            return -EFAULT;
        pair.value = 0;
        if (pair.key == RISCV_HWPROBE_KEY_BASE_BEHAVIOR)
            pair.value = RISCV_HWPROBE_BASE_BEHAVIOR_IMA;
        else if (pair.key == RISCV_HWPROBE_KEY_IMA_EXT_0)
            pair.value = RISCV_HWPROBE_IMA_FD | RISCV_HWPROBE_IMA_C;
        else if (pair.key < 0 || pair.key > RISCV_HWPROBE_KEY_CPUPERF_0)
            pair.key = -1;
        if (copy_to_user(at, &pair, sizeof(pair)))
            return -EFAULT;
    }
    return 0;
}
