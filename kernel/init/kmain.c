// SPDX-License-Identifier: MIT
// Boot: every subsystem in the order in which it comes up. Read this file first.

#include "arch/boot.h"
#include "arch/irq.h"
#include "arch/mmu.h"
#include "arch/smp.h"
#include "arch/timer.h"
#include "arch/upcalls.h"
#include "base/clock.h"
#include "base/devicetree.h"
#include "base/log.h"
#include "base/panic.h"
#include "drivers/drivers.h"
#include "fs/initramfs.h"
#include "fs/pseudo/devfs.h"
#include "fs/pseudo/procfs.h"
#include "fs/tmpfs/tmpfs.h"
#include "ipc/futex.h"
#include "mm/slab.h"
#include "proc/process.h"
#include "sched/sched.h"
#include "sync/workqueue.h"
#include "syscall/trace.h"
#include "tty/console.h"

#define DTB_MAX (1UL << 20) // bytes of device tree that are looked at

// Where the machine's memory is, less what is taken: firmware, kernel, device tree, initramfs.
static void memory_init(paddr_t dtb)
{
    struct phys_range taken[MACHINE_MAX_RANGES + 4];
    unsigned n = 0;

    for (unsigned i = 0; i < machine.reserved_count; i++)
        taken[n++] = machine.reserved[i];
    // A firmware that reserves nothing owns what lies below the kernel.
    if (!n)
        taken[n++] = (struct phys_range){machine.memory[0].base,
                                         kernel_phys_start() - machine.memory[0].base};
    taken[n++] = (struct phys_range){kernel_phys_start(), kernel_phys_end() - kernel_phys_start()};
    if (machine.initrd.size)
        taken[n++] = machine.initrd;
    frames_init(machine.memory, machine.memory_count, taken, n);
    if (mmu_init(machine.memory, machine.memory_count))
        panic("out of memory at boot: kernel page table");
    slab_init();
}

// The root file system: a tmpfs with the initramfs in it, /dev and /proc.
static void root_init(void)
{
    struct phys_range *initrd = &machine.initrd;
    int err = 0;

    vfs_init();
    tmpfs_init();
    procfs_mount_init();
    devfs_init();
    tmpfs_mount_root();
    if (initrd->size) {
        err = initramfs_unpack(phys_to_virt(initrd->base), initrd->size);
        frames_release(initrd->base, initrd->size);
    }
    if (err)
        log_info("initramfs: corrupt archive or no memory (%d)", err);
    devfs_mount();
    procfs_mount();
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
    console_init();
    root_init();
    if (!bootarg_get("init", path, sizeof(path)) || !path[0])
        memcpy(path, "/init", sizeof("/init"));
    err = process_start_init(path);
    if (err)
        panic("cannot run %s: error %d", path, err);
    arch_return_to_user();
}

void up_kmain(u64 hart, paddr_t dtb)
{
    struct thread *init;
    int err = devicetree_init(phys_to_virt(dtb), DTB_MAX);

    if (err)
        panic("no usable device tree (%d)", err);
    clock_init(machine.timebase_hz);
    timer_has_sstc = machine.has_sstc;
    smp_set_harts(machine.hart_ids, machine.hart_count);
    log_set_quiet(bootarg_get("quiet", NULL, 0));
    log_info("Rivulet on %u harts", machine.hart_count);
    memory_init(dtb);
    sched_init();
    proc_init();
    futex_init();
    syscall_trace_init();
    workqueue_init();
    harts_start();
    err = thread_create(&init, "init", init_thread, NULL);
    if (err)
        panic("out of memory at boot: first thread");
    thread_start(init);
    sched_start_hart();
}
