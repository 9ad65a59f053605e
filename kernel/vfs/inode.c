// SPDX-License-Identifier: MIT
// Inodes: life, permission, attributes, and the count of writers that exec and open exclude.
#include "abi/capability.h"
#include "abi/errno.h"
#include "abi/mount.h"
#include "lib/string.h"
#include "vfs/internal.h"

#define DAY (24 * 3600 * NS_PER_SEC)

void inode_init(struct inode *i, struct superblock *sb, mode_t mode)
{
    *i = (struct inode){.sb = sb, .mode = mode, .nlink = 1};
    ref_init(&i->refs, 1);
    i->ino = atomic_fetch_add(&sb->next_ino, 1);
    i->atime = i->mtime = i->ctime = i->btime = clock_realtime();
    rwlock_init(&i->lock, RANK_INODE);
    vm_object_init(&i->object, NULL, i);
    i->object.container = &sb->errors;
    list_init(&i->locks);
}

void inode_get(struct inode *i)
{
    ref_get(&i->refs);
}

/* Ends. Who syncs finds no reference to an inode that is being written for the last time, so it
   waits for all ends that had begun. */

struct ending {
    const struct superblock *sb; // (c)
    struct list link;            // (endings_lock)
};

static struct spinlock endings_lock = SPINLOCK_INIT(RANK_DCACHE);
static struct list endings = LIST_INIT(endings);         // (endings_lock)
static struct wait_queue ended = WAIT_QUEUE_INIT(ended); // waits for endings

static void ending_insert(struct ending *e)
{
    spin_lock(&endings_lock);
    list_insert_tail(&endings, &e->link);
    spin_unlock(&endings_lock);
}

static void ending_remove(struct ending *e)
{
    spin_lock(&endings_lock);
    list_remove(&e->link);
    spin_unlock(&endings_lock);
}

// Drops a reference that may be the last.
static void inode_end(struct inode *i)
{
    struct ending e = {.sb = i->sb};

    ending_insert(&e);
    if (ref_put(&i->refs))
        e.sb->ops->evict(i);
    ending_remove(&e);
    wake_all(&ended);
}

// Whether an end of an inode of `sb` stands before `place`.
static bool endings_before(const struct superblock *sb, const struct ending *place)
{
    struct ending *e;
    bool found = false;

    spin_lock(&endings_lock);
    LIST_FOR_EACH (e, &endings, link) {
        if (e == place)
            break;
        found |= e->sb == sb;
    }
    spin_unlock(&endings_lock);
    return found;
}

int inodes_sync(struct superblock *sb)
{
    int err = vm_objects_sync(&sb->errors);
    struct ending place = {.sb = NULL};

    ending_insert(&place);
    wait_event(&ended, !endings_before(sb, &place), WAIT_UNINTERRUPTIBLE, NS_NEVER);
    ending_remove(&place);
    return err;
}

void inode_put(struct inode *i)
{
    if (!i->sb->ops->sync) {
        if (ref_put(&i->refs))
            i->sb->ops->evict(i);
    } else if (!ref_put_unless_last(&i->refs)) {
        inode_end(i);
    }
}

// Unmounting waits for the release, which may evict: not in a thread that the eviction may wait
// for.
bool inode_object_hold(struct vm_object *o)
{
    struct inode *i = o->owner;

    superblock_hold(i->sb);
    if (ref_get_unless_zero(&i->refs))
        return true;
    superblock_release(i->sb);
    return false;
}

void inode_object_release(struct vm_object *o)
{
    struct inode *i = o->owner;
    struct superblock *sb = i->sb;

    if (!thread_self()->no_write_back)
        inode_put(i);
    else if (!ref_put_unless_last(&i->refs)) {
        vm_object_release_later(o);
        return;
    }
    superblock_release(sb);
}

/* Permission */

static int permission_by_capability(const struct cred *c, const struct inode *i, u32 mask)
{
    bool searchable = S_ISDIR(i->mode) || (i->mode & 0111);

    if (cred_capable(c, CAP_DAC_OVERRIDE) && (!(mask & MAY_EXEC) || searchable))
        return 0;
    if (cred_capable(c, CAP_DAC_READ_SEARCH) &&
        (mask == MAY_READ || (S_ISDIR(i->mode) && !(mask & MAY_WRITE))))
        return 0;
    return -EACCES;
}

int inode_permission(struct inode *i, u32 mask)
{
    const struct cred *c = cred_self();
    u32 bits = i->mode;

    if (unlikely(i->ops->permission))
        return i->ops->permission(i, mask);
    if (c->fsuid == i->uid)
        bits >>= 6;
    else if ((bits & 070) != (bits & 07) << 3 && cred_in_group(c, i->gid))
        bits >>= 3;
    if (likely((bits & mask) == mask))
        return 0;
    return permission_by_capability(c, i, mask);
}

