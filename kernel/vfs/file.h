// SPDX-License-Identifier: MIT
// Open files and descriptor tables.
#pragma once
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "vfs/path.h"
#include "vm/uio.h"

struct file;
struct poll_table;
struct dir_sink;
struct text;

// Calls on an open file; may sleep. Missing members: read/write -EINVAL, readdir -ENOTDIR,
// ioctl -ENOTTY, poll always ready, mmap -ENODEV, fsync -EINVAL, seek: generic (FILE_F_SEEKABLE) or
// -ESPIPE.
struct file_ops {
    int (*open)(struct inode *inode, struct file *file); // after permission checks
    // The last reference is gone.
    void (*release)(struct file *file);
    // Bytes moved at *pos (advanced by the callee), 0 = end, -errno; -EAGAIN when O_NONBLOCK or
    // u->flags & RWF_NOWAIT.
    ssize_t (*read)(struct file *file, struct uio *u, loff_t *pos);
    ssize_t (*write)(struct file *file, struct uio *u, loff_t *pos);
    // Emits entries from file->pos on; 0 at the end.
    int (*readdir)(struct file *file, struct dir_sink *sink);
    loff_t (*seek)(struct file *file, loff_t offset, int whence);
    s64 (*ioctl)(struct file *file, u32 cmd, u64 arg);
    // Ready POLL* bits now; if table is not NULL registers its queues with poll_wait first.
    u32 (*poll)(struct file *file, struct poll_table *table);
    // The object to map; prot and AREA_* flags are checked against the mode already.
    int (*mmap)(struct file *file, struct vm_object **out);
    int (*fsync)(struct file *file, bool data_only);
    int (*fallocate)(struct file *file, int mode, loff_t offset, loff_t length);
    // A close() of one descriptor (POSIX locks, flush); not the last reference.
    void (*flush)(struct file *file);
    // What /proc/<pid>/fdinfo says of it besides.
    void (*show)(struct file *file, struct text *t);
    bool signals; // O_ASYNC: what wakes its pollers sends SIGIO
    bool nowait;  // read and write obey RWF_NOWAIT
};

enum { // file.mode
    FILE_F_READ = 1,
    FILE_F_WRITE = 2,
    FILE_F_SEEKABLE = 4,
    FILE_F_PATH = 8,     // O_PATH
    FILE_F_WRITER = 16,  // counts in inode->writers
    FILE_F_PROGRAM = 32, // a running program's file: denies writing until released
};

// As open flags: a regular file for execve. MAY_EXEC is asked for instead of MAY_READ, readable
// only by the kernel, FILE_F_PROGRAM (-ETXTBSY while it is open for writing, -EACCES if not a
// regular file).
#define FILE_OPEN_EXEC (1U << 30)

struct file {
    struct ref refs;
    u32 flags;                  // (a) O_* status flags that F_GETFL returns
    u32 mode;                   // (c) FILE_F_*
    const struct file_ops *ops; // (c)
    loff_t pos;                 // (pos_lock when shared)
    struct mutex pos_lock;      // RANK_NONE: taken only when the file is shared
    struct path path;           // (c) mount may be NULL for pipes, sockets, anonymous inodes
    struct inode *inode;        // (c) referenced
    struct vm_object *object;   // (c) its pages: the inode's, unless open() has set another
    void *private;              // ops'
    struct sigio *sigio;        // (a) proc/sigio.c; set once
    u32 error_seen;             // (a) write errors of `object` that it was told of
    u32 sb_error_seen;          // (a) those of its superblock
    struct hlist watches;       // (ipc/epoll.c) epolls' items for it
    const char *anon_name;      // (c) "pipe", "anon_inode:[eventfd]", for /proc/<pid>/fd
};

// Opens a path: permission checks, O_CREAT O_EXCL O_TRUNC O_DIRECTORY O_NOFOLLOW O_PATH O_TMPFILE;
// -errno.
int file_open(const struct path *start, const char *name, u32 flags, mode_t mode, u32 walk_flags,
              struct file **out);
// Status flags change, whatever others change meanwhile.
void file_flags_change(struct file *f, u32 clear, u32 set);
// Opens what is there already and asks for no permission; takes over the references of *p.
int file_open_path(const struct path *p, u32 flags, struct file **out);
// A file without a name: pipes, eventfd, ports. The inode reference is taken over (NULL: a shared
// anonymous inode).
int file_create_anon(const struct file_ops *ops, const char *name, struct inode *inode, u32 flags,
                     void *private, struct file **out);
static inline void file_get(struct file *f)
{
    ref_get(&f->refs);
}
void file_destroy(struct file *f);
static inline void file_put(struct file *f)
{
    if (ref_put(&f->refs))
        file_destroy(f);
}

// On a variable: end(&variable) runs where its scope ends, on every way out of it. A file that is
// NULL, or a path without a dentry, is passed over.
#define SCOPED(end) __attribute__((cleanup(end)))
static inline void file_end(struct file **f)
{
    if (likely(*f != NULL))
        file_put(*f);
}
static inline void path_end(struct path *p)
{
    if (p->dentry)
        path_put(p);
}

