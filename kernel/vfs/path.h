// SPDX-License-Identifier: MIT
// Names: the dentry cache, mounts, and the walk from a path to an inode.
#pragma once
#include "vfs/inode.h"

#define DENTRY_SHORT_NAME 40

// One name in one directory. The hash holds a reference on each dentry in it, so an unused one
// has refs 1; a dentry pins its parent and its inode. A non-NULL inode stays while any other
// reference is held.
struct dentry {
    struct ref refs;
    bool hashed;            // (bucket lock)
    u8 used;                // (a) found since the clock came by
    u32 mounted;            // (a) mounts on it
    u32 missing;            // (a) dentries without an inode that have it for a parent
    struct superblock *sb;  // (c)
    struct dentry *parent;  // (tree lock and bucket lock to change); itself for a root
    struct name name;       // (as parent)
    struct inode *inode;    // (a) NULL: the name is known not to exist; set once, see above
    struct hnode hash_node; // (bucket lock)
    char short_name[DENTRY_SHORT_NAME]; // (as parent) name.text points here or to allocated memory
};

struct mount {
    struct ref refs;
    struct superblock *sb;  // (c)
    struct dentry *root;    // (c)
    struct mount *parent;   // (tree lock) NULL for the root of all and when detached
    struct dentry *point;   // (tree lock) where in the parent
    struct hnode hash_node; // (tree lock)
    struct list link;       // (mount lock) all mounts in order, for /proc/mounts
    u32 flags;              // (a) MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC...
    u32 id;                 // (c)
    char *source;           // (c) first column of /proc/mounts
    struct mount *copy;     // (mount lock) while the tree is copied
};

// What a process and those that share with it have mounted: a mount namespace.
struct mount_tree {
    struct ref refs;
    struct mount *root; // (mount lock) with the tree's reference
};

struct path {
    struct mount *mount;
    struct dentry *dentry;
};

void path_get(const struct path *p);
void path_put(const struct path *p);

static inline struct inode *path_inode(const struct path *p)
{
    return p->dentry->inode;
}

int path_may_write(const struct path *p); // 0 or -EROFS

enum {                  // walk flags
    WALK_FOLLOW = 1,    // follow a symbolic link in the last component
    WALK_DIRECTORY = 2, // the result must be a directory
    WALK_EMPTY = 4,     // an empty path means the starting point (AT_EMPTY_PATH)
    // As openat2(2) has them, shifted by WALK_RESOLVE_SHIFT.
    WALK_NO_XDEV = 8,   // no other mount: -EXDEV
    WALK_NO_MAGIC = 16, // no link of /proc that is no text: -ELOOP
    WALK_NO_LINKS = 32, // no link at all: -ELOOP
    WALK_BENEATH = 64,  // nothing but what is below the start: -EXDEV
    WALK_IN_ROOT = 128, // the start is the root
    WALK_CACHED = 256,  // only names that are known: -EAGAIN
};
#define WALK_RESOLVE_SHIFT 3

// Where a relative path starts: NULL = the working directory of the running thread.
// 0 and a path with references; -ENOENT -ENOTDIR -EACCES -ELOOP -ENAMETOOLONG -ENOMEM ...
int path_lookup(const struct path *start, const char *name, u32 flags, struct path *out);

// What `name` is in the directory that p is in; as path_lookup.
int path_beside(const struct path *p, const char *name, struct path *out);

// What a file system itself has by that name in its directory, whatever is mounted on it and
// whoever may search there; as path_lookup.
int path_child(const struct path *dir, const char *name, struct path *out);

// A child by name with the directory's lock held (read or write): a referenced dentry, negative
// when there is no such file; -ENOMEM and errors of lookup.
int dentry_lookup_locked(struct dentry *dir, const struct name *name, struct dentry **out);
static inline void dentry_get(struct dentry *d)
{
    ref_get(&d->refs);
}
void dentry_put(struct dentry *d);
void dentry_make_positive(struct dentry *d, struct inode *inode); // takes the inode reference
void dentry_unlinked(struct dentry *d); // becomes negative, or unhashed if others use it
// The two change places and names (rename); unless both live on, `to` leaves the cache. What it
// gave up for that, which is to be put (notify_put), or NULL.
struct inode *dentry_exchange(struct dentry *from, struct dentry *to, bool both);
// Until the lock is given up, the parent and the name stay.
struct spinlock *dentry_hold_place(const struct dentry *d);
bool dentry_is_unlinked(const struct dentry *d);
struct inode *dentry_parent_inode(struct dentry *d); // referenced
// Drops the cached names below dir that nobody uses (drop_caches).
void dcache_shrink(void);

