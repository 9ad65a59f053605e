// SPDX-License-Identifier: MIT
// Credentials: user and group ids, groups (credentials(7)).
//
// A thread's cred is immutable while shared: each change edits a copy, and swaps.

#include "abi/capability.h"
#include "abi/limits.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "syscall/args.h"

#define ID_KEEP (~0U) // -1: leave as it is

static const struct cred *self(void)
{
    return thread_self()->cred;
}

s64 sys_getuid(void)
{
    return self()->uid;
}

s64 sys_geteuid(void)
{
    return self()->euid;
}

s64 sys_getgid(void)
{
    return self()->gid;
}

s64 sys_getegid(void)
{
    return self()->egid;
}

static s64 put_three(u64 a, u64 b, u64 c, u32 x, u32 y, u32 z)
{
    return put_user_u32(a, x) || put_user_u32(b, y) || put_user_u32(c, z) ? -EFAULT : 0;
}

s64 cred_become(const struct cred *changed)
{
    struct cred *c = cred_create(changed);

    if (!c)
        return -ENOMEM;
    thread_cred_set(c);
    return 0;
}

// Leaving or regaining user 0 moves the effective and permitted capabilities (capabilities(7)).
static void cred_caps_follow(struct cred *c, const struct cred *old)
{
    bool was = !old->uid || !old->euid || !old->suid;
    bool is = !c->uid || !c->euid || !c->suid;

    if (c->securebits & SECBIT_NO_SETUID_FIXUP)
        return;
    if (was && !is) {
        if (!(c->securebits & SECBIT_KEEP_CAPS))
            c->cap_permitted = 0;
        c->cap_ambient = 0;
    }
    if (!old->euid && c->euid)
        c->cap_effective = 0;
    else if (old->euid && !c->euid)
        c->cap_effective = c->cap_permitted;
    c->cap_effective &= c->cap_permitted;
}

static s64 cred_become_ids(struct cred *c)
{
    uid_t old = self()->uid;
    s64 err;

    cred_caps_follow(c, self());
    err = cred_become(c);
    if (!err && c->uid != old)
        process_user_changed(c->uid);
    return err;
}

/* The three ids of users and, alike, of groups; files are accessed with the effective one */

struct ids {
    u32 real, effective, saved;
};

static struct ids ids_get(const struct cred *c, bool group)
{
    return group ? (struct ids){c->gid, c->egid, c->sgid} : (struct ids){c->uid, c->euid, c->suid};
}

static bool ids_free(bool group)
{
    return cred_capable(self(), group ? CAP_SETGID : CAP_SETUID);
}

static bool id_mine(const struct ids *ids, u32 id)
{
    return id == ids->real || id == ids->effective || id == ids->saved;
}

static s64 ids_set(bool group, u32 real, u32 effective, u32 saved)
{
    struct cred c = *self();

    if (real != ID_KEEP)
        *(group ? &c.gid : &c.uid) = real;
    if (effective != ID_KEEP)
        *(group ? &c.egid : &c.euid) = effective;
    if (saved != ID_KEEP)
        *(group ? &c.sgid : &c.suid) = saved;
    if (group)
        c.fsgid = c.egid;
    else
        c.fsuid = c.euid;
    return cred_become_ids(&c);
}

static s64 set_res(bool group, u32 real, u32 effective, u32 saved)
{
    struct ids now = ids_get(self(), group);

    if (!ids_free(group) && ((real != ID_KEEP && !id_mine(&now, real)) ||
                             (effective != ID_KEEP && !id_mine(&now, effective)) ||
                             (saved != ID_KEEP && !id_mine(&now, saved))))
        return -EPERM;
    return ids_set(group, real, effective, saved);
}

// A real id that changes, or an effective one that differs from the real, becomes the saved id.
static s64 set_re(bool group, u32 real, u32 effective)
{
    struct ids now = ids_get(self(), group);
    bool saved = real != ID_KEEP || (effective != ID_KEEP && effective != now.real);

    if (!ids_free(group) && ((real != ID_KEEP && real != now.real && real != now.effective) ||
                             (effective != ID_KEEP && !id_mine(&now, effective))))
        return -EPERM;
    return ids_set(group, real, effective,
                   !saved                 ? ID_KEEP
                   : effective != ID_KEEP ? effective
                                          : now.effective);
}

