// SPDX-License-Identifier: MIT
// The system's names. Programs decide by sysname and release what they may call, so these are those
// of the Linux whose ABI we serve; the version field says who we are.

#include "proc/utsname.h"
#include "base/spinlock.h"
#include "lib/string.h"

static struct spinlock host_lock = SPINLOCK_INIT(RANK_SIGNAL);
static char host[UTSNAME_LENGTH] = "rivulet";  // (host_lock)
static char domain[UTSNAME_LENGTH] = "(none)"; // (host_lock)

void utsname_get(struct utsname *out)
{
    *out = (struct utsname){.sysname = "Linux",
                            .release = "6.12.0-rivulet",
                            .version = "#1 SMP PREEMPT Rivulet",
                            .machine = "riscv64"};
    spin_lock(&host_lock);
    memcpy(out->nodename, host, sizeof(host));
    memcpy(out->domainname, domain, sizeof(domain));
    spin_unlock(&host_lock);
}

static void name_set(char *which, const char *name)
{
    spin_lock(&host_lock);
    strlcpy(which, name, UTSNAME_LENGTH);
    spin_unlock(&host_lock);
}

void utsname_set_host(const char *name)
{
    name_set(host, name);
}

void utsname_set_domain(const char *name)
{
    name_set(domain, name);
}
