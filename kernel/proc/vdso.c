// SPDX-License-Identifier: MIT
// The vDSO: kernel pages that every program has mapped, one of data and the rest of code.

#include "abi/errno.h"
#include "base/clock.h"
#include "base/panic.h"
#include "lib/elf.h"
#include "lib/string.h"
#include "proc/proc_private.h"
#include "proc/vdso/data.h"

#define VDSO_PAGES_MAX 4

extern const char vdso_image_start[], vdso_image_end[];

static struct frame *vdso_frames[VDSO_PAGES_MAX]; // (c) data page first
static unsigned vdso_frame_count;                 // (c)
static u64 vdso_sigreturn_offset;                 // (c) from the start of the code

static void vdso_update(void)
{
    struct vdso_data *d = frame_address(vdso_frames[0]);
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

void vdso_init(void)
{
    const struct elf_header *header = (const void *)vdso_image_start;
    size_t size = vdso_image_end - vdso_image_start;

    vdso_sigreturn_offset = header->entry;
    vdso_frame_count = 1 + DIV_ROUND_UP(size, PAGE_SIZE);
    verify(vdso_frame_count <= VDSO_PAGES_MAX);
    for (unsigned i = 0; i < vdso_frame_count; i++) {
        size_t at = (i - 1) * PAGE_SIZE;

        vdso_frames[i] = frame_alloc(0, ALLOC_ZERO | ALLOC_NOFAIL_TEST);
        if (!vdso_frames[i])
            panic("out of memory at boot: vDSO");
        if (i)
            memcpy(frame_address(vdso_frames[i]), vdso_image_start + at, MIN(PAGE_SIZE, size - at));
    }
    vdso_update();
    clock_changed_hook = vdso_update;
}

int vdso_map(struct vm_space *space)
{
    uaddr_t at;
    int err = vm_map_frames(space, vdso_frames, vdso_frame_count, PROT_READ | PROT_EXEC, &at);

    if (!err)
        space->vdso = at + PAGE_SIZE;
    return err;
}

uaddr_t vdso_sigreturn(const struct vm_space *space)
{
    return space->vdso + vdso_sigreturn_offset;
}
