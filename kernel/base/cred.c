// SPDX-License-Identifier: MIT
// Credentials.
#include "base/cred.h"

struct cred cred_root = {
    .refs = {1},
    .cap_effective = CAP_ALL,
    .cap_permitted = CAP_ALL,
    .cap_bounding = CAP_ALL,
};

static bool groups_have(const struct cred_groups *g, gid_t gid)
{
    u32 low = 0, high = g->count, middle;

    while (low < high) {
        middle = (low + high) / 2;
        if (g->id[middle] < gid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < g->count && g->id[low] == gid;
}

bool cred_in_group(const struct cred *c, gid_t gid)
{
    if (c->fsgid == gid)
        return true;
    return c->groups && groups_have(c->groups, gid);
}

// Heapsort: `id` is a heap of n but for the one at `at`, which sinks to where it belongs.
static void heap_sink(gid_t *id, u32 at, u32 n)
{
    gid_t moved = id[at];

    for (u32 child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && id[child + 1] > id[child])
            child++;
        if (id[child] <= moved)
            break;
        id[at] = id[child];
    }
    id[at] = moved;
}

void cred_groups_sort(struct cred_groups *g)
{
    gid_t last;

    for (u32 i = g->count / 2; i > 0; i--)
        heap_sink(g->id, i - 1, g->count);
    for (u32 n = g->count; n > 1; n--) {
        last = g->id[n - 1];
        g->id[n - 1] = g->id[0];
        g->id[0] = last;
        heap_sink(g->id, 0, n - 1);
    }
}
