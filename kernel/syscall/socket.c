// SPDX-License-Identifier: MIT
// Calls that make, name and connect sockets, and those on their options.

#include "syscall/socket.h"
#include "lib/string.h"

#define TYPE_MASK  0xf
#define TYPE_FLAGS (SOCK_CLOEXEC | SOCK_NONBLOCK)

static_assert(SOCK_CLOEXEC == O_CLOEXEC && SOCK_NONBLOCK == O_NONBLOCK, "the same flags");

/* Arguments */

int socket_arg(u64 fd, struct file **out)
{
    *out = fd_get((int)fd);
    if (!*out)
        return -EBADF;
    return file_socket(*out) ? 0 : -ENOTSOCK;
}

int socket_name_arg(struct sockaddr_storage *name, uaddr_t src, int length)
{
    memset(name, 0, sizeof(*name));
    if (length < 0 || length > sizeof(*name))
        return -EINVAL;
    return length && copy_from_user(name, src, length) ? -EFAULT : 0;
}

int socket_name_result(const struct sockaddr_storage *name, u32 length, uaddr_t dst,
                       uaddr_t dst_length)
{
    int room;

    if (copy_from_user(&room, dst_length, sizeof(room)))
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    if (copy_to_user(dst, name, MIN((u32)room, length)) || put_user_u32(dst_length, length))
        return -EFAULT;
    return 0;
}

/* Making */

s64 sys_socket(u64 family, u64 type, u64 protocol)
{
    u32 flags = (u32)type & ~TYPE_MASK;
    struct socket *s;
    struct file *f;
    s64 fd;

    if (flags & ~TYPE_FLAGS)
        return -EINVAL;
    fd = socket_create((int)family, (int)type & TYPE_MASK, (int)protocol, &s);
    if (fd)
        return fd;
    fd = socket_file_create(s, flags, &f);
    if (fd) {
        socket_discard(s);
        return fd;
    }
    return fd_add(f, flags & SOCK_CLOEXEC);
}

// A file for each of two new sockets, which are connected; both are gone if that fails.
static int pair_files(struct socket *a, struct socket *b, u32 flags, struct file *files[2])
{
    int err = a->ops->pair(a, b) ?: socket_file_create(a, flags, &files[0]);

    if (err) {
        socket_discard(a);
        socket_discard(b);
        return err;
    }
    err = socket_file_create(b, flags, &files[1]);
    if (err) {
        socket_discard(b);
        file_put(files[0]);
    }
    return err;
}

static int pair_create(int family, int type, int protocol, u32 flags, struct file *files[2])
{
    struct socket *a, *b;
    int err = socket_create(family, type, protocol, &a);

    if (err)
        return err;
    err = socket_create(family, type, protocol, &b);
    if (err)
        socket_discard(a);
    return err ?: pair_files(a, b, flags, files);
}

s64 sys_socketpair(u64 family, u64 type, u64 protocol, u64 fds)
{
    u32 flags = (u32)type & ~TYPE_MASK;
    struct file *files[2];
    s64 err;

    if (flags & ~TYPE_FLAGS)
        return -EINVAL;
    err = pair_create((int)family, (int)type & TYPE_MASK, (int)protocol, flags, files);
    if (err)
        return err;
    err = publish_pair(files[0], files[1], flags & SOCK_CLOEXEC, fds);
    if (err) {
        file_put(files[0]);
        file_put(files[1]);
    }
    return err;
}

/* Naming, connecting */

s64 sys_bind(u64 fd, u64 src, u64 length)
{
    struct sockaddr_storage name;
    struct file *f SCOPED(file_end);
    s64 err = socket_arg(fd, &f) ?: socket_name_arg(&name, src, (int)length);

    return err ?: file_socket(f)->ops->bind(file_socket(f), &name, (u32)length);
}

s64 sys_listen(u64 fd, u64 backlog)
{
    struct file *f SCOPED(file_end);
    s64 err = socket_arg(fd, &f);

    return err ?: file_socket(f)->ops->listen(file_socket(f), (u32)backlog);
}

