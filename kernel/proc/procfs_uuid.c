// SPDX-License-Identifier: MIT
// /proc/sys/kernel/random/uuid and boot_id.
#include "base/random.h"
#include "lib/string.h"
#include "proc/procfs_private.h"

u8 proc_boot_id[16];

// A random UUID (RFC 9562, section 5.4).
static int text_uuid(struct text *t, const u8 random[16])
{
    u8 u[16];

    memcpy(u, random, sizeof(u));
    u[6] = (u[6] & 0x0f) | 0x40;
    u[8] = (u[8] & 0x3f) | 0x80;
    for (unsigned i = 0; i < sizeof(u); i++)
        text_printf(t, i >= 4 && i <= 10 && i % 2 == 0 ? "-%02x" : "%02x", u[i]);
    text_append(t, "\n", 1);
    return 0;
}

int proc_show_uuid(struct text *t, const struct proc_place *p)
{
    u8 random[16];

    random_bytes(random, sizeof(random));
    return text_uuid(t, random);
}

// The same for as long as the machine runs.
int proc_show_boot_id(struct text *t, const struct proc_place *p)
{
    return text_uuid(t, proc_boot_id);
}
