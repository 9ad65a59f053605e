// SPDX-License-Identifier: MIT
// Runs of segments.
#include "drivers/nvme/runs.h"
#include "arch/layout.h"
#include "lib/macro.h"

static void cursor_next(struct run_cursor *c)
{
    if (++c->segment < c->request->segment_count)
        return;
    c->request = c->request->merged;
    c->segment = 0;
}

// Adds the pages of [start, end); what begins in the middle of one goes on where the run ended,
// unless it is the first.
static void add_pages(u64 *pages, u32 *count, paddr_t start, paddr_t end)
{
    for (paddr_t at = start; at < end; at = ALIGN_DOWN(at, NVME_PAGE) + NVME_PAGE)
        if (!*count || IS_ALIGNED(at, NVME_PAGE))
            pages[(*count)++] = at;
}

u32 run_take(struct run_cursor *c, u64 *pages, u32 *count)
{
    paddr_t end = 0;
    u32 bytes = 0;

    for (*count = 0; c->request; cursor_next(c)) {
        const struct block_segment *s = &c->request->segments[c->segment];
        paddr_t start = virt_to_phys(s->data);

        if (bytes && start != end && !IS_ALIGNED(start | end, NVME_PAGE))
            break;
        end = start + s->length;
        bytes += s->length;
        if (pages)
            add_pages(pages, count, start, end);
    }
    return bytes;
}

u32 run_count(const struct block_request *transfer)
{
    struct run_cursor c = {transfer, 0};
    u32 count, n = 0;

    while (run_take(&c, NULL, &count))
        n++;
    return n;
}
