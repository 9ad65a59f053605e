// SPDX-License-Identifier: MIT
// A space's memory as seen by others (ptrace, /proc/<pid>/mem), and names of its words for futexes.
#include "lib/string.h"
#include "vm/vm_private.h"

static bool access_allowed(const struct vm_area *a, bool write, bool force)
{
    if (!write)
        return force || area_allows(a, ACCESS_READ);
    return area_allows(a, ACCESS_WRITE) || (force && !(a->flags & AREA_SHARED));
}

// May the page behind the entry be used as it is? A forced write needs a page of the space's own.
static bool access_ready(pte_t e, bool write)
{
    if (!write)
        return pte_present(e);
    return e & PTE_W || (e & PTE_ANON && ref_read(&pte_frame(e)->refs) == 1);
}

// Copies within one page: 0, -EAGAIN (make the page ready and look again) or an error.
static int access_page(struct vm_space *s, uaddr_t va, void *buf, size_t n, bool write, bool force)
{
    struct vm_area *a = space_find(s, va);
    int err = -EAGAIN;
    pte_t *pte;
    char *page;

    if (!a || !access_allowed(a, write, force))
        return -EFAULT;
    spin_lock(&s->pagetable_lock);
    pte = mmu_next(&s->mmu, &(uaddr_t){va}, va + 1);
    if (pte && access_ready(*pte, write)) {
        page = (char *)frame_address(pte_frame(*pte)) + (va & ~PAGE_MASK);
        if (write)
            memcpy(page, buf, n);
        else
            memcpy(buf, page, n);
        err = 0;
    }
    spin_unlock(&s->pagetable_lock);
    if (!err)
        return 0;
    err = space_fault_page(s, a, va, write ? ACCESS_WRITE : ACCESS_READ);
    return err ? err : -EAGAIN;
}

ssize_t vm_access(struct vm_space *s, uaddr_t va, void *buf, size_t n, bool write, bool force)
{
    size_t done = 0;
    int err = 0;

    while (done < n && va + done < USER_TOP) {
        uaddr_t at = va + done;
        size_t chunk = MIN(n - done, PAGE_SIZE - (at & ~PAGE_MASK));

        if (wait_interrupted(WAIT_KILLABLE)) {
            err = -EINTR;
            break;
        }
        read_lock(&s->lock);
        err = access_page(s, at, (char *)buf + done, chunk, write, force);
        read_unlock(&s->lock);
        if (err == -ENOMEM)
            err = vm_reclaim(RECLAIM_PAGES) ? -EAGAIN : vm_hooks.out_of_memory() ?: -EAGAIN;
        if (err && err != -EAGAIN)
            break;
        if (!err)
            done += chunk;
    }
    if (write && force)
        mmu_sync_icache(&s->mmu);
    return done ? (ssize_t)done : err;
}

// Its memory may be another object's while somebody still waits: its number never is.
static u64 object_number(struct vm_object *o)
{
    static u64 last; // (a)
    u64 number = load_relaxed(&o->number), none = 0;

    if (number)
        return number;
    number = atomic_fetch_add(&last, 1UL) + 1;
    return atomic_cas(&o->number, none, number) ? number : load_relaxed(&o->number);
}

int vm_key(struct vm_space *s, uaddr_t va, bool private_only, struct vm_key *out)
{
    struct vm_area *a;
    int err = 0;

    *out = (struct vm_key){.who = (u64)s, .offset = va};
    if (va >= USER_TOP)
        return -EFAULT;
    if (private_only)
        return 0;
    read_lock(&s->lock);
    a = space_find(s, va);
    if (!a)
        err = -EFAULT;
    else if (a->flags & AREA_SHARED)
        *out = (struct vm_key){.who = object_number(a->object),
                               .offset = (area_index(a, va) << PAGE_SHIFT) + (va & ~PAGE_MASK)};
    read_unlock(&s->lock);
    return err;
}
