// SPDX-License-Identifier: MIT
// procfs: registered files at fixed places, and a directory for each process.
//
// Nothing is stored: a lookup makes an inode that says what it shows (kind, id, descriptor, entry),
// and the dentry cache keeps it while it is `valid`. Misses are not cached. A file's text is
// made when it is read from position 0, and kept with the open file for the reads that follow.
// Directories of fixed files are the prefixes of registered paths.
#include "abi/dirent.h"
#include "abi/errno.h"
#include "base/panic.h"
#include "fs/pseudo/pseudo.h"
#include "lib/format.h"
#include "lib/hash.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "vfs/registry.h"

#define PREFIX_MAX 48
#define FIRST_POS  2         // after "." and ".."
#define PID_POS    (1 << 20) // processes in the root directory follow from here
#define WRITE_MAX  PAGE_SIZE

enum kind {
    KIND_DIR,    // prefix; the root has ""
    KIND_FILE,   // a registered file
    KIND_SELF,   // link to <pid>
    KIND_THREAD, // link to <pid>/task/<tid>
    KIND_PID,
    KIND_TASKS, // task/
    KIND_TID,
    KIND_ENTRY, // of the source's tables
    KIND_FDS,   // fd/
    KIND_FD,
    KIND_FDINFOS, // fdinfo/
    KIND_FDINFO,
};

struct proc_inode {
    struct inode inode;
    u8 kind;                          // (c) enum kind
    pid_t id;                         // (c) process or thread
    int fd;                           // (c)
    const struct procfs_entry *entry; // (c)
    struct proc_file *file;           // (c)
    char prefix[PREFIX_MAX];          // (c) ends with '/' unless empty
};

static struct slab_cache *inode_cache; // (c)
static struct superblock *proc_sb;     // (c)
static const struct inode_ops dir_ops, file_ops_of_inode, self_ops, magic_ops, fd_ops;
static const struct file_ops dir_fops, text_fops;

static struct proc_inode *proc_inode(struct inode *i)
{
    return (struct proc_inode *)i;
}

/* Inodes */

static int proc_create(const struct proc_inode *model, mode_t mode, ino_t ino, struct inode **out)
{
    struct proc_inode *p = slab_alloc(inode_cache, 0);
    struct inode *i;

    if (!p)
        return -ENOMEM;
    *p = *model;
    i = &p->inode;
    inode_init(i, proc_sb, mode);
    i->ino = ino;
    i->fops = S_ISDIR(mode) ? &dir_fops : &text_fops;
    if (S_ISDIR(mode))
        i->nlink = 2;
    i->ops = S_ISDIR(mode) ? &dir_ops : &file_ops_of_inode;
    if (p->kind == KIND_SELF || p->kind == KIND_THREAD)
        i->ops = &self_ops;
    else if (p->kind == KIND_FD)
        i->ops = &fd_ops;
    else if (S_ISLNK(mode))
        i->ops = &magic_ops;
    if (p->id)
        procfs_source->owner(p->id, &i->uid, &i->gid);
    *out = i;
    return 0;
}

static void proc_evict(struct inode *i)
{
    vm_object_fini(&i->object);
    slab_free(inode_cache, i);
}

// Inode numbers: 1 is the root; fixed names by hash; the rest by id, kind and descriptor.
static ino_t ino_of_path(const char *path, size_t n)
{
    return 1UL << 62 | hash_bytes(path, n, 0);
}

static ino_t ino_of_id(pid_t id, enum kind kind, u32 index)
{
    return (u64)id << 30 | (u64)kind << 24 | (index & 0xffffff);
}

static struct file *file_of_fd(pid_t id, int fd)
{
    struct fdtable *t = procfs_source->files(id);
    struct file *f = NULL;
    int found = fd;

    if (!t)
        return NULL;
    f = fdtable_next(t, &found);
    if (f && found != fd) {
        file_put(f);
        f = NULL;
    }
    fdtable_put(t);
    return f;
}

