// SPDX-License-Identifier: MIT
// Credentials: immutable once shared; a change makes a new struct.
#pragma once
#include "abi/capability.h"
#include "lib/atomic.h"
#include "lib/types.h"

#define CAP_ALL ((2UL << CAP_LAST_CAP) - 1)

// Supplementary groups, immutable and shared by all creds that have them.
struct cred_groups {
    struct ref refs;
    u32 count;  // (c) not 0
    gid_t id[]; // (c) ascending
};

struct cred {
    struct ref refs;
    uid_t uid, euid, suid, fsuid; // (c)
    gid_t gid, egid, sgid, fsgid; // (c)
    u32 none;                     // (c) 0: creds are compared as bytes, so there is no hole
    struct cred_groups *groups;   // (c) NULL: none
    u64 cap_effective, cap_permitted, cap_inheritable, cap_bounding, cap_ambient; // (c)
    u64 securebits;                                                               // (c) SECBIT_*
};

extern struct cred cred_root; // (c) of init and kernel threads

static inline bool cred_capable(const struct cred *c, unsigned cap)
{
    return c->cap_effective >> cap & 1;
}

bool cred_in_group(const struct cred *c, gid_t gid); // fsgid or supplementary
void cred_groups_sort(struct cred_groups *g);        // before anybody else has it
