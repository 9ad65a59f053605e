// SPDX-License-Identifier: MIT
// Descriptor tables.
//
// A table with one reference belongs to the running thread alone: lookups then take no lock.
// (Listings in /proc hold a reference for a moment and only read, under the lock, which every
// change takes.) A reserved descriptor has its bit set in `open` and no file yet.
#include "abi/errno.h"
#include "lib/bitmap.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "vfs/flock.h"
#include "vfs/internal.h"

#define SMALL_SIZE  64
#define WORDS(size) ((size) / 64)

// The usual table in one piece.
struct small_table {
    struct fdtable table;
    u64 open, cloexec;
    struct file *files[SMALL_SIZE];
};

static u64 default_limit(void)
{
    return 1024;
}

u64 (*fd_limit_hook)(void) = default_limit;

static struct fdtable *self_table(void)
{
    return thread_self()->files;
}

/* Life */

int fdtable_create(struct fdtable **out)
{
    struct small_table *s = kmalloc(sizeof(*s), ALLOC_ZERO);

    if (!s)
        return -ENOMEM;
    ref_init(&s->table.refs, 1);
    spin_init(&s->table.lock, RANK_FDTABLE);
    s->table.files = s->files;
    s->table.open = &s->open;
    s->table.cloexec = &s->cloexec;
    s->table.size = SMALL_SIZE;
    *out = &s->table;
    return 0;
}

static void arrays_free(struct fdtable *t, void *files)
{
    if (files != ((struct small_table *)t)->files)
        kfree(files);
}

// Makes room for `size` descriptors; files and both bitmaps are one allocation. May sleep.
static int fdtable_grow(struct fdtable *t, u32 size)
{
    u32 bytes = size * sizeof(struct file *), words = WORDS(size);
    struct file **files = kmalloc(bytes + 2 * words * sizeof(u64), ALLOC_ZERO);
    void *old = files;

    if (!files)
        return -ENOMEM;
    spin_lock(&t->lock);
    if (t->size < size) {
        u64 *bits = (u64 *)(files + size);

        memcpy(files, t->files, t->size * sizeof(struct file *));
        memcpy(bits, t->open, WORDS(t->size) * sizeof(u64));
        memcpy(bits + words, t->cloexec, WORDS(t->size) * sizeof(u64));
        old = t->files;
        t->files = files;
        t->open = bits;
        t->cloexec = bits + words;
        t->size = size;
    }
    spin_unlock(&t->lock);
    arrays_free(t, old);
    return 0;
}

int fdtable_copy(struct fdtable *from, struct fdtable **out)
{
    struct fdtable *t;
    int err = fdtable_create(&t);

    if (err)
        return err;
    spin_lock(&from->lock);
    while (!err && t->size < from->size) {
        u32 size = from->size;

        spin_unlock(&from->lock);
        err = fdtable_grow(t, size);
        spin_lock(&from->lock);
    }
    for (u32 fd = 0; !err && (fd = bitmap_find_set(from->open, from->size, fd)) < from->size;
         fd++) {
        if (!from->files[fd])
            continue;
        file_get(from->files[fd]);
        t->files[fd] = from->files[fd];
        bitmap_set(t->open, fd);
        if (bitmap_test(from->cloexec, fd))
            bitmap_set(t->cloexec, fd);
    }
    spin_unlock(&from->lock);
    if (err)
        fdtable_put(t);
    else
        *out = t;
    return err;
}

void fdtable_get(struct fdtable *t)
{
    ref_get(&t->refs);
}

static void file_close(struct fdtable *t, struct file *f)
{
    if (f->ops->flush)
        f->ops->flush(f);
    if (!(f->mode & FILE_F_PATH))
        file_locks_close(f, t);
    file_put(f);
}

void fdtable_put(struct fdtable *t)
{
    if (!ref_put(&t->refs))
        return;
    for (u32 fd = 0; (fd = bitmap_find_set(t->open, t->size, fd)) < t->size; fd++)
        if (t->files[fd])
            file_close(t, t->files[fd]);
    arrays_free(t, t->files);
    kfree(t);
}

/* Finding */

struct file *fd_get_shared(struct fdtable *t, u32 fd, u32 refused)
{
    struct file *f;

    spin_lock(&t->lock);
    f = fd < t->size ? t->files[fd] : NULL;
    if (f && f->mode & refused)
        f = NULL;
    if (f)
        file_get(f);
    spin_unlock(&t->lock);
    return f;
}

bool fdtable_next(struct fdtable *t, u32 *fd, u32 *mode)
{
    struct file *f = NULL;
    u32 at = *fd;

    spin_lock(&t->lock);
    for (; !f && at < t->size && (at = bitmap_find_set(t->open, t->size, at)) < t->size; at++) {
        f = t->files[at];
        *fd = at;
    }
    if (f)
        *mode = f->mode;
    spin_unlock(&t->lock);
    return f != NULL;
}

