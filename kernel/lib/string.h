// SPDX-License-Identifier: MIT
// Memory and string primitives with their standard C contracts, and whole-page operations.
//
// Small operations of constant size are expanded in place by the compiler; the rest call string.c.
// Unless a function's name says otherwise, cost per 8 bytes for large aligned blocks is about two
// instructions to copy and one to set.
#pragma once

#include "lib/types.h"

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *p, int c, size_t n);

size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);

// Copies at most n - 1 bytes and always terminates (unless n is 0). Returns strlen(src): a result
// >= n means that the copy is cut short.
size_t strlcpy(char *dst, const char *src, size_t n);

// `page`, `dst`, `src`: PAGE_SIZE bytes, page-aligned, not overlapping.
void page_zero(void *page);
void page_copy(void *dst, const void *src);

// A build may rename a function (-Dmemcpy=...); it is then called as renamed.
#ifndef memcpy
#define memcpy(d, s, n) __builtin_memcpy(d, s, n)
#endif
#ifndef memmove
#define memmove(d, s, n) __builtin_memmove(d, s, n)
#endif
#ifndef memset
#define memset(d, c, n) __builtin_memset(d, c, n)
#endif
#ifndef memcmp
#define memcmp(a, b, n) __builtin_memcmp(a, b, n)
#endif
#ifndef strlen
#define strlen(s) __builtin_strlen(s)
#endif
