// SPDX-License-Identifier: MIT
// devfs: one tmpfs, mounted wherever "devtmpfs" is asked for, with a node for each device.
//
// Names may have directories in them ("rv/stdin"). Nodes can be removed and made like files.
#include "abi/errno.h"
#include "abi/statfs.h"
#include "base/log.h"
#include "fs/pseudo/pseudo.h"
#include "fs/tmpfs/tmpfs.h"
#include "lib/string.h"
#include "vfs/registry.h"

static struct superblock *devfs; // (c) one reference is kept
static struct path devfs_root;   // (c) on a mount that is attached nowhere
static struct mount devfs_mount;

// Makes the directories on the way to `name`.
static int make_parents(const char *name)
{
    const char *slash = name;
    char prefix[64];
    int err = 0;

    while (!err && (slash = strchr(slash, '/'))) {
        if (slash - name >= sizeof(prefix))
            return -ENAMETOOLONG;
        strlcpy(prefix, name, slash - name + 1);
        err = vfs_mkdir(&devfs_root, prefix, 0755);
        err = err == -EEXIST ? 0 : err;
        slash++;
    }
    return err;
}

static void node_add(struct device *d)
{
    struct attr attr = {.valid = ATTR_MODE, .mode = d->mode};
    struct path p;
    int err = make_parents(d->name)
                  ?: vfs_mknod(&devfs_root, d->name, d->mode, d->dev)
                  ?: path_lookup(&devfs_root, d->name, 0, &p);

    if (!err) { // whatever the umask of the thread is
        err = inode_setattr(path_inode(&p), &attr);
        path_put(&p);
    }
    if (err)
        log_info("devfs: no node for %s: error %d", d->name, -err);
}

static int devfs_mount_again(const struct fs_type *type, const char *source, const char *options,
                             u32 flags, struct superblock **out)
{
    superblock_get(devfs);
    *out = devfs;
    return 0;
}

static struct fs_type devfs_type = {.name = "devtmpfs", .mount = devfs_mount_again};

static int devfs_populate(void)
{
    static const struct {
        const char *name, *target;
    } links[] = {
        {"fd", "/proc/self/fd"},
        {"stdin", "/proc/self/fd/0"},
        {"stdout", "/proc/self/fd/1"},
        {"stderr", "/proc/self/fd/2"},
    };
    int err = vfs_mkdir(&devfs_root, "pts", 0755) ?: vfs_mkdir(&devfs_root, "shm", 01777);

    for (unsigned i = 0; !err && i < ARRAY_SIZE(links); i++)
        err = vfs_symlink(links[i].target, &devfs_root, links[i].name);
    return err;
}

void devfs_init(void)
{
    int err = tmpfs_create("mode=755", &devfs);

    if (!err) {
        devfs->type = "devtmpfs";
        err = superblock_root(devfs, &devfs_root.dentry);
    }
    if (!err) {
        devfs_mount.sb = devfs;
        devfs_mount.root = devfs_root.dentry;
        devfs_mount.source = "devtmpfs";
        ref_init(&devfs_mount.refs, 1);
        devfs_root.mount = &devfs_mount;
        err = devfs_populate();
    }
    if (err) {
        log_info("devfs: error %d", -err);
        return;
    }
    device_watch(node_add);
    fs_register(&devfs_type);
}