// Operations on names, complete with permission checks, limits and cache updates; -errno as the
// manual page of the system call of that name.
int vfs_mknod(const struct path *start, const char *name, mode_t mode,
              dev_t dev); // also regular, FIFO
// A new name for a new file, of the type and with the rights of args->mode but for the umask.
// *made, if asked for: the file, with references.
int vfs_create(const struct path *start, const char *name, struct create_args *args,
               struct path *made);
int vfs_mksock(const char *name, mode_t mode, struct path *out); // for bind(2)
int vfs_mkdir(const struct path *start, const char *name, mode_t mode);
int vfs_symlink(const char *target, const struct path *start, const char *name);
int vfs_link(const struct path *old, const struct path *start, const char *name);
int vfs_unlink(const struct path *start, const char *name, bool directory);
int vfs_rename(const struct path *old_start, const char *old_name, const struct path *new_start,
               const char *new_name, u32 flags);
int vfs_readlink(const struct path *p, char *buf, size_t size); // length
int vfs_truncate(struct inode *inode, u64 size);

// The absolute path of p seen from the running thread's root, NUL-terminated in buf (" (deleted)"
// is appended for unlinked ones); length without NUL, -ENAMETOOLONG, -ENOENT (unreachable is
// "(unreachable)" prefix).
ssize_t path_to_text(const struct path *p, char *buf, size_t size);
ssize_t path_to_text_from(const struct path *root, const struct path *p, char *buf, size_t size);
// What of its file system is mounted: "/", or the directory that was bound.
ssize_t mount_root_text(const struct mount *m, char *buf, size_t size);

// The same for an open file: "pipe:[17]" and the like if it has no path.
ssize_t file_to_text(struct file *f, char *buf, size_t size);

// A path for an inode that has none (a pipe, seen through /proc/<pid>/fd); -ENOMEM.
int path_from_anon(struct inode *inode, const char *name, struct path *out);
extern struct mount *anon_mount; // (c) where such paths are

extern struct path root_path; // (c) after mount_root
int mount_root(struct superblock *sb, const char *source);
int mount_attach(struct superblock *sb, const struct path *at, const char *source, u32 flags);
int mount_detach(struct path *at, int flags); // umount2(2); *at moves to what is mounted on it
int vfs_mount(const char *source, const struct path *at, const char *type, u32 flags,
              const char *options); // mount(2)
// pivot_root(2), for the running thread and who shares its context.
int mount_pivot(const struct path *new, const struct path *put_old);
extern struct mount_tree *boot_mounts; // (c) after mount_root: what the first process sees
void mount_tree_put(struct mount_tree *t);
// Options as in the fourth column of /proc/mounts, "rw,nosuid,relatime".
void mount_flags_text(u32 flags, char *buf, size_t size);
// fn for each mount in order, with the mount lock held for reading, so that parents stay.
void mount_each(void (*fn)(struct mount *m, void *arg), void *arg);
int vfs_sync(void);
// Before the power goes: everything is written, and what can be is left as after an unmount.
void vfs_shutdown(void);

// Root, working directory and umask, shared by CLONE_FS.
struct fs_context {
    struct ref refs;
    struct spinlock lock;      // RANK_FS
    struct path root, cwd;     // (l)
    u32 umask;                 // (l)
    struct mount_tree *mounts; // (c) referenced
};
int fs_context_create(struct fs_context **out);                        // root and cwd = root_path
int fs_context_copy(struct fs_context *from, struct fs_context **out); // -ENOMEM
// The running thread's alone gets mounts of its own, as those it had; -EPERM -ENOMEM.
int fs_context_own_mounts(struct fs_context *fs);
void fs_context_get(struct fs_context *fs);
void fs_context_put(struct fs_context *fs);
void fs_context_set_cwd(struct fs_context *fs, const struct path *p); // takes its own references
void fs_context_set_root(struct fs_context *fs, const struct path *p);
// Of the running thread, with references; a kernel thread has root_path and no umask.
void fs_root_get(struct path *out);
void fs_cwd_get(struct path *out);
u32 fs_umask(void);

void vfs_init(void); // caches and tables; before anything else of this layer
