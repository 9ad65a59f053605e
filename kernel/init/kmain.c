// SPDX-License-Identifier: MIT
// Boot: every subsystem in the order in which it comes up. Read this file first.

#include "abi/errno.h"
#include "abi/mount.h"
#include "arch/irq.h"
#include "arch/mmu.h"
#include "arch/smp.h"
#include "arch/upcalls.h"
#include "base/clock.h"
#include "base/devicetree.h"
#include "base/log.h"
#include "base/panic.h"
#include "block/fault.h"
#include "buf/buf.h"
#include "drivers/drivers.h"
#include "drivers/ramdisk.h"
#include "drivers/virtio/virtio_console.h"
#include "fs/ext4/ext4.h"
#include "fs/initramfs.h"
#include "fs/mqueue/mqueue.h"
#include "fs/pseudo/devpts.h"
#include "fs/pseudo/pseudo.h"
#include "fs/tmpfs/tmpfs.h"
#include "fs/xv6fs/xv6fs.h"
#include "ipc/futex.h"
#include "ipc/pipe.h"
#include "ipc/sysv.h"
#include "ipc/unix.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/process.h"
#include "sched/sched.h"
#include "sync/workqueue.h"
#include "syscall/trace.h"
#include "tty/console.h"
#include "tty/pty.h"
#include "vfs/socket.h"
#include "vm/space.h"

#define DTB_MAX (1UL << 20) // bytes of device tree that are looked at

// A loader that puts the archive at a fixed place may do so without looking where RAM ends.
static void initrd_check(const struct phys_range *initrd)
{
    for (unsigned i = 0; i < machine.memory_count; i++) {
        const struct phys_range *r = &machine.memory[i];

        if (initrd->base >= r->base && initrd->size <= r->size &&
            initrd->base - r->base <= r->size - initrd->size)
            return;
    }
    if (initrd->size)
        panic_line("out of memory at boot: the initramfs, %lu KiB, lies outside of RAM",
                   initrd->size >> 10);
}

// Debug builds: fail_nth=N lets the Nth allocation of the boot fail, fault=io:N the Nth request.
static void faults_init(void)
{
    char text[BLOCK_FAULT_TEXT];
    u64 n;

    if (DEBUG && bootarg_get("fail_nth", text, sizeof(text)) && !parse_u64(text, NULL, 10, &n))
        arch_self()->fail_nth = n;
    if (DEBUG && bootarg_get("fault", text, sizeof(text)) && block_fault_set(text))
        log_info("fault=%s: not understood", text);
}

static void memory_init(void)
{
    struct phys_range taken[MACHINE_MAX_RANGES + 1];
    unsigned n = machine.reserved_count;

    memcpy(taken, machine.reserved, n * sizeof(taken[0]));
    initrd_check(&machine.initrd);
    taken[n++] = machine.initrd;
    frames_init(machine.memory, machine.memory_count, taken, n);
    if (mmu_init(machine.memory, machine.memory_count))
        panic("out of memory at boot: kernel page table");
    frames_release(image_to_phys(boot_guard), boot_guard_end - boot_guard);
    slab_init();
    faults_init();
}

static void mount_on(const char *type, const char *directory, const char *options)
{
    struct path at;
    int err = vfs_mkdir(&root_path, directory, 0755);

    if (!err || err == -EEXIST)
        err = path_lookup(&root_path, directory, WALK_FOLLOW, &at);
    if (!err) {
        err = vfs_mount(type, &at, type, 0, options);
        path_put(&at);
    }
    if (err)
        log_info("cannot mount %s on /%s: error %d", type, directory, err);
}

// Ports of a virtio console announce themselves; programs expect to find all of them.
#define PORTS_PATIENCE NS_PER_SEC

