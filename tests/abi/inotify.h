// SPDX-License-Identifier: MIT
// What the tests of inotify share: events as text.
#pragma once
#include "abi.h"

#include <linux/limits.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>

#ifndef IN_MASK_CREATE
#define IN_MASK_CREATE 0x10000000
#endif

/* Events as text: "1:OPEN 2:OPEN/=name", in their order; "/" is IN_ISDIR, "~1" the first cookie */

static inline void mask_text(char *out, uint32_t mask)
{
    static const char *const names[] = {
        "ACCESS",     "MODIFY",   "ATTRIB",     "CLOSE_WRITE", "CLOSE_NOWRITE", "OPEN",
        "MOVED_FROM", "MOVED_TO", "CREATE",     "DELETE",      "DELETE_SELF",   "MOVE_SELF",
        NULL,         "UNMOUNT",  "Q_OVERFLOW", "IGNORED"};
    bool any = false;

    *out = 0;
    for (int i = 0; i < 16; i++) {
        if (!(mask >> i & 1))
            continue;
        if (any)
            strcat(out, "|");
        strcat(out, names[i] ? names[i] : "?");
        any = true;
    }
    if (mask & IN_ISDIR)
        strcat(out, "/");
    if (mask & ~(IN_ISDIR | 0xffffU))
        strcat(out, "!");
}

static inline char *event_text(char *to, const struct inotify_event *e)
{
    static uint32_t cookies[2]; // the latest, and how many there were
    char mask[256];

    mask_text(mask, e->mask);
    if (e->cookie && e->cookie != cookies[0]) {
        cookies[0] = e->cookie;
        cookies[1]++;
    }
    to += sprintf(to, "%d:%s", e->wd, mask);
    if (e->cookie)
        to += sprintf(to, "~%u", cookies[1]);
    else
        cookies[1] = 0;
    if (e->len)
        to += sprintf(to, "=%s", e->name);
    return to;
}

// All events that are there, in a buffer that the next call reuses.
static inline const char *events(int fd)
{
    static char text[65536];
    char buffer[8192] __attribute__((aligned(8))), *to = text;
    ssize_t n;

    *to = 0;
    while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
        for (char *at = buffer; at < buffer + n;) {
            struct inotify_event *e = (struct inotify_event *)at;

            if (to > text)
                *to++ = ' ';
            to = event_text(to, e);
            at += sizeof(*e) + e->len;
        }
    }
    return text;
}

#define EVENTS(name, fd, want) EXPECT_STR(name, events(fd), want)

static inline int instance(void)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    NEED(fd >= 0);
    return fd;
}

static inline int watch(int fd, const char *path, uint32_t mask)
{
    int wd = inotify_add_watch(fd, path, mask);

    NEED(wd >= 0);
    return wd;
}

static inline void touch(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0644);

    NEED(fd >= 0);
    close(fd);
}
