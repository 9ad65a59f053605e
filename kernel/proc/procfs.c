// SPDX-License-Identifier: MIT
// procfs: a tree of tables (procfs_private.h) as a file system.
//
// Nothing is stored: a lookup makes an inode that knows its place, and the dentry cache keeps it
// while it is `valid`. Misses are not cached. A file's text is made when it is read from position
// 0, and kept with the open file for the reads that follow.
#include "abi/dirent.h"
#include "abi/errno.h"
#include "base/random.h"
#include "lib/format.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/procfs_private.h"

#define NUMBER_POS (1 << 20) // number n of a directory is at n behind this
#define WRITE_MAX  PAGE_SIZE

struct proc_inode {
    struct inode inode;
    struct proc_place place; // (c)
};

static struct slab_cache *inode_cache; // (c)
static struct superblock *proc_sb;     // (c)
static const struct inode_ops dir_ops, text_ops, link_ops, magic_ops, fd_ops;
static const struct file_ops dir_fops, text_fops, raw_fops;

static const struct proc_place *place_of(struct inode *i)
{
    return &((struct proc_inode *)i)->place;
}

/* Inodes */

// Entries lie in the kernel's image, which is smaller than 16 MiB; descriptors end below a million.
static ino_t place_ino(const struct proc_place *p)
{
    return (u64)p->id << 45 | (u64)p->thread << 44 | (u64)(p->fd + 1) << 24 |
           ((u64)p->entry & 0xffffff);
}

static const struct inode_ops *link_ops_of(const struct proc_entry *e)
{
    if (!e->follow)
        return &link_ops;
    return e->readlink ? &fd_ops : &magic_ops;
}

// Whether the descriptor is open, and its FILE_F_*.
static bool place_fd_mode(const struct proc_place *p, u32 *mode)
{
    u32 fd = p->fd;

    return proc_next_fd(p->id, &fd, mode) && fd == p->fd;
}

// The link of a descriptor shows how it is open.
static mode_t place_mode(const struct proc_place *p)
{
    u32 mode;

    if (!S_ISLNK(p->entry->mode) || p->fd < 0 || !place_fd_mode(p, &mode))
        return p->entry->mode;
    return S_IFLNK | (mode & FILE_F_READ ? 0500 : 0) | (mode & FILE_F_WRITE ? 0300 : 0);
}

static int proc_create(const struct proc_place *place, struct inode **out)
{
    struct proc_inode *p = slab_alloc(inode_cache, 0);
    mode_t mode = place_mode(place);
    struct inode *i;

    if (!p)
        return -ENOMEM;
    p->place = *place;
    if (place->id && !proc_place_bind(&p->place)) {
        slab_free(inode_cache, p);
        return -ENOENT;
    }
    i = &p->inode;
    inode_init(i, proc_sb, mode);
    i->ino = place_ino(place);
    i->nlink = S_ISDIR(mode) ? 2 : 1;
    i->ops = S_ISDIR(mode) ? &dir_ops : S_ISLNK(mode) ? link_ops_of(place->entry) : &text_ops;
    i->fops = S_ISDIR(mode) ? &dir_fops : place->entry->read ? &raw_fops : &text_fops;
    if (place->id)
        proc_owner(place->id, i);
    *out = i;
    return 0;
}

static void proc_evict(struct inode *i)
{
    vm_object_fini(&i->object);
    proc_place_unbind(place_of(i));
    slab_free(inode_cache, i);
}

static bool place_exists(const struct proc_place *p)
{
    u32 mode;

    return proc_place_lives(p) && (p->fd < 0 || place_fd_mode(p, &mode));
}

static bool proc_valid(struct inode *i)
{
    const struct proc_place *p = place_of(i);

    if (!p->id)
        return true;
    proc_owner(p->id, i);
    return place_exists(p);
}

/* Directories */

// A decimal number without leading zeroes; -1 if it is none.
static s64 name_number(const struct name *n)
{
    char text[12];
    u64 value;

    if (n->length >= sizeof(text) || (n->text[0] == '0' && n->length > 1))
        return -1;
    memcpy(text, n->text, n->length);
    text[n->length] = '\0';
    return parse_u64(text, NULL, 10, &value) || value > INT32_MAX ? -1 : (s64)value;
}

// Numbers name processes and threads, which have directories, or descriptors.
static struct proc_place numbered_place(const struct proc_place *dir, u32 number)
{
    const struct proc_entry *e = dir->entry->numbered;

