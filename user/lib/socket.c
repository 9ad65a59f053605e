// SPDX-License-Identifier: MIT
// connect(): a datagram socket on its own port that knows the other end's.
#include "lib/linux.h"
#include "lib/trace.h"
#include "lib/xv6.h"
#include "user/user.h"

#define AF_INET    2
#define SOCK_DGRAM 2

struct address { // sockaddr_in
    ushort family;
    uchar port[2], ip[4]; // the most significant byte first
    char zero[8];
};

static struct address address_of(uint32 ip, uint16 port)
{
    return (struct address){
        .family = AF_INET,
        .port = {port >> 8, port},
        .ip = {ip >> 24, ip >> 16, ip >> 8, ip},
    };
}

static long connect_datagram(int fd, uint32 ip, uint16 sport, uint16 dport)
{
    struct address from = address_of(0, sport), to = address_of(ip, dport);
    long result = ecall3(SYS_bind, fd, (long)&from, sizeof(from));

    if (result == 0)
        result = ecall3(SYS_connect, fd, (long)&to, sizeof(to));
    return result;
}

int connect(uint32 ip, uint16 sport, uint16 dport)
{
    int fd = ecall3(SYS_socket, AF_INET, SOCK_DGRAM, 0);
    long result = fd;

    if (fd >= 0)
        result = connect_datagram(fd, ip, sport, dport);
    if (fd >= 0 && result < 0)
        sys_close(fd);
    return xv6_result(XV6_SYS_connect, result < 0 ? result : fd);
}