static bool proc_valid(struct inode *i)
{
    struct proc_inode *p = proc_inode(i);
    struct file *f SCOPED(file_end) = NULL;

    if (!p->id)
        return true;
    if (!procfs_source->alive(p->id))
        return false;
    procfs_source->owner(p->id, &i->uid, &i->gid);
    if (p->kind != KIND_FD && p->kind != KIND_FDINFO)
        return true;
    f = file_of_fd(p->id, p->fd);
    return f != NULL;
}

/* Fixed places */

struct place {
    const char *prefix;
    const struct name *name; // lookup
    u64 index;               // readdir: which child is wanted
    struct proc_file *found;
    const char *rest; // of found's path, behind the prefix
    size_t length;    // of the component
    bool first;       // no earlier file has the same component
};

static bool same_component(const char *a, size_t n, const struct name *name)
{
    return n == name->length && !memcmp(a, name->text, n);
}

static void place_visit(struct proc_file *f, void *arg)
{
    struct place *p = arg;
    size_t n = strlen(p->prefix), length;
    const char *rest = f->path + n;

    if (strncmp(f->path, p->prefix, n))
        return;
    length = strchr(rest, '/') ? strchr(rest, '/') - rest : strlen(rest);
    if (p->found || (p->name ? !same_component(rest, length, p->name) : p->index-- != 0))
        return;
    p->found = f;
    p->rest = rest;
    p->length = length;
}

static int lookup_place(const char *prefix, const struct name *name, struct inode **out)
{
    struct place p = {.prefix = prefix, .name = name};
    struct proc_inode model = {.kind = KIND_FILE};
    size_t n;

    proc_each(place_visit, &p);
    if (!p.found)
        return -ENOENT;
    n = p.rest - p.found->path + p.length;
    if (p.rest[p.length] == '\0') {
        model.file = p.found;
        return proc_create(&model, S_IFREG | p.found->mode, ino_of_path(p.found->path, n), out);
    }
    if (n + 1 >= PREFIX_MAX)
        return -ENAMETOOLONG;
    model.kind = KIND_DIR;
    memcpy(model.prefix, p.found->path, n + 1);
    return proc_create(&model, S_IFDIR | 0555, ino_of_path(p.found->path, n), out);
}

// The child number `index` of a prefix; false behind the last. Repeated directories are empty
// names.
static bool place_child(const char *prefix, u64 index, struct place *out)
{
    struct place first = {.prefix = prefix};
    struct name name;

    *out = (struct place){.prefix = prefix, .index = index};
    proc_each(place_visit, out);
    if (!out->found)
        return false;
    name = (struct name){.text = out->rest, .length = out->length};
    first.name = &name;
    proc_each(place_visit, &first);
    out->first = first.found == out->found;
    return true;
}

/* Lookup */

static bool name_is(const struct name *n, const char *s)
{
    return n->length == strlen(s) && !memcmp(n->text, s, n->length);
}

// A decimal number without leading zeroes; -1 if it is none.
static s64 name_number(const struct name *n)
{
    char text[12];
    u64 value;

    if (n->length >= sizeof(text) || (n->text[0] == '0' && n->length > 1))
        return -1;
    memcpy(text, n->text, n->length);
    text[n->length] = '\0';
    return parse_u64(text, NULL, 10, &value) || value > INT32_MAX ? -1 : (s64)value;
}

static int lookup_root(struct proc_inode *dir, const struct name *name, struct inode **out)
{
    struct proc_inode model = {.kind = KIND_PID, .id = name_number(name)};

    if (!procfs_source)
        return -ENOENT;
    if (name_is(name, "self") || name_is(name, "thread-self")) {
        model.kind = name->length == 4 ? KIND_SELF : KIND_THREAD;
        model.id = 0;
        return proc_create(&model, S_IFLNK | 0777, ino_of_path(name->text, name->length), out);
    }
    if (model.id <= 0 || !procfs_source->alive(model.id))
        return -ENOENT;
    return proc_create(&model, S_IFDIR | 0555, ino_of_id(model.id, KIND_PID, 0), out);
}

