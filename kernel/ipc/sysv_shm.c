// SPDX-License-Identifier: MIT
// System V shared memory: segments that are mapped like files.
//
// A segment has a memory object and a nameless file. Every area that maps the segment refers to the
// file, so the attachments are counted by the file's references: forks, exits and split areas need
// nothing of their own. The segment itself has one reference until it is removed; when the last one
// goes the file's release takes the segment out of the table.
//
// Limit: an attachment that ends with its process leaves detach time and pid as they are.
#include "abi/capability.h"
#include "abi/errno.h"
#include "ipc/sysv_private.h"
#include "mm/slab.h"
#include "vm/space.h"

struct shm {
    struct ipc_object ipc;
    struct vm_object *object; // (c) referenced
    struct file *file;        // (c) referenced until SHM_DEST
    u64 size;                 // (c) bytes
    s64 atime, dtime;         // (l)
    pid_t last;               // (l)
};

static struct ipc_table shms;
static u64 all_pages; // (a) of all segments

static struct shm *shm_of(struct ipc_object *o)
{
    return container_of(o, struct shm, ipc);
}

static u64 shm_pages(const struct shm *s)
{
    return DIV_ROUND_UP(s->size, PAGE_SIZE);
}

/* Life */

// Nothing refers to the file any more: the segment was removed, and is mapped nowhere.
static void shm_release(struct file *f)
{
    struct shm *s = f->private;

    mutex_lock(&s->ipc.lock);
    s->ipc.removed = true;
    mutex_unlock(&s->ipc.lock);
    atomic_fetch_sub(&all_pages, shm_pages(s));
    ipc_remove(&shms, &s->ipc);
}

static const struct file_ops shm_file_ops = {.release = shm_release};

static bool is_shm(const struct file *f)
{
    return f->ops == &shm_file_ops;
}

static int shm_alloc(u64 size, struct shm **out)
{
    struct shm *s = kmalloc(sizeof(*s), ALLOC_ZERO);
    int err;

    if (!s)
        return -ENOMEM;
    s->size = size;
    err = vm_object_create(&s->object, ALIGN_UP(size, PAGE_SIZE));
    if (!err) {
        err = file_create_anon(&shm_file_ops, "/SYSV:shm", NULL, O_RDWR, s, &s->file);
        if (err)
            vm_object_put(s->object);
    }
    if (err)
        kfree(s);
    else
        *out = s;
    return err;
}

static int shm_create(const struct ipc_request *r, struct ipc_object **out)
{
    u64 pages = DIV_ROUND_UP(r->size, PAGE_SIZE);
    struct shm *s;
    int err;

    if (!r->size || r->size > load_relaxed(&ipc_limits.shmmax))
        return -EINVAL;
    if (r->flags & SHM_HUGETLB)
        return -ENOMEM; // there are no reserved huge pages
    if (atomic_fetch_add(&all_pages, pages) + pages > load_relaxed(&ipc_limits.shmall))
        err = -ENOSPC;
    else
        err = shm_alloc(r->size, &s);
    if (err)
        atomic_fetch_sub(&all_pages, pages);
    else
        *out = &s->ipc;
    return err;
}

static int shm_check(struct ipc_object *o, u64 size)
{
    return size > shm_of(o)->size ? -EINVAL : 0;
}

static void shm_destroy(struct ipc_object *o)
{
    struct shm *s = shm_of(o);

    vm_object_put(s->object);
    kfree(s);
}

static struct ipc_table shms = {.create = shm_create, .check = shm_check, .destroy = shm_destroy};

s64 shm_get(s32 key, u64 size, u32 flags, pid_t pid)
{
    struct ipc_request r = {key, flags, size, load_relaxed(&ipc_limits.shmmni), pid};

    return ipc_get(&shms, &r);
}

int shm_remove(s32 id)
{
    struct ipc_object *o;
    bool first;
    int err = ipc_find_owned(&shms, id, &o);

    if (err)
        return err;
    first = !(o->mode & SHM_DEST);
    o->mode |= SHM_DEST;
    mutex_unlock(&o->lock);
    if (first) {
        ipc_forget_key(&shms, o);
        file_put(shm_of(o)->file);
    }
    ipc_put(&shms, o);
    return 0;
}

/* Attaching */

static int attach_args(struct shm *s, uaddr_t addr, u32 flags, struct vm_map_args *m)
{
    *m = (struct vm_map_args){
        .addr = addr,
        .length = s->size,
        .prot = PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE),
        .flags = AREA_SHARED | (flags & SHM_RDONLY ? 0 : AREA_MAYWRITE),
        .fixed = addr != 0,
        .noreplace = !(flags & SHM_REMAP),
        .object = s->object,
        .file = s->file,
    };
    if (flags & SHM_EXEC)
        m->prot |= PROT_EXEC;
    if (flags & SHM_RND)
        m->addr = ALIGN_DOWN(addr, PAGE_SIZE);
    if (!IS_ALIGNED(m->addr, PAGE_SIZE) || (flags & SHM_REMAP && !m->addr))
        return -EINVAL;
    m->fixed = m->addr != 0;
    return 0;
}

