// SPDX-License-Identifier: MIT
// Inodes and file systems: what a file system implements.
#pragma once
#include "abi/stat.h"
#include "abi/statfs.h"
#include "abi/time.h"
#include "base/cred.h"
#include "lib/hlist.h"
#include "lib/list.h"
#include "sync/mutex.h"
#include "vm/object.h"

struct inode;
struct file;
struct file_ops;
struct superblock;
struct path;
struct dentry;

struct name { // one path component, not NUL-terminated
    const char *text;
    u32 length; // 1..255
    u32 hash;   // of text, see name_hash_step in vfs/internal.h
};

enum { // which members of struct attr are set
    ATTR_MODE = 1,
    ATTR_UID = 2,
    ATTR_GID = 4,
    ATTR_SIZE = 8,
    ATTR_ATIME = 16,
    ATTR_MTIME = 32,
    ATTR_CTIME = 64,
};

// Times of files: nanoseconds since 1970, modulo 2^64, of which the last 2^31 seconds are those
// before 1970. So they hold all that 34 bits of seconds from 1901 on can tell, as ext4 has them.
#define FILE_TIME_FIRST (-(1L << 31))                      // seconds: 1901-12-13 20:45:52
#define FILE_TIME_LAST  (FILE_TIME_FIRST + (1L << 34) - 1) // 2446-05-10 22:38:55

static inline ns_t file_time(s64 seconds, u32 nanoseconds)
{
    return seconds * NS_PER_SEC + nanoseconds;
}

static inline ns_t file_time_since_first(ns_t t)
{
    return t - file_time(FILE_TIME_FIRST, 0);
}

static inline bool file_time_after(ns_t a, ns_t b)
{
    return file_time_since_first(a) > file_time_since_first(b);
}

// The seconds.
static inline s64 file_time_split(ns_t t, u64 *nanoseconds)
{
    ns_t since = file_time_since_first(t);

    *nanoseconds = since % NS_PER_SEC;
    return (s64)(since / NS_PER_SEC) + FILE_TIME_FIRST;
}

struct attr {
    u32 valid; // ATTR_*
    mode_t mode;
    uid_t uid;
    gid_t gid;
    u64 size;
    ns_t atime, mtime, ctime; // file_time()
    // Whether the running thread may do it, or less of it; NULL: it may. The inode's lock is held,
    // so that it is the owner of the moment who decides.
    int (*permitted)(struct inode *inode, struct attr *attr);
};

// What create makes: mode has the S_IF type.
struct create_args {
    mode_t mode;
    dev_t rdev;         // device nodes
    const char *target; // symbolic links, NUL-terminated
    const void *more;   // message queues: struct mq_attr, or NULL
    uid_t uid;
    gid_t gid;
};

// All are called with the directory's (for link, rename, unlink also the victim's) lock held for
// writing except lookup (held for reading) and readlink, getattr (not held). May sleep. `out`
// inodes carry a reference. Missing members mean -EPERM (directories' changes) or a generic default
// (setattr, getattr).
struct inode_ops {
    int (*lookup)(struct inode *dir, const struct name *name, struct inode **out); // -ENOENT
    int (*create)(struct inode *dir, const struct name *name, const struct create_args *args,
                  struct inode **out); // the name is known to be free
    int (*link)(struct inode *dir, const struct name *name, struct inode *target);
    int (*unlink)(struct inode *dir, const struct name *name,
                  struct inode *victim); // dirs: empty, else -ENOTEMPTY
    // `victim` is what new_name is now, or NULL; flags RENAME_EXCHANGE (NOREPLACE is done above).
    int (*rename)(struct inode *old_dir, const struct name *old_name, struct inode *moved,
                  struct inode *new_dir, const struct name *new_name, struct inode *victim,
                  u32 flags);
    int (*readlink)(struct inode *inode, char *buf,
                    size_t size); // length (not NUL-terminated); -errno
    // A magic link (/proc/<pid>/exe, fd/N): the place itself, with references; NULL member: text
    // link.
    int (*follow)(struct inode *inode, struct path *out);
    // Already permitted. Changes the size itself; the other attributes are stored by the caller
    // after it.
    int (*setattr)(struct inode *inode, const struct attr *attr);
    int (*getattr)(struct inode *inode,
                   struct linux_stat *out); // fills on top of the generic answer
    bool (*valid)(
        struct inode *inode); // false: a cached name for it must be looked up again (procfs)
    int (*permission)(struct inode *inode, u32 mask); // instead of the mode bits
    int (*tmpfile)(struct inode *dir, const struct create_args *args,
                   struct inode **out); // O_TMPFILE
    const struct xattr_ops *xattr;      // (c) NULL: no extended attributes
};

