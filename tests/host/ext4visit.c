// SPDX-License-Identifier: MIT
// See ext4visit.h.
#include "ext4visit.h"
#include "abi/fcntl.h"
#include "abi/mount.h"
#include "base/panic.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "world.h"

#define DEPTH  6
#define NAMES  24   // of a directory that are looked at
#define CHUNK  5000 // bytes read or written at once
#define LISTED 1024 // bytes of names of extended attributes

static u64 (*choose)(u64 n);
static u32 visits_left; // a hostile tree may have very many paths

// Damage gives errors, but never this one: then a number from the disk is a size in memory.
static ssize_t sane(ssize_t err)
{
    if (err == -ENOMEM || err == -EFAULT || err < -4095)
        panic("error %ld for what is on a disk", -err);
    return err;
}

/* Files */

static u64 offset_in(u64 file_size)
{
    static const u64 far[] = {0, 12 << 10, 1 << 20, 1UL << 32, 1UL << 40, 1UL << 43};

    switch (choose(4)) {
    case 0:
        return choose(file_size + 1);
    case 1:
        return far[choose(ARRAY_SIZE(far))] + choose(5000);
    default:
        return choose(200000);
    }
}

static void file_change_one(struct file *f)
{
    static const int modes[] = {0,
                                FALLOC_FL_KEEP_SIZE,
                                FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                FALLOC_FL_ZERO_RANGE,
                                FALLOC_FL_COLLAPSE_RANGE,
                                FALLOC_FL_INSERT_RANGE};
    u64 at = offset_in(f->inode->size), n = 1 + choose(CHUNK);
    u8 *bytes;

    switch (choose(6)) {
    case 0:
        sane(vfs_truncate(f->inode, at));
        break;
    case 1:
        if (f->ops->fallocate)
            sane(f->ops->fallocate(f, modes[choose(ARRAY_SIZE(modes))], at & ~4095UL,
                                   (1 + choose(20)) << 12));
        break;
    case 2:
        sane(file_fsync(f, choose(2)));
        break;
    default:
        bytes = host_alloc(n);
        memset(bytes, choose(256), n);
        sane(world_pwrite(f, bytes, n, at));
        kfree(bytes);
    }
}

static void file_look(struct file *f)
{
    u8 *bytes = host_alloc(CHUNK);

    sane(file_read_kernel(f, bytes, CHUNK, 0));
    sane(file_read_kernel(f, bytes, CHUNK, offset_in(f->inode->size)));
    sane(file_seek(f, choose(100000), choose(2) ? SEEK_DATA : SEEK_HOLE));
    kfree(bytes);
}

static void visit_file(const struct path *p, bool change)
{
    struct file *f;

    if (sane(file_open(p, "", change ? O_RDWR : O_RDONLY, 0, WALK_FOLLOW | WALK_EMPTY, &f)))
        return;
    file_look(f);
    for (u64 n = change ? choose(4) : 0; n; n--)
        file_change_one(f);
    file_put(f);
}

static void file_make(const char *name, u32 writes)
{
    struct file *f;

    if (sane(file_open(NULL, name, O_RDWR | O_CREAT, 0644, 0, &f)))
        return;
    while (writes--)
        file_change_one(f);
    file_put(f);
}

/* Attributes */

static void visit_attributes(struct inode *i, bool change)
{
    char *names = host_alloc(LISTED), value[64];
    ssize_t n = sane(inode_xattr_list(i, names, LISTED));
    struct linux_stat st;

    for (ssize_t at = 0; at < n; at += strlen(names + at) + 1)
        sane(inode_xattr_get(i, names + at, value, sizeof(value)));
    kfree(names);
    sane(inode_stat(i, &st));
    if (!change || choose(3))
        return;
    snformat(value, sizeof(value), "user.%d", (int)choose(3));
    names = host_alloc(LISTED);
    sane(inode_xattr_set(i, value, choose(3) ? names : NULL, choose(choose(2) ? 40 : LISTED), 0));
    kfree(names);
}

/* Directories */

struct visitor {
    struct dir_sink sink;
    u32 count;
    char names[NAMES][64];
};

static bool visitor_emit(struct dir_sink *sink, const char *name, size_t length, ino_t ino, u8 type,
                         loff_t next)
{
    struct visitor *v = container_of(sink, struct visitor, sink);

    verify(length && length <= 255);
    if (v->count == NAMES)
        return false;
    if (length >= sizeof(v->names[0]) || (name[0] == '.' && length <= 2))
        return true;
    memcpy(v->names[v->count], name, length);
    v->names[v->count++][length] = '\0';
    return true;
}

