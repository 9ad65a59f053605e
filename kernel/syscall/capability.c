// SPDX-License-Identifier: MIT
// Capabilities of the running thread, and the bits that rule them (capabilities(7)).
#include "abi/capability.h"
#include "abi/prctl.h"
#include "mm/slab.h"
#include "syscall/args.h"

static const struct cred *self(void)
{
    return thread_self()->cred;
}

/* capget, capset */

// *size: of the data that goes with it; the first version knows the lower 32 capabilities alone.
static int cap_header(uaddr_t at, s32 *pid, size_t *size)
{
    struct cap_user_header h;

    if (copy_from_user(&h, at, sizeof(h)))
        return -EFAULT;
    *pid = h.pid;
    *size = (h.version == _LINUX_CAPABILITY_VERSION_1 ? 1 : 2) * sizeof(struct cap_user_data);
    switch (h.version) {
    case _LINUX_CAPABILITY_VERSION_1:
    case _LINUX_CAPABILITY_VERSION_2:
    case _LINUX_CAPABILITY_VERSION_3:
        return 0;
    default:
        return put_user_u32(at, _LINUX_CAPABILITY_VERSION_3) ? -EFAULT : -EINVAL;
    }
}

static int caps_of(pid_t pid, struct cap_user_data *out)
{
    struct task *t;

    spin_lock(&proctree_lock);
    t = pid ? task_find(pid) : task_self();
    if (t) {
        const struct cred *c = t->thread->cred;

        for (int i = 0; i < 2; i++) {
            out[i].effective = c->cap_effective >> 32 * i;
            out[i].permitted = c->cap_permitted >> 32 * i;
            out[i].inheritable = c->cap_inheritable >> 32 * i;
        }
    }
    spin_unlock(&proctree_lock);
    return t ? 0 : -ESRCH;
}

s64 sys_capget(u64 header, u64 data)
{
    struct cap_user_data caps[2];
    size_t size;
    s32 pid;
    int err = cap_header(header, &pid, &size);

    if (err)
        return err == -EINVAL && !data ? 0 : err;
    if (pid < 0)
        return -EINVAL;
    return optional_result(caps_of(pid, caps), data, caps, size);
}

static bool caps_permitted(u64 effective, u64 permitted, u64 inheritable)
{
    const struct cred *old = self();

    if (inheritable & ~(old->cap_inheritable | old->cap_permitted) &&
        !cred_capable(old, CAP_SETPCAP))
        return false;
    return !(inheritable & ~(old->cap_inheritable | old->cap_bounding)) &&
           !(permitted & ~old->cap_permitted) && !(effective & ~permitted);
}

s64 sys_capset(u64 header, u64 data)
{
    struct cap_user_data d[2] = {};
    u64 effective, permitted, inheritable;
    struct cred c;
    size_t size;
    s32 pid;
    int err = cap_header(header, &pid, &size);

    if (err)
        return err;
    if (pid && pid != thread_self()->tid)
        return -EPERM;
    if (copy_from_user(d, data, size))
        return -EFAULT;
    effective = (d[0].effective | (u64)d[1].effective << 32) & CAP_ALL;
    permitted = (d[0].permitted | (u64)d[1].permitted << 32) & CAP_ALL;
    inheritable = (d[0].inheritable | (u64)d[1].inheritable << 32) & CAP_ALL;
    if (!caps_permitted(effective, permitted, inheritable))
        return -EPERM;
    c = *self();
    c.cap_inheritable = inheritable;
    c.cap_permitted = permitted;
    c.cap_effective = effective;
    c.cap_ambient &= permitted & inheritable;
    return cred_become(&c);
}

/* prctl */

static s64 bounding_drop(u64 cap)
{
    struct cred c = *self();

    if (!cred_capable(&c, CAP_SETPCAP))
        return -EPERM;
    if (cap > CAP_LAST_CAP)
        return -EINVAL;
    c.cap_bounding &= ~(1UL << cap);
    return cred_become(&c);
}

static s64 ambient_set(u64 caps)
{
    struct cred c = *self();

    c.cap_ambient = caps;
    return cred_become(&c);
}

static s64 ambient(u64 act, u64 cap)
{
    const struct cred *c = self();
    u64 bit;

    if (act == PR_CAP_AMBIENT_CLEAR_ALL)
        return cap ? -EINVAL : ambient_set(0);
    if (cap > CAP_LAST_CAP)
        return -EINVAL;
    bit = 1UL << cap;
    switch (act) {
    case PR_CAP_AMBIENT_IS_SET:
        return !!(c->cap_ambient & bit);
    case PR_CAP_AMBIENT_LOWER:
        return ambient_set(c->cap_ambient & ~bit);
    case PR_CAP_AMBIENT_RAISE:
        if (!(c->cap_permitted & c->cap_inheritable & bit) ||
            c->securebits & SECBIT_NO_CAP_AMBIENT_RAISE)
            return -EPERM;
        return ambient_set(c->cap_ambient | bit);
    default:
        return -EINVAL;
    }
}

static s64 securebits_set(u32 bits)
{
    struct cred c = *self();

    c.securebits = bits;
    return cred_become(&c);
}

// A lock stays, and so does the bit beneath it.
static s64 securebits_change(u64 bits)
{
    u32 old = self()->securebits, locks = old & SECURE_ALL_LOCKS;

    if (bits & ~(u64)(SECURE_ALL_BITS | SECURE_ALL_LOCKS) || locks & ~bits ||
        locks >> 1 & (old ^ bits) || !cred_capable(self(), CAP_SETPCAP))
        return -EPERM;
    return securebits_set(bits);
}

static s64 keep_caps(u64 on)
{
    u32 old = self()->securebits;

    if (on > 1)
        return -EINVAL;
    if (old & SECBIT_KEEP_CAPS_LOCKED)
        return -EPERM;
    return securebits_set((old & ~SECBIT_KEEP_CAPS) | (on ? SECBIT_KEEP_CAPS : 0));
}

s64 prctl_capability(int option, u64 a1, u64 a2, u64 a3, u64 a4)
{
    switch (option) {
    case PR_CAPBSET_READ:
        return a1 > CAP_LAST_CAP ? -EINVAL : self()->cap_bounding >> a1 & 1;
    case PR_CAPBSET_DROP:
        return bounding_drop(a1);
    case PR_CAP_AMBIENT:
        return a3 || a4 ? -EINVAL : ambient(a1, a2);
    case PR_GET_SECUREBITS:
        return self()->securebits;
    case PR_SET_SECUREBITS:
        return securebits_change(a1);
    case PR_GET_KEEPCAPS:
        return !!(self()->securebits & SECBIT_KEEP_CAPS);
    default:
        return keep_caps(a1);
    }
}
