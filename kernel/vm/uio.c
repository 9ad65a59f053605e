// SPDX-License-Identifier: MIT
// Moves bytes between kernel memory and a caller's segmented buffer.
#include "vm/uio.h"
#include "abi/errno.h"
#include "lib/string.h"
#include "vm/object.h"

void uio_init_iov(struct uio *u, const struct iovec *iov, unsigned count)
{
    *u = (struct uio){.next = iov, .segments = count};
    for (unsigned i = 0; i < count; i++)
        u->left += iov[i].iov_len;
}

// Steps to the next segment with bytes in it; how many of n lie in the current one.
static size_t uio_chunk(struct uio *u, size_t n)
{
    while (!u->length && u->segments) {
        u->base = u->next->iov_base;
        u->length = u->next->iov_len;
        u->next++;
        u->segments--;
    }
    return MIN(n, u->length);
}

static inline void uio_step(struct uio *u, size_t n)
{
    u->base += n;
    u->length -= n;
    u->left -= n;
}

void uio_advance(struct uio *u, size_t n)
{
    while (n) {
        size_t chunk = uio_chunk(u, n);

        if (!chunk)
            return;
        uio_step(u, chunk);
        n -= chunk;
    }
}

static inline void move_kernel(const struct uio *u, void *kernel, size_t n, bool put)
{
    if (put)
        memcpy((void *)u->base, kernel, n);
    else
        memcpy(kernel, (const void *)u->base, n);
}

static inline size_t move_nofault(struct uio *u, char *kernel, size_t n, bool put)
{
    size_t done = 0;

    while (done < n) {
        size_t chunk = uio_chunk(u, n - done), moved = chunk;

        if (u->kernel)
            move_kernel(u, kernel + done, chunk, put);
        else if (put)
            moved = copy_to_user_nofault(u->base, kernel + done, chunk);
        else
            moved = copy_from_user_nofault(kernel + done, u->base, chunk);
        uio_step(u, moved);
        done += moved;
        if (!chunk || moved < chunk)
            break;
    }
    return done;
}

size_t uio_put_nofault(struct uio *u, const void *src, size_t n)
{
    return move_nofault(u, (char *)src, n, true);
}

size_t uio_get_nofault(struct uio *u, void *dst, size_t n)
{
    return move_nofault(u, dst, n, false);
}

static inline int move(struct uio *u, char *kernel, size_t n, bool put)
{
    while (n) {
        size_t moved = move_nofault(u, kernel, n, put), chunk;
        int err = 0;

        kernel += moved;
        n -= moved;
        chunk = uio_chunk(u, n);
        if (n)
            err = chunk ? user_prefault(u->base, chunk, put ? ACCESS_WRITE : ACCESS_READ) : -EFAULT;
        if (err)
            return err;
    }
    return 0;
}

int uio_put(struct uio *u, const void *src, size_t n)
{
    return move(u, (char *)src, n, true);
}

int uio_get(struct uio *u, void *dst, size_t n)
{
    return move(u, dst, n, false);
}

int uio_zero(struct uio *u, size_t n)
{
    while (n) {
        size_t chunk = MIN(uio_chunk(u, n), 16 * PAGE_SIZE);
        int err = chunk ? 0 : -EFAULT;

        if (u->kernel)
            memset((void *)u->base, 0, chunk);
        else if (!err)
            err = user_zero(u->base, chunk);
        if (err)
            return err;
        uio_step(u, chunk);
        n -= chunk;
    }
    return 0;
}

int uio_prefault(struct uio *u, enum access access)
{
    size_t chunk = uio_chunk(u, u->left);

    return u->kernel || !chunk ? 0 : user_prefault(u->base, chunk, access);
}

int uio_try_again(struct uio *u, int error, enum access access)
{
    if (error == -EFAULT || error == 0)
        error = uio_prefault(u, access);
    return error == -ENOMEM && vm_reclaim(RECLAIM_PAGES) ? 0 : error;
}
