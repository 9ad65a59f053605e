// SPDX-License-Identifier: MIT
// /proc/<pid>/mem and auxv (proc(5)): what debuggers read besides ptrace(2).

#include "abi/errno.h"
#include "proc/procfs_private.h"

#define PART      256
#define AUXV_ROOM 512 // more than the vector takes

// Up to the first byte that cannot be had; -EIO if that is the first of all.
static ssize_t mem_move(const struct proc_place *place, struct uio *u, loff_t *pos, bool write)
{
    size_t done = 0;
    char part[PART];
    ssize_t n = 0;
    int err = 0;

    while (place->space && u->left && !err) {
        size_t want = MIN(u->left, sizeof(part));

        if (write && (err = uio_get(u, part, want)))
            break;
        n = vm_access(place->space, *pos, part, want, write, true);
        if (n > 0 && !write)
            err = uio_put(u, part, n);
        if (n <= 0 || err)
            break;
        *pos += n;
        done += n;
        if ((size_t)n < want)
            break;
    }
    return done ? (ssize_t)done : err ? err : n < 0 ? -EIO : n;
}

ssize_t proc_read_mem(const struct proc_place *place, struct uio *u, loff_t *pos)
{
    return mem_move(place, u, pos, false);
}

ssize_t proc_write_mem(const struct proc_place *place, struct uio *u, loff_t *pos)
{
    return mem_move(place, u, pos, true);
}

ssize_t proc_read_auxv(const struct proc_place *place, struct uio *u, loff_t *pos)
{
    u64 words[AUXV_ROOM / sizeof(u64)];
    ssize_t got = place->space ? vm_access(place->space, place->space->auxv, words, sizeof(words),
                                           false, true)
                               : 0;
    size_t size = 0, n;
    int err;

    for (ssize_t i = 0; !size && (i + 2) * (ssize_t)sizeof(u64) <= got; i += 2)
        size = words[i] ? 0 : (i + 2) * sizeof(u64);
    if (*pos < 0 || (size_t)*pos >= size)
        return 0;
    n = MIN(u->left, size - *pos);
    err = uio_put(u, (const char *)words + *pos, n);
    if (err)
        return err;
    *pos += n;
    return n;
}