int inode_check_owner(struct inode *i)
{
    const struct cred *c = cred_self();

    return c->fsuid == i->uid || cred_capable(c, CAP_FOWNER) ? 0 : -EPERM;
}

/* Attributes */

int inode_stat(struct inode *i, struct linux_stat *out)
{
    out->st_dev = i->sb->dev;
    out->st_ino = i->ino;
    out->st_mode = i->mode;
    out->st_nlink = i->nlink;
    out->st_uid = i->uid;
    out->st_gid = i->gid;
    out->st_rdev = i->rdev;
    out->pad1 = 0;
    out->st_size = load_relaxed(&i->size);
    out->st_blksize = i->sb->block_size;
    out->pad2 = 0;
    out->st_blocks = i->blocks + i->object.page_count * (PAGE_SIZE / 512);
    out->st_atime = file_time_split(i->atime, &out->st_atime_nsec);
    out->st_mtime = file_time_split(i->mtime, &out->st_mtime_nsec);
    out->st_ctime = file_time_split(i->ctime, &out->st_ctime_nsec);
    memset(out->unused, 0, sizeof(out->unused));
    return i->ops->getattr ? i->ops->getattr(i, out) : 0;
}

void inode_drop_set_id(struct inode *i)
{
    if (unlikely(i->mode & (S_ISUID | S_ISGID)) && !cred_capable(cred_self(), CAP_FSETID))
        i->mode &= ~(S_ISUID | (i->mode & S_IXGRP ? S_ISGID : 0));
}

static void setattr_owner(struct inode *i, const struct attr *a)
{
    if (a->valid & ATTR_UID)
        i->uid = a->uid;
    if (a->valid & ATTR_GID)
        i->gid = a->gid;
    if (a->valid & (ATTR_UID | ATTR_GID) && S_ISREG(i->mode))
        i->mode &= ~(S_ISUID | (i->mode & S_IXGRP ? S_ISGID : 0));
    if (a->valid & ATTR_MODE)
        i->mode = (i->mode & S_IFMT) | (a->mode & S_IALLUGO);
}

static void setattr_generic(struct inode *i, const struct attr *a)
{
    setattr_owner(i, a);
    if (a->valid & ATTR_SIZE && !i->ops->setattr) {
        store_relaxed(&i->size, a->size);
        vm_object_truncate(&i->object, a->size);
    }
    if (a->valid & ATTR_SIZE) {
        i->mtime = clock_realtime();
        inode_drop_set_id(i);
    }
    if (a->valid & ATTR_ATIME)
        i->atime = a->atime;
    if (a->valid & ATTR_MTIME)
        i->mtime = a->mtime;
    i->ctime = a->valid & ATTR_CTIME ? a->ctime : clock_realtime();
}

int inode_setattr(struct inode *i, const struct attr *attr)
{
    struct attr a = *attr;
    int err = 0;

    write_lock(&i->lock);
    if (a.permitted)
        err = a.permitted(i, &a);
    if (!err && i->ops->setattr)
        err = i->ops->setattr(i, &a);
    if (!err) {
        setattr_generic(i, &a);
        err = inode_changed(i);
    }
    write_unlock(&i->lock);
    return err;
}

// relatime: a read is noted if nothing was noted since the last change, or for a day.
static void touch_atime(struct inode *i)
{
    ns_t now;

    if (load_relaxed(&i->sb->flags) & MS_RDONLY)
        return;
    now = clock_realtime();
    if (file_time_after(i->atime, i->mtime) && file_time_after(i->atime, i->ctime) &&
        file_time_after(i->atime + DAY, now))
        return;
    store_relaxed(&i->atime, now);
    inode_changed(i);
}

void inode_touch_atime(const struct path *p, struct inode *i)
{
    u32 flags = p->mount ? load_relaxed(&p->mount->flags) : 0;

    if (!(flags & (MS_RDONLY | MS_NOATIME)) && !(flags & MS_NODIRATIME && S_ISDIR(i->mode)))
        touch_atime(i);
}

void inode_touch_mtime(struct inode *i)
{
    i->mtime = i->ctime = clock_realtime();
}

void inode_touch_ctime(struct inode *i)
{
    i->ctime = clock_realtime();
}

/* Writers: a positive count of files open for writing, or a negative one of denials */

static int writers_add(struct inode *i, s32 step)
{
    u32 old;

    do {
        old = load_relaxed(&i->writers);
        if (step > 0 ? (s32)old < 0 : (s32)old > 0)
            return -ETXTBSY;
    } while (!atomic_cas(&i->writers, old, old + step));
    return 0;
}

int inode_get_write(struct inode *i)
{
    return writers_add(i, 1);
}

void inode_put_write(struct inode *i)
{
    atomic_fetch_sub(&i->writers, 1);
}

int inode_deny_write(struct inode *i)
{
    return writers_add(i, -1);
}

void inode_allow_write(struct inode *i)
{
    atomic_fetch_add(&i->writers, 1);
}
