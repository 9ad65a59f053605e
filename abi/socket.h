// SPDX-License-Identifier: MIT
// Sockets: families, types, options, messages, and the names of the Unix family.
#pragma once

#include "abi/base.h"

#define AF_UNSPEC  0
#define AF_UNIX    1
#define AF_INET    2
#define AF_INET6   10
#define AF_NETLINK 16
#define AF_MAX     46

#define SOCK_STREAM    1
#define SOCK_DGRAM     2
#define SOCK_RAW       3
#define SOCK_RDM       4
#define SOCK_SEQPACKET 5
#define SOCK_CLOEXEC   02000000
#define SOCK_NONBLOCK  04000

#define SOL_SOCKET 1

#define SO_DEBUG       1
#define SO_REUSEADDR   2
#define SO_TYPE        3
#define SO_ERROR       4
#define SO_DONTROUTE   5
#define SO_BROADCAST   6
#define SO_SNDBUF      7
#define SO_RCVBUF      8
#define SO_KEEPALIVE   9
#define SO_OOBINLINE   10
#define SO_PRIORITY    12
#define SO_LINGER      13
#define SO_PASSCRED    16
#define SO_PEERCRED    17
#define SO_RCVLOWAT    18
#define SO_SNDLOWAT    19
#define SO_RCVTIMEO    20
#define SO_SNDTIMEO    21
#define SO_ACCEPTCONN  30
#define SO_SNDBUFFORCE 32
#define SO_RCVBUFFORCE 33
#define SO_PROTOCOL    38
#define SO_DOMAIN      39

#define SHUT_RD   0
#define SHUT_WR   1
#define SHUT_RDWR 2

#define MSG_OOB          0x1
#define MSG_PEEK         0x2
#define MSG_DONTROUTE    0x4
#define MSG_CTRUNC       0x8
#define MSG_TRUNC        0x20
#define MSG_DONTWAIT     0x40
#define MSG_EOR          0x80
#define MSG_WAITALL      0x100
#define MSG_NOSIGNAL     0x4000
#define MSG_MORE         0x8000
#define MSG_WAITFORONE   0x10000
#define MSG_CMSG_CLOEXEC 0x40000000

#define SCM_RIGHTS      1
#define SCM_CREDENTIALS 2
#define SCM_MAX_FD      253

#define SOMAXCONN 4096

#define FIOSETOWN 0x8901 /* who gets SIGIO and SIGURG, as F_SETOWN */
#define SIOCSPGRP 0x8902
#define FIOGETOWN 0x8903
#define SIOCGPGRP 0x8904
#define SIOCOUTQ  0x5411 /* bytes of memory sent and not yet received */
#define SIOCINQ   0x541b

#define UNIX_PATH_MAX 108

struct sockaddr_storage {
    abi_u16 ss_family;
    char ss_data[126];
};
_Static_assert(sizeof(struct sockaddr_storage) == 128, "sockaddr_storage");

struct sockaddr_un {
    abi_u16 sun_family;
    char sun_path[UNIX_PATH_MAX];
};
_Static_assert(sizeof(struct sockaddr_un) == 110, "sockaddr_un");

struct linger {
    abi_s32 l_onoff;
    abi_s32 l_linger; /* seconds */
};
_Static_assert(sizeof(struct linger) == 8, "linger");

struct ucred {
    abi_s32 pid;
    abi_u32 uid;
    abi_u32 gid;
};
_Static_assert(sizeof(struct ucred) == 12, "ucred");

struct msghdr {
    abi_u64 msg_name;
    abi_u32 msg_namelen;
    abi_u32 msg_pad;
    abi_u64 msg_iov;
    abi_u64 msg_iovlen;
    abi_u64 msg_control;
    abi_u64 msg_controllen;
    abi_u32 msg_flags;
    abi_u32 msg_pad2;
};
_Static_assert(sizeof(struct msghdr) == 56, "msghdr");
_Static_assert(__builtin_offsetof(struct msghdr, msg_iov) == 16, "msghdr.msg_iov");
_Static_assert(__builtin_offsetof(struct msghdr, msg_flags) == 48, "msghdr.msg_flags");

struct mmsghdr {
    struct msghdr msg_hdr;
    abi_u32 msg_len;
    abi_u32 msg_pad;
};
_Static_assert(sizeof(struct mmsghdr) == 64, "mmsghdr");

struct cmsghdr {
    abi_u64 cmsg_len; /* with this header */
    abi_s32 cmsg_level;
    abi_s32 cmsg_type;
};
_Static_assert(sizeof(struct cmsghdr) == 16, "cmsghdr");

#define CMSG_ALIGN(n) (((n) + 7) & ~7UL)
#define CMSG_LEN(n)   (sizeof(struct cmsghdr) + (n))
#define CMSG_SPACE(n) (sizeof(struct cmsghdr) + CMSG_ALIGN(n))