static const struct procfs_entry *entries_of(const struct proc_inode *p)
{
    return p->kind == KIND_TID ? procfs_source->task_entries : procfs_source->entries;
}

// Directories in a process's directory; a thread's has no task/.
static const struct {
    const char *name;
    u8 kind;
    mode_t mode;
} process_dirs[] = {
    {"fd", KIND_FDS, S_IFDIR | 0500},
    {"fdinfo", KIND_FDINFOS, S_IFDIR | 0555},
    {"task", KIND_TASKS, S_IFDIR | 0555},
};

static unsigned process_dir_count(const struct proc_inode *p)
{
    return p->kind == KIND_TID ? 2 : 3;
}

static int lookup_process(struct proc_inode *dir, const struct name *name, struct inode **out)
{
    struct proc_inode model = {.id = dir->id};
    const struct procfs_entry *e = entries_of(dir);

    for (unsigned i = 0; i < process_dir_count(dir); i++) {
        model.kind = process_dirs[i].kind;
        if (name_is(name, process_dirs[i].name))
            return proc_create(&model, process_dirs[i].mode, ino_of_id(dir->id, model.kind, 0),
                               out);
    }
    while (e->name && !name_is(name, e->name))
        e++;
    if (!e->name)
        return -ENOENT;
    model.kind = KIND_ENTRY;
    model.entry = e;
    return proc_create(
        &model, e->mode,
        ino_of_id(dir->id, dir->kind == KIND_TID ? KIND_TID : KIND_ENTRY, e - entries_of(dir) + 1),
        out);
}

static int lookup_fd(struct proc_inode *dir, const struct name *name, struct inode **out)
{
    struct proc_inode model = {.id = dir->id, .fd = name_number(name)};
    struct file *f SCOPED(file_end) = model.fd < 0 ? NULL : file_of_fd(dir->id, model.fd);
    mode_t mode = S_IFREG | 0444;

    if (!f)
        return -ENOENT;
    model.kind = dir->kind == KIND_FDS ? KIND_FD : KIND_FDINFO;
    if (model.kind == KIND_FD)
        mode = S_IFLNK | 0100 | (f->mode & FILE_F_READ ? 0400 : 0) |
               (f->mode & FILE_F_WRITE ? 0200 : 0);
    return proc_create(&model, mode, ino_of_id(dir->id, model.kind, model.fd), out);
}

static int lookup_thread(struct proc_inode *dir, const struct name *name, struct inode **out)
{
    struct proc_inode model = {.kind = KIND_TID, .id = name_number(name)};
    pid_t id = model.id;

    if (id <= 0 || !procfs_source->thread_next(dir->id, &id) || id != model.id)
        return -ENOENT;
    return proc_create(&model, S_IFDIR | 0555, ino_of_id(id, KIND_TID, 0), out);
}

static int proc_lookup(struct inode *i, const struct name *name, struct inode **out)
{
    struct proc_inode *dir = proc_inode(i);
    int err = -ENOENT;

    switch (dir->kind) {
    case KIND_DIR:
        if (!*dir->prefix)
            err = lookup_root(dir, name, out);
        return err == -ENOENT ? lookup_place(dir->prefix, name, out) : err;
    case KIND_PID:
    case KIND_TID:
        return lookup_process(dir, name, out);
    case KIND_TASKS:
        return lookup_thread(dir, name, out);
    default:
        return lookup_fd(dir, name, out);
    }
}

/* readdir */

// Emits one entry and moves on; false when the sink is full.
static bool emit(struct file *f, struct dir_sink *sink, const char *name, size_t n, ino_t ino,
                 mode_t mode, loff_t next)
{
    if (!sink->emit(sink, name, n, ino, (mode & S_IFMT) >> 12, next))
        return false;
    f->pos = next;
    return true;
}

