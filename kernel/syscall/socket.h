// SPDX-License-Identifier: MIT
// What the files of socket calls share.
#pragma once
#include "syscall/args.h"
#include "vfs/socket.h"

// The file of a socket's descriptor, with a reference: -EBADF, -ENOTSOCK; put it (file_end) in any
// case.
int socket_arg(u64 fd, struct file **out);
// A name: -EINVAL, -EFAULT.
int socket_name_arg(struct sockaddr_storage *name, uaddr_t src, int length);
// A name of `length` bytes told, as much as fits; then how long it is. -EINVAL, -EFAULT.
int socket_name_result(const struct sockaddr_storage *name, u32 length, uaddr_t dst,
                       uaddr_t dst_length);

// Control messages of sendmsg(2) and recvmsg(2).
// In: -EINVAL, -EBADF, -EPERM, -ESRCH, -ENOBUFS, -EFAULT, -ENOMEM; socket_control_fini in any case.
int socket_control_arg(struct socket *s, struct socket_control *c, uaddr_t src, u64 length);
// Out: gives the files descriptors. How many bytes it wrote; m->result says if room was short.
u64 socket_control_result(struct socket *s, struct socket_message *m, uaddr_t dst, u64 room);
