// SPDX-License-Identifier: MIT
// Control messages: descriptors and credentials that come with what is sent.

#include "abi/capability.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "syscall/socket.h"

#define CONTROL_MAX (128UL << 10) // bytes of one sendmsg

/* To send */

static int rights_arg(struct socket *s, struct socket_control *c, const int *fds, u32 n)
{
    struct file **files;

    if (s->family != AF_UNIX || n > SCM_MAX_FD - c->count)
        return -EINVAL;
    if (!n)
        return 0;
    files = kmalloc((c->count + n) * sizeof(*files), 0);
    if (!files)
        return -ENOMEM;
    if (c->count)
        memcpy(files, c->files, c->count * sizeof(*files));
    kfree(c->files);
    c->files = files;
    for (u32 i = 0; i < n; i++) {
        files[c->count] = fds[i] < 0 ? NULL : fd_get_any(fds[i]);
        if (!files[c->count])
            return -EBADF;
        c->count++;
    }
    return 0;
}

// Who may not be anybody can be itself, in each of its guises.
static int cred_check(const struct ucred *u)
{
    const struct cred *c = thread_self()->cred;
    struct process *p;
    bool self = u->pid == process_self()->pid->id;

    if (u->uid == -1U || u->gid == -1U)
        return -EINVAL;
    if (!self && !cred_capable(c, CAP_SYS_ADMIN))
        return -EPERM;
    if (u->uid != c->uid && u->uid != c->euid && u->uid != c->suid && !cred_capable(c, CAP_SETUID))
        return -EPERM;
    if (u->gid != c->gid && u->gid != c->egid && u->gid != c->sgid && !cred_capable(c, CAP_SETGID))
        return -EPERM;
    p = self ? NULL : process_get(u->pid);
    if (!self && !p)
        return -ESRCH;
    if (p)
        process_put(p);
    return 0;
}

static int message_arg(struct socket *s, struct socket_control *c, const struct cmsghdr *h)
{
    u64 n = h->cmsg_len - sizeof(*h);

    if (h->cmsg_level != SOL_SOCKET)
        return 0;
    switch (h->cmsg_type) {
    case SCM_RIGHTS:
        return rights_arg(s, c, (const int *)(h + 1), n / sizeof(int));
    case SCM_CREDENTIALS:
        if (n != sizeof(c->cred))
            return -EINVAL;
        memcpy(&c->cred, h + 1, n);
        c->has_cred = true;
        return cred_check(&c->cred);
    default:
        return -EINVAL;
    }
}

int socket_control_arg(struct socket *s, struct socket_control *c, uaddr_t src, u64 length)
{
    char *buf SCOPED(memory_end) = length <= CONTROL_MAX ? kmalloc(length, 0) : NULL;
    const struct cmsghdr *h;
    int err = buf ? copy_from_user(buf, src, length) : -ENOBUFS;

    for (u64 at = 0; !err && at + sizeof(*h) <= length; at += CMSG_ALIGN(h->cmsg_len)) {
        h = (const struct cmsghdr *)(buf + at);
        if (h->cmsg_len < sizeof(*h) || h->cmsg_len > length - at)
            err = -EINVAL;
        else
            err = message_arg(s, c, h);
    }
    return err;
}

/* Received */

// Gives as many files descriptors as there is room for their numbers; how many.
static u32 files_install(const struct socket_message *m, uaddr_t dst, u32 most)
{
    bool cloexec = m->flags & MSG_CMSG_CLOEXEC;
    u32 n = 0;

    for (; n < most; n++) {
        int fd = fd_reserve(0, process_limit(RLIMIT_NOFILE), cloexec);

        if (fd < 0)
            break;
        if (put_user_u32(dst + n * sizeof(int), (u32)fd)) {
            fd_unreserve(fd);
            break;
        }
        file_get(m->control.files[n]);
        fd_install(fd, m->control.files[n]);
    }
    return n;
}

static bool header_put(uaddr_t dst, int type, u64 n)
{
    struct cmsghdr h = {.cmsg_len = CMSG_LEN(n), .cmsg_level = SOL_SOCKET, .cmsg_type = type};

    return !copy_to_user(dst, &h, sizeof(h));
}

static u64 rights_result(struct socket_message *m, uaddr_t dst, u64 room)
{
    u64 fit = room > sizeof(struct cmsghdr) ? (room - sizeof(struct cmsghdr)) / sizeof(int) : 0;
    u32 n = files_install(m, dst + sizeof(struct cmsghdr), MIN(fit, (u64)m->control.count));

    if (n < m->control.count)
        m->result |= MSG_CTRUNC;
    if (!n || !header_put(dst, SCM_RIGHTS, n * sizeof(int)))
        return 0;
    return MIN(CMSG_SPACE(n * sizeof(int)), room);
}

// Cut off where the room ends.
static u64 cred_result(struct socket_message *m, uaddr_t dst, u64 room)
{
    u64 n = sizeof(struct ucred);

    if (room < CMSG_LEN(n))
        m->result |= MSG_CTRUNC;
    if (room < sizeof(struct cmsghdr))
        return 0;
    n = MIN(n, room - sizeof(struct cmsghdr));
    if (!header_put(dst, SCM_CREDENTIALS, n) ||
        copy_to_user(dst + sizeof(struct cmsghdr), &m->control.cred, n))
        return 0;
    return MIN(CMSG_SPACE(n), room);
}

u64 socket_control_result(struct socket *s, struct socket_message *m, uaddr_t dst, u64 room)
{
    bool cred = m->control.has_cred && socket_option(s, SO_PASSCRED);
    u64 used = 0;

    if (!dst)
        room = 0;
    if (cred)
        used = cred_result(m, dst, room);
    if (m->control.count)
        used += rights_result(m, dst + used, room - used);
    return used;
}