    if (S_ISDIR(e->mode))
        return (struct proc_place){.entry = e, .id = number, .fd = -1, .thread = dir->id};
    return (struct proc_place){
        .entry = e, .id = dir->id, .pid = dir->pid, .fd = number, .thread = dir->thread};
}

// Threads are in the root, too, but not listed there.
static bool number_exists(const struct proc_place *dir, u32 number)
{
    struct proc_place place = numbered_place(dir, number);
    u32 found = number;

    if (!dir->id)
        return number && place_exists(&place);
    return proc_place_lives(dir) && dir->entry->next(dir->id, &found) && found == number;
}

static int proc_lookup(struct inode *i, const struct name *name, struct inode **out)
{
    const struct proc_place *dir = place_of(i);
    struct proc_place place = {.id = dir->id, .pid = dir->pid, .fd = -1, .thread = dir->thread};
    s64 number;

    for (const struct proc_entry *e = dir->entry->entries; e && e->name; e++) {
        place.entry = e;
        if (name_equals(name, e->name))
            return proc_create(&place, out);
    }
    number = dir->entry->next ? name_number(name) : -1;
    if (number < 0 || !number_exists(dir, number))
        return -ENOENT;
    place = numbered_place(dir, number);
    return proc_create(&place, out);
}

static bool emit_place(struct file *f, struct dir_sink *sink, const char *name,
                       const struct proc_place *place, loff_t next)
{
    return dir_emit(f, sink, name, place_ino(place), place->entry->mode, next);
}

static bool emit_entries(struct file *f, struct dir_sink *sink, const struct proc_place *dir)
{
    struct proc_place place = {.id = dir->id, .fd = -1};
    loff_t at = DIR_FIRST_POS;

    for (const struct proc_entry *e = dir->entry->entries; e && e->name; e++, at++) {
        place.entry = e;
        if (f->pos == at && !emit_place(f, sink, e->name, &place, at + 1))
            return false;
    }
    return true;
}

static void emit_numbers(struct file *f, struct dir_sink *sink, const struct proc_place *dir)
{
    u32 number = MAX(f->pos, (loff_t)NUMBER_POS) - NUMBER_POS;
    struct proc_place place;
    char name[12];

    for (; dir->entry->next(dir->id, &number); number++) {
        place = numbered_place(dir, number);
        snformat(name, sizeof(name), "%u", number);
        if (!emit_place(f, sink, name, &place, NUMBER_POS + number + 1))
            return;
    }
}

static int proc_readdir(struct file *f, struct dir_sink *sink)
{
    const struct proc_place *dir = place_of(f->inode);

    if (f->pos < 0 || !dir_emit_dots(f, sink))
        return 0;
    if (dir->id && !place_exists(dir))
        return -ENOENT;
    if (emit_entries(f, sink, dir) && dir->entry->next)
        emit_numbers(f, sink, dir);
    return 0;
}

/* Links */

static int proc_readlink(struct inode *i, char *buf, size_t size)
{
    struct proc_place p = *place_of(i);

    return proc_place_begin(&p) ?: proc_place_end(&p, p.entry->readlink(&p, buf, size));
}

static int proc_follow(struct inode *i, struct path *out)
{
    struct proc_place p = *place_of(i);

    return proc_place_begin(&p) ?: proc_place_end(&p, p.entry->follow(&p, out));
}

// Contents cannot be changed by attributes: O_TRUNC succeeds without effect.
static int proc_setattr(struct inode *i, const struct attr *a)
{
    return a->valid & (ATTR_MODE | ATTR_UID | ATTR_GID) ? -EPERM : 0;
}

static const struct inode_ops dir_ops = {
    .lookup = proc_lookup, .valid = proc_valid, .setattr = proc_setattr};
static const struct inode_ops text_ops = {.valid = proc_valid, .setattr = proc_setattr};
static const struct inode_ops link_ops = {.readlink = proc_readlink, .setattr = proc_setattr};
static const struct inode_ops magic_ops = {
    .follow = proc_follow, .valid = proc_valid, .setattr = proc_setattr};
static const struct inode_ops fd_ops = {
    .readlink = proc_readlink, .follow = proc_follow, .valid = proc_valid, .setattr = proc_setattr};
static const struct file_ops dir_fops = {.readdir = proc_readdir};

int procfs_process_get(const struct file *f, struct process **out)
{
    struct proc_place p;
    int err;

    if (f->ops != &dir_fops || place_of(f->inode)->entry != &proc_process_entry)
        return -EBADF;
    p = *place_of(f->inode);
    err = proc_place_begin(&p);
    if (err)
        return err;
    process_ref(p.process);
    *out = p.process;
    return proc_place_end(&p, 0);
}

