// SPDX-License-Identifier: MIT
// The tree of areas against a map of pages. The input is a list of steps of three bytes: what,
// where, how much.
#include "fuzz.h"
#include "vm/area_tree.h"

#include <string.h>

#define PAGES 64

static struct rb_root tree;
static struct vm_area areas[PAGES]; // by first page when inserted
static struct vm_area *owner[PAGES];

static void paint(struct vm_area *a, struct vm_area *with)
{
    for (u64 i = a->start >> PAGE_SHIFT; i < a->end >> PAGE_SHIFT; i++)
        owner[i] = with;
}

static void insert(u64 at, u64 n)
{
    struct vm_area *a = NULL;
    u64 end = at;

    while (end < PAGES && end - at < n && !owner[end])
        end++;
    for (u64 i = 0; i < PAGES && !a; i++)
        if (areas[i].start == areas[i].end)
            a = &areas[i];
    if (end == at || !a)
        return;
    a->start = at << PAGE_SHIFT;
    a->end = end << PAGE_SHIFT;
    area_insert(&tree, a);
    paint(a, a);
}

static void remove_at(u64 at)
{
    struct vm_area *a = owner[at];

    fuzz_check(area_find(&tree, at << PAGE_SHIFT) == a);
    if (!a)
        return;
    paint(a, NULL);
    area_remove(&tree, a);
    a->end = a->start;
}

static void resize(u64 at, u64 n)
{
    struct vm_area *a = owner[at];
    u64 end = at + 1;

    if (!a)
        return;
    while (end < PAGES && end - at <= n && (!owner[end] || owner[end] == a))
        end++;
    paint(a, NULL);
    area_set_range(&tree, a, at << PAGE_SHIFT, end << PAGE_SHIFT);
    paint(a, a);
}

static void gap(u64 low, u64 n)
{
    u64 run = 0, page = PAGES;
    uaddr_t found;

    while (page > low && run < n) {
        page--;
        run = owner[page] ? 0 : run + 1;
    }
    fuzz_check(area_gap_highest(&tree, n << PAGE_SHIFT, low << PAGE_SHIFT, PAGES << PAGE_SHIFT,
                                &found) == (run == n));
    fuzz_check(run != n || found == page << PAGE_SHIFT);
}

void fuzz_one(const u8 *data, size_t size)
{
    area_tree_init(&tree);
    memset(areas, 0, sizeof(areas));
    memset(owner, 0, sizeof(owner));
    for (size_t i = 0; i + 2 < MIN(size, 600UL); i += 3) {
        u64 at = data[i + 1] % PAGES, n = 1 + data[i + 2] % 16;

        switch (data[i] % 4) {
        case 0:
            insert(at, n);
            break;
        case 1:
            remove_at(at);
            break;
        case 2:
            resize(at, n);
            break;
        case 3:
            gap(at, n);
            break;
        }
        fuzz_check(area_tree_check(&tree));
    }
}