// Extended attributes, by full name ("user.x"). Already permitted; the inode's lock is held, for
// set for writing. -EOPNOTSUPP: no attributes with such a prefix.
struct xattr_ops {
    // The length; -ENODATA, -ERANGE if it is more than `size`. size 0: only the length.
    int (*get)(struct inode *inode, const char *name, void *value, size_t size);
    // value NULL removes. flags: XATTR_CREATE, XATTR_REPLACE. -EEXIST, -ENODATA, -ENOSPC, ...
    int (*set)(struct inode *inode, const char *name, const void *value, size_t size, int flags);
    // Names, each with its NUL: their length; as get.
    int (*list)(struct inode *inode, char *names, size_t size);
};

struct inode {
    struct ref refs;
    u32 nlink;                   // (lock)
    const struct inode_ops *ops; // (c)
    const struct file_ops *fops; // (c) of regular files and directories; device nodes resolve rdev
    struct superblock *sb;       // (c)
    ino_t ino;                   // (c)
    mode_t mode;                 // (lock) type bits (c)
    uid_t uid;                   // (lock)
    gid_t gid;                   // (lock)
    dev_t rdev;                  // (c)
    u64 size;                    // (lock for writing; read with load_relaxed)
    u64 blocks;                  // (lock) 512-byte units; generic: pages of the object
    ns_t atime, mtime, ctime, btime; // (lock) file_time()
    struct rwlock lock;              // RANK_INODE
    struct vm_object object;         // pages of regular files
    u32 writers;       // (a) open for writing (ETXTBSY) minus exec denials, see inode_deny_write
    void *pipe;        // (lock) FIFO state; a socket's name: who is bound to it (unix_mutex)
    struct list locks; // advisory locks (vfs/flock.c)
    void *private;     // file system's
    struct hnode cache_node; // (cache bucket) see inode_cache_find
    u8 seals;                // (lock) F_SEAL_*, never taken off; of files of tmpfs
    bool linkable;           // (lock) nlink is 0 but link(2) may name it (O_TMPFILE)
    bool watched;            // (inotify_lock; read anywhere) somebody is told of it (inotify.c)
};

struct superblock_ops {
    // The last reference to the inode is gone: free it (and, if nlink is 0, its storage). May
    // sleep.
    void (*evict)(struct inode *inode);
    // Attributes changed outside of the file system's own operations (times, owner, mode; after a
    // write the size), to be written before fsync returns. The inode's lock may be held. NULL:
    // free.
    int (*dirty)(struct inode *inode);
    // New MS_* flags and options of a mounted file system; NULL: only the mount's flags change.
    int (*remount)(struct superblock *sb, u32 flags, const char *options);
    int (*statfs)(struct superblock *sb, struct statfs64 *out);
    int (*sync)(struct superblock *sb);     // NULL: nothing to write
    void (*unmount)(struct superblock *sb); // frees sb->private
};

struct superblock {
    struct ref refs;                  // mounts, and whoever iterates
    u32 holds;                        // (a) unmounting waits until there are none
    u32 writers;                      // (a) regular files open for writing, or to be deleted
    const struct superblock_ops *ops; // (c)
    const char *type;                 // (c) "tmpfs"
    dev_t dev;                        // (c) anonymous device number
    u64 next_ino;                     // (a) for file systems in memory
    struct inode *root;               // (c) referenced
    struct inode_bucket *inodes;      // (c) the inode cache, or NULL: a file system in memory
    struct mutex rename_lock;         // RANK_RENAME
    u32 flags;                        // (a) MS_RDONLY...
    u32 magic;                        // (c) statfs f_type
    u32 block_size;                   // (c)
    bool whole_seconds;               // (c) as times are stored, until 2038
    bool volatile_names; // (c) names appear unasked (procfs): misses are not remembered
    void *private;
    struct dentry *root_dentry; // (c) after the first mount, referenced
    u32 dentry_count;           // (a)
    struct write_errors errors; // of its inodes
    struct list link;           // (superblocks_lock)
};

struct fs_type {
    const char *name;
    // A mounted superblock with its root; source and options may be NULL; -EINVAL, -ENOMEM, ...
    int (*mount)(const struct fs_type *type, const char *source, const char *options, u32 flags,
                 struct superblock **out);
    bool needs_device; // for /proc/filesystems; it has an inode cache
    struct list link;
};

// The block device that a mount's source names: a device node's path, or "/dev/vda" before there
// are any. -EINVAL (no source), -ENOENT, -ENOTBLK, -ENXIO, -EACCES (to be written, but it is
// read-only). Who mounts it calls buf_device_open.
struct block_device;
int fs_source_device(const char *source, u32 flags, struct block_device **out);

