// SPDX-License-Identifier: MIT
// The files of /proc that core(5) names: how a core dump is called, what is in it, of whom.
#include "abi/errno.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "proc/core.h"
#include "proc/procfs_private.h"

u64 core_uses_pid, suid_dumpable;

static struct spinlock pattern_lock = SPINLOCK_INIT(RANK_SIGNAL);
static char pattern[CORE_PATTERN_SIZE] = "core"; // (pattern_lock)

void core_pattern_get(char out[CORE_PATTERN_SIZE])
{
    spin_lock(&pattern_lock);
    memcpy(out, pattern, sizeof(pattern));
    spin_unlock(&pattern_lock);
}

int proc_show_core_pattern(struct text *t, const struct proc_place *p)
{
    char copy[CORE_PATTERN_SIZE];

    core_pattern_get(copy);
    text_printf(t, "%s\n", copy);
    return 0;
}

// No program is run to take a core dump.
int proc_write_core_pattern(const char *s, const struct proc_place *p)
{
    if (*s == '|' || strlen(s) >= sizeof(pattern))
        return -EINVAL;
    spin_lock(&pattern_lock);
    strlcpy(pattern, s, sizeof(pattern));
    spin_unlock(&pattern_lock);
    return 0;
}

int proc_write_core_uses_pid(const char *s, const struct proc_place *p)
{
    return proc_write_number(s, 0, INT32_MAX, &core_uses_pid);
}

int proc_write_suid_dumpable(const char *s, const struct proc_place *p)
{
    return proc_write_number(s, DUMPABLE_NONE, DUMPABLE_ROOT, &suid_dumpable);
}

int proc_show_core_filter(struct text *t, const struct proc_place *p)
{
    text_printf(t, "%08x\n", load_relaxed(&p->process->coredump_filter));
    return 0;
}

// Bits that mean nothing are forgotten.
int proc_write_core_filter(const char *s, const struct proc_place *place)
{
    u64 value;
    int err = proc_write_number(s, 0, UINT32_MAX, &value);

    if (!err)
        store_relaxed(&place->process->coredump_filter, (u32)value & CORE_FILTER_ALL);
    return err;
}
