// SPDX-License-Identifier: MIT
// splice, tee and vmsplice: data between pipes and other files.
//
// Out of a pipe, files write straight from its pages, which the call claims meanwhile. Into a pipe,
// files read straight into its pages, whose room the call has reserved: what a socket gave is never
// without a place. Between memory and pipes bytes are copied: so a program that changes what it has
// given does no harm. Nobody who holds a claim or room waits for a pipe.
#include "abi/limits.h"
#include "ipc/pipe.h"
#include "syscall/args.h"
#include "vfs/inotify.h"
#include "vfs/socket.h"

#define SPLICE_ALL (SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT)

// One side: a file, and where in it: the file's own position, or the caller's.
struct end {
    struct file *file;
    uaddr_t at; // of the caller's position, or 0
    loff_t pos;
};

static ssize_t end_move(struct end *e, struct uio *u, bool write)
{
    ssize_t n;

    if (!e->at)
        return write ? file_write(e->file, u) : file_read(e->file, u);
    n = write ? file_pwrite(e->file, u, e->pos) : file_pread(e->file, u, e->pos);
    e->pos += MAX(n, 0L);
    return n;
}

static bool may_wait(const struct file *pipe, u32 flags)
{
    return !(flags & SPLICE_F_NONBLOCK || pipe->flags & O_NONBLOCK);
}

// Writes up to `count` bytes of a pipe to a file.
static s64 from_pipe(struct file *pipe, struct end *out, u64 count, bool wait)
{
    s64 there, done = 0, n = 0;
    struct uio u;

    while ((there = pipe_claim(pipe)) == -EAGAIN && wait)
        if ((n = pipe_await(pipe, false)))
            return restartable(n); // even where the other side is a socket
    if (there <= 0)
        return there;
    for (count = MIN(count, (u64)there); (u64)done < count; done += n) {
        size_t part;
        void *bytes = pipe_peek(pipe, done, &part);

        uio_init_kernel(&u, bytes, MIN(part, count - done));
        n = end_move(out, &u, true);
        if (n <= 0)
            break;
    }
    pipe_unclaim(pipe, done);
    return done ? done : n;
}

// Those that are not used have no length.
static void places_uio(struct uio *u, const struct iovec *places)
{
    uio_init_iov(u, places, PIPE_PLACES);
    u->kernel = true;
}

// One read, of as much as there is room for; of a socket, what is there if the call is not to wait.
static s64 to_pipe(struct end *in, struct file *pipe, u64 count, bool wait)
{
    struct iovec places[PIPE_PLACES] = {0};
    struct uio u;
    s64 room, n;

    while ((room = pipe_reserve(pipe, count, places)) == -EAGAIN && wait)
        if ((n = pipe_await(pipe, true)))
            return n;
    if (room < 0)
        return room;
    places_uio(&u, places);
    if (!wait && file_socket(in->file))
        u.flags |= RWF_NOWAIT;
    n = end_move(in, &u, false);
    pipe_fill(pipe, MAX(n, 0L));
    return n;
}

// The claim and the room that go together; while there is one without the other, neither is held.
static s64 claim_both(struct file *in, struct file *out, u64 count, bool wait, struct iovec *places)
{
    for (;;) {
        s64 n = pipe_claim(in);
        bool full = n > 0;
        int err;

        if (full && (n = pipe_reserve(out, MIN(count, (u64)n), places)) <= 0)
            pipe_unclaim(in, 0);
        if (n != -EAGAIN || !wait)
            return n;
        err = pipe_await(full ? out : in, full);
        if (err)
            return err;
    }
}

// `keep`: the bytes stay in the first pipe, too.
static s64 between_pipes(struct file *in, struct file *out, u64 count, u32 flags, bool keep)
{
    struct iovec places[PIPE_PLACES] = {0};
    s64 n = claim_both(in, out, count, may_wait(in, flags) && may_wait(out, flags), places);
    size_t part;
    struct uio u;

    if (n <= 0)
        return n;
    places_uio(&u, places);
    for (s64 done = 0; done < n; done += part) {
        void *bytes = pipe_peek(in, done, &part);

        part = MIN(part, (u64)(n - done));
        uio_put_nofault(&u, bytes, part);
    }
    pipe_fill(out, n);
    pipe_unclaim(in, keep ? 0 : n);
    return n;
}