s64 sys_connect(u64 fd, u64 src, u64 length)
{
    struct sockaddr_storage name;
    struct file *f SCOPED(file_end);
    s64 err = socket_arg(fd, &f) ?: socket_name_arg(&name, src, (int)length);

    return err
               ?: file_socket(f)->ops->connect(file_socket(f), &name, (u32)length,
                                               load_relaxed(&f->flags) & O_NONBLOCK);
}

// A file for an accepted socket, which is gone if that fails; tells who connected.
static int accepted_file(struct socket *s, u32 flags, uaddr_t dst, uaddr_t dst_length,
                         struct file **out)
{
    struct sockaddr_storage name;
    u32 length;
    int err = socket_file_create(s, flags, out);

    if (err) {
        socket_discard(s);
        return err;
    }
    if (dst) {
        err = s->ops->name(s, true, &name, &length) ? -ECONNABORTED : 0;
        err = err ?: socket_name_result(&name, length, dst, dst_length);
    }
    if (err)
        file_put(*out);
    return err;
}

s64 sys_accept4(u64 fd, u64 dst, u64 dst_length, u64 flags)
{
    struct file *f SCOPED(file_end), *new;
    struct socket *s = NULL;
    s64 new_fd, err;

    err = socket_arg(fd, &f);
    if (err != -EBADF && (u32)flags & ~TYPE_FLAGS)
        err = -EINVAL;
    if (err)
        return err;
    new_fd = fd_reserve(0, process_limit(RLIMIT_NOFILE), flags & SOCK_CLOEXEC);
    if (new_fd < 0)
        return new_fd;
    err = file_socket(f)->ops->accept(file_socket(f), load_relaxed(&f->flags) & O_NONBLOCK, &s);
    if (!err)
        err = accepted_file(s, (u32)flags, dst, dst_length, &new);
    if (err) {
        fd_unreserve(new_fd);
        return err;
    }
    fd_install(new_fd, new);
    return new_fd;
}

s64 sys_accept(u64 fd, u64 dst, u64 dst_length)
{
    return sys_accept4(fd, dst, dst_length, 0);
}

static s64 tell_name(u64 fd, bool peer, uaddr_t dst, uaddr_t dst_length)
{
    struct sockaddr_storage name;
    struct file *f SCOPED(file_end);
    u32 length;
    s64 err = socket_arg(fd, &f);

    if (!err)
        err = file_socket(f)->ops->name(file_socket(f), peer, &name, &length);
    return err ?: socket_name_result(&name, length, dst, dst_length);
}

s64 sys_getsockname(u64 fd, u64 dst, u64 dst_length)
{
    return tell_name(fd, false, dst, dst_length);
}

s64 sys_getpeername(u64 fd, u64 dst, u64 dst_length)
{
    return tell_name(fd, true, dst, dst_length);
}

s64 sys_shutdown(u64 fd, u64 how)
{
    struct file *f SCOPED(file_end);
    s64 err = socket_arg(fd, &f);

    return err ?: file_socket(f)->ops->shutdown(file_socket(f), (int)how);
}

/* Options */

// No family has options of its own level yet.
s64 sys_setsockopt(u64 fd, u64 level, u64 option, u64 value, u64 length)
{
    struct file *f SCOPED(file_end) = NULL;
    s64 err = (int)length < 0 ? -EINVAL : socket_arg(fd, &f);

    if (err)
        return err;
    if ((int)level != SOL_SOCKET)
        return -EOPNOTSUPP;
    return socket_set_option(file_socket(f), (int)option, value, (u32)length);
}

s64 sys_getsockopt(u64 fd, u64 level, u64 option, u64 value, u64 dst_length)
{
    struct file *f SCOPED(file_end);
    int length;
    s64 err = socket_arg(fd, &f);

    if (err)
        return err;
    if ((int)level != SOL_SOCKET)
        return -EOPNOTSUPP;
    if (copy_from_user(&length, dst_length, sizeof(length)))
        return -EFAULT;
    if (length < 0)
        return -EINVAL;
    err = socket_get_option(file_socket(f), (int)option, value, (u32 *)&length);
    return err ?: put_user_u32(dst_length, (u32)length);
}
