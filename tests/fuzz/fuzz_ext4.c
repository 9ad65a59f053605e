// SPDX-License-Identifier: MIT
// ext2, ext3 and ext4: an input says which image is damaged, how, and what is done with it; see
// tests/host/ext4damage.h. The first bytes choose the image (of each two: as a crash left it, and
// clean), checksums, options, and the walk's seed; the rest are the kinds of damage, each followed
// by its choices: 0 where they end.
#include "abi/mount.h"
#include "disk.h"
#include "ext4damage.h"
#include "ext4images.h"
#include "ext4visit.h"
#include "fs/ext4/ext4.h"
#include "fuzz.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "world.h"

#define HEAD    5 // bytes before the damage
#define DAMAGES 4

static const u8 *input;
static size_t input_left;
static u64 walk_state;

static struct {
    struct disk *disk;
    u64 size;
    u8 *good[2]; // maps
} images[EXT4_IMAGES];

/* Ends */

void __real__exit(int status) NORETURN;
void __wrap__exit(int status) NORETURN;
void __wrap__exit(int status)
{
    if (status)
        fuzz_failed("the machine goes on", __FILE__, __LINE__);
    __real__exit(status);
}

/* Images */

static u64 walk_below(u64 n)
{
    walk_state ^= walk_state >> 12;
    walk_state ^= walk_state << 25;
    walk_state ^= walk_state >> 27;
    return (walk_state * 0x2545f4914f6cdd1dUL >> 16) % n;
}

static const char *options(unsigned n, bool read_only)
{
    if (n == EXT4_IMAGE_DATA_JOURNAL)
        return read_only ? "data=journal,errors=remount-ro" : "data=journal,errors=continue";
    return read_only ? "errors=remount-ro" : "errors=continue";
}

static const char *source(unsigned n)
{
    static char text[20];

    snformat(text, sizeof(text), "/dev/image%d", n);
    return text;
}

static void image_prepare(unsigned n)
{
    u8 *fresh = ext4_image_read(n, &images[n].size);
    char name[20];

    snformat(name, sizeof(name), "image%d", n);
    images[n].disk = world_disk_create(name, images[n].size);
    images[n].disk->latency = 0;
    images[n].disk->image = fresh;
    host_expect(ext4_visit_mount(source(n), options(n, false), 0), 0);
    ext4_visit_fill(walk_below);
    images[n].good[0] = ext4_image_map(fresh, images[n].size);
    world_unmount();
    images[n].good[1] = ext4_image_map(fresh, images[n].size);
}

void host_setup(void)
{
    world_setup_disks(ext4_init);
    walk_state = 1;
    for (unsigned n = 0; n < EXT4_IMAGES; n++)
        image_prepare(n);
    shrink_all();
}

/* Inputs */

// A byte decides between few, four between many.
static u64 input_below(u64 n)
{
    size_t width = MIN(input_left, n > 256 ? 4UL : 1UL);
    u64 number = 0;

    memcpy(&number, input, width);
    input += width;
    input_left -= width;
    return number % n;
}

void fuzz_one(const u8 *data, size_t size)
{
    static bool begun;
    unsigned n;
    u32 flags;

    if (!begun) {
        host_begin(4); // of one hart
        begun = true;
    }
    if (size < HEAD)
        return;
    n = data[0] % EXT4_IMAGES;
    flags = data[2] % 8 ? 0 : MS_RDONLY;
    walk_state = 1 + data[3] + 256UL * data[4];
    input = data + HEAD;
    input_left = size - HEAD;
    images[n].disk->image = images[n].good[data[1] & 1];
    ext4_image_reset(images[n].disk->image, images[n].size);
    ext4_damage_trust = data[1] & 2;
    ext4_damage_begin(images[n].disk->image, images[n].size, input_below);
    for (u32 count = 0; input_left && count < DAMAGES; count++)
        ext4_damage(input_below(DAMAGE_KINDS));
    ext4_visit(source(n), options(n, data[1] & 4), flags, walk_below);
    host_settle();
}