// The kernel's argument root=DEVICE (and rootfstype=, "ext4"), or a tmpfs. A device that cannot be
// written is read.
static int root_mount(void)
{
    struct superblock *sb;
    char source[32] = "tmpfs", type[16] = "ext4";
    struct fs_type *fs;
    int err;

    if (bootarg_get("root", source, sizeof(source))) {
        (void)bootarg_get("rootfstype", type, sizeof(type));
        fs = fs_find(type);
        err = fs ? fs->mount(fs, source, NULL, 0, &sb) : -ENODEV;
        if (err == -EACCES) {
            log_info("%s, the root, is read-only", source);
            err = fs->mount(fs, source, NULL, MS_RDONLY, &sb);
        }
        if (err == -ENOMEM)
            panic_line("out of memory at boot: no room to mount %s as the root", source);
        if (err)
            panic_line("cannot mount %s as the root: error %d", source, err);
    } else {
        err = tmpfs_create("mode=755", &sb);
    }
    return err ? err : mount_root(sb, source);
}

// The root file system, with what the initramfs holds in it too, /dev and /proc.
static void root_init(void)
{
    struct phys_range *initrd = &machine.initrd;
    int err;

    vfs_init();
    pipe_init();
    socket_init();
    unix_init();
    buf_init();
    tmpfs_init();
    mqueue_init();
    xv6fs_init();
    ext4_init();
    procfs_init();
    devfs_init();
    devpts_init();
    sysfs_init();
    memdev_init();
    blockdev_init();
    err = root_mount();
    if (err)
        panic("out of memory at boot: root file system");
    if (initrd->size) {
        err = initramfs_unpack(phys_to_virt(initrd->base), initrd->size);
        frames_release(initrd->base, initrd->size);
    }
    if (err == -ENOSPC)
        panic_line("out of memory at boot: what the initramfs holds takes over half of RAM");
    if (err)
        log_info("initramfs: corrupt (%d)", err);
    ramdisk_init();
    mount_on("devtmpfs", "dev", NULL);
    mount_on("devpts", "dev/pts", "gid=5,mode=620,ptmxmode=666");
    mount_on("tmpfs", "dev/shm", NULL);
    mount_on("proc", "proc", NULL);
    mount_on("sysfs", "sys", NULL);
}

static void harts_start(void)
{
    for (unsigned i = 1; i < hart_count; i++)
        if (smp_hart_start(i, &sched_idle_thread(i)->arch))
            log_info("hart %u does not start", i);
}

// The thread that becomes pid 1.
static void init_thread(void *unused)
{
    char path[64];
    int err;

    drivers_init();
    vm_threads_start();
    console_init();
    pty_init();
    root_init();
    virtio_console_wait(PORTS_PATIENCE);
    if (!bootarg_get("init", path, sizeof(path)) || !path[0])
        memcpy(path, "/init", sizeof("/init"));
    err = process_start_init(path);
    if (err)
        panic_line("cannot run %s: error %d", path, err);
    frames_boot_done();
    arch_self()->fail_nth = 0;
    arch_return_to_user();
}

void up_kmain(u64 hart, paddr_t dtb)
{
    struct thread *init;
    int err = devicetree_init(phys_to_virt(dtb), DTB_MAX);

    if (dtb >= kernel_phys_base && dtb < image_to_phys(kernel_end))
        panic_line("out of memory at boot: the device tree lies where the kernel clears its data");
    if (err)
        panic_line("no usable device tree (%d)", err);
    clock_init(machine.timebase_hz);
    log_set_quiet(bootarg_get("quiet", NULL, 0));
    log_info("Rivulet on %u harts", machine.hart_count);
    memory_init();
    sched_init();
    vm_init();
    proc_init();
    futex_init();
    sysv_init();
    syscall_trace_init();
    workqueue_init();
    harts_start();
    err = thread_create(&init, "init", init_thread, NULL);
    if (err)
        panic("out of memory at boot: first thread");
    init->cred = &cred_root;
    init->arch.fail_nth = arch_self()->fail_nth;
    arch_self()->fail_nth = 0;
    thread_start(init);
    sched_start_hart();
}
