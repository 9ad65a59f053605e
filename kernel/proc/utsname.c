// SPDX-License-Identifier: MIT
// The system's names. Programs decide by sysname and release what they may call, so these are those
// of the Linux whose ABI we serve; the version field says who we are.

#include "proc/utsname.h"
#include "base/spinlock.h"
#include "lib/string.h"

static struct spinlock host_lock = SPINLOCK_INIT(RANK_SIGNAL);
static char host[sizeof(((struct utsname *)0)->nodename)] = "rivulet"; // (host_lock)

void utsname_get(struct utsname *out)
{
    *out = (struct utsname){.sysname = "Linux",
                            .release = "6.12.0-rivulet",
                            .version = "#1 SMP PREEMPT Rivulet",
                            .machine = "riscv64",
                            .domainname = "(none)"};
    spin_lock(&host_lock);
    memcpy(out->nodename, host, sizeof(host));
    spin_unlock(&host_lock);
}

void utsname_set_host(const char *name)
{
    spin_lock(&host_lock);
    strlcpy(host, name, sizeof(host));
    spin_unlock(&host_lock);
}
