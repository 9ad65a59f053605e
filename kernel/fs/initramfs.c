// SPDX-License-Identifier: MIT
// The initramfs: cpio archives whose members become files below root_path.
//
// Hard links are members with the same device and inode number; the data comes with any one of
// them (GNU cpio: the last). The first name of each such file is remembered until the archive ends.
#include "fs/initramfs.h"
#include "abi/errno.h"
#include "abi/limits.h"
#include "lib/cpio.h"
#include "lib/list.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "vfs/file.h"

#define TRAILER_SIZE 121 // header and "TRAILER!!!", which cpio_next stops at; padding is zeroes

struct linked {
    struct list link;
    u32 ino, major, minor;
    const char *name; // in the archive
};

// 1: e is a further name of a file already made, *first its first name. 0: make it.
static int find_link(struct list *made, const struct cpio_entry *e, const char **first)
{
    struct linked *l;

    if (S_ISDIR(e->mode) || e->nlink < 2)
        return 0;
    LIST_FOR_EACH (l, made, link) {
        if (l->ino == e->ino && l->major == e->dev_major && l->minor == e->dev_minor) {
            *first = l->name;
            return 1;
        }
    }
    l = kmalloc(sizeof(*l), 0);
    if (!l)
        return -ENOMEM;
    *l = (struct linked){
        .ino = e->ino, .major = e->dev_major, .minor = e->dev_minor, .name = e->name};
    list_insert_tail(made, &l->link);
    return 0;
}

static int make_hard_link(const char *first, const char *name)
{
    struct path old;
    int err = path_lookup(&root_path, first, 0, &old);

    if (err)
        return err;
    err = vfs_link(&old, &root_path, name);
    path_put(&old);
    return err;
}

static int write_data(const struct cpio_entry *e)
{
    struct file *f;
    struct uio u;
    ssize_t n;
    int err = file_open(&root_path, e->name, O_WRONLY | O_CREAT | O_TRUNC, e->mode & 07777, 0, &f);

    if (err)
        return err;
    uio_init_kernel(&u, (void *)e->data, e->size);
    while (!err && u.left) {
        n = file_write(f, &u);
        err = n > 0 ? 0 : n ? n : -EIO;
    }
    file_put(f);
    return err;
}

static int make_symlink(const struct cpio_entry *e)
{
    char *target;
    int err;

    if (e->size >= PATH_MAX)
        return -ENAMETOOLONG;
    target = kmalloc(e->size + 1, 0);
    if (!target)
        return -ENOMEM;
    memcpy(target, e->data, e->size);
    target[e->size] = '\0';
    err = vfs_symlink(target, &root_path, e->name);
    kfree(target);
    return err;
}

static int make_entry(const struct cpio_entry *e)
{
    switch (e->mode & S_IFMT) {
    case S_IFDIR:
        return vfs_mkdir(&root_path, e->name, e->mode & 07777);
    case S_IFLNK:
        return make_symlink(e);
    case S_IFREG:
        return write_data(e);
    default:
        return vfs_mknod(&root_path, e->name, e->mode, makedev(e->rdev_major, e->rdev_minor));
    }
}

// Owner, permissions (umask and the like did not apply) and time.
static int set_attributes(const struct cpio_entry *e)
{
    struct attr a = {
        .valid = ATTR_MTIME | ATTR_UID | ATTR_GID,
        .uid = e->uid,
        .gid = e->gid,
        .mode = e->mode,
        .mtime = e->mtime * NS_PER_SEC,
    };
    struct path p;
    int err = path_lookup(&root_path, e->name, 0, &p);

    if (err)
        return err;
    if (!S_ISLNK(e->mode))
        a.valid |= ATTR_MODE;
    err = inode_setattr(path_inode(&p), &a);
    path_put(&p);
    return err;
}

static int unpack_entry(struct list *made, struct cpio_entry *e)
{
    const char *first;
    int err = find_link(made, e, &first);

    if (err < 0)
        return err;
    if (err) {
        err = make_hard_link(first, e->name);
        if (!err && S_ISREG(e->mode) && e->size)
            err = write_data(e);
    } else {
        err = make_entry(e);
    }
    if (err == -EEXIST && S_ISDIR(e->mode))
        return 0; // it keeps its own attributes, or is a link to one
    if (err == -EEXIST)
        err = 0; // a later archive names it again
    return err ? err : set_attributes(e);
}

// One archive; *used is what it takes.
static int unpack_archive(const u8 *data, size_t size, size_t *used)
{
    struct list made = LIST_INIT(made);
    struct linked *l;
    struct cpio_entry e;
    struct cpio c;
    int err;

    cpio_init(&c, data, size);
    while ((err = cpio_next(&c, &e)) == 1) {
        if (!strcmp(e.name, ".") || !*e.name)
            continue;
        err = unpack_entry(&made, &e);
        if (err)
            break;
    }
    while ((l = list_pop(&made, struct linked, link)))
        kfree(l);
    *used = MIN(c.offset + TRAILER_SIZE, size);
    return err;
}

int initramfs_unpack(const void *start, size_t size)
{
    const u8 *at = start;
    size_t used;

    while (size) {
        int err;

        if (!*at) {
            at++;
            size--;
            continue;
        }
        err = unpack_archive(at, size, &used);
        if (err)
            return err;
        at += used;
        size -= used;
    }
    return 0;
}
