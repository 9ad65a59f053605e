// SPDX-License-Identifier: MIT
// The upper half of the kernel for scenarios, and its user memory.
#include "world.h"
#include "arch/irq.h"
#include "buf/buf.h"
#include "disk.h"
#include "fs/tmpfs/tmpfs.h"
#include "ipc/pipe.h"

static int no_victim(void)
{
    return -ENOMEM;
}

static int sync_data(struct file *f)
{
    return f->ops->fsync ? file_fsync(f, true) : 0;
}

void world_setup(void)
{
    struct superblock *sb;

    vm_hooks.file_get = file_get;
    vm_hooks.file_put = file_put;
    vm_hooks.file_sync = sync_data;
    vm_hooks.out_of_memory = no_victim;

    vm_init();
    vfs_init();
    pipe_init();
    tmpfs_init();
    verify(!tmpfs_create("mode=755", &sb));
    verify(!mount_root(sb, "tmpfs"));
    verify(!fs_context_create(&thread_self()->fs));
}

void world_setup_disks(void (*fs_init)(void))
{
    world_setup();
    buf_init();
    fs_init();
    host_expect(vfs_mkdir(NULL, "/m", 0755), 0);
}

struct disk *world_disk_create(const char *name, u64 size)
{
    struct disk *d = disk_create(name, size / SECTOR_SIZE, SECTOR_SIZE);
    struct buf_cache *c;

    verify(!buf_cache_get(&d->block, &c));
    return d;
}

int world_mount(const char *source, const char *type, u32 flags, const char *options)
{
    struct path at;
    int err = path_lookup(NULL, "/m", WALK_FOLLOW, &at);

    if (err)
        return err;
    err = vfs_mount(source, &at, type, flags, options);
    path_put(&at);
    return err;
}

void world_unmount(void)
{
    struct path at;
    int err;

    do
        err = path_lookup(NULL, "/m", WALK_FOLLOW, &at);
    while (err == -ENOMEM);
    host_expect(err, 0);
    host_expect(mount_detach(&at, 0), 0);
    path_put(&at);
}

void world_space_set(struct vm_space *s)
{
    irqflags_t irq = irq_save();

    thread_self()->space = s;
    mmu_space_switch(s ? &s->mmu : NULL);
    irq_restore(irq);
}

uaddr_t world_user_begin(u64 size)
{
    struct vm_map_args args = {
        .length = size, .prot = PROT_READ | PROT_WRITE, .flags = AREA_MAYWRITE};
    u32 fail_nth = arch_self()->fail_nth;
    struct vm_space *s;
    uaddr_t at;

    arch_self()->fail_nth = 0;
    verify(!vm_space_create(&s) && !vm_map(s, &args, &at));
    arch_self()->fail_nth = fail_nth;
    world_space_set(s);
    return at;
}

void world_user_end(void)
{
    struct vm_space *s = thread_self()->space;

    host_join();
    world_space_set(NULL);
    vm_space_check(s);
    vm_space_put(s);
}

ssize_t world_read(struct file *f, uaddr_t to, size_t n)
{
    struct uio u;

    uio_init_user(&u, to, n);
    return file_read(f, &u);
}

ssize_t world_write(struct file *f, uaddr_t from, size_t n)
{
    struct uio u;

    uio_init_user(&u, from, n);
    return file_write(f, &u);
}

ssize_t world_pwrite(struct file *f, void *bytes, size_t n, u64 at)
{
    struct uio u;

    uio_init_kernel(&u, bytes, n);
    return file_pwrite(f, &u, at);
}

int world_file_make(const char *path, u64 size)
{
    static u8 bytes[1024];
    struct file *f;
    int err = file_open(NULL, path, O_RDWR | O_CREAT, 0600, 0, &f);

    if (err)
        return err;
    for (u64 at = 0; !err && at < size; at += sizeof(bytes))
        err = MIN(world_pwrite(f, bytes, sizeof(bytes), at), 0L);
    file_put(f);
    return err;
}
