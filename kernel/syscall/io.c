// SPDX-License-Identifier: MIT
// Calls that move file data.

#include "abi/limits.h"
#include "abi/uio.h"
#include "mm/slab.h"
#include "syscall/args.h"
#include "vfs/inotify.h"
#include "vfs/socket.h"

#define OWN_POS (-1) // as a position: the file's own, which moves

static inline ssize_t transfer_once(struct file *f, struct uio *u, loff_t pos, bool write)
{
    if (pos == OWN_POS)
        return write ? file_write(f, u) : file_read(f, u);
    return write ? file_pwrite(f, u, pos) : file_pread(f, u, pos);
}

// Pipes, terminals and ports take pages for what passes through them: for want of one nothing has
// moved.
static __attribute__((noinline)) ssize_t transfer_again(struct file *f, struct uio *u, loff_t pos,
                                                        bool write)
{
    unsigned tries = 0;
    ssize_t n = -ENOMEM;

    while (vm_try_again(n, &tries))
        n = transfer_once(f, u, pos, write);
    if (n > 0)
        notify_file(f, write ? IN_MODIFY : IN_ACCESS);
    return n;
}

static inline ssize_t transfer(struct file *f, struct uio *u, loff_t pos, bool write)
{
    ssize_t n = transfer_once(f, u, pos, write);

    if (likely(n > 0))
        notify_file(f, write ? IN_MODIFY : IN_ACCESS);
    return likely(n != -ENOMEM) ? n : transfer_again(f, u, pos, write);
}

void signal_self(int sig)
{
    struct siginfo info;

    siginfo_user(&info, sig, SI_USER);
    signal_send_task(task_self(), sig, &info);
}

// A file that may not grow past RLIMIT_FSIZE also raises SIGXFSZ.
static s64 growth_failed(s64 error)
{
    if (error == -EFBIG && process_limit(RLIMIT_FSIZE) != RLIM_INFINITY)
        signal_self(SIGXFSZ);
    return error;
}

// A write to a pipe or stream that nobody reads also raises SIGPIPE. Sockets know what is
// restarted.
s64 transfer_failed(const struct file *f, s64 error, bool write)
{
    if (write && error == -EPIPE && file_breaks_loudly(f))
        signal_self(SIGPIPE);
    return file_socket(f) ? error : restartable(growth_failed(error));
}

static inline s64 buffer_io(u64 fd, uaddr_t buf, u64 count, loff_t pos, bool write)
{
    struct file *f SCOPED(file_end) = fd_get((int)fd);
    struct uio u;
    ssize_t n;

    if (unlikely(!f))
        return -EBADF;
    uio_init_user(&u, buf, MIN(count, MAX_RW_COUNT));
    n = transfer(f, &u, pos, write);
    return likely(n >= 0) ? n : transfer_failed(f, n, write);
}

static bool has_pages(const struct file *f)
{
    return S_ISREG(f->inode->mode) || S_ISBLK(f->inode->mode);
}

// Whether preadv2's flags (RWF_*) can be obeyed.
static bool rw_flags_fit(const struct file *f, u32 flags, bool write)
{
    const u32 file_only = RWF_DSYNC | RWF_SYNC | RWF_APPEND;

    if (flags & ~(RWF_HIPRI | RWF_NOWAIT | file_only) || (flags & RWF_NOWAIT && !f->ops->nowait))
        return false;
    if (!write || !(flags & file_only))
        return true;
    if (S_ISREG(f->inode->mode))
        return f->ops->fsync;
    return !(flags & RWF_APPEND && S_ISBLK(f->inode->mode));
}

static s64 vector_io(u64 fd, uaddr_t iov, u64 count, loff_t pos, u32 flags, bool write)
{
    struct file *f SCOPED(file_end) = fd_get((int)fd);
    struct iov_arg a;
    struct uio u;
    s64 n = f ? iov_arg_init(&a, iov, count) : -EBADF;

    if (n)
        return n;
    uio_init_iov(&u, a.list, a.count);
    u.flags = flags & (RWF_APPEND | RWF_NOWAIT);
    if (u.left && !rw_flags_fit(f, flags, write))
        n = -EOPNOTSUPP;
    else
        n = transfer(f, &u, pos, write);
    iov_arg_fini(&a);
    if (n > 0 && write && flags & (RWF_DSYNC | RWF_SYNC) && has_pages(f))
        n = file_fsync(f, !(flags & RWF_SYNC)) ?: n;
    return n >= 0 ? n : transfer_failed(f, n, write);
}