/* Texts */

// What is guarded is of the program that was there at open(2): once that has gone it is empty, for
// who may look into the next one.
static int text_make(struct text *t, struct file *f)
{
    struct proc_place p = *place_of(f->inode);
    int err = proc_place_begin(&p);

    if (err || (p.entry->guarded && p.space != *text_file_subject(f)))
        return err ? err : proc_place_end(&p, 0);
    return proc_place_end(&p, p.entry->show ? p.entry->show(t, &p) : -EINVAL);
}

static ssize_t text_read(struct file *f, struct uio *u, loff_t *pos)
{
    return text_file_read(f, u, pos, text_make);
}

static ssize_t text_write(struct file *f, struct uio *u, loff_t *pos)
{
    struct proc_place p = *place_of(f->inode);
    size_t n = u->left;
    char small[32], *text = small;
    int err;

    if (n >= WRITE_MAX || !p.entry->write)
        return -EINVAL;
    if (n >= sizeof(small))
        text = kmalloc(n + 1, 0);
    if (!text)
        return -ENOMEM;
    err = uio_get(u, text, n);
    text[n] = '\0';
    if (n && text[n - 1] == '\n')
        text[n - 1] = '\0';
    err = err ?: proc_place_begin(&p) ?: proc_place_end(&p, p.entry->write(text, &p));
    if (text != small)
        kfree(text);
    return err ?: (ssize_t)n;
}

// Who may not read it may not open it either, for somebody with more rights to read.
static int text_open(struct inode *i, struct file *f)
{
    struct proc_place p = *place_of(i);
    int err = p.entry->guarded ? proc_place_begin(&p) : 0;

    if (err)
        return err;
    err = text_file_open(i, f);
    if (!err && p.space) {
        vm_space_pin(p.space);
        *text_file_subject(f) = p.space;
    }
    return proc_place_end(&p, err);
}

static void text_release(struct file *f)
{
    if (*text_file_subject(f))
        vm_space_unpin(*text_file_subject(f));
    text_file_release(f);
}

static const struct file_ops text_fops = {
    .open = text_open,
    .release = text_release,
    .read = text_read,
    .write = text_write,
};

/* A process's memory: that of the program it ran at open(2), when rights were asked for */

static int raw_open(struct inode *i, struct file *f)
{
    struct proc_place p = *place_of(i);
    int err = proc_place_begin(&p);

    if (err)
        return err;
    f->private = p.space;
    if (p.space)
        vm_space_pin(p.space);
    return proc_place_end(&p, 0);
}

static void raw_release(struct file *f)
{
    if (f->private)
        vm_space_unpin(f->private);
}

static ssize_t raw_act(struct file *f, struct uio *u, loff_t *pos, bool write)
{
    struct proc_place p = *place_of(f->inode);
    ssize_t n;

    p.space = f->private;
    if (!p.space || !vm_space_get_used(p.space))
        return 0;
    n = write ? p.entry->poke(&p, u, pos) : p.entry->read(&p, u, pos);
    vm_space_put(p.space);
    return n;
}

static ssize_t raw_read(struct file *f, struct uio *u, loff_t *pos)
{
    return raw_act(f, u, pos, false);
}

static ssize_t raw_write(struct file *f, struct uio *u, loff_t *pos)
{
    return place_of(f->inode)->entry->poke ? raw_act(f, u, pos, true) : -EINVAL;
}

static const struct file_ops raw_fops = {
    .open = raw_open,
    .release = raw_release,
    .read = raw_read,
    .write = raw_write,
};

/* Mounting: one superblock for all */

static int proc_mount(const struct fs_type *type, const char *source, const char *options,
                      u32 flags, struct superblock **out)
{
    superblock_get(proc_sb);
    *out = proc_sb;
    return 0;
}

static struct fs_type proc_type = {.name = "proc", .mount = proc_mount};

void procfs_init(void)
{
    static const struct superblock_ops ops = {.evict = proc_evict};
    static const struct proc_place root = {.entry = &proc_root_entry, .fd = -1};

    random_bytes(proc_boot_id, sizeof(proc_boot_id));
    inode_cache = slab_cache_create("proc_inode", sizeof(struct proc_inode), 8);
    verify(!superblock_create(&proc_sb, &proc_type, &ops));
    proc_sb->magic = PROC_SUPER_MAGIC;
    proc_sb->volatile_names = true;
    verify(!proc_create(&root, &proc_sb->root));
    fs_register(&proc_type);
}
