// SPDX-License-Identifier: MIT
// See ext4images.h.
#include "ext4images.h"
#include <stdio.h>
#include <stdlib.h>

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
