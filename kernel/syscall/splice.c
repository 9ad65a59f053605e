// SPDX-License-Identifier: MIT
// splice, tee and vmsplice: data between pipes and other files.
//
// Out of a pipe, files write straight from its pages, which the call claims meanwhile. Into a pipe,
// and between memory and pipes, bytes are copied: so a program that changes what it has given does
// no harm.
#include "abi/limits.h"
#include "ipc/pipe.h"
#include "mm/slab.h"
#include "syscall/args.h"
#include "vfs/socket.h"

#define SPLICE_ALL (SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT)
#define CHUNK      (16UL << 10)

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

// Writes up to `count` bytes of a pipe to the other end; `keep`: they stay in the pipe.
static s64 from_pipe(struct file *pipe, struct end *out, u64 count, bool wait, bool keep)
{
    s64 there = pipe_claim(pipe, wait), done = 0, n = 0;
    struct uio u;

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
    pipe_unclaim(pipe, keep ? 0 : done);
    return done ? done : n;
}

// What a short write left is given back to a file with a position; other files are asked once.
static s64 to_pipe(struct end *in, struct end *out, u64 count)
{
    bool seekable = in->file->mode & FILE_F_SEEKABLE;
    s64 done = 0, n = 0, written;
    char *buffer = kmalloc(CHUNK, 0);
    struct uio u;

    if (!buffer)
        return -ENOMEM;
    do {
        uio_init_kernel(&u, buffer, MIN(count - done, CHUNK));
        n = end_move(in, &u, false);
        if (n <= 0)
            break;
        uio_init_kernel(&u, buffer, n);
        written = end_move(out, &u, true);
        if (written < n && in->at)
            in->pos -= n - MAX(written, 0L);
        else if (written < n && seekable)
            file_seek(in->file, MAX(written, 0L) - n, SEEK_CUR);
        done += MAX(written, 0L);
        n = written;
    } while (!u.left && (u64)done < count && seekable);
    kfree(buffer);
    return done ? done : n;
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
    bool from = file_is_pipe(in->file), to = file_is_pipe(out->file), wait = true;
    s64 room;

    if ((!from && !to) || !may_splice(in->file) || !may_splice(out->file))
        return -EINVAL;
    if (out->file->flags & O_APPEND || (from && to && in->file->inode == out->file->inode))
        return -EINVAL;
    if (to) {
        wait = may_wait(out->file, flags);
        room = pipe_room(out->file, wait);
        if (room < 0)
            return room;
        count = MIN(count, (u64)room);
    }
    if (from)
        return from_pipe(in->file, out, count, wait && may_wait(in->file, flags), false);
    return to_pipe(in, out, count);
}

static s64 position_result(s64 n, const struct end *e)
{
    return n >= 0 && e->at && put_user_u64(e->at, e->pos) ? -EFAULT : n;
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
    return transfer_failed(out_file, position_result(position_result(n, &in), &out), true);
}

s64 sys_tee(u64 in_fd, u64 out_fd, u64 count, u64 flags)
{
    struct file *in SCOPED(file_end) = fd_get((int)in_fd);
    struct file *out SCOPED(file_end) = fd_get((int)out_fd);
    struct end end = {out, 0, 0};
    s64 room;

    if ((u32)flags & ~SPLICE_ALL)
        return -EINVAL;
    if (!count)
        return 0;
    if (!in || !out || !(in->mode & FILE_F_READ) || !(out->mode & FILE_F_WRITE))
        return -EBADF;
    if (!file_is_pipe(in) || !file_is_pipe(out) || in->inode == out->inode)
        return -EINVAL;
    room = pipe_room(out, may_wait(out, (u32)flags));
    if (room > 0)
        room = from_pipe(in, &end, MIN(count, (u64)room), may_wait(in, (u32)flags), true);
    return transfer_failed(out, room, true);
}

// As much as fits; a read takes what is there.
static s64 memory_move(struct file *pipe, struct uio *u, u32 flags)
{
    s64 n;

    if (pipe->mode & FILE_F_READ) {
        n = pipe_claim(pipe, may_wait(pipe, flags));
        if (n > 0)
            pipe_unclaim(pipe, 0);
        return n > 0 ? file_read(pipe, u) : n;
    }
    n = pipe_room(pipe, may_wait(pipe, flags));
    if (n <= 0)
        return n;
    u->left = MIN(u->left, (u64)n);
    return file_write(pipe, u);
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