static int end_position(struct end *e)
{
    if (!e->at)
        return 0;
    if (file_is_pipe(e->file))
        return -ESPIPE;
    if (!(e->file->mode & FILE_F_SEEKABLE))
        return -EINVAL;
    if (get_user_u64((u64 *)&e->pos, e->at))
        return -EFAULT;
    return e->pos < 0 ? -EINVAL : 0;
}

static bool may_splice(const struct file *f)
{
    return file_is_pipe(f) || file_socket(f) || (!f->anon_name && !S_ISDIR(f->inode->mode));
}

static s64 splice_between(struct end *in, struct end *out, u64 count, u32 flags)
{
    bool from = file_is_pipe(in->file), to = file_is_pipe(out->file);

    if ((!from && !to) || !may_splice(in->file) || !may_splice(out->file))
        return -EINVAL;
    if (out->file->flags & O_APPEND || (from && to && in->file->inode == out->file->inode))
        return -EINVAL;
    if (from && to)
        return between_pipes(in->file, out->file, count, flags, false);
    return from ? from_pipe(in->file, out, count, may_wait(in->file, flags))
                : to_pipe(in, out->file, count, may_wait(out->file, flags));
}

static s64 position_result(s64 n, const struct end *e)
{
    return n >= 0 && e->at && put_user_u64(e->at, e->pos) ? -EFAULT : n;
}

static s64 told(struct file *in, struct file *out, s64 moved)
{
    if (moved > 0) {
        notify_file(in, IN_ACCESS);
        notify_file(out, IN_MODIFY);
    }
    return moved;
}

s64 sys_splice(u64 in_fd, u64 in_at, u64 out_fd, u64 out_at, u64 count, u64 flags)
{
    struct file *in_file SCOPED(file_end) = fd_get((int)in_fd);
    struct file *out_file SCOPED(file_end) = fd_get((int)out_fd);
    struct end in = {in_file, in_at, 0}, out = {out_file, out_at, 0};
    s64 n;

    if (!count)
        return 0;
    if ((u32)flags & ~SPLICE_ALL)
        return -EINVAL;
    if (!in_file || !out_file || !(in_file->mode & FILE_F_READ) || !(out_file->mode & FILE_F_WRITE))
        return -EBADF;
    n = end_position(&in) ?: end_position(&out);
    n = n ?: splice_between(&in, &out, MIN(count, MAX_RW_COUNT), (u32)flags);
    n = told(in_file, out_file, n);
    return transfer_failed(out_file, position_result(position_result(n, &in), &out), true);
}

s64 sys_tee(u64 in_fd, u64 out_fd, u64 count, u64 flags)
{
    struct file *in SCOPED(file_end) = fd_get((int)in_fd);
    struct file *out SCOPED(file_end) = fd_get((int)out_fd);
    s64 n;

    if ((u32)flags & ~SPLICE_ALL)
        return -EINVAL;
    if (!count)
        return 0;
    if (!in || !out || !(in->mode & FILE_F_READ) || !(out->mode & FILE_F_WRITE))
        return -EBADF;
    if (!file_is_pipe(in) || !file_is_pipe(out) || in->inode == out->inode)
        return -EINVAL;
    n = between_pipes(in, out, MIN(count, MAX_RW_COUNT), (u32)flags, true);
    return transfer_failed(out, told(in, out, n), true);
}

// As much as fits; a read takes what is there. A pipe that is open both ways is written to.
static s64 memory_move(struct file *pipe, struct uio *u, u32 flags)
{
    bool write = pipe->mode & FILE_F_WRITE;
    s64 n;
    int err;

    while ((n = pipe_move(pipe, u, write)) == -EAGAIN && may_wait(pipe, flags))
        if ((err = pipe_await(pipe, write)))
            return err;
    return n;
}

s64 sys_vmsplice(u64 fd, u64 iov, u64 count, u64 flags)
{
    struct file *f SCOPED(file_end) = fd_get((int)fd);
    struct iov_arg a;
    struct uio u;
    s64 n;

    if ((u32)flags & ~SPLICE_ALL)
        return -EINVAL;
    if (!f || !file_is_pipe(f))
        return -EBADF;
    n = iov_arg_init(&a, iov, count);
    if (n)
        return n;
    uio_init_iov(&u, a.list, a.count);
    n = u.left ? memory_move(f, &u, (u32)flags) : 0;
    iov_arg_fini(&a);
    return transfer_failed(f, n, f->mode & FILE_F_WRITE);
}
