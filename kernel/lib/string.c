// SPDX-License-Identifier: MIT
// Memory and string primitives, written so that rv64 without bit-manipulation or vector extensions
// runs them in few instructions and never makes a misaligned access.
//
// Copies align the destination first. If the source is then aligned too, whole words move in
// blocks of 32; if not, each destination word is shifted together from two source words. A source
// word is read only when all of it lies inside the source. Copying forward is correct for
// overlapping blocks when dst < src, which memmove relies on: words move in order, and every store
// lies below all bytes still to be loaded.
//
// Public names are in parentheses against the macros of string.h.
#include "lib/string.h"

#include "lib/macro.h"

// These loops are the implementations: the compiler must not replace them by calls of themselves.
#pragma GCC optimize("no-tree-loop-distribute-patterns")

typedef u64 __attribute__((may_alias)) word_t;

#define WORD        sizeof(word_t)
#define BLOCK_WORDS 32
#define PAGE_WORDS  128 // of a page at a time

// One load and one store a word, at constant offsets; `count` is a constant.
#define COPY_WORDS(d, s, count)                                                                 \
    do {                                                                                        \
        _Pragma("GCC unroll 128") for (u32 copy_i = 0; copy_i < (count); copy_i++)(d)[copy_i] = \
            (s)[copy_i];                                                                        \
    } while (0)
#define SET_WORDS(d, v, count)                                                                   \
    do {                                                                                         \
        _Pragma("GCC unroll 128") for (u32 set_i = 0; set_i < (count); set_i++)(d)[set_i] = (v); \
    } while (0)

static inline bool word_aligned(const void *p)
{
    return ((u64)p & (WORD - 1)) == 0;
}

static inline bool same_alignment(const void *a, const void *b)
{
    return (((u64)a ^ (u64)b) & (WORD - 1)) == 0;
}

static inline __attribute__((always_inline)) void copy_words(word_t *d, const word_t *s,
                                                             size_t words)
{
    for (; words >= BLOCK_WORDS; words -= BLOCK_WORDS) {
        COPY_WORDS(d, s, BLOCK_WORDS);
        d += BLOCK_WORDS;
        s += BLOCK_WORDS;
    }
    for (; words >= 4; words -= 4) {
        COPY_WORDS(d, s, 4);
        d += 4;
        s += 4;
    }
    while (words--)
        *d++ = *s++;
}

static inline void copy_bytes(u8 *d, const u8 *s, size_t n)
{
    while (n--)
        *d++ = *s++;
}

// `d` is aligned, `s` is not, n >= 8. Returns dst, so that memcpy can end in a jump to it and needs
// no registers saved on its common path.
static __attribute__((noinline)) void *copy_shifted(void *dst, u8 *d, const u8 *s, size_t n)
{
    u32 skew = (u64)s & (WORD - 1);
    u32 down = skew * 8, up = 64 - down;
    size_t words = (n - (WORD - skew)) / WORD;
    const word_t *w = (const word_t *)(s + (WORD - skew));
    u64 carry = 0;

    for (u32 i = 0; i < WORD - skew; i++)
        carry |= (u64)s[i] << (i * 8);
#pragma GCC unroll 4
    for (size_t i = 0; i < words; i++) {
        u64 next = w[i];

        ((word_t *)d)[i] = carry | next << up;
        carry = next >> down;
    }
    copy_bytes(d + words * WORD, s + words * WORD, n - words * WORD);
    return dst;
}

void *(memcpy)(void *dst, const void *src, size_t n)
{
    const u8 *s = src;
    u8 *d = dst;

    if (n >= 2 * WORD || (n >= WORD && word_aligned(d))) {
        size_t done;

        for (; !word_aligned(d); n--)
            *d++ = *s++;
        if (!word_aligned(s))
            return copy_shifted(dst, d, s, n);
        copy_words((word_t *)d, (const word_t *)s, n / WORD);
        done = n & ~(WORD - 1);
        d += done;
        s += done;
        n -= done;
    }
    copy_bytes(d, s, n);
    return dst;
}

