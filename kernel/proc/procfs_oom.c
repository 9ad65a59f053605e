// SPDX-License-Identifier: MIT
// /proc/<pid>/oom_score and oom_score_adj: who is to end first when memory is out.
#include "abi/capability.h"
#include "abi/errno.h"
#include "lib/parse.h"
#include "proc/procfs_private.h"

int proc_show_oom_score(struct text *t, const struct proc_place *p)
{
    text_printf(t, "%lu\n", oom_score(p->process) * OOM_ADJUST_MAX / frames_total());
    return 0;
}

int proc_show_oom_adjust(struct text *t, const struct proc_place *p)
{
    text_printf(t, "%d\n", load_relaxed(&p->process->oom_adjust));
    return 0;
}

// Below what a privileged process has allowed it takes privilege.
static int adjust(struct process *p, s64 value)
{
    bool privileged = cred_capable(thread_self()->cred, CAP_SYS_RESOURCE);

    if (value < load_relaxed(&p->oom_adjust_least) && !privileged)
        return -EACCES;
    store_relaxed(&p->oom_adjust, value);
    if (privileged)
        store_relaxed(&p->oom_adjust_least, value);
    return 0;
}

int proc_write_oom_adjust(const char *s, const struct proc_place *place)
{
    bool negative = *s == '-';
    u64 value;
    int err = parse_u64(s + negative, NULL, 0, &value);

    if (err || value > OOM_ADJUST_MAX)
        return -EINVAL;
    return adjust(place->process, negative ? -(s64)value : (s64)value);
}
