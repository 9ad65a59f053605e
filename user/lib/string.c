// SPDX-License-Identifier: MIT
// Strings and memory, eight bytes at a time where both sides are aligned alike.
#include "user/user.h"

#define WORD sizeof(uint64)

uint strlen(const char *s)
{
    const char *end = s;

    while (*end)
        end++;
    return end - s;
}

char *strcpy(char *dst, const char *src)
{
    char *to = dst;

    while ((*to++ = *src++))
        ;
    return dst;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (uchar)*a - (uchar)*b;
}

char *strchr(const char *s, char c)
{
    for (; *s; s++)
        if (*s == c)
            return (char *)s;
    return 0;
}

int atoi(const char *s)
{
    int n = 0;

    while (*s >= '0' && *s <= '9')
        n = n * 10 + (*s++ - '0');
    return n;
}

void *memset(void *dst, int c, uint n)
{
    uchar *to = dst, *end = to + n;
    uint64 word = (uchar)c * 0x0101010101010101ul;

    while (to < end && (uint64)to % WORD)
        *to++ = c;
    for (; end - to >= (long)WORD; to += WORD)
        *(uint64 *)to = word;
    while (to < end)
        *to++ = c;
    return dst;
}

void *memcpy(void *dst, const void *src, uint n)
{
    uchar *to = dst, *end = to + n;
    const uchar *from = src;

    if (((uint64)to ^ (uint64)from) % WORD == 0) {
        while (to < end && (uint64)to % WORD)
            *to++ = *from++;
        for (; end - to >= (long)WORD; to += WORD, from += WORD)
            *(uint64 *)to = *(const uint64 *)from;
    }
    while (to < end)
        *to++ = *from++;
    return dst;
}

void *memmove(void *dst, const void *src, int n)
{
    uchar *to = dst;
    const uchar *from = src;

    if (n <= 0)
        return dst;
    // A copy upward is safe unless the destination starts inside the source.
    if ((uint64)to - (uint64)from >= (uint64)n)
        return memcpy(dst, src, n);
    while (n-- > 0)
        to[n] = from[n];
    return dst;
}

int memcmp(const void *a, const void *b, uint n)
{
    const uchar *x = a, *y = b;

    for (; n > 0; n--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}