static bool emit_number(struct file *f, struct dir_sink *sink, u32 number, ino_t ino, mode_t mode,
                        loff_t next)
{
    char text[12];
    int n = snformat(text, sizeof(text), "%u", number);

    return emit(f, sink, text, n, ino, mode, next);
}

static bool emit_dots(struct file *f, struct dir_sink *sink)
{
    struct inode *parent;
    ino_t ino;

    if (f->pos == 0 && !emit(f, sink, ".", 1, f->inode->ino, S_IFDIR, 1))
        return false;
    if (f->pos != 1)
        return true;
    parent = dentry_parent_inode(f->path.dentry);
    ino = parent->ino;
    inode_put(parent);
    return emit(f, sink, "..", 2, ino, S_IFDIR, FIRST_POS);
}

static bool read_pids(struct file *f, struct dir_sink *sink)
{
    pid_t id = f->pos - PID_POS;

    for (; procfs_source->next(&id); id++)
        if (!emit_number(f, sink, id, ino_of_id(id, KIND_PID, 0), S_IFDIR, PID_POS + id + 1))
            return false;
    return true;
}

static bool read_places(struct file *f, struct dir_sink *sink, const char *prefix, u64 skip)
{
    struct place p;

    while (place_child(prefix, f->pos - skip, &p)) {
        bool is_dir = p.rest[p.length] == '/';

        if (!p.first)
            f->pos++;
        else if (!emit(f, sink, p.rest, p.length,
                       ino_of_path(p.found->path, p.rest - p.found->path + p.length),
                       is_dir ? S_IFDIR : S_IFREG, f->pos + 1))
            return false;
    }
    return true;
}

static bool read_root(struct file *f, struct dir_sink *sink)
{
    if (f->pos >= PID_POS)
        return read_pids(f, sink);
    if (f->pos == FIRST_POS &&
        !emit(f, sink, "self", 4, ino_of_path("self", 4), S_IFLNK, FIRST_POS + 1))
        return false;
    if (f->pos == FIRST_POS + 1 &&
        !emit(f, sink, "thread-self", 11, ino_of_path("thread-self", 11), S_IFLNK, FIRST_POS + 2))
        return false;
    if (!read_places(f, sink, "", FIRST_POS + 2))
        return false;
    f->pos = PID_POS + 1;
    return !procfs_source || read_pids(f, sink);
}

static bool read_process(struct file *f, struct dir_sink *sink, struct proc_inode *p)
{
    const struct procfs_entry *e = entries_of(p);
    u64 dirs = process_dir_count(p), at = f->pos - FIRST_POS, count = 0;

    while (e[count].name)
        count++;
    for (; at < dirs; at++)
        if (!emit(f, sink, process_dirs[at].name, strlen(process_dirs[at].name),
                  ino_of_id(p->id, process_dirs[at].kind, 0), S_IFDIR, FIRST_POS + at + 1))
            return false;
    for (; at - dirs < count; at++) {
        const struct procfs_entry *one = &e[at - dirs];

        if (!emit(f, sink, one->name, strlen(one->name),
                  ino_of_id(p->id, p->kind == KIND_TID ? KIND_TID : KIND_ENTRY, at - dirs + 1),
                  one->mode, FIRST_POS + at + 1))
            return false;
    }
    return true;
}

static bool read_fds(struct file *f, struct dir_sink *sink, struct proc_inode *p)
{
    struct fdtable *t = procfs_source->files(p->id);
    u8 kind = p->kind == KIND_FDS ? KIND_FD : KIND_FDINFO;
    int fd = f->pos - FIRST_POS;
    struct file *open;
    bool room = true;

    while (t && room && (open = fdtable_next(t, &fd))) {
        file_put(open);
        room = emit_number(f, sink, fd, ino_of_id(p->id, kind, fd),
                           kind == KIND_FD ? S_IFLNK : S_IFREG, FIRST_POS + fd + 1);
        fd++;
    }
    if (t)
        fdtable_put(t);
    return room;
}

