// SPDX-License-Identifier: MIT
// What file systems without storage share: texts that are made when they are read, and entries of
// directories.
#pragma once
#include "lib/macro.h"
#include "vfs/file.h"

// A growing text.
struct text {
    char *data;
    size_t length, capacity;
    int error; // -ENOMEM sticks
};
void text_printf(struct text *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void text_append(struct text *t, const char *s, size_t n);
void text_escaped(struct text *t, const char *s, const char *set); // those of `set` in octal
// Room for n more bytes and a NUL, for texts that are made under a spinlock.
bool text_reserve(struct text *t, size_t n);

// File operations: make() gives the text (0, -errno) when it is read from position 0, and it is
// kept with the open file for the reads that follow. f->private is theirs.
int text_file_open(struct inode *i, struct file *f);
void text_file_release(struct file *f);
void **text_file_subject(struct file *f); // what open may leave for `make`
ssize_t text_file_read(struct file *f, struct uio *u, loff_t *pos,
                       int (*make)(struct text *t, struct file *f));

#define DIR_FIRST_POS 2 // after "." and ".."
// Emits one entry and moves on to `next`; false when the sink is full.
bool dir_emit(struct file *f, struct dir_sink *sink, const char *name, ino_t ino, mode_t mode,
              loff_t next);
bool dir_emit_dots(struct file *f, struct dir_sink *sink); // if they are still to come
bool name_equals(const struct name *n, const char *s);
