// SPDX-License-Identifier: MIT
// Root, working directory and umask of a process.
#include "abi/errno.h"
#include "mm/slab.h"
#include "vfs/internal.h"

static struct slab_cache *context_cache; // (c)

void vfs_init(void)
{
    context_cache = slab_cache_create("fs_context", sizeof(struct fs_context), 8);
    dcache_init();
    mount_init();
    files_init();
}

static int context_create(const struct path *root, const struct path *cwd, u32 umask,
                          struct mount_tree *mounts, struct fs_context **out)
{
    struct fs_context *fs = slab_alloc(context_cache, 0);

    if (!fs)
        return -ENOMEM;
    ref_init(&fs->refs, 1);
    spin_init(&fs->lock, RANK_FS);
    fs->root = *root;
    fs->cwd = *cwd;
    fs->umask = umask;
    fs->mounts = mounts;
    ref_get(&mounts->refs);
    *out = fs;
    return 0;
}

int fs_context_create(struct fs_context **out)
{
    int err = context_create(&root_path, &root_path, 022, boot_mounts, out);

    if (!err) {
        path_get(&root_path);
        path_get(&root_path);
    }
    return err;
}

int fs_context_copy(struct fs_context *from, struct fs_context **out)
{
    struct path root, cwd;
    int err;

    spin_lock(&from->lock);
    root = from->root;
    cwd = from->cwd;
    path_get(&root);
    path_get(&cwd);
    spin_unlock(&from->lock);
    err = context_create(&root, &cwd, from->umask, from->mounts, out);
    if (err) {
        path_put(&root);
        path_put(&cwd);
    }
    return err;
}

void fs_context_get(struct fs_context *fs)
{
    ref_get(&fs->refs);
}

void fs_context_put(struct fs_context *fs)
{
    if (!ref_put(&fs->refs))
        return;
    path_put(&fs->root);
    path_put(&fs->cwd);
    mount_tree_put(fs->mounts);
    slab_free(context_cache, fs);
}

static void context_replace(struct fs_context *fs, struct path *slot, const struct path *p)
{
    struct path old;

    path_get(p);
    spin_lock(&fs->lock);
    old = *slot;
    *slot = *p;
    spin_unlock(&fs->lock);
    path_put(&old);
}

void fs_context_set_cwd(struct fs_context *fs, const struct path *p)
{
    context_replace(fs, &fs->cwd, p);
}

void fs_context_set_root(struct fs_context *fs, const struct path *p)
{
    context_replace(fs, &fs->root, p);
}

// A context with one reference is the running thread's alone: only /proc reads it besides.
static void context_path_get(bool root, struct path *out)
{
    struct fs_context *fs = thread_self()->fs;
    bool shared = fs && !ref_is_last(&fs->refs);

    if (unlikely(shared))
        spin_lock(&fs->lock);
    *out = !fs ? root_path : root ? fs->root : fs->cwd;
    path_get(out);
    if (unlikely(shared))
        spin_unlock(&fs->lock);
}

void fs_root_get(struct path *out)
{
    context_path_get(true, out);
}

void fs_cwd_get(struct path *out)
{
    context_path_get(false, out);
}

u32 fs_umask(void)
{
    struct fs_context *fs = thread_self()->fs;

    return fs ? load_relaxed(&fs->umask) : 0;
}
