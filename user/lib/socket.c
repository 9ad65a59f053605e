// SPDX-License-Identifier: MIT
// connect(): a datagram socket on its own port that knows the other end's.
#include "lib/linux.h"
#include "lib/trace.h"
#include "lib/xv6.h"
#include "user/user.h"

#define AF_INET    2
#define SOCK_DGRAM 2

struct address { // sockaddr_in; port and ip with their most significant byte first
    ushort family, port;
    uint ip;
    char zero[8];
};

static ushort port_order(ushort port)
{
    return __builtin_bswap16(port);
}

static long connect_datagram(int fd, uint32 ip, uint16 sport, uint16 dport)
{
    struct address from = {AF_INET, port_order(sport), 0, {0}};
    struct address to = {AF_INET, port_order(dport), __builtin_bswap32(ip), {0}};
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