// read(2)/write(2) on a file at its own position, or at *pos for pread/pwrite.
ssize_t file_read(struct file *f, struct uio *u);
ssize_t file_write(struct file *f, struct uio *u);
ssize_t file_pread(struct file *f, struct uio *u, loff_t pos);
ssize_t file_pwrite(struct file *f, struct uio *u, loff_t pos);
// fsync(2), fdatasync(2): the file's own; its error, or first, once, that of a write-back which
// lost something.
int file_fsync(struct file *f, bool data_only);
// syncfs(2): the same for the file system that the file is on. What the write-back of an inode
// lost that is not in memory any more is told here alone.
int file_syncfs(struct file *f);
loff_t file_seek(struct file *f, loff_t offset, int whence);
// Reads and writes of kernel memory, by the kernel: whatever the file's mode is.
ssize_t file_read_kernel(struct file *f, void *buf, size_t n, loff_t pos);
ssize_t file_write_kernel(struct file *f, const void *buf, size_t n, loff_t pos);
// Generic ops over inode->object for regular files of file systems in memory or with a filled
// object.
ssize_t generic_file_read(struct file *f, struct uio *u, loff_t *pos);
ssize_t generic_file_write(struct file *f, struct uio *u, loff_t *pos);
// The same by `fn`, which writes as many bytes below `limit` as it likes and advances *pos; the
// inode is locked. -EFAULT: the next bytes of user memory are to be made present. No file grows to
// more than `max` bytes.
typedef ssize_t file_write_fn(struct file *f, struct uio *u, loff_t *pos, u64 limit);
ssize_t generic_file_write_by(struct file *f, struct uio *u, loff_t *pos, u64 max,
                              file_write_fn *fn);
// Such a function: into the inode's pages. Its attributes change, and nobody is told.
ssize_t generic_write_pages(struct file *f, struct uio *u, loff_t *pos, u64 limit);
int generic_file_mmap(struct file *f, struct vm_object **out);
loff_t generic_file_seek(struct file *f, loff_t offset, int whence); // also SEEK_DATA, SEEK_HOLE

// getdents64 and the like: emit returns false when the buffer is full (the entry was not taken).
struct dir_sink {
    bool (*emit)(struct dir_sink *sink, const char *name, size_t length, ino_t ino, u8 dt_type,
                 loff_t next_pos);
};

// Descriptor tables, shared by CLONE_FILES.
struct fdtable {
    struct ref refs;
    struct spinlock lock; // RANK_FDTABLE
    struct file **files;  // (l)
    u64 *open, *cloexec;  // (l) bitmaps
    u32 size;             // (l) capacity
    u32 next;             // (l) lowest descriptor that may be free
};

int fdtable_create(struct fdtable **out);
int fdtable_copy(struct fdtable *from, struct fdtable **out); // -ENOMEM
#define FDTABLE_MAX (1U << 20)                                // descriptors of one table
void fdtable_get(struct fdtable *t);
void fdtable_put(struct fdtable *t); // the last closes all
void fdtable_close_exec(struct fdtable *t);

struct file *fd_get_shared(struct fdtable *t, u32 fd, u32 refused);
static inline struct file *fd_get_but(u32 fd, u32 refused)
{
    struct fdtable *t = thread_self()->files;
    struct file *f;

    if (unlikely(!ref_is_last(&t->refs)))
        return fd_get_shared(t, fd, refused);
    f = likely(fd < t->size) ? t->files[fd] : NULL;
    if (unlikely(!f || f->mode & refused))
        return NULL;
    file_get(f);
    return f;
}
// The file of a descriptor of the running thread with a reference (file_put it); NULL: -EBADF.
// O_PATH files are returned only by fd_get_any.
static inline struct file *fd_get(int fd)
{
    return fd_get_but(fd, FILE_F_PATH);
}
static inline struct file *fd_get_any(int fd)
{
    return fd_get_but(fd, 0);
}
// Lowest free descriptor >= from below the limit, reserved (not visible yet); -EMFILE, -ENOMEM.
int fd_reserve(u32 from, u64 limit, bool cloexec);
void fd_install(int fd, struct file *f); // takes over the reference
void fd_unreserve(int fd);
// Reserve + install; takes over the reference, also on error.
int fd_add(struct file *f, bool cloexec);
int fd_close(int fd); // -EBADF
int fd_dup_to(struct file *f, int fd, u64 limit,
              bool cloexec); // dup3; takes over the reference on success
// close_range(2): closes them, or has execve do it.
void fd_close_range(u32 first, u32 last, bool cloexec);
bool fd_get_cloexec(int fd);
void fd_set_cloexec(int fd, bool on);
// For /proc/<pid>/fd: whether one is open at *fd or after it; which, and its FILE_F_*. It takes no
// reference: that might become the last, and its caller may hold an inode's lock, under which no
// file may end.
bool fdtable_next(struct fdtable *t, u32 *fd, u32 *mode);

// RLIMIT_NOFILE of the running process; set by proc/ (default 1024).
extern u64 (*fd_limit_hook)(void);
// RLIMIT_FSIZE: no byte is written and no file grows at or past it (-EFBIG); set by proc/.
extern u64 (*file_size_limit_hook)(void);

// Set by ipc/: the file goes, and nobody watches it any more.
extern void (*file_unwatch_hook)(struct file *f);
// Set by proc/: the file goes, and tells nobody by signal any more.
extern void (*file_sigio_end_hook)(struct file *f);

// The generic layer's start for *at calls: dirfd and AT_FDCWD. `out` has references (put it if 0 is
// returned and out->dentry is not NULL). An absolute name needs no descriptor. -EBADF, -ENOTDIR.
int fd_start_path(int dirfd, const char *name, struct path *out);