s64 shm_attach(s32 id, uaddr_t addr, u32 flags, pid_t pid)
{
    u32 mode = flags & SHM_RDONLY ? 0444 : 0666;
    struct vm_map_args m;
    struct ipc_object *o;
    uaddr_t start;
    int err = ipc_find_permitted(&shms, id, false, flags & SHM_EXEC ? mode | 0111 : mode, &o);

    if (err)
        return err;
    err = attach_args(shm_of(o), addr, flags, &m);
    if (!err && !ref_get_unless_zero(&m.file->refs))
        err = -EIDRM;
    mutex_unlock(&o->lock);
    if (!err) {
        err = vm_map(thread_self()->space, &m, &start);
        err = err == -EEXIST ? -EINVAL : err;
        mutex_lock(&o->lock);
        if (!err) {
            shm_of(o)->atime = ipc_now();
            shm_of(o)->last = pid;
        }
        mutex_unlock(&o->lock);
        file_put(m.file);
    }
    ipc_put(&shms, o);
    return err ? err : (s64)start;
}

int shm_detach(uaddr_t addr, pid_t pid)
{
    struct file *f;
    struct shm *s;
    int err;

    if (!IS_ALIGNED(addr, PAGE_SIZE))
        return -EINVAL;
    err = vm_detach(thread_self()->space, addr, is_shm, &f);
    if (err)
        return err;
    s = f->private;
    mutex_lock(&s->ipc.lock);
    s->dtime = ipc_now();
    s->last = pid;
    mutex_unlock(&s->ipc.lock);
    file_put(f);
    return 0;
}

/* Control */

// References of areas: the segment's own is none.
static u64 attachments(const struct shm *s)
{
    return load_relaxed(&s->file->refs.count) - !(s->ipc.mode & SHM_DEST);
}

s64 shm_stat(s32 id, bool by_index, bool any, struct shmid64_ds *out)
{
    struct ipc_object *o;
    struct shm *s;
    int err = ipc_find_permitted(&shms, id, by_index, any ? 0 : 0444, &o);

    if (err)
        return err;
    s = shm_of(o);
    *out = (struct shmid64_ds){.shm_segsz = s->size,
                               .shm_atime = s->atime,
                               .shm_dtime = s->dtime,
                               .shm_ctime = o->changed,
                               .shm_cpid = s->ipc.creator,
                               .shm_lpid = s->last,
                               .shm_nattch = attachments(s)};
    return ipc_stat_end(&shms, o, by_index, &out->shm_perm);
}

int shm_set(s32 id, const struct ipc64_perm *perm)
{
    return ipc_set(&shms, id, perm);
}

// There is no swap: a segment's pages stay anyway.
int shm_lock(s32 id, bool on, bool may)
{
    const struct cred *c = thread_self()->cred;
    struct ipc_object *o;
    int err = ipc_find(&shms, id, false, &o);

    if (err)
        return err;
    if (!cred_capable(c, CAP_IPC_LOCK) &&
        ((c->euid != o->uid && c->euid != o->cuid) || (on && !may)))
        err = -EPERM;
    else
        o->mode = on ? o->mode | SHM_LOCKED : o->mode & ~SHM_LOCKED;
    ipc_unlock_put(&shms, o);
    return err;
}

static void add_resident(struct text *sum, struct ipc_object *o)
{
    sum->length += load_relaxed(&shm_of(o)->object->page_count);
}

s64 shm_info(struct shm_info *out)
{
    struct text sum = {0};

    if (!out)
        return ipc_highest(&shms);
    ipc_show(&shms, &sum, add_resident);
    *out = (struct shm_info){.used_ids = load_relaxed(&shms.used),
                             .shm_tot = load_relaxed(&all_pages),
                             .shm_rss = sum.length};
    return ipc_highest(&shms);
}

static void show_line(struct text *t, struct ipc_object *o)
{
    struct shm *s = shm_of(o);

    text_printf(
        t, "%10d %10d  %4o %21lu %5u %5u  %5lu %5u %5u %5u %5u %10lu %10lu %10lu %21lu %21lu\n",
        o->key, o->id, o->mode, s->size, s->ipc.creator, s->last, attachments(s), o->uid, o->gid,
        o->cuid, o->cgid, s->atime, s->dtime, o->changed,
        load_relaxed(&s->object->page_count) * PAGE_SIZE, 0UL);
}

int shm_show(struct text *t)
{
    text_printf(
        t, "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  "
           "cuid  cgid      atime      dtime      ctime                   rss                  "
           "swap\n");
    return ipc_show(&shms, t, show_line);
}

void shm_init(void)
{
    ipc_table_init(&shms);
}
