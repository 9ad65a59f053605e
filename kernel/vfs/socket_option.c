// SPDX-License-Identifier: MIT
// Options of sockets: the level SOL_SOCKET of setsockopt and getsockopt.
#include "abi/capability.h"
#include "abi/errno.h"
#include "vfs/socket.h"

#define BUFFER_MAX  212992 // that an unprivileged user can ask for; it counts twice
#define SEND_MIN    4608
#define RECEIVE_MIN 2304

// Those that are a bit, remembered for those families that look at them.
#define SWITCHES                                                                 \
    (BIT(SO_DEBUG) | BIT(SO_REUSEADDR) | BIT(SO_DONTROUTE) | BIT(SO_BROADCAST) | \
     BIT(SO_KEEPALIVE) | BIT(SO_OOBINLINE) | BIT(SO_PASSCRED))

static bool is_switch(int option)
{
    return option >= 0 && option < 32 && SWITCHES >> option & 1;
}

/* Setting */

static void switch_set(struct socket *s, int option, bool on)
{
    if (on)
        atomic_fetch_or(&s->options, (u32)BIT(option));
    else
        atomic_fetch_and(&s->options, ~(u32)BIT(option));
}

// What is asked for counts double: so much goes to the kernel's own data.
static void buffer_set(struct socket *s, bool send, int value, bool forced)
{
    u32 most = forced ? INT32_MAX / 2 : BUFFER_MAX, least = send ? SEND_MIN : RECEIVE_MIN;
    u32 asked = forced && value < 0 ? 0 : MIN((u32)value, most);

    store_relaxed(send ? &s->send_size : &s->receive_size, MAX(asked * 2, least));
    if (send)
        wake_all(&s->writable);
}

static int timeout_set(ns_t *timeout, uaddr_t value, u32 length)
{
    struct timeval tv;
    u64 ns = NS_NEVER;

    if (length < sizeof(tv))
        return -EINVAL;
    if (copy_from_user(&tv, value, sizeof(tv)))
        return -EFAULT;
    if (tv.tv_usec < 0 || tv.tv_usec >= 1000000)
        return -EDOM;
    if (tv.tv_sec < 0)
        ns = 0;
    else if ((tv.tv_sec || tv.tv_usec) && (u64)tv.tv_sec < NS_NEVER / 2 / NS_PER_SEC)
        ns = tv.tv_sec * NS_PER_SEC + tv.tv_usec * 1000;
    store_relaxed(timeout, ns);
    return 0;
}

static int linger_set(struct socket *s, uaddr_t value, u32 length)
{
    struct linger linger;

    if (length < sizeof(linger))
        return -EINVAL;
    if (copy_from_user(&linger, value, sizeof(linger)))
        return -EFAULT;
    if (!linger.l_onoff)
        linger.l_linger = s->linger.l_linger;
    linger.l_onoff = linger.l_onoff != 0;
    s->linger = linger;
    return 0;
}

static int priority_set(struct socket *s, int value)
{
    if ((value < 0 || value > 6) && !cred_capable(thread_self()->cred, CAP_NET_ADMIN))
        return -EPERM;
    store_relaxed(&s->priority, (u32)value);
    return 0;
}

static int number_set(struct socket *s, int option, int value)
{
    bool admin = cred_capable(thread_self()->cred, CAP_NET_ADMIN);

    if (is_switch(option)) {
        if (option == SO_DEBUG && value && !admin)
            return -EACCES;
        switch_set(s, option, value != 0);
        return 0;
    }
    switch (option) {
    case SO_SNDBUF:
    case SO_RCVBUF:
        buffer_set(s, option == SO_SNDBUF, value, false);
        return 0;
    case SO_SNDBUFFORCE:
    case SO_RCVBUFFORCE:
        if (!admin)
            return -EPERM;
        buffer_set(s, option == SO_SNDBUFFORCE, value, true);
        return 0;
    case SO_RCVLOWAT:
        store_relaxed(&s->low_water, value < 0 ? INT32_MAX : MAX(value, 1));
        return 0;
    case SO_PRIORITY:
        return priority_set(s, value);
    default:
        return -ENOPROTOOPT;
    }
}

int socket_set_option(struct socket *s, int option, uaddr_t value, u32 length)
{
    int number;

    if (length < sizeof(number))
        return -EINVAL;
    if (copy_from_user(&number, value, sizeof(number)))
        return -EFAULT;
    switch (option) {
    case SO_LINGER:
        return linger_set(s, value, length);
    case SO_SNDTIMEO:
        return timeout_set(&s->send_timeout, value, length);
    case SO_RCVTIMEO:
        return timeout_set(&s->receive_timeout, value, length);
    default:
        return number_set(s, option, number);
    }
}

/* Getting */

static int number_get(struct socket *s, int option, int *out)
{
    switch (option) {
    case SO_TYPE:
        *out = s->type;
        return 0;
    case SO_DOMAIN:
        *out = s->family;
        return 0;
    case SO_PROTOCOL:
        *out = s->protocol;
        return 0;
    case SO_ERROR:
        *out = -socket_take_error(s);
        return 0;
    case SO_SNDBUF:
        *out = (int)load_relaxed(&s->send_size);
        return 0;
    case SO_RCVBUF:
        *out = (int)load_relaxed(&s->receive_size);
        return 0;
    case SO_RCVLOWAT:
        *out = (int)load_relaxed(&s->low_water);
        return 0;
    case SO_SNDLOWAT:
        *out = 1;
        return 0;
    case SO_PRIORITY:
        *out = (int)load_relaxed(&s->priority);
        return 0;
    case SO_ACCEPTCONN:
        *out = s->ops->listens(s);
        return 0;
    default:
        *out = is_switch(option) && socket_option(s, option);
        return is_switch(option) ? 0 : -ENOPROTOOPT;
    }
}

static struct timeval timeout_get(ns_t timeout)
{
    if (timeout == NS_NEVER)
        return (struct timeval){0};
    return (struct timeval){timeout / NS_PER_SEC, timeout % NS_PER_SEC / 1000};
}

int socket_get_option(struct socket *s, int option, uaddr_t value, u32 *length)
{
    union {
        int number;
        struct linger linger;
        struct timeval timeout;
        struct ucred cred;
    } u;
    u32 size = sizeof(u.number);
    int err = 0;

    switch (option) {
    case SO_LINGER:
        u.linger = s->linger;
        size = sizeof(u.linger);
        break;
    case SO_SNDTIMEO:
    case SO_RCVTIMEO:
        u.timeout = timeout_get(
            load_relaxed(option == SO_SNDTIMEO ? &s->send_timeout : &s->receive_timeout));
        size = sizeof(u.timeout);
        break;
    case SO_PEERCRED:
        err = s->ops->peer_cred(s, &u.cred);
        size = sizeof(u.cred);
        break;
    default:
        err = number_get(s, option, &u.number);
    }
    *length = MIN(*length, size);
    return err ?: copy_to_user(value, &u, *length) ? -EFAULT : 0;
}
