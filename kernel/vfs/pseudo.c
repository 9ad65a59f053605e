// SPDX-License-Identifier: MIT
// Files and directories that are made up when they are read.
#include "vfs/pseudo.h"
#include "abi/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "vfs/inode.h"

/* Directories */

bool name_equals(const struct name *n, const char *s)
{
    return n->length == strlen(s) && !memcmp(n->text, s, n->length);
}

bool dir_emit(struct file *f, struct dir_sink *sink, const char *name, ino_t ino, mode_t mode,
              loff_t next)
{
    if (!sink->emit(sink, name, strlen(name), ino, (mode & S_IFMT) >> 12, next))
        return false;
    f->pos = next;
    return true;
}

bool dir_emit_dots(struct file *f, struct dir_sink *sink)
{
    struct inode *parent;
    ino_t ino;

    if (f->pos == 0 && !dir_emit(f, sink, ".", f->inode->ino, S_IFDIR, 1))
        return false;
    if (f->pos != 1)
        return true;
    parent = dentry_parent_inode(f->path.dentry);
    ino = parent->ino;
    inode_put(parent);
    return dir_emit(f, sink, "..", ino, S_IFDIR, DIR_FIRST_POS);
}

/* Texts */

bool text_reserve(struct text *t, size_t n)
{
    size_t capacity = MAX(t->capacity, (size_t)256);
    char *data;

    if (t->error)
        return false;
    if (t->length + n < t->capacity)
        return true;
    while (capacity <= t->length + n)
        capacity *= 2;
    data = kmalloc(capacity, 0);
    if (!data) {
        t->error = -ENOMEM;
        return false;
    }
    if (t->data)
        memcpy(data, t->data, t->length);
    kfree(t->data);
    t->data = data;
    t->capacity = capacity;
    return true;
}

void text_append(struct text *t, const char *s, size_t n)
{
    if (!text_reserve(t, n))
        return;
    memcpy(t->data + t->length, s, n);
    t->length += n;
}

// A string that is shorter when it is written than it was when it was measured ends the text there.
void text_printf(struct text *t, const char *fmt, ...)
{
    va_list args;
    int n, written;

    va_start(args, fmt);
    n = vsnformat(NULL, 0, fmt, args);
    va_end(args);
    if (!text_reserve(t, n))
        return;
    va_start(args, fmt);
    written = vsnformat(t->data + t->length, n + 1, fmt, args);
    va_end(args);
    t->length += MIN(n, written);
}

void text_escaped(struct text *t, const char *s, const char *set)
{
    for (char c; (c = *s); s++) {
        if (strchr(set, c))
            text_printf(t, "\\%03o", c);
        else
            text_append(t, &c, 1);
    }
}

struct text_file {
    void *subject;     // (c)
    struct mutex lock; // RANK_NONE: readers of one open file
    struct text text;  // (lock)
};

int text_file_open(struct inode *i, struct file *f)
{
    struct text_file *o = kmalloc(sizeof(*o), ALLOC_ZERO);

    if (!o)
        return -ENOMEM;
    mutex_init(&o->lock, RANK_NONE);
    f->private = o;
    return 0;
}

void **text_file_subject(struct file *f)
{
    return &((struct text_file *)f->private)->subject;
}

void text_file_release(struct file *f)
{
    struct text_file *o = f->private;

    kfree(o->text.data);
    kfree(o);
}

ssize_t text_file_read(struct file *f, struct uio *u, loff_t *pos,
                       int (*make)(struct text *t, struct file *f))
{
    struct text_file *o = f->private;
    ssize_t n = 0;
    int err = 0;

    mutex_lock(&o->lock);
    if (*pos == 0 || !o->text.data) {
        o->text.length = o->text.error = 0;
        err = make(&o->text, f) ?: o->text.error;
    }
    if (!err && *pos < o->text.length) {
        n = MIN(u->left, o->text.length - *pos);
        err = uio_put(u, o->text.data + *pos, n);
    }
    mutex_unlock(&o->lock);
    if (err)
        return err;
    *pos += n;
    return n;
}
