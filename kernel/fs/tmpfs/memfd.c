// SPDX-License-Identifier: MIT
// memfd_create(2), and seals: what may never again be done to a file, by anybody (fcntl(2)).
//
// A memfd is a file of a tmpfs that is mounted nowhere, made with the first of them. Seals are set
// under the inode's lock, under which sizes change and files are written. F_SEAL_WRITE is set under
// the lock of the list of mappings that has none to write; a shared mapping's first store to each
// page asks for it once more, so that one that is just being made does not outlast it.
// F_SEAL_FUTURE_WRITE leaves the mappings that are there alone.
#include "abi/errno.h"
#include "abi/mman.h"
#include "fs/tmpfs/internal.h"
#include "lib/format.h"
#include "lib/string.h"

#define PREFIX  "memfd:"
#define WRITES  (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)
#define ALL     (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | WRITES | F_SEAL_EXEC)
#define X_RIGHT 0111

/* Seals */

static bool can_be_sealed(const struct file *f)
{
    return S_ISREG(f->inode->mode) && f->inode->sb->magic == TMPFS_MAGIC;
}

int tmpfs_seals_get(const struct file *f)
{
    return can_be_sealed(f) ? load_relaxed(&f->inode->seals) : -EINVAL;
}

static int seals_add_locked(struct inode *i, u32 seals)
{
    if (i->seals & F_SEAL_SEAL)
        return -EPERM;
    if (seals & F_SEAL_EXEC && i->mode & X_RIGHT)
        seals |= F_SEAL_SHRINK | F_SEAL_GROW | WRITES; // what can be executed stays as it is
    if (seals & F_SEAL_WRITE & ~i->seals)
        return vm_object_seal(&i->object, &i->seals, seals) ? 0 : -EBUSY;
    store_release(&i->seals, i->seals | seals);
    return 0;
}

int tmpfs_seals_add(struct file *f, u32 seals)
{
    int err;

    if (!(f->mode & FILE_F_WRITE))
        return -EPERM;
    if (seals & ~ALL || !can_be_sealed(f))
        return -EINVAL;
    write_lock(&f->inode->lock);
    err = seals_add_locked(f->inode, seals);
    write_unlock(&f->inode->lock);
    return err;
}

int tmpfs_seals_size(const struct inode *i, u64 size)
{
    u32 forbids = size < i->size ? F_SEAL_SHRINK : size > i->size ? F_SEAL_GROW : 0;

    return load_relaxed(&i->seals) & forbids ? -EPERM : 0;
}

int tmpfs_seals_write(const struct inode *i)
{
    return load_acquire(&i->seals) & WRITES ? -EPERM : 0;
}

int tmpfs_seals_store(const struct inode *i)
{
    return load_acquire(&i->seals) & F_SEAL_WRITE ? -EPERM : 0;
}

int tmpfs_seals_mode(const struct inode *i, mode_t mode)
{
    return i->seals & F_SEAL_EXEC && (mode ^ i->mode) & X_RIGHT ? -EPERM : 0;
}

/* memfd_create */

static struct superblock *memfd_sb; // (memfd_lock) of all of them
static struct mutex memfd_lock = MUTEX_INIT(memfd_lock, RANK_SUPER);

static int superblock_have(struct superblock **out)
{
    int err = 0;

    mutex_lock(&memfd_lock);
    if (!memfd_sb)
        err = tmpfs_create("size=0,nr_inodes=0,mode=700", &memfd_sb);
    *out = memfd_sb;
    mutex_unlock(&memfd_lock);
    return err;
}

static int memfd_inode(u32 flags, struct inode **out)
{
    const struct cred *cred = thread_self()->cred;
    struct create_args args = {.mode = S_IFREG | (flags & MFD_NOEXEC_SEAL ? 0666 : 0777),
                               .uid = cred->fsuid,
                               .gid = cred->fsgid};
    struct superblock *sb;
    int err = superblock_have(&sb) ?: tmpfs_inode_create(sb, &args, out);

    if (err)
        return err;
    (*out)->nlink = 0;
    (*out)->seals = flags & MFD_NOEXEC_SEAL     ? F_SEAL_EXEC
                    : flags & MFD_ALLOW_SEALING ? 0
                                                : F_SEAL_SEAL;
    return 0;
}

int tmpfs_memfd(const char *name, u32 flags, struct file **out)
{
    char text[sizeof("/" PREFIX " (deleted)") + MEMFD_NAME_MAX];
    struct inode *inode;
    struct path path;
    int err = memfd_inode(flags, &inode);

    if (err)
        return err;
    snformat(text, sizeof(text), "/" PREFIX "%s (deleted)", name);
    err = path_from_anon(inode, text, &path);
    inode_put(inode);
    return err ?: file_open_path(&path, O_RDWR, out);
}
