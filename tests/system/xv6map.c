// SPDX-License-Identifier: MIT
// Changes a file through a shared mapping: xv6map FILE BYTES. Every byte becomes the low byte of
// its place divided by 1000. The file is made as a hole of that size.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    long n = argc == 3 ? atol(argv[2]) : 0;
    int fd = n ? open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0644) : -1;
    unsigned char *map;

    if (fd < 0 || ftruncate(fd, n)) {
        perror("xv6map");
        return 1;
    }
    map = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    for (long i = 0; i < n; i++)
        map[i] = i / 1000;
    if (msync(map, n, MS_SYNC) || munmap(map, n) || close(fd)) {
        perror("xv6map");
        return 1;
    }
    return 0;
}
