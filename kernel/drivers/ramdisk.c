// SPDX-License-Identifier: MIT
// The RAM disk /dev/ram0: single pages, made when first written; requests complete at once.
//
// It has a size and is empty, or takes its contents from a file of the initramfs, which is then
// removed: so that, for a moment, they are in memory twice. Pages of zeroes are not kept.
#include "drivers/ramdisk.h"
#include "abi/errno.h"
#include "base/devicetree.h"
#include "base/log.h"
#include "block/block.h"
#include "lib/macro.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "vfs/file.h"
#include "vfs/inode.h"

#define MAJOR 1
#define SHIFT (PAGE_SHIFT - SECTOR_SHIFT) // log2 of sectors in a page

struct ramdisk {
    struct block_device block;
    u8 *pages[]; // (a) NULL: zeroes
};

// The page, made if need be; NULL when memory is out. Two writers may meet here.
static u8 *page_get(u8 **slot)
{
    u8 *page = load_acquire(slot);
    struct frame *f;

    if (likely(page != NULL))
        return page;
    f = frame_alloc(0, ALLOC_ZERO);
    if (!f)
        return NULL;
    page = frame_address(f);
    if (atomic_cas(slot, NULL, page))
        return page;
    frame_put(f);
    return load_acquire(slot);
}

// Moves n bytes that lie in one page; `data` NULL: zeroes are written.
static int move(u8 **slot, size_t offset, u8 *data, size_t n, enum block_op op)
{
    u8 *page = op == BLOCK_WRITE ? page_get(slot) : load_acquire(slot);

    if (op == BLOCK_READ) {
        if (page && n == PAGE_SIZE && IS_ALIGNED((u64)data, PAGE_SIZE))
            page_copy(data, page);
        else if (page)
            memcpy(data, page + offset, n);
        else
            memset(data, 0, n);
    } else if (op == BLOCK_WRITE) {
        if (!page)
            return -ENOSPC;
        memcpy(page + offset, data, n);
    } else if (page) {
        memset(page + offset, 0, n);
    }
    return 0;
}

static int move_range(struct ramdisk *d, u64 sector, u8 *data, u64 bytes, enum block_op op)
{
    u64 at = sector << SECTOR_SHIFT;
    int err = 0;

    while (bytes && !err) {
        size_t offset = at & (PAGE_SIZE - 1), n = MIN(bytes, PAGE_SIZE - offset);

        err = move(&d->pages[at >> PAGE_SHIFT], offset, data, n, op);
        data += data ? n : 0;
        at += n;
        bytes -= n;
    }
    return err;
}

static int transfer(struct ramdisk *d, struct block_request *r)
{
    u64 sector = r->sector;
    int err = 0;

    if (r->op > BLOCK_WRITE)
        return move_range(d, sector, NULL, r->sectors << SECTOR_SHIFT, r->op);
    for (u32 i = 0; i < r->segment_count && !err; i++) {
        err = move_range(d, sector, r->segments[i].data, r->segments[i].length, r->op);
        sector += r->segments[i].length >> SECTOR_SHIFT;
    }
    return err;
}

static int ramdisk_submit(struct block_device *b, struct block_request *r)
{
    int err = 0;

    for (struct block_request *one = r; one && !err; one = one->merged)
        err = transfer(b->private, one);
    block_complete(r, err);
    return 0;
}

static const struct block_device_ops ramdisk_ops = {.submit = ramdisk_submit};

static int ramdisk_create(u64 bytes, struct ramdisk **out)
{
    u64 pages = bytes >> PAGE_SHIFT;
    struct ramdisk *d = kmalloc(sizeof(*d) + pages * sizeof(d->pages[0]), ALLOC_ZERO);

    if (!d)
        return -ENOMEM;
    strlcpy(d->block.name, "ram0", sizeof(d->block.name));
    d->block.sectors = pages << SHIFT;
    d->block.limits = (struct block_limits){
        .segments = 1024,
        .sectors = 8192,
        .block_size = SECTOR_SIZE,
        .physical_size = PAGE_SIZE,
        .discard_sectors = UINT32_MAX,
        .zero_sectors = UINT32_MAX,
    };
    d->block.ops = &ramdisk_ops;
    d->block.private = d;
    *out = d;
    return 0;
}

// A size: bytes, or with the suffix K, M or G. 0: not a size.
static u64 parse_size(const char *text)
{
    static const char units[] = "KMG";
    const char *end, *unit;
    u64 n;

    if (parse_u64(text, &end, 10, &n))
        return 0;
    unit = *end ? strchr(units, *end) : NULL;
    if (*end && (!unit || end[1]))
        return 0;
    return n << (unit ? 10 * (unit - units + 1) : 0);
}

static bool is_zero(const u64 *page)
{
    u64 bits = 0;

    for (unsigned i = 0; i < PAGE_SIZE / sizeof(u64); i++)
        bits |= page[i];
    return !bits;
}

// Reads a page of the file, or its end.
static int fill_page(struct ramdisk *d, struct file *f, u64 index)
{
    struct frame *frame = frame_alloc(0, ALLOC_ZERO);
    ssize_t n;

    if (!frame)
        return -ENOMEM;
    n = file_read_kernel(f, frame_address(frame), PAGE_SIZE, index << PAGE_SHIFT);
    if (n > 0 && !is_zero(frame_address(frame)))
        d->pages[index] = frame_address(frame);
    else
        frame_put(frame);
    return n < 0 ? n : 0;
}

static void ramdisk_destroy(struct ramdisk *d)
{
    for (u64 i = 0; i < d->block.sectors >> SHIFT; i++)
        if (d->pages[i])
            frame_put(virt_to_frame(d->pages[i]));
    kfree(d);
}

static int fill(struct ramdisk *d, struct file *f)
{
    u64 pages = DIV_ROUND_UP(f->inode->size, PAGE_SIZE);
    int err = 0;

    for (u64 i = 0; i < pages && !err; i++)
        err = fill_page(d, f, i);
    return err;
}

static int create_filled(const char *path, struct ramdisk **out)
{
    struct file *f SCOPED(file_end) = NULL;
    int err = file_open(&root_path, path, O_RDONLY, 0, 0, &f);

    if (err)
        return err;
    if (!S_ISREG(f->inode->mode) || !f->inode->size)
        return -EINVAL;
    err = ramdisk_create(ALIGN_UP(f->inode->size, PAGE_SIZE), out);
    if (err)
        return err;
    err = fill(*out, f);
    if (err)
        ramdisk_destroy(*out);
    else
        (void)vfs_unlink(&root_path, path, false);
    return err;
}

static int create_empty(const char *text, struct ramdisk **out)
{
    u64 size = parse_size(text);

    if (size < PAGE_SIZE || size > frames_total() << PAGE_SHIFT)
        return -EINVAL;
    return ramdisk_create(size, out);
}

void ramdisk_init(void)
{
    struct ramdisk *d;
    char text[64];
    int err;

    if (!bootarg_get("ramdisk", text, sizeof(text)))
        return;
    err = text[0] == '/' ? create_filled(text, &d) : create_empty(text, &d);
    if (!err)
        err = block_register(&d->block, MAJOR, 0, 0);
    if (err)
        log_info("ramdisk=%s: error %d", text, -err);
}
