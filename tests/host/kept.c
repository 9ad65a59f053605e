// SPDX-License-Identifier: MIT
// See kept.h.
#include "kept.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "base/panic.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "world.h"

#define BYTES (9 * 4096 + 100)

// Bytes that were taken; all of them, if nothing failed.
static ssize_t file_write_all(u8 *bytes, bool sync)
{
    struct file *f;
    ssize_t n = file_open(NULL, "/m/kept", O_RDWR | O_CREAT, 0644, 0, &f);

    if (n)
        return 0;
    n = world_pwrite(f, bytes, BYTES, 0);
    if (sync)
        verify(!file_fsync(f, machine_below(2)) || host_failed_yet());
    file_put(f);
    verify(n == BYTES || (sync && host_failed_yet()));
    return MAX(n, 0L);
}

void kept_check(enum kept_by by, int (*mount)(void), void (*unmount)(void))
{
    u8 *bytes = host_alloc(BYTES), *back = host_alloc(BYTES);
    u32 fail_nth = arch_self()->fail_nth;
    struct file *f;
    ssize_t n;

    for (u32 i = 0; i < BYTES; i++)
        bytes[i] = 1 + i % 251;
    if (by != KEPT_BY_SYNC)
        arch_self()->fail_nth = 0;
    n = file_write_all(bytes, by == KEPT_BY_SYNC);
    if (by != KEPT_BY_SYNC)
        arch_self()->fail_nth = fail_nth;
    if (by == KEPT_BY_EVICTION)
        shrink_all();
    unmount();
    if (n && host_failed_yet()) { // from here on nothing fails
        host_expect(mount(), 0);
        host_expect(file_open(NULL, "/m/kept", O_RDONLY, 0, 0, &f), 0);
        host_expect(file_read_kernel(f, back, BYTES, 0), n);
        verify(!memcmp(bytes, back, n));
        file_put(f);
        unmount();
    }
    kfree(bytes);
    kfree(back);
}