static void visit(const char *at, u32 depth, bool change);

static void change_name(const char *name)
{
    static const char *const others[] = {"/m/elsewhere", "/m/wide/else", "/m/deep/er/else", "/m/a"};
    const char *other = others[choose(ARRAY_SIZE(others))];
    struct path p;

    switch (choose(8)) {
    case 0:
        sane(vfs_rename(NULL, name, NULL, other, choose(3) ? 0 : RENAME_EXCHANGE));
        break;
    case 1:
        sane(vfs_unlink(NULL, name, false));
        break;
    case 2:
        sane(vfs_unlink(NULL, name, true));
        break;
    case 3:
        if (sane(path_lookup(NULL, name, 0, &p)))
            break;
        sane(vfs_link(&p, NULL, other));
        path_put(&p);
        break;
    default:
        break;
    }
}

static void visit_name(const char *name, u32 depth, bool change)
{
    struct path p;

    if (sane(path_lookup(NULL, name, 0, &p)))
        return;
    visit_attributes(path_inode(&p), change);
    if (S_ISREG(path_inode(&p)->mode)) {
        visit_file(&p, change);
    } else if (S_ISDIR(path_inode(&p)->mode) && depth < DEPTH) {
        visit(name, depth + 1, change);
    } else if (S_ISLNK(path_inode(&p)->mode)) {
        char text[64];

        sane(vfs_readlink(&p, text, sizeof(text)));
    }
    path_put(&p);
    if (change)
        change_name(name);
}

static void change_in(const char *at)
{
    char name[200];

    snformat(name, sizeof(name), "%s/new%d", at, (int)choose(3));
    switch (choose(5)) {
    case 0:
        sane(vfs_mkdir(NULL, name, 0755));
        break;
    case 1:
        sane(vfs_symlink(choose(2) ? "short"
                                   : "long, so that it is not in the inode itself, but in "
                                     "a block of its own",
                         NULL, name));
        break;
    case 2:
        sane(vfs_mknod(NULL, name, S_IFCHR | 0644, 0x103));
        break;
    default:
        file_make(name, choose(4));
    }
}

static void visit(const char *at, u32 depth, bool change)
{
    struct visitor *v = host_alloc(sizeof(*v));
    struct file *f;

    v->sink.emit = visitor_emit;
    if (!sane(file_open(NULL, at, O_RDONLY | O_DIRECTORY, 0, 0, &f))) {
        sane(f->ops->readdir(f, &v->sink));
        file_put(f);
    }
    for (u32 i = 0; i < v->count && visits_left; i++) {
        char name[200];

        visits_left--;
        snformat(name, sizeof(name), "%s/%s", at, v->names[i]);
        visit_name(name, depth, change);
    }
    if (change)
        change_in(at);
    kfree(v);
}

/* All */

int ext4_visit_mount(const char *source, const char *options, u32 flags)
{
    return sane(world_mount(source, "ext4", flags, options));
}

static void sync(void)
{
    struct path p;

    host_expect(path_lookup(NULL, "/m", WALK_FOLLOW, &p), 0);
    sane(p.mount->sb->ops->sync(p.mount->sb));
    path_put(&p);
}

void ext4_visit_fill(u64 (*below)(u64 n))
{
    choose = below;
    visits_left = 20;
    for (u32 n = 0; n < 3; n++) {
        visit("/m", DEPTH - 1, true);
        file_make("/m/filled", 4);
    }
    sync();
    change_in("/m");
    sync();
}

int ext4_visit(const char *source, const char *options, u32 flags, u64 (*below)(u64 n))
{
    struct statfs64 st;
    struct path p;
    int err = ext4_visit_mount(source, options, flags);

    if (err)
        return err;
    choose = below;
    visits_left = 60;
    host_expect(path_lookup(NULL, "/m", WALK_FOLLOW, &p), 0);
    sane(superblock_statfs(p.mount->sb, &st));
    path_put(&p);
    visit("/m", 0, !(flags & MS_RDONLY));
    if (choose(2))
        sync();
    visit("/m", DEPTH - 2, !(flags & MS_RDONLY));
    if (choose(2))
        sync();
    world_unmount();
    return 0;
}