// From the ends down, for dst inside src.
static void copy_backward(u8 *d, const u8 *s, size_t n)
{
    d += n;
    s += n;
    if (same_alignment(d, s)) {
        for (; n && !word_aligned(d); n--)
            *--d = *--s;
#pragma GCC unroll 4
        for (; n >= WORD; n -= WORD) {
            d -= WORD;
            s -= WORD;
            *(word_t *)d = *(const word_t *)s;
        }
    }
    while (n--)
        *--d = *--s;
}

void *(memmove)(void *dst, const void *src, size_t n)
{
    if ((u64)dst - (u64)src < n)
        copy_backward(dst, src, n);
    else
        (memcpy)(dst, src, n);
    return dst;
}

void *(memset)(void *dst, int c, size_t n)
{
    u64 v = (u8)c * 0x0101010101010101UL;
    u8 *d = dst;

    if (n >= WORD) {
        word_t *w;

        for (; !word_aligned(d); n--)
            *d++ = c;
        w = (word_t *)d;
        for (; n >= BLOCK_WORDS * WORD; n -= BLOCK_WORDS * WORD) {
            SET_WORDS(w, v, BLOCK_WORDS);
            w += BLOCK_WORDS;
        }
        for (; n >= 4 * WORD; n -= 4 * WORD) {
            SET_WORDS(w, v, 4);
            w += 4;
        }
        for (; n >= WORD; n -= WORD)
            *w++ = v;
        d = (u8 *)w;
    }
    while (n--)
        *d++ = c;
    return dst;
}

void page_zero(void *page)
{
    for (word_t *d = page, *end = d + PAGE_SIZE / WORD; d < end; d += PAGE_WORDS)
        SET_WORDS(d, 0, PAGE_WORDS);
}

void page_copy(void *dst, const void *src)
{
    const word_t *s = src;

    for (word_t *d = dst, *end = d + PAGE_SIZE / WORD; d < end; d += PAGE_WORDS, s += PAGE_WORDS)
        COPY_WORDS(d, s, PAGE_WORDS);
}

int(memcmp)(const void *a, const void *b, size_t n)
{
    const u8 *p = a, *q = b;

    if (same_alignment(p, q)) {
        for (; n && !word_aligned(p) && *p == *q; n--) {
            p++;
            q++;
        }
        for (; n >= WORD && word_aligned(p) && *(word_t *)p == *(word_t *)q; n -= WORD) {
            p += WORD;
            q += WORD;
        }
    }
    for (; n; n--, p++, q++) {
        if (*p != *q)
            return *p - *q;
    }
    return 0;
}

void *(memchr)(const void *p, int c, size_t n)
{
    for (const u8 *s = p; n; n--, s++) {
        if (*s == (u8)c)
            return (void *)s;
    }
    return NULL;
}

size_t(strlen)(const char *s)
{
    const char *end = s;

    while (*end)
        end++;
    return end - s;
}

size_t strnlen(const char *s, size_t max)
{
    size_t n = 0;

    while (n < max && s[n])
        n++;
    return n;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n; n--, a++, b++) {
        if (*a != *b || !*a)
            return (u8)*a - (u8)*b;
    }
    return 0;
}

char *strchr(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c)
            return (char *)s;
        if (!*s)
            return NULL;
    }
}

char *strrchr(const char *s, int c)
{
    char *last = NULL;

    for (;; s++) {
        if (*s == (char)c)
            last = (char *)s;
        if (!*s)
            return last;
    }
}

size_t strlcpy(char *dst, const char *src, size_t n)
{
    size_t len = strlen(src);

    if (n) {
        size_t count = MIN(len, n - 1);

        memcpy(dst, src, count);
        dst[count] = '\0';
    }
    return len;
}