static s64 set_one(bool group, u32 id)
{
    struct ids now = ids_get(self(), group);

    if (id == ID_KEEP)
        return -EINVAL;
    if (ids_free(group))
        return ids_set(group, id, id, id);
    return id == now.real || id == now.saved ? ids_set(group, ID_KEEP, id, ID_KEEP) : -EPERM;
}

// The rights over files that go with user 0 (capabilities(7)).
#define FILE_CAPS                                                                                  \
    (1UL << CAP_CHOWN | 1UL << CAP_DAC_OVERRIDE | 1UL << CAP_DAC_READ_SEARCH | 1UL << CAP_FOWNER | \
     1UL << CAP_FSETID | 1UL << CAP_MKNOD | 1UL << CAP_MAC_OVERRIDE | 1UL << CAP_LINUX_IMMUTABLE)

// Tells what the id was, whether or not it may be changed (setfsuid(2)).
static s64 set_file_id(bool group, u32 id)
{
    struct cred c = *self();
    struct ids now = ids_get(&c, group);
    u32 old = group ? c.fsgid : c.fsuid;

    if (id == ID_KEEP || id == old || (!ids_free(group) && !id_mine(&now, id)))
        return old;
    *(group ? &c.fsgid : &c.fsuid) = id;
    if (group || c.securebits & SECBIT_NO_SETUID_FIXUP)
        ;
    else if (!old)
        c.cap_effective &= ~FILE_CAPS;
    else if (!id)
        c.cap_effective |= c.cap_permitted & FILE_CAPS;
    (void)cred_become(&c);
    return old;
}

s64 sys_setfsuid(u64 uid)
{
    return set_file_id(false, uid);
}

s64 sys_setfsgid(u64 gid)
{
    return set_file_id(true, gid);
}

s64 sys_setresuid(u64 uid, u64 euid, u64 suid)
{
    return set_res(false, uid, euid, suid);
}

s64 sys_setresgid(u64 gid, u64 egid, u64 sgid)
{
    return set_res(true, gid, egid, sgid);
}

s64 sys_setreuid(u64 uid, u64 euid)
{
    return set_re(false, uid, euid);
}

s64 sys_setregid(u64 gid, u64 egid)
{
    return set_re(true, gid, egid);
}

s64 sys_setuid(u64 uid)
{
    return set_one(false, uid);
}

s64 sys_setgid(u64 gid)
{
    return set_one(true, gid);
}

s64 sys_getresuid(u64 ruid, u64 euid, u64 suid)
{
    return put_three(ruid, euid, suid, self()->uid, self()->euid, self()->suid);
}

s64 sys_getresgid(u64 rgid, u64 egid, u64 sgid)
{
    return put_three(rgid, egid, sgid, self()->gid, self()->egid, self()->sgid);
}

/* Supplementary groups */

s64 sys_getgroups(u64 size, u64 list)
{
    const struct cred_groups *g = self()->groups;
    u32 n = g ? g->count : 0;

    if ((s32)size < 0 || ((s32)size && (u32)size < n))
        return -EINVAL;
    if ((s32)size && n && copy_to_user(list, g->id, n * sizeof(gid_t)))
        return -EFAULT;
    return n;
}

// -ENOMEM, -EFAULT, -EINVAL (-1 is no group).
static int groups_arg(struct cred_groups **out, u32 count, uaddr_t list)
{
    struct cred_groups *g;
    int err = 0;

    *out = NULL;
    if (!count)
        return 0;
    g = kmalloc(sizeof(*g) + count * sizeof(gid_t), 0);
    if (!g)
        return -ENOMEM;
    ref_init(&g->refs, 1);
    g->count = count;
    if (copy_from_user(g->id, list, count * sizeof(gid_t)))
        err = -EFAULT;
    else
        cred_groups_sort(g);
    if (!err && g->id[count - 1] == ID_KEEP)
        err = -EINVAL;
    if (err)
        kfree(g);
    else
        *out = g;
    return err;
}

s64 sys_setgroups(u64 size, u64 list)
{
    struct cred c = *self();
    s64 err;

    if (!cred_capable(self(), CAP_SETGID))
        return -EPERM;
    if ((u32)size > NGROUPS_MAX)
        return -EINVAL;
    err = groups_arg(&c.groups, (u32)size, list);
    if (err)
        return err;
    err = cred_become(&c);
    cred_groups_put(c.groups);
    return err;
}
