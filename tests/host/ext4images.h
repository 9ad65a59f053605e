// SPDX-License-Identifier: MIT
// The images that ext4images.py made, in the folder EXT4_IMAGES of the environment.
#pragma once
#include <stdint.h>

#define EXT4_IMAGES             12
#define EXT4_IMAGE_INLINE       9
#define EXT4_IMAGE_DATA_JOURNAL 10 // the one to be mounted so

// Image n, to be freed, and its bytes; ends the process if there is none.
uint8_t *ext4_image_read(unsigned n, uint64_t *size);

// A copy that costs as much as of it is changed, until it is reset.
uint8_t *ext4_image_map(const uint8_t *bytes, uint64_t size);
void ext4_image_reset(uint8_t *image, uint64_t size);

// What mke2fs makes of three quarters of so many bytes; e2fsck has nothing to say, else the process
// ends.
void ext4_image_make(const char *arguments, uint8_t *image, uint64_t size);
void ext4_image_check(uint8_t *image, uint64_t size);
