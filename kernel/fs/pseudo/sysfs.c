// SPDX-License-Identifier: MIT
// sysfs: a tree of tables (sysfs_private.h) that shows block devices, harts, and idle pages.
//
// A lookup makes an inode that knows its place, an entry of a table and maybe a device or hart, and
// the dentry cache keeps it while it is `valid`. Devices live for ever, so a place may point at
// one; a partition that is gone is not shown.
#include "abi/dirent.h"
#include "abi/errno.h"
#include "abi/statfs.h"
#include "arch/smp.h"
#include "base/log.h"
#include "fs/pseudo/pseudo.h"
#include "fs/pseudo/sysfs_private.h"
#include "lib/format.h"
#include "lib/macro.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "vfs/inode.h"

#define NAME_SIZE  24
#define HART_POS   1000 // hart n is at n behind this
#define MEMBER_POS 2000 // the n-th device is at n behind this

struct sys_place {
    const struct sys_entry *entry; // (c)
    struct block_device *device;   // (c) NULL: none
    unsigned hart;                 // (c)
};

struct sys_inode {
    struct inode inode;
    struct sys_place place; // (c)
};

static struct slab_cache *inode_cache; // (c)
static struct superblock *sys_sb;      // (c)
static const struct inode_ops dir_ops, text_ops, link_ops;
static const struct file_ops dir_fops, text_fops;

static const struct sys_place *place_of(struct inode *i)
{
    return &((struct sys_inode *)i)->place;
}

// Entries lie in the kernel's image, which is smaller than 16 MiB; major numbers have 12 bits.
static ino_t place_ino(const struct sys_place *p)
{
    u64 device = p->device ? dev_major(p->device->dev) << 20 | dev_minor(p->device->dev) : p->hart;

    return device << 24 | ((u64)p->entry & 0xffffff);
}

static bool place_exists(const struct sys_place *p)
{
    const struct block_device *d = p->device;

    if (d && d->number && !load_relaxed(&d->sectors))
        return false;
    return !p->entry->applies || p->entry->applies(d);
}

static int sys_create(const struct sys_place *place, struct inode **out)
{
    struct sys_inode *s = slab_alloc(inode_cache, 0);
    mode_t mode = place->entry->mode;
    struct inode *i;

    if (!s)
        return -ENOMEM;
    s->place = *place;
    i = &s->inode;
    inode_init(i, sys_sb, mode);
    i->ino = place_ino(place);
    i->nlink = S_ISDIR(mode) ? 2 : 1;
    i->size = S_ISREG(mode) ? PAGE_SIZE : 0;
    i->ops = S_ISDIR(mode) ? &dir_ops : S_ISLNK(mode) ? &link_ops : &text_ops;
    i->fops = S_ISDIR(mode) ? &dir_fops : &text_fops;
    *out = i;
    return 0;
}

static void sys_evict(struct inode *i)
{
    vm_object_fini(&i->object);
    slab_free(inode_cache, i);
}

static bool sys_valid(struct inode *i)
{
    return place_exists(place_of(i));
}

/* Devices of a directory */

// What block_each looks for, or shows.
struct visit {
    const struct sys_place *dir;
    const struct name *name;    // lookup
    struct block_device *found; // its answer
    struct file *file;          // readdir
    struct dir_sink *sink;
    loff_t at; // position of the device
    bool full;
};

// The device's name in the directory; false: it is not there.
static bool member_name(const struct sys_place *dir, struct block_device *d, char *name)
{
    struct sys_place place = {.entry = dir->entry->member, .device = d};

    if (!dir->entry->has(dir->device, d) || !place_exists(&place))
        return false;
    if (dir->entry->by_number)
        snformat(name, NAME_SIZE, "%u:%u", dev_major(d->dev), dev_minor(d->dev));
    else
        strlcpy(name, d->name, NAME_SIZE);
    return true;
}

static void visit_lookup(struct block_device *d, void *arg)
{
    struct visit *v = arg;
    char name[NAME_SIZE];

    if (!v->found && member_name(v->dir, d, name) && name_equals(v->name, name))
        v->found = d;
}

static void visit_readdir(struct block_device *d, void *arg)
{
    struct visit *v = arg;
    struct sys_place place = {.entry = v->dir->entry->member, .device = d};
    char name[NAME_SIZE];
    loff_t at = v->at++;

    if (v->full || at < v->file->pos || !member_name(v->dir, d, name))
        return;
    v->full = !dir_emit(v->file, v->sink, name, place_ino(&place), place.entry->mode, at + 1);
}

/* Directories */

static struct sys_place hart_place(const struct sys_place *dir, unsigned hart, char *name)
{
    snformat(name, NAME_SIZE, "%s%u", dir->entry->hart->name, hart);
    return (struct sys_place){.entry = dir->entry->hart, .hart = hart};
}