s64 sys_read(u64 fd, u64 buf, u64 count)
{
    return buffer_io(fd, buf, count, OWN_POS, false);
}

s64 sys_write(u64 fd, u64 buf, u64 count)
{
    return buffer_io(fd, buf, count, OWN_POS, true);
}

s64 sys_pread64(u64 fd, u64 buf, u64 count, u64 pos)
{
    return (s64)pos < 0 ? -EINVAL : buffer_io(fd, buf, count, pos, false);
}

s64 sys_pwrite64(u64 fd, u64 buf, u64 count, u64 pos)
{
    return (s64)pos < 0 ? -EINVAL : buffer_io(fd, buf, count, pos, true);
}

s64 sys_readv(u64 fd, u64 iov, u64 count)
{
    return vector_io(fd, iov, count, OWN_POS, 0, false);
}

s64 sys_writev(u64 fd, u64 iov, u64 count)
{
    return vector_io(fd, iov, count, OWN_POS, 0, true);
}

s64 sys_preadv(u64 fd, u64 iov, u64 count, u64 pos, u64 pos_high)
{
    return (s64)pos < 0 ? -EINVAL : vector_io(fd, iov, count, pos, 0, false);
}

s64 sys_pwritev(u64 fd, u64 iov, u64 count, u64 pos, u64 pos_high)
{
    return (s64)pos < 0 ? -EINVAL : vector_io(fd, iov, count, pos, 0, true);
}

s64 sys_preadv2(u64 fd, u64 iov, u64 count, u64 pos, u64 pos_high, u64 flags)
{
    return (s64)pos < OWN_POS ? -EINVAL : vector_io(fd, iov, count, pos, (u32)flags, false);
}

s64 sys_pwritev2(u64 fd, u64 iov, u64 count, u64 pos, u64 pos_high, u64 flags)
{
    return (s64)pos < OWN_POS ? -EINVAL : vector_io(fd, iov, count, pos, (u32)flags, true);
}

s64 sys_lseek(u64 fd, u64 offset, u64 whence)
{
    struct file *f SCOPED(file_end) = fd_get((int)fd);

    return f ? file_seek(f, offset, (int)whence) : -EBADF;
}

#define COPY_CHUNK (16UL << 10)

// Copies through a kernel buffer until `count`, the end of input, a short write, or a signal that
// kills. Positions are the files' own (OWN_POS) or the caller's.
static s64 copy_loop(struct file *in, loff_t *in_pos, struct file *out, loff_t *out_pos, u64 count)
{
    char *buf SCOPED(memory_end) = kmalloc(COPY_CHUNK, 0);
    s64 done = 0, n = 0, written = 0;
    struct uio u;

    if (!buf)
        return -ENOMEM;
    for (; count && written == n; count -= written) {
        uio_init_kernel(&u, buf, MIN(count, COPY_CHUNK));
        n = transfer(in, &u, *in_pos, false);
        if (n <= 0)
            break;
        uio_init_kernel(&u, buf, n);
        written = transfer(out, &u, *out_pos, true);
        if (*in_pos == OWN_POS && written < n && (in->mode & FILE_F_SEEKABLE))
            file_seek(in, MAX(written, 0L) - n, SEEK_CUR);
        if (written < 0) {
            n = written;
            break;
        }
        *in_pos += *in_pos != OWN_POS ? written : 0;
        *out_pos += *out_pos != OWN_POS ? written : 0;
        done += written;
        if (count > (u64)written && wait_interrupted(WAIT_KILLABLE))
            break;
    }
    return done ? done : n;
}

static int offset_arg(uaddr_t src, loff_t *pos)
{
    *pos = OWN_POS;
    if (!src)
        return 0;
    if (get_user_u64((u64 *)pos, src))
        return -EFAULT;
    return *pos < 0 ? -EINVAL : 0;
}

static s64 offset_result(s64 n, uaddr_t dst, loff_t pos)
{
    if (n >= 0 && dst && put_user_u64(dst, pos))
        return -EFAULT;
    return n;
}

