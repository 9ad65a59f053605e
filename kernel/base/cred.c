// SPDX-License-Identifier: MIT
// Credentials.
#include "base/cred.h"

struct cred cred_root = {
    .refs = {1},
    .cap_effective = CAP_ALL,
    .cap_permitted = CAP_ALL,
    .cap_bounding = CAP_ALL,
};

bool cred_in_group(const struct cred *c, gid_t gid)
{
    if (c->fsgid == gid)
        return true;
    for (u32 i = 0; i < c->group_count; i++) {
        if (c->groups[i] == gid)
            return true;
    }
    return false;
}
