// SPDX-License-Identifier: MIT
// See ext4images.h.
#include "ext4images.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define GUARD 65536 // bytes behind an image that nobody may touch

uint8_t *ext4_image_read(unsigned n, uint64_t *size)
{
    char path[4096];
    uint8_t *bytes;
    FILE *f;

    snprintf(path, sizeof(path), "%s/%u.img", getenv("EXT4_IMAGES"), n);
    f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(2);
    }
    fseek(f, 0, SEEK_END);
    *size = ftell(f);
    rewind(f);
    bytes = malloc(*size);
    if (fread(bytes, 1, *size, f) != *size) {
        perror(path);
        exit(2);
    }
    fclose(f);
    return bytes;
}

uint8_t *ext4_image_map(const uint8_t *bytes, uint64_t size)
{
    int fd = memfd_create("image", 0);
    uint8_t *at = mmap(NULL, size + GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (fd < 0 || at == MAP_FAILED || write(fd, bytes, size) != (ssize_t)size ||
        mmap(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED) {
        perror("an image");
        exit(2);
    }
    close(fd);
    return at;
}

void ext4_image_reset(uint8_t *image, uint64_t size)
{
    madvise(image, size, MADV_DONTNEED);
}
