// SPDX-License-Identifier: MIT
// File-system types and superblocks: their registry and their life.
#include "abi/errno.h"
#include "abi/limits.h"
#include "abi/mount.h"
#include "buf/buf.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "vfs/internal.h"

static struct spinlock superblocks_lock = SPINLOCK_INIT(RANK_DCACHE); // both lists
static struct list superblocks = LIST_INIT(superblocks);
static struct list types = LIST_INIT(types);                   // grows only
static u32 next_dev = 1;                                       // (a)
static struct wait_queue released = WAIT_QUEUE_INIT(released); // superblocks without holds

void fs_register(struct fs_type *type)
{
    spin_lock(&superblocks_lock);
    list_insert_tail(&types, &type->link);
    spin_unlock(&superblocks_lock);
}

struct fs_type *fs_find(const char *name)
{
    struct fs_type *t, *found = NULL;

    spin_lock(&superblocks_lock);
    LIST_FOR_EACH (t, &types, link)
        if (!strcmp(t->name, name))
            found = t;
    spin_unlock(&superblocks_lock);
    return found;
}

void fs_each(void (*fn)(struct fs_type *type, void *arg), void *arg)
{
    struct fs_type *t;

    LIST_FOR_EACH (t, &types, link)
        fn(t, arg);
}

int options_each(const char *text, int (*fn)(void *arg, const char *key, const char *value),
                 void *arg)
{
    char word[64], *equals;
    int err = 0;

    while (!err && text && *text) {
        const char *end = strchr(text, ',');
        size_t n = end ? end - text : strlen(text);

        if (n >= sizeof(word))
            return -EINVAL;
        memcpy(word, text, n);
        word[n] = '\0';
        equals = strchr(word, '=');
        if (equals)
            *equals++ = '\0';
        if (n)
            err = fn(arg, word, equals);
        text += n + (end != NULL);
    }
    return err;
}

int superblock_create(struct superblock **out, const struct fs_type *type,
                      const struct superblock_ops *ops)
{
    struct superblock *sb = kmalloc(sizeof(*sb), ALLOC_ZERO);

    if (!sb)
        return -ENOMEM;
    if (type->needs_device && inode_cache_create(sb)) {
        kfree(sb);
        return -ENOMEM;
    }
    ref_init(&sb->refs, 1);
    sb->ops = ops;
    sb->type = type->name;
    sb->dev = makedev(0, atomic_fetch_add(&next_dev, 1));
    sb->next_ino = 1;
    sb->block_size = PAGE_SIZE;
    mutex_init(&sb->rename_lock, RANK_RENAME);
    spin_lock(&superblocks_lock);
    list_insert_tail(&superblocks, &sb->link);
    spin_unlock(&superblocks_lock);
    *out = sb;
    return 0;
}

void superblock_destroy(struct superblock *sb)
{
    spin_lock(&superblocks_lock);
    list_remove(&sb->link);
    spin_unlock(&superblocks_lock);
    inotify_unmounted(sb);
    dcache_shrink_superblock(sb);
    if (sb->root_dentry)
        dentry_put(sb->root_dentry);
    if (sb->root)
        inode_put(sb->root);
    wait_event(&released, !load_acquire(&sb->holds), WAIT_UNINTERRUPTIBLE, NS_NEVER);
    if (sb->ops->unmount)
        sb->ops->unmount(sb);
    kfree(sb->inodes);
    kfree(sb);
}

void superblock_hold(struct superblock *sb)
{
    atomic_fetch_add(&sb->holds, 1U);
}

void superblock_release(struct superblock *sb)
{
    if (atomic_fetch_sub(&sb->holds, 1U) == 1)
        wake_all(&released);
}

void superblock_put(struct superblock *sb)
{
    if (ref_put(&sb->refs))
        superblock_destroy(sb);
}

// Callers hold the mount lock, or nobody else knows the superblock yet.
int superblock_root(struct superblock *sb, struct dentry **out)
{
    int err = 0;

    if (!sb->root_dentry) {
        err = dentry_create_lone(sb, NULL, sb->root, "", &sb->root_dentry);
        if (!err)
            inode_get(sb->root);
    }
    *out = sb->root_dentry;
    return err;
}

struct superblock *superblock_next(struct superblock *prev)
{
    struct superblock *sb;

    spin_lock(&superblocks_lock);
    sb = prev ? list_next(&superblocks, prev, link)
              : list_first(&superblocks, struct superblock, link);
    while (sb && !ref_get_unless_zero(&sb->refs))
        sb = list_next(&superblocks, sb, link);
    spin_unlock(&superblocks_lock);
    if (prev)
        superblock_put(prev);
    return sb;
}

int superblock_statfs(struct superblock *sb, struct statfs64 *out)
{
    *out = (struct statfs64){
        .f_type = sb->magic,
        .f_bsize = sb->block_size,
        .f_frsize = sb->block_size,
        .f_namelen = NAME_MAX,
        .f_fsid = {(s32)sb->dev, (s32)(sb->dev >> 32)},
    };
    return sb->ops->statfs ? sb->ops->statfs(sb, out) : 0;
}

void vfs_shutdown(void)
{
    struct superblock *sb = NULL;

    vfs_sync();
    while ((sb = superblock_next(sb)))
        if (sb->ops->remount && !(sb->flags & MS_RDONLY))
            sb->ops->remount(sb, sb->flags | MS_RDONLY, NULL);
}

int vfs_sync(void)
{
    struct superblock *sb = NULL;
    int err = 0, one;

    while ((sb = superblock_next(sb))) {
        one = sb->ops->sync ? sb->ops->sync(sb) : 0;

        err = err ?: one;
    }
    one = buf_sync_all();
    return err ?: one;
}

int fs_source_device(const char *source, u32 flags, struct block_device **out)
{
    struct path p SCOPED(path_end) = {0};
    struct inode *i;
    int err = source ? -ENOENT : -EINVAL;

    if (source && root_path.dentry)
        err = path_lookup(NULL, source, WALK_FOLLOW, &p);
    i = err ? NULL : path_inode(&p);
    *out = NULL;
    if (err == -ENOENT && !strncmp(source, "/dev/", 5))
        *out = block_find_name(source + 5);
    else if (!err && S_ISBLK(i->mode))
        *out = block_find(i->rdev);
    else if (!err)
        return -ENOTBLK;
    if (*out)
        return (*out)->read_only && !(flags & MS_RDONLY) ? -EACCES : 0;
    return err ? err : -ENXIO;
}