static int sys_lookup(struct inode *i, const struct name *name, struct inode **out)
{
    const struct sys_place *dir = place_of(i);
    struct sys_place place = *dir;
    struct visit v = {.dir = dir, .name = name};
    char text[NAME_SIZE];

    for (const struct sys_entry *e = dir->entry->entries; e && e->name; e++) {
        place.entry = e;
        if (name_equals(name, e->name) && place_exists(&place))
            return sys_create(&place, out);
    }
    for (unsigned n = 0; dir->entry->hart && n < hart_count; n++) {
        place = hart_place(dir, n, text);
        if (name_equals(name, text))
            return sys_create(&place, out);
    }
    if (dir->entry->has)
        block_each(visit_lookup, &v);
    if (!v.found)
        return -ENOENT;
    place = (struct sys_place){.entry = dir->entry->member, .device = v.found};
    return sys_create(&place, out);
}

static bool emit_entries(struct file *f, struct dir_sink *sink, const struct sys_place *dir)
{
    struct sys_place place = *dir;
    loff_t at = DIR_FIRST_POS;

    for (const struct sys_entry *e = dir->entry->entries; e && e->name; e++, at++) {
        place.entry = e;
        if (f->pos <= at && place_exists(&place) &&
            !dir_emit(f, sink, e->name, place_ino(&place), e->mode, at + 1))
            return false;
    }
    return true;
}

static bool emit_harts(struct file *f, struct dir_sink *sink, const struct sys_place *dir)
{
    char name[NAME_SIZE];

    for (unsigned n = 0; dir->entry->hart && n < hart_count; n++) {
        struct sys_place place = hart_place(dir, n, name);

        if (f->pos <= HART_POS + n &&
            !dir_emit(f, sink, name, place_ino(&place), place.entry->mode, HART_POS + n + 1))
            return false;
    }
    return true;
}

static int sys_readdir(struct file *f, struct dir_sink *sink)
{
    const struct sys_place *dir = place_of(f->inode);
    struct visit v = {.dir = dir, .file = f, .sink = sink, .at = MEMBER_POS};

    if (f->pos < 0 || !dir_emit_dots(f, sink))
        return 0;
    if (emit_entries(f, sink, dir) && emit_harts(f, sink, dir) && dir->entry->has)
        block_each(visit_readdir, &v);
    return 0;
}

/* Texts and links */

static int text_make(struct text *t, struct file *f)
{
    const struct sys_place *p = place_of(f->inode);

    if (!place_exists(p))
        return -ENODEV;
    if (p->entry->show_hart)
        p->entry->show_hart(t, p->hart);
    else
        p->entry->show(t, p->device);
    return 0;
}

static ssize_t text_read(struct file *f, struct uio *u, loff_t *pos)
{
    const struct sys_entry *e = place_of(f->inode)->entry;

    return e->read ? e->read(u, pos) : text_file_read(f, u, pos, text_make);
}

static ssize_t text_write(struct file *f, struct uio *u, loff_t *pos)
{
    const struct sys_entry *e = place_of(f->inode)->entry;

    return e->write ? e->write(u, pos) : -EINVAL;
}

static int sys_readlink(struct inode *i, char *buf, size_t size)
{
    const struct sys_place *p = place_of(i);

    return MIN(p->entry->target(p->device, buf, size), (int)size);
}

// Contents cannot be changed by attributes.
static int sys_setattr(struct inode *i, const struct attr *a)
{
    return a->valid & (ATTR_MODE | ATTR_UID | ATTR_GID) ? -EPERM : 0;
}

static const struct inode_ops dir_ops = {
    .lookup = sys_lookup, .valid = sys_valid, .setattr = sys_setattr};
static const struct inode_ops text_ops = {.valid = sys_valid, .setattr = sys_setattr};
static const struct inode_ops link_ops = {
    .readlink = sys_readlink, .valid = sys_valid, .setattr = sys_setattr};
static const struct file_ops dir_fops = {.readdir = sys_readdir};
static const struct file_ops text_fops = {
    .open = text_file_open, .release = text_file_release, .read = text_read, .write = text_write};

/* Mounting: one superblock for all */

static int sys_mount(const struct fs_type *type, const char *source, const char *options, u32 flags,
                     struct superblock **out)
{
    superblock_get(sys_sb);
    *out = sys_sb;
    return 0;
}

static struct fs_type sys_type = {.name = "sysfs", .mount = sys_mount};

void sysfs_init(void)
{
    static const struct superblock_ops ops = {.evict = sys_evict};
    static const struct sys_place root = {.entry = &sys_root_entry};
    int err;

    inode_cache = slab_cache_create("sys_inode", sizeof(struct sys_inode), 8);
    err = superblock_create(&sys_sb, &sys_type, &ops);
    if (!err) {
        sys_sb->magic = SYSFS_MAGIC;
        sys_sb->volatile_names = true;
        err = sys_create(&root, &sys_sb->root);
    }
    if (err)
        log_info("sysfs: error %d", -err);
    else
        fs_register(&sys_type);
}
