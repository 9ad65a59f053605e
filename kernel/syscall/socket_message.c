// SPDX-License-Identifier: MIT
// Calls that send and receive messages.

#include "abi/limits.h"
#include "syscall/socket.h"
#include "vm/space.h"

/* Sending */

// Streams and messages take memory for what passes through them: for want of it nothing has moved.
static s64 send_message(struct file *f, struct socket_message *m)
{
    struct uio start = *m->data;
    unsigned tries = 0;
    s64 n;

    do {
        *m->data = start;
        n = socket_send(f, m);
    } while (vm_try_again(n, &tries));
    if (n == -EPIPE && !(m->flags & MSG_NOSIGNAL) && file_breaks_loudly(f))
        signal_self(SIGPIPE);
    return n;
}

s64 sys_sendto(u64 fd, u64 src, u64 count, u64 flags, u64 name_src, u64 name_length)
{
    struct sockaddr_storage name;
    struct uio u;
    struct socket_message m = {.data = &u, .flags = (u32)flags, .name = &name};
    struct file *f SCOPED(file_end);
    s64 err = socket_arg(fd, &f);

    if (!err && name_src) {
        err = socket_name_arg(&name, name_src, (int)name_length);
        m.name_length = (u32)name_length;
    }
    if (err)
        return err;
    uio_init_user(&u, src, MIN(count, MAX_RW_COUNT));
    return send_message(f, &m);
}

static int header_arg(struct msghdr *h, uaddr_t src, struct iov_arg *iov)
{
    int err;

    if (copy_from_user(h, src, sizeof(*h)))
        return -EFAULT;
    if ((int)h->msg_namelen < 0)
        return -EINVAL;
    if (!h->msg_name)
        h->msg_namelen = 0;
    h->msg_namelen = MIN(h->msg_namelen, (u32)sizeof(struct sockaddr_storage));
    if (h->msg_iovlen > UIO_MAXIOV)
        return -EMSGSIZE;
    err = iov_arg_init(iov, h->msg_iov, h->msg_iovlen);
    return err;
}

static s64 sendmsg_with(struct file *f, struct msghdr *h, struct iov_arg *iov, u32 flags)
{
    struct sockaddr_storage name;
    struct uio u;
    struct socket_message m = {
        .data = &u, .flags = flags, .name = &name, .name_length = h->msg_namelen};
    s64 n = socket_name_arg(&name, h->msg_name, (int)h->msg_namelen);

    if (!n && h->msg_controllen)
        n = socket_control_arg(file_socket(f), &m.control, h->msg_control, h->msg_controllen);
    uio_init_iov(&u, iov->list, iov->count);
    n = n ?: send_message(f, &m);
    socket_control_fini(&m.control);
    return n;
}

// *whole: all bytes were sent.
static s64 sendmsg_file(struct file *f, uaddr_t src, u32 flags, bool *whole)
{
    struct iov_arg iov;
    struct msghdr h;
    u64 total = 0;
    s64 n = header_arg(&h, src, &iov);

    if (n)
        return n;
    for (unsigned i = 0; i < iov.count; i++)
        total += iov.list[i].iov_len;
    n = sendmsg_with(f, &h, &iov, flags);
    *whole = n == (s64)total;
    iov_arg_fini(&iov);
    return n;
}

s64 sys_sendmsg(u64 fd, u64 src, u64 flags)
{
    struct file *f SCOPED(file_end);
    bool whole;
    s64 err = socket_arg(fd, &f);

    return err ?: sendmsg_file(f, src, (u32)flags, &whole);
}

s64 sys_sendmmsg(u64 fd, u64 list, u64 count, u64 flags)
{
    struct file *f SCOPED(file_end);
    bool whole = true;
    u32 done = 0;
    s64 n = socket_arg(fd, &f);

    if (n)
        return n;
    count = MIN((u32)count, UIO_MAXIOV);
    for (; done < count && whole; done++, list += sizeof(struct mmsghdr)) {
        n = sendmsg_file(f, list, (u32)flags, &whole);
        if (n >= 0)
            n = put_user_u32(list + offsetof(struct mmsghdr, msg_len), (u32)n);
        if (n < 0)
            break;
    }
    return done ? done : n;
}

