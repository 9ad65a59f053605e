// SPDX-License-Identifier: MIT
// The runs of an NVMe transfer, against the rule for them, byte by byte.
#include "unit.h"

#include "arch/layout.h"
#include "drivers/nvme/runs.h"
#include "lib/macro.h"

#define SECTOR   512
#define REQUESTS 4
#define SEGMENTS 8
#define BYTES    (REQUESTS * SEGMENTS * 16 * SECTOR)
#define PAGES    (BYTES / NVME_PAGE + 2)

static struct block_segment segments[REQUESTS][SEGMENTS];
static struct block_request requests[REQUESTS];
static paddr_t bytes_at[BYTES / SECTOR]; // where each sector of the transfer lies
static u32 sectors;

// Segments mostly follow each other, or are whole pages, so that all kinds of joints appear.
static void make_transfer(void)
{
    u32 count = 1 + unit_below(REQUESTS);
    paddr_t at = 0x80000000;

    sectors = 0;
    for (u32 r = 0; r < count; r++) {
        requests[r] = (struct block_request){.segments = segments[r],
                                             .segment_count = 1 + unit_below(SEGMENTS),
                                             .merged = r + 1 < count ? &requests[r + 1] : NULL};
        for (u32 i = 0; i < requests[r].segment_count; i++) {
            bool whole = unit_below(2);
            u32 length = whole ? NVME_PAGE : (1 + unit_below(16)) * SECTOR;

            if (whole)
                at = ALIGN_UP(at, NVME_PAGE) + unit_below(3) * NVME_PAGE;
            else if (unit_below(3) == 0)
                at += unit_below(20) * SECTOR;
            segments[r][i] = (struct block_segment){phys_to_virt(at), length};
            for (u32 n = 0; n < length; n += SECTOR)
                bytes_at[sectors++] = at + n;
            at += length;
        }
    }
}

// What a controller makes of a list of pages.
static void check_run(const u64 *pages, u32 count, u32 bytes, u32 done)
{
    u32 offset = pages[0] % NVME_PAGE;

    assert_true(count <= (offset + bytes - 1) / NVME_PAGE + 1);
    for (u32 i = 1; i < count; i++)
        assert_int_equal(pages[i] % NVME_PAGE, 0);
    for (u32 n = 0; n < bytes; n += SECTOR) {
        u32 page = (offset + n) / NVME_PAGE;

        assert_true(page < count);
        assert_int_equal(ALIGN_DOWN(pages[page], NVME_PAGE) + (offset + n) % NVME_PAGE,
                         bytes_at[(done + n) / SECTOR]);
    }
}

// A run ends only where the next sector cannot be a part of it.
static void check_end(u32 done)
{
    paddr_t before = bytes_at[done / SECTOR - 1] + SECTOR, after = bytes_at[done / SECTOR];

    assert_true(before != after && (before % NVME_PAGE || after % NVME_PAGE));
}

static void test_runs(void **unused)
{
    u64 pages[PAGES];

    for (unsigned round = 0; round < 20000; round++) {
        struct run_cursor c = {requests, 0}, again = {requests, 0};
        u32 done = 0, bytes, count, runs = 0;

        make_transfer();
        while ((bytes = run_take(&c, pages, &count))) {
            check_run(pages, count, bytes, done);
            assert_int_equal(run_take(&again, NULL, &count), bytes);
            done += bytes;
            runs++;
            if (c.request)
                check_end(done);
        }
        assert_int_equal(done, sectors * SECTOR);
        assert_int_equal(run_count(requests), runs);
    }
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(test_runs)};

UNIT_MAIN(tests)
