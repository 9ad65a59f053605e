// SPDX-License-Identifier: MIT
// Taking away what is left of one mapping of a whole file, wherever it was split: shmdt(2).
#include "vm/vm_private.h"

static bool is_part(const struct vm_area *a, uaddr_t start)
{
    return a->file && a->start >= start && a->start - start == a->offset << PAGE_SHIFT;
}

int vm_detach(struct vm_space *s, uaddr_t start, bool (*ours)(const struct file *f),
              struct file **out)
{
    struct vm_area *a, *next, *dead = NULL;
    uaddr_t end = USER_TOP;

    *out = NULL;
    write_lock(&s->lock);
    for (a = area_from(&s->areas, start); a && a->start < end; a = next) {
        next = area_next(a);
        if (!is_part(a, start) || (*out ? a->file != *out : !ours(a->file)))
            continue;
        if (!*out) {
            *out = a->file;
            vm_hooks.file_get(a->file);
            end = MIN(end, start + load_relaxed(&a->object->size));
        }
        space_unmap_locked(s, a->start, a->end, &dead);
    }
    write_unlock(&s->lock);
    areas_destroy(dead);
    return *out ? 0 : -EINVAL;
}