int fd_start_path(int dirfd, const char *name, struct path *out)
{
    struct file *f SCOPED(file_end) = NULL;

    *out = (struct path){0};
    if (*name == '/')
        return 0;
    if (dirfd == AT_FDCWD) {
        fs_cwd_get(out);
        return 0;
    }
    f = fd_get_any(dirfd);
    if (!f)
        return -EBADF;
    if (*name && (!f->path.mount || !S_ISDIR(f->inode->mode)))
        return -ENOTDIR;
    if (!f->path.mount)
        return path_from_anon(f->inode, f->anon_name, out);
    *out = f->path;
    path_get(out);
    return 0;
}

/* Giving out */

static void bits_take_locked(struct fdtable *t, u32 fd, bool cloexec)
{
    bitmap_set(t->open, fd);
    if (cloexec)
        bitmap_set(t->cloexec, fd);
    else
        bitmap_clear(t->cloexec, fd);
}

static void bits_free_locked(struct fdtable *t, u32 fd)
{
    bitmap_clear(t->open, fd);
    t->next = MIN(t->next, fd);
}

int fd_reserve(u32 from, u64 limit, bool cloexec)
{
    struct fdtable *t = self_table();
    u32 fd;

    limit = MIN(limit, (u64)FDTABLE_MAX);
    for (;;) {
        u32 size, start;

        spin_lock(&t->lock);
        size = t->size;
        start = MAX(from, t->next);
        fd = start < size ? bitmap_find_zero(t->open, size, start) : start;
        if (fd >= limit) {
            spin_unlock(&t->lock);
            return -EMFILE;
        }
        if (fd < size)
            break;
        spin_unlock(&t->lock);
        size = MAX(size * 2, (u32)ALIGN_UP(fd + 1, 64U));
        if (fdtable_grow(t, size))
            return -ENOMEM;
    }
    bits_take_locked(t, fd, cloexec);
    if (from <= t->next)
        t->next = fd + 1;
    spin_unlock(&t->lock);
    return fd;
}

void fd_install(int fd, struct file *f)
{
    struct fdtable *t = self_table();

    spin_lock(&t->lock);
    t->files[fd] = f;
    spin_unlock(&t->lock);
}

void fd_unreserve(int fd)
{
    struct fdtable *t = self_table();

    spin_lock(&t->lock);
    bits_free_locked(t, fd);
    spin_unlock(&t->lock);
}

int fd_add(struct file *f, bool cloexec)
{
    int fd = fd_reserve(0, fd_limit_hook(), cloexec);

    if (fd >= 0)
        fd_install(fd, f);
    else
        file_put(f);
    return fd;
}

int fd_dup_to(struct file *f, int fd, u64 limit, bool cloexec)
{
    struct fdtable *t = self_table();
    struct file *old;

    if (fd < 0 || (u32)fd >= MIN(limit, (u64)FDTABLE_MAX))
        return -EBADF;
    while ((u32)fd >= load_relaxed(&t->size))
        if (fdtable_grow(t, MAX(t->size * 2, (u32)ALIGN_UP(fd + 1U, 64U))))
            return -ENOMEM;
    spin_lock(&t->lock);
    old = t->files[fd];
    if (!old && bitmap_test(t->open, fd)) { // another thread is opening it
        spin_unlock(&t->lock);
        return -EBUSY;
    }
    bits_take_locked(t, fd, cloexec);
    t->files[fd] = f;
    spin_unlock(&t->lock);
    if (old)
        file_close(t, old);
    return fd;
}

/* Closing */

static struct file *take_file(struct fdtable *t, u32 fd)
{
    struct file *f = NULL;

    spin_lock(&t->lock);
    if (fd < t->size)
        f = t->files[fd];
    if (f) {
        t->files[fd] = NULL;
        bits_free_locked(t, fd);
    }
    spin_unlock(&t->lock);
    return f;
}

static int close_in(struct fdtable *t, u32 fd)
{
    struct file *f = take_file(t, fd);

    if (!f)
        return -EBADF;
    file_close(t, f);
    return 0;
}

int fd_close(int fd)
{
    return close_in(self_table(), fd);
}

void fdtable_close_exec(struct fdtable *t)
{
    for (u32 fd = 0; (fd = bitmap_find_set(t->cloexec, t->size, fd)) < t->size; fd++) {
        bitmap_clear(t->cloexec, fd);
        close_in(t, fd);
    }
}

void fd_close_range(u32 first, u32 last, bool cloexec)
{
    for (u32 fd = first; fd <= last && fd < load_relaxed(&self_table()->size); fd++) {
        if (cloexec)
            fd_set_cloexec(fd, true);
        else
            fd_close(fd);
    }
}

bool fd_get_cloexec(int fd)
{
    struct fdtable *t = self_table();
    bool on;

    spin_lock(&t->lock);
    on = (u32)fd < t->size && bitmap_test(t->cloexec, fd);
    spin_unlock(&t->lock);
    return on;
}

void fd_set_cloexec(int fd, bool on)
{
    struct fdtable *t = self_table();

    spin_lock(&t->lock);
    if ((u32)fd < t->size && t->files[fd])
        bits_take_locked(t, fd, on);
    spin_unlock(&t->lock);
}
