// SPDX-License-Identifier: MIT
// The vDSO: kernel pages that every program has mapped, one of data and the rest of code.

#include "abi/errno.h"
#include "base/clock.h"
#include "base/panic.h"
#include "lib/elf.h"
#include "lib/string.h"
#include "proc/proc_private.h"
#include "proc/vdso/data.h"

extern const char vdso_image_start[], vdso_image_end[];

static struct vm_object *vdso_object; // (c) data page first
static struct vdso_data *vdso_data;   // (c) its first page
static u64 vdso_sigreturn_offset;     // (c) from the start of the code

static void vdso_update(void)
{
    struct vdso_data *d = vdso_data;
    struct clock_params p = clock_get_params();

    store_relaxed(&d->sequence, d->sequence + 1);
    smp_mb();
    d->base = p.base;
    d->mult = p.mult;
    d->shift = p.shift;
    d->realtime_offset = clock_realtime_offset();
    smp_mb();
    store_relaxed(&d->sequence, d->sequence + 1);
}

// A page for ever: the kernel keeps its reference.
static void *vdso_page(u64 index)
{
    struct frame *f;

    if (vm_object_page(vdso_object, index, &f))
        panic("out of memory at boot: vDSO");
    return frame_address(f);
}

void vdso_init(void)
{
    const struct elf_header *header = (const void *)vdso_image_start;
    size_t size = vdso_image_end - vdso_image_start;

    vdso_sigreturn_offset = header->entry;
    if (vm_object_create(&vdso_object, PAGE_SIZE + size))
        panic("out of memory at boot: vDSO");
    vdso_data = vdso_page(0);
    for (size_t at = 0; at < size; at += PAGE_SIZE)
        memcpy(vdso_page(1 + at / PAGE_SIZE), vdso_image_start + at, MIN(PAGE_SIZE, size - at));
    vdso_update();
    clock_changed_hook = vdso_update;
}

// Right above the stack it is under the same leaf table, which saves each fork one.
int vdso_map(struct vm_space *space)
{
    struct vm_map_args args = {.addr = space->stack_top,
                               .length = vdso_object->size,
                               .prot = PROT_READ | PROT_EXEC,
                               .flags = AREA_VDSO,
                               .object = vdso_object};
    uaddr_t at;
    int err = vm_map(space, &args, &at);

    if (!err)
        space->vdso = at + PAGE_SIZE;
    return err;
}

uaddr_t vdso_sigreturn(const struct vm_space *space)
{
    return space->vdso + vdso_sigreturn_offset;
}