static int sendfile_check(const struct file *in, const struct file *out)
{
    if (!(in->mode & FILE_F_READ) || !(out->mode & FILE_F_WRITE))
        return -EBADF;
    return !(in->mode & FILE_F_SEEKABLE) || out->flags & O_APPEND ? -EINVAL : 0;
}

// copy_file_range(2) asks what the files are before how they are open.
static int copy_range_check(const struct file *in, const struct file *out)
{
    if (S_ISDIR(in->inode->mode) || S_ISDIR(out->inode->mode))
        return -EISDIR;
    if (!S_ISREG(in->inode->mode) || !S_ISREG(out->inode->mode))
        return -EINVAL;
    if (!(in->mode & FILE_F_READ) || !(out->mode & FILE_F_WRITE) || out->flags & O_APPEND)
        return -EBADF;
    return 0;
}

// -EOVERFLOW; -EINVAL if what is copied, up to the end of the file, is in the way of the copy.
static int copy_places_check(const struct file *in, loff_t in_pos, const struct file *out,
                             loff_t out_pos, u64 count)
{
    u64 size = load_relaxed(&in->inode->size), from, to;

    from = in_pos == OWN_POS ? in->pos : in_pos;
    to = out_pos == OWN_POS ? out->pos : out_pos;
    if (from + count < from || to + count < to)
        return -EOVERFLOW;
    count = from < size ? MIN(count, size - from) : 0;
    return in->inode == out->inode && from < to + count && to < from + count ? -EINVAL : 0;
}

static s64 copy_between(u64 in_fd, uaddr_t in_at, u64 out_fd, uaddr_t out_at, u64 count,
                        bool regular)
{
    struct file *in SCOPED(file_end) = fd_get((int)in_fd);
    struct file *out SCOPED(file_end) = fd_get((int)out_fd);
    loff_t in_pos, out_pos;
    s64 n;

    if (!in || !out)
        return -EBADF;
    n = (regular ? copy_range_check(in, out) : sendfile_check(in, out))
            ?: offset_arg(in_at, &in_pos) ?: offset_arg(out_at, &out_pos);
    if (!n && regular)
        n = copy_places_check(in, in_pos, out, out_pos, count);
    if (n)
        return n;
    n = copy_loop(in, &in_pos, out, &out_pos, MIN(count, MAX_RW_COUNT));
    n = offset_result(n, in_at, in_pos);
    return transfer_failed(out, offset_result(n, out_at, out_pos), true);
}

s64 sys_sendfile(u64 out_fd, u64 in_fd, u64 offset, u64 count)
{
    return copy_between(in_fd, offset, out_fd, 0, count, false);
}

s64 sys_copy_file_range(u64 in_fd, u64 in_at, u64 out_fd, u64 out_at, u64 count, u64 flags)
{
    return (u32)flags ? -EINVAL : copy_between(in_fd, in_at, out_fd, out_at, count, true);
}

s64 sys_truncate(u64 name, u64 length)
{
    struct path p SCOPED(path_end) = {0};
    struct inode *inode;
    int err;

    if ((s64)length < 0)
        return -EINVAL;
    err = path_arg_lookup(AT_FDCWD, name, 0, &p);
    if (err)
        return err;
    inode = path_inode(&p);
    if (!S_ISREG(inode->mode))
        return S_ISDIR(inode->mode) ? -EISDIR : -EINVAL;
    err = path_may_write(&p) ?: inode_permission(inode, MAY_WRITE) ?: inode_get_write(inode);
    if (err)
        return err;
    err = growth_failed(vfs_truncate_at(&p, inode, length));
    inode_put_write(inode);
    return err;
}

s64 sys_ftruncate(u64 fd, u64 length)
{
    struct file *f SCOPED(file_end) = fd_get((int)fd);

    if ((s64)length < 0)
        return -EINVAL;
    if (!f)
        return -EBADF;
    if (!(f->mode & FILE_F_WRITE) || !S_ISREG(f->inode->mode))
        return -EINVAL;
    return growth_failed(vfs_truncate_at(&f->path, f->inode, length));
}