// fn for each word of a mount's options, "key=value,word" or NULL; without a value it is NULL. The
// first error of fn; -EINVAL for words of 64 bytes or more.
int options_each(const char *text, int (*fn)(void *arg, const char *key, const char *value),
                 void *arg);

void fs_register(struct fs_type *type);
struct fs_type *fs_find(const char *name);
void fs_each(void (*fn)(struct fs_type *type, void *arg), void *arg);

int superblock_create(struct superblock **out, const struct fs_type *type,
                      const struct superblock_ops *ops); // with dev; -ENOMEM
// Frees one that was never mounted (its root inode, if set, is put).
void superblock_destroy(struct superblock *sb);
static inline void superblock_get(struct superblock *sb)
{
    ref_get(&sb->refs);
}
void superblock_put(struct superblock *sb);                      // the last unmounts; may sleep
int superblock_root(struct superblock *sb, struct dentry **out); // not referenced; -ENOMEM
// Between them an inode may be evicted; any context, release from where evicting may sleep.
void superblock_hold(struct superblock *sb);
void superblock_release(struct superblock *sb);
// The next superblock with a reference, after `prev` whose reference is put; NULL at the end.
struct superblock *superblock_next(struct superblock *prev);
int superblock_statfs(struct superblock *sb, struct statfs64 *out); // statfs(2) without mount flags

// Fills the common part: refs 1, nlink 1, times now, lock, object, ino from sb->next_ino.
void inode_init(struct inode *i, struct superblock *sb, mode_t mode);
void inode_get(struct inode *i);
void inode_put(struct inode *i);
// For a file system's sync: writes what is changed of all its inodes, and waits for those that are
// just being written for the last time. 0 or the first error.
int inodes_sync(struct superblock *sb);

// An attribute changed, see superblock_ops.dirty.
static inline int inode_changed(struct inode *i)
{
    return i->sb->ops->dirty ? i->sb->ops->dirty(i) : 0;
}
// For vm_object_ops of inodes' objects.
bool inode_object_hold(struct vm_object *o);
void inode_object_release(struct vm_object *o);

// The inode cache of a superblock, by number: what file systems on a device find inodes in.
// find: a reference, or NULL and in *ticket what insert has to know; waits while the inode is being
// evicted, so nothing that eviction needs (a journal handle) may be held.
struct inode *inode_cache_find(struct superblock *sb, ino_t ino, u32 *ticket);
// Whether one is there, or on its way out. Does not wait.
bool inode_cache_has(const struct superblock *sb, ino_t ino);
// Enters an inode just read. False: by now another is there, or was: discard it and find again.
bool inode_cache_insert(struct inode *i, u32 ticket);
void inode_cache_remove(struct inode *i); // at the end of evict, before it is freed

// 0 or -EACCES: mask of MAY_*; for the running thread's credentials.
enum { MAY_EXEC = 1, MAY_WRITE = 2, MAY_READ = 4 };
int inode_permission(struct inode *i, u32 mask);
// getxattr(2) and its like, complete with permission checks; lengths or -errno. No write permission
// of the mount is asked for.
int inode_xattr_get(struct inode *i, const char *name, void *value, size_t size);
int inode_xattr_set(struct inode *i, const char *name, const void *value, size_t size, int flags);
int inode_xattr_list(struct inode *i, char *names, size_t size);
// For xattr_ops.list: adds a name at *used (size 0: only counts). -ERANGE.
int xattr_list_add(char *names, size_t size, size_t *used, const char *prefix, const char *name,
                   size_t length);
// A generic stat answer, then ops->getattr.
int inode_stat(struct inode *i, struct linux_stat *out);
// chmod, chown, truncate, utimes; takes the lock. Permission is asked for by attr->permitted.
int inode_setattr(struct inode *i, const struct attr *attr);
// relatime, of a read by a path in its mount (NULL: in none), unless the flags of the mount or the
// superblock forbid it.
void inode_touch_atime(const struct path *p, struct inode *i);
void inode_touch_mtime(struct inode *i); // mtime and ctime; lock held
// New contents take the set-user-id bits, unless who makes them is privileged; lock held.
void inode_drop_set_id(struct inode *i);
void inode_touch_ctime(struct inode *i); // lock held
// 0 or -EPERM: the running thread owns the inode or has CAP_FOWNER.
int inode_check_owner(struct inode *i);

// ETXTBSY: exec denies writing, writers deny exec. 0 or -ETXTBSY.
int inode_get_write(struct inode *i);
void inode_put_write(struct inode *i);
int inode_deny_write(struct inode *i);
void inode_allow_write(struct inode *i);
