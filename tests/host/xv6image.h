// SPDX-License-Identifier: MIT
// Images of the xv6 file system in memory: made, and checked by code that shares nothing with the
// kernel's but the layout.
#pragma once
#include <stdbool.h>
#include <stdint.h>

// An empty file system of `blocks` blocks of 1 KiB; the image is all zeroes.
void xv6_make(uint8_t *image, uint32_t blocks, uint32_t inodes, uint32_t log);
// NULL, or what is wrong. The log must be empty. `crashed`: files without a name may be there, and
// blocks past a file's size.
const char *xv6_check(const uint8_t *image, bool crashed);