s64 sys_fallocate(u64 fd, u64 mode, u64 offset, u64 length)
{
    struct file *f SCOPED(file_end) = fd_get((int)fd);
    u64 end = offset + length;
    int err;

    if (!f)
        return -EBADF;
    if ((s64)offset < 0 || (s64)length <= 0)
        return -EINVAL;
    if (!(f->mode & FILE_F_WRITE))
        return -EBADF;
    if (!S_ISREG(f->inode->mode))
        return S_ISFIFO(f->inode->mode) ? -ESPIPE : -ENODEV;
    if (end > INT64_MAX)
        return -EFBIG;
    if (!((u32)mode & FALLOC_FL_KEEP_SIZE) && end > load_relaxed(&f->inode->size) &&
        end > process_limit(RLIMIT_FSIZE))
        return growth_failed(-EFBIG);
    if (!f->ops->fallocate)
        return -EOPNOTSUPP;
    err = f->ops->fallocate(f, (int)mode, offset, length);
    if (!err)
        notify_file(f, IN_MODIFY);
    return err;
}

// The last page of a range, of which length 0 is all.
static u64 last_page(u64 offset, u64 length)
{
    u64 end = length ? offset + length : INT64_MAX;

    return (MIN(end, (u64)INT64_MAX) - 1) >> PAGE_SHIFT;
}

// Pages that the range covers only in part stay.
static void forget_range(struct vm_object *o, u64 offset, u64 length)
{
    u64 end = length ? MIN(offset + length, o->size) : o->size;
    u64 after = end == o->size ? DIV_ROUND_UP(end, PAGE_SIZE) : end >> PAGE_SHIFT;
    u64 first = DIV_ROUND_UP(offset, PAGE_SIZE);

    if (first >= after)
        return;
    (void)vm_object_sync(o, first, after - 1); // fsync says what failed
    vm_object_drop_clean(o, first, after - 1);
}

s64 sys_fadvise64(u64 fd, u64 offset, u64 length, u64 advice)
{
    struct file *f SCOPED(file_end) = fd_get((int)fd);

    if (!f)
        return -EBADF;
    if (S_ISFIFO(f->inode->mode))
        return -ESPIPE;
    if ((s64)length < 0 || (u32)advice > POSIX_FADV_NOREUSE)
        return -EINVAL;
    if ((s64)offset < 0 || !has_pages(f))
        return 0;
    if ((u32)advice == POSIX_FADV_WILLNEED)
        vm_object_read_ahead(f->object, offset >> PAGE_SHIFT, last_page(offset, length));
    else if ((u32)advice == POSIX_FADV_DONTNEED)
        forget_range(f->object, offset, length);
    return 0;
}

s64 sys_readahead(u64 fd, u64 offset, u64 length)
{
    struct file *f SCOPED(file_end) = fd_get((int)fd);

    if (!f || !(f->mode & FILE_F_READ))
        return -EBADF;
    if (!has_pages(f))
        return -EINVAL;
    if (length && (s64)offset >= 0)
        vm_object_read_ahead(f->object, offset >> PAGE_SHIFT, last_page(offset, length));
    return 0;
}

// All that may be asked for is one thing here: write the changed pages, and wait for them.
s64 sys_sync_file_range(u64 fd, u64 offset, u64 length, u64 flags)
{
    const u32 all =
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    struct file *f SCOPED(file_end) = fd_get((int)fd);

    if (!f)
        return -EBADF;
    if ((u32)flags & ~all || (s64)offset < 0 || (s64)(offset + length) < (s64)offset)
        return -EINVAL;
    if (!has_pages(f) && !S_ISDIR(f->inode->mode) && !S_ISLNK(f->inode->mode))
        return -ESPIPE;
    if (!(u32)flags)
        return 0;
    return vm_object_sync(f->object, offset >> PAGE_SHIFT, last_page(offset, length));
}

s64 sys_sync(void)
{
    vfs_sync();
    return 0;
}

static s64 sync_file(u64 fd, bool data_only)
{
    struct file *f SCOPED(file_end) = fd_get((int)fd);

    if (!f)
        return -EBADF;
    return file_fsync(f, data_only);
}

s64 sys_fsync(u64 fd)
{
    return sync_file(fd, false);
}

s64 sys_fdatasync(u64 fd)
{
    return sync_file(fd, true);
}

s64 sys_syncfs(u64 fd)
{
    struct file *f SCOPED(file_end) = fd_get((int)fd);

    return f ? file_syncfs(f) : -EBADF;
}