static bool read_tasks(struct file *f, struct dir_sink *sink, struct proc_inode *p)
{
    pid_t tid = f->pos - FIRST_POS;

    for (; procfs_source->thread_next(p->id, &tid); tid++)
        if (!emit_number(f, sink, tid, ino_of_id(tid, KIND_TID, 0), S_IFDIR, FIRST_POS + tid + 1))
            return false;
    return true;
}

static int proc_readdir(struct file *f, struct dir_sink *sink)
{
    struct proc_inode *p = proc_inode(f->inode);

    if (f->pos < 0 || !emit_dots(f, sink))
        return 0;
    if (p->id && !procfs_source->alive(p->id))
        return -ENOENT;
    if (p->kind == KIND_PID || p->kind == KIND_TID)
        read_process(f, sink, p);
    else if (p->kind == KIND_TASKS)
        read_tasks(f, sink, p);
    else if (p->kind != KIND_DIR)
        read_fds(f, sink, p);
    else if (*p->prefix)
        read_places(f, sink, p->prefix, FIRST_POS);
    else
        read_root(f, sink);
    return 0;
}

/* Links */

static int self_readlink(struct inode *i, char *buf, size_t size)
{
    char text[40];
    pid_t pid = procfs_source->self();
    int n;

    if (!pid)
        return -ENOENT;
    if (proc_inode(i)->kind == KIND_SELF)
        n = snformat(text, sizeof(text), "%d", pid);
    else
        n = snformat(text, sizeof(text), "%d/task/%d", pid, procfs_source->self_thread());
    n = MIN((size_t)n, size);
    memcpy(buf, text, n);
    return n;
}

static int magic_follow(struct inode *i, struct path *out)
{
    struct proc_inode *p = proc_inode(i);

    return p->entry->link(p->id, out);
}

static int fd_follow(struct inode *i, struct path *out)
{
    struct file *f SCOPED(file_end) = file_of_fd(proc_inode(i)->id, proc_inode(i)->fd);

    if (!f)
        return -ENOENT;
    if (!f->path.mount)
        return path_from_anon(f->inode, f->anon_name, out);
    *out = f->path;
    path_get(out);
    return 0;
}

static int fd_readlink(struct inode *i, char *buf, size_t size)
{
    struct file *f SCOPED(file_end) = file_of_fd(proc_inode(i)->id, proc_inode(i)->fd);

    return f ? file_to_text(f, buf, size) : -ENOENT;
}

// Contents cannot be changed by attributes: O_TRUNC succeeds without effect.
static int proc_setattr(struct inode *i, const struct attr *a)
{
    return a->valid & (ATTR_MODE | ATTR_UID | ATTR_GID) ? -EPERM : 0;
}

static const struct inode_ops dir_ops = {
    .lookup = proc_lookup, .valid = proc_valid, .setattr = proc_setattr};
static const struct inode_ops file_ops_of_inode = {.valid = proc_valid, .setattr = proc_setattr};
static const struct inode_ops self_ops = {.readlink = self_readlink, .setattr = proc_setattr};
static const struct inode_ops magic_ops = {
    .follow = magic_follow, .valid = proc_valid, .setattr = proc_setattr};
static const struct inode_ops fd_ops = {
    .readlink = fd_readlink, .follow = fd_follow, .valid = proc_valid, .setattr = proc_setattr};
static const struct file_ops dir_fops = {.readdir = proc_readdir};

/* Text files */

struct open_text {
    struct mutex lock; // RANK_NONE: readers of one open file
    struct text text;  // (lock)
};

