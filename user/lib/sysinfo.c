// SPDX-License-Identifier: MIT
// sysinfo(): xv6's structure has the name of Linux's, so the kernel is asked elsewhere.
#include "kernel/sysinfo.h"

#include "lib/probe.h"
#include "lib/trace.h"
#include "lib/usage.h"
#include "lib/xv6.h"
#include "user/user.h"

int sysinfo(struct sysinfo *info)
{
    int result = -1;

    if (probe_write(info, sizeof(*info)))
        result = usage_get(&info->freemem, &info->nproc);
    return xv6_result(XV6_SYS_sysinfo, result);
}