/* Receiving */

s64 sys_recvfrom(u64 fd, u64 dst, u64 count, u64 flags, u64 name_dst, u64 name_length)
{
    struct sockaddr_storage name;
    struct uio u;
    struct socket_message m = {.data = &u, .flags = (u32)flags, .name = name_dst ? &name : NULL};
    struct file *f SCOPED(file_end);
    s64 n = socket_arg(fd, &f);

    if (n)
        return n;
    uio_init_user(&u, dst, MIN(count, MAX_RW_COUNT));
    n = socket_receive(f, &m);
    socket_control_fini(&m.control);
    if (n >= 0 && name_dst)
        n = socket_name_result(&name, m.name_length, name_dst, name_length) ?: n;
    return n;
}

static s64 header_result(const struct socket_message *m, uaddr_t dst, const struct msghdr *h,
                         u64 control_used, s64 n)
{
    u32 result = m->result | (m->flags & MSG_CMSG_CLOEXEC);
    s64 err = 0;

    if (h->msg_name)
        err = socket_name_result(m->name, m->name_length, h->msg_name,
                                 dst + offsetof(struct msghdr, msg_namelen));
    if (!err && (put_user_u32(dst + offsetof(struct msghdr, msg_flags), result) ||
                 put_user_u64(dst + offsetof(struct msghdr, msg_controllen), control_used)))
        err = -EFAULT;
    return err ?: n;
}

static s64 recvmsg_file(struct file *f, uaddr_t dst, u32 flags)
{
    struct sockaddr_storage name;
    struct uio u;
    struct socket_message m = {.data = &u, .flags = flags};
    struct iov_arg iov;
    struct msghdr h;
    s64 n = header_arg(&h, dst, &iov);
    u64 used;

    if (n)
        return n;
    m.name = h.msg_name ? &name : NULL;
    uio_init_iov(&u, iov.list, iov.count);
    n = socket_receive(f, &m);
    if (n >= 0) {
        used = socket_control_result(file_socket(f), &m, h.msg_control, h.msg_controllen);
        n = header_result(&m, dst, &h, used, n);
    }
    socket_control_fini(&m.control);
    iov_arg_fini(&iov);
    return n;
}

s64 sys_recvmsg(u64 fd, u64 dst, u64 flags)
{
    struct file *f SCOPED(file_end);
    s64 err = socket_arg(fd, &f);

    return err ?: recvmsg_file(f, dst, (u32)flags);
}

// Receives until `count`, an error, or, which is looked at after each, the deadline.
static s64 recvmmsg_until(struct file *f, uaddr_t list, u32 count, u32 flags, ns_t deadline)
{
    bool once = flags & MSG_WAITFORONE;
    s64 n = 0;
    u32 done;

    flags &= ~MSG_WAITFORONE;
    for (done = 0; done < count; list += sizeof(struct mmsghdr)) {
        n = recvmsg_file(f, list, flags);
        if (n >= 0)
            n = put_user_u32(list + offsetof(struct mmsghdr, msg_len), (u32)n);
        if (n < 0)
            break;
        done++;
        flags |= once ? MSG_DONTWAIT : 0;
        if (deadline != NS_NEVER && clock_monotonic() >= deadline)
            break;
    }
    if (done && n < 0 && n != -EAGAIN && n != -ERESTARTSYS)
        socket_set_error(file_socket(f), -(int)n);
    return done ? done : n;
}

s64 sys_recvmmsg(u64 fd, u64 list, u64 count, u64 flags, u64 timeout)
{
    struct file *f SCOPED(file_end) = NULL;
    ns_t deadline, now;
    s64 n = deadline_arg(timeout, &deadline);

    n = n ?: socket_arg(fd, &f) ?: socket_take_error(file_socket(f));
    if (n)
        return n;
    n = recvmmsg_until(f, list, MIN((u32)count, UIO_MAXIOV), (u32)flags, deadline);
    if (n <= 0 || !timeout || deadline == NS_NEVER)
        return n;
    now = clock_monotonic();
    return timespec_result(timeout, now < deadline ? deadline - now : 0) ? -EFAULT : n;
}