static int text_open(struct inode *i, struct file *f)
{
    struct open_text *o = kmalloc(sizeof(*o), ALLOC_ZERO);

    if (!o)
        return -ENOMEM;
    mutex_init(&o->lock, RANK_NONE);
    f->private = o;
    return 0;
}

static void text_release(struct file *f)
{
    struct open_text *o = f->private;

    kfree(o->text.data);
    kfree(o);
}

static int show_fdinfo(struct text *t, const struct proc_inode *p)
{
    struct file *f SCOPED(file_end) = file_of_fd(p->id, p->fd);

    if (!f)
        return -ENOENT;
    text_printf(t, "pos:\t%ld\nflags:\t0%o\nmnt_id:\t%u\nino:\t%lu\n", f->pos, f->flags,
                f->path.mount ? f->path.mount->id : 0, f->inode->ino);
    return 0;
}

static int text_make(struct text *t, const struct proc_inode *p)
{
    int err = -EINVAL;

    t->length = t->error = 0;
    if (p->kind == KIND_FDINFO)
        err = show_fdinfo(t, p);
    else if (p->kind == KIND_ENTRY && p->entry->show)
        err = p->entry->show(t, p->id);
    else if (p->kind == KIND_FILE && p->file->show)
        err = p->file->show(t, p->file->arg);
    return err ?: t->error;
}

static ssize_t text_read(struct file *f, struct uio *u, loff_t *pos)
{
    struct open_text *o = f->private;
    ssize_t n = 0;
    int err = 0;

    mutex_lock(&o->lock);
    if (*pos == 0 || !o->text.data)
        err = text_make(&o->text, proc_inode(f->inode));
    if (!err && *pos < o->text.length) {
        n = MIN(u->left, o->text.length - *pos);
        err = uio_put(u, o->text.data + *pos, n);
    }
    mutex_unlock(&o->lock);
    if (err)
        return err;
    *pos += n;
    return n;
}

static ssize_t text_write(struct file *f, struct uio *u, loff_t *pos)
{
    struct proc_inode *p = proc_inode(f->inode);
    size_t n = u->left;
    ssize_t result = -EINVAL;
    char small[32], *text = small;

    if (n >= WRITE_MAX)
        return -EINVAL;
    if (n >= sizeof(small))
        text = kmalloc(n + 1, 0);
    if (!text)
        return -ENOMEM;
    result = uio_get(u, text, n);
    text[n] = '\0';
    if (n && text[n - 1] == '\n')
        text[n - 1] = '\0';
    if (result)
        ; // no text
    else if (p->kind == KIND_ENTRY && p->entry->write)
        result = p->entry->write(text, strlen(text), p->id);
    else if (p->kind == KIND_FILE && p->file->write)
        result = p->file->write(text, strlen(text), p->file->arg);
    else
        result = -EINVAL;
    if (text != small)
        kfree(text);
    return result < 0 ? result : (ssize_t)n;
}

static const struct file_ops text_fops = {
    .open = text_open,
    .release = text_release,
    .read = text_read,
    .write = text_write,
};

/* Mounting: one superblock for all */

static int proc_mount(const char *source, const char *options, u32 flags, struct superblock **out)
{
    superblock_get(proc_sb);
    *out = proc_sb;
    return 0;
}

static struct fs_type proc_type = {.name = "proc", .mount = proc_mount};

void procfs_fs_init(void)
{
    static const struct superblock_ops ops = {.evict = proc_evict};
    static const struct proc_inode root = {.kind = KIND_DIR};

    inode_cache = slab_cache_create("proc_inode", sizeof(struct proc_inode), 8);
    verify(!superblock_create(&proc_sb, &proc_type, &ops));
    proc_sb->magic = PROC_SUPER_MAGIC;
    proc_sb->volatile_names = true;
    verify(!proc_create(&root, S_IFDIR | 0555, 1, &proc_sb->root));
    fs_register(&proc_type);
    sysinfo_init();
}
