// SPDX-License-Identifier: MIT
// pgaccess(): the pages' frames by /proc/self/pagemap, and their use by idle page tracking. A page
// that is not there has not been used.
#include "abi/pagemap.h"
#include "kernel/riscv.h"
#include "lib/linux.h"
#include "lib/probe.h"
#include "lib/trace.h"
#include "lib/xv6.h"
#include "user/user.h"

#define PAGES_MAX 64
#define PAGEMAP   "/proc/self/pagemap"
#define IDLE      "/sys/kernel/mm/page_idle/bitmap"

static int idle_word(int call, int fd, uint64 frame, uint64 *word)
{
    return ecall4(call, fd, (long)word, sizeof(*word), frame / 64 * sizeof(*word)) != sizeof(*word);
}

// Was the frame used? From now on it is as if it was not. -1: error.
static int frame_take(int fd, uint64 frame)
{
    uint64 word, bit = 1UL << frame % 64;

    if (idle_word(SYS_pread64, fd, frame, &word))
        return -1;
    if (word & bit)
        return 0;
    word = bit;
    return idle_word(SYS_pwrite64, fd, frame, &word) ? -1 : 1;
}

static int pages_take(int fd, const uint64 *entries, int n, uint64 *used)
{
    for (int i = 0; i < n; i++) {
        uint64 frame = entries[i] & ((1UL << PAGEMAP_PFN_BITS) - 1);
        int was = frame ? frame_take(fd, frame) : 0;

        if (was < 0)
            return -1;
        *used |= (uint64)was << i;
    }
    return 0;
}

static int pagemap_read(uint64 first, uint64 *entries, int n)
{
    int fd = sys_open(PAGEMAP, O_RDONLY, 0);
    long size = n * sizeof(*entries), got;

    if (fd < 0)
        return -1;
    got = ecall4(SYS_pread64, fd, (long)entries, size, first * sizeof(*entries));
    sys_close(fd);
    return got == size ? 0 : -1;
}

static int pages_used(uint64 va, int n, uint64 *used)
{
    uint64 entries[PAGES_MAX];
    int fd, result = -1;

    if (pagemap_read(va >> PGSHIFT, entries, n) < 0)
        return -1;
    fd = sys_open(IDLE, O_RDWR, 0);
    if (fd >= 0) {
        result = pages_take(fd, entries, n, used);
        sys_close(fd);
    }
    return result;
}

int pgaccess(void *va, int n, void *mask)
{
    int bytes = n <= 32 ? 4 : 8, result = -1;
    uint64 used = 0;

    if (n > 0 && n <= PAGES_MAX && probe_write(mask, bytes))
        result = pages_used((uint64)va, n, &used);
    if (result == 0)
        memcpy(mask, &used, bytes);
    return xv6_result(XV6_SYS_pgaccess, result);
}
