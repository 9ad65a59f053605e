// SPDX-License-Identifier: MIT
// See ext4images.h.
#include "ext4images.h"
#include <stdbool.h>
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

/* With the tools that everybody has. Their files stay if they complain */

static void run(const char *what, const char *command)
{
    char all[600];

    snprintf(all, sizeof(all),
             "PATH=/usr/sbin:/sbin:$PATH; %s >%s.log 2>&1 || { cat %s.log; exit 1; }", command,
             what, what);
    if (!system(all))
        return;
    fprintf(stderr, "%s: %s\n", what, command);
    abort();
}

static void files_remove(const char *path)
{
    char log[100];

    snprintf(log, sizeof(log), "%s.log", path);
    if (unlink(path) || unlink(log))
        abort();
}

static void transfer(const char *path, uint8_t *image, uint64_t size, bool writes)
{
    FILE *f = fopen(path, writes ? "wb" : "rb");
    uint64_t n = !f ? 0 : writes ? fwrite(image, 1, size, f) : fread(image, 1, size, f);

    if (n != size) {
        perror(path);
        abort();
    }
    fclose(f);
}

void ext4_image_make(const char *arguments, uint8_t *image, uint64_t size)
{
    char path[] = "/tmp/ext4imageXXXXXX", command[400];

    close(mkstemp(path));
    snprintf(command, sizeof(command), "truncate -s %lu %s && mke2fs -q -F %s %s %luk", size, path,
             arguments, path, size * 3 / 4 >> 10);
    run(path, command);
    transfer(path, image, size, false);
    files_remove(path);
}

void ext4_image_check(uint8_t *image, uint64_t size)
{
    char path[] = "/tmp/ext4imageXXXXXX", command[400];

    close(mkstemp(path));
    transfer(path, image, size, true);
    snprintf(command, sizeof(command), "e2fsck -fn %s", path);
    run(path, command);
    files_remove(path);
}
