// SPDX-License-Identifier: MIT
// Block maps of ext4, extents and tables, against an array: random insertions, conversions,
// removals, shifts and failures in small nodes, so that trees get deep; then damaged ones.
//
// Buffers, allocation and handles are fakes, which check that only blocks that a handle asked for
// are changed, that it stays within its credits, and that every block has one use.
#include "unit.h"

// The C library has its own.
#define timespec   kernel_timespec
#define timeval    kernel_timeval
#define itimerspec kernel_itimerspec
#define itimerval  kernel_itimerval
#include "abi/errno.h"
#include "base/panic.h"
#include "fs/ext4/extent_node.h"
#include "fs/ext4/map.h"
#include "fs/ext4/super.h"

#define BLOCK  128
#define BLOCKS 20000
#define SPAN   3000

struct handle {
    u32 credits;
};

static struct block {
    struct buf buf;
    bool used, asked, dirty;
    u8 data[BLOCK] ALIGNED(8), before[BLOCK];
} * disk;

static struct ext4 fs;
static struct superblock sb;
static struct ext4_inode *ino;
static struct handle handle;
static u64 used_blocks;
static bool hostile, scarce;
static bool locked;

static struct { // the model
    u64 physical;
    bool unwritten;
} model[SPAN];

/* Fakes */

void assert_failed(const char *what, const char *file, int line)
{
    fail_msg("%s:%d: %s", file, line, what);
    abort();
}

int ext4_corrupt(struct ext4 *f, ino_t i, u64 block, const char *what)
{
    if (!hostile)
        fail_msg("corrupt: %s", what);
    return -EUCLEAN;
}

void ext4_stop_writing(struct ext4 *f, int error)
{
    assert_true(hostile);
}

bool ext4_blocks_valid(const struct ext4 *f, u64 block, u64 count)
{
    return block >= 10 && block < BLOCKS && count <= BLOCKS - block;
}

int buf_read(struct buf_cache *c, u64 block, struct buf **out)
{
    struct block *b = &disk[block];

    assert_true(block < BLOCKS);
    if (hostile && !unit_below(500))
        return -EIO;
    assert_true(b->used || hostile);
    b->buf.data = b->data;
    b->buf.block = block;
    b->buf.refs.count++;
    *out = &b->buf;
    return 0;
}

int buf_get(struct buf_cache *c, u64 block, struct buf **out)
{
    return buf_read(c, block, out);
}

void buf_set_flags(struct buf *b, u32 flags)
{
    b->flags |= flags;
}

static struct block *block_of(struct buf *b)
{
    return container_of(b, struct block, buf);
}

void mutex_lock(struct mutex *m)
{
    assert_null(m->owner);
    m->owner = (void *)1;
}

void mutex_unlock(struct mutex *m)
{
    assert_non_null(m->owner);
    m->owner = NULL;
}

int ext4_reserve(struct ext4 *f, u64 count)
{
    return 0;
}

void ext4_unreserve(struct ext4 *f, u64 count)
{
}

int journal_get_write(struct handle *h, struct buf *b)
{
    struct ext4_extent_header *node = (void *)block_of(b)->data;

    if (!block_of(b)->asked && !hostile) {
        assert_true(h->credits);
        h->credits--;
    }
    block_of(b)->asked = true;
    if (hostile && node->eh_max && node->eh_max <= (BLOCK - 12) / 12 && !unit_below(50))
        node->eh_entries = unit_below(node->eh_max + 1); // the node is in another tree too
    return 0;
}

void journal_dirty(struct handle *h, struct buf *b)
{
    assert_true(block_of(b)->asked);
    block_of(b)->dirty = true;
}

u32 journal_credits(const struct handle *h)
{
    return h->credits;
}

static void handle_begin(u32 credits)
{
    for (u64 n = 0; n < BLOCKS; n++) {
        disk[n].asked = disk[n].dirty = false;
        memcpy(disk[n].before, disk[n].data, BLOCK);
    }
    handle.credits = credits;
}

static void check_changes(void)
{
    for (u64 n = 0; n < BLOCKS; n++)
        if (disk[n].used && memcmp(disk[n].before, disk[n].data, BLOCK))
            assert_true(disk[n].dirty);
}

static void handle_end(void)
{
    check_changes();
    for (u64 n = 0; n < BLOCKS; n++) {
        assert_int_equal(disk[n].buf.refs.count, 0);
        assert_null(disk[n].buf.lock.owner);
    }
}

int journal_restart(struct handle *h, u32 credits)
{
    if (!hostile)
        check_changes();
    handle_begin(credits);
    return 0;
}

int ext4_inode_write(struct handle *h, struct inode *i)
{
    assert_false(locked);
    return 0;
}

void write_lock(struct rwlock *l)
{
    locked = true;
}

void write_unlock(struct rwlock *l)
{
    locked = false;
}

void read_lock(struct rwlock *l)
{
}

void read_unlock(struct rwlock *l)
{
}

static void credits_take(struct handle *h)
{
    if (hostile)
        return;
    assert_true(h->credits >= EXT4_ALLOC_CREDITS);
    h->credits -= EXT4_ALLOC_CREDITS;
}

// The first free one at random; with `count` as many in sequence as are free.
static u64 take_blocks(u64 count, u64 *got)
{
    u64 at;

    do
        at = 10 + unit_below(BLOCKS - 10);
    while (disk[at].used);
    for (*got = 0; *got < count && at + *got < BLOCKS && !disk[at + *got].used; ++*got)
        disk[at + *got].used = true;
    used_blocks += *got;
    return at;
}

int ext4_block_new(struct handle *h, const struct ext4_inode *i, u64 *block)
{
    u64 got;

    if (scarce && unit_below(2))
        return -ENOSPC;
    credits_take(h);
    *block = take_blocks(1, &got);
    return 0;
}

int ext4_blocks_free(struct handle *h, struct ext4_inode *i, u64 block, u64 count, bool metadata)
{
    if (h && !metadata)
        credits_take(h);
    for (u64 n = block; n < block + count; n++) {
        if (!disk[n].used && hostile)
            return -EUCLEAN;
        assert_true(disk[n].used);
        disk[n].used = false;
        disk[n].buf.flags = 0;
        used_blocks--;
    }
    return 0;
}

u32 ext4_extent_sum(const struct ext4_inode *i, const void *node, const u32 *tail)
{
    return *tail;
}

int ext4_name_hold(struct handle *h, struct inode *i)
{
    (void)h, (void)i;
    return 0;
}

int ext4_blocks_hold(struct handle *h, struct ext4 *f, u64 block, u64 count)
{
    (void)h, (void)f, (void)block, (void)count;
    return 0;
}

bool ext4_blocks_revoked(const struct ext4_inode *i)
{
    return !unit_below(2);
}

/* The whole map against the model */

static u64 check_node(const struct ext4_extent_header *node, unsigned depth, u64 low, u64 high)
{
    u64 nodes = 0;

    assert_true(extent_node_sane(node, depth == 9 ? 4 : (BLOCK - 12) / 12, node->eh_depth));
    assert_true(extent_node_valid(node, low, high, BLOCKS));
    for (unsigned at = 0; node->eh_depth && at < node->eh_entries; at++) {
        u64 from = extent_key(node, at);
        u64 to = at + 1 < node->eh_entries ? extent_key(node, at + 1) : high;
        struct block *b = &disk[extent_child(node, at)];
        const struct ext4_extent_header *child = (void *)b->data;

        assert_true(b->used);
        assert_true(child->eh_entries);
        assert_int_equal(extent_key(child, 0), from);
        nodes += 1 + check_node(child, child->eh_depth, from, to);
    }
    return nodes;
}

static u64 check_table(u64 block, unsigned depth)
{
    u32 *table = (u32 *)disk[block].data;
    u64 nodes = 1;
    bool empty = true;

    assert_true(disk[block].used);
    for (unsigned n = 0; n < BLOCK / 4; n++) {
        empty = empty && !table[n];
        if (table[n] && depth)
            nodes += check_table(table[n], depth - 1);
    }
    assert_false(empty);
    return nodes;
}

static u64 check_shape(void)
{
    u64 nodes = 0;

    if (ino->flags & EXT4_EXTENTS_FL)
        return check_node((void *)ino->block, 9, 0, EXTENT_END);
    for (unsigned n = 0; n < 3; n++)
        if (ino->block[12 + n])
            nodes += check_table(ino->block[12 + n], n);
    return nodes;
}

static void check(void)
{
    u64 mapped = 0, nodes = check_shape();

    for (u64 at = 0; at < SPAN;) {
        struct ext4_map m = {.logical = at, .count = SPAN - at};

        assert_int_equal(ext4_map_find(ino, &m), 0);
        assert_true(m.count && m.count <= SPAN - at);
        for (u64 n = 0; n < m.count; n++, at++) {
            bool hole = !model[at].physical;

            assert_int_equal(m.physical == EXT4_MAP_FAIL, hole);
            if (hole)
                continue;
            mapped++;
            assert_int_equal(m.physical + n, model[at].physical);
            assert_int_equal(m.unwritten, model[at].unwritten);
        }
    }
    assert_int_equal(ino->blocks, mapped + nodes);
    assert_int_equal(used_blocks, mapped + nodes);
}

/* Random steps */

static void insert(u64 logical)
{
    struct ext4_map m = {.logical = logical};
    u64 count = 0, max = 1 + unit_below(unit_below(3) ? 3 : 40), got;
    int err;

    max = MIN(max, ext4_map_max_run(ino));
    while (logical + count < SPAN && count < max && !model[logical + count].physical)
        count++;
    if (!count)
        return;
    m.unwritten = ino->flags & EXT4_EXTENTS_FL && unit_below(2);
    m.physical = logical ? model[logical - 1].physical + 1 : 0; // behind the last, often
    if (m.physical < 10 || m.physical >= BLOCKS || disk[m.physical].used || unit_below(2)) {
        m.physical = take_blocks(count, &got);
        count = got;
    } else {
        count = 1;
        disk[m.physical].used = true;
        used_blocks++;
    }
    m.count = count;
    handle_begin(ext4_map_credits(ino, 1));
    scarce = !unit_below(10);
    err = ext4_map_change(&handle, ino, &m, false);
    scarce = false;
    if (err) {
        assert_int_equal(err, -ENOSPC);
        ext4_blocks_free(NULL, ino, m.physical, m.count, true);
    }
    handle_end();
    for (u64 n = 0; !err && n < count; n++) {
        model[logical + n].physical = m.physical + n;
        model[logical + n].unwritten = m.unwritten;
    }
}

static void convert(u64 logical)
{
    struct ext4_map m = {.logical = logical, .count = 1 + unit_below(10)};
    int err;

    assert_int_equal(ext4_map_find(ino, &m), 0);
    if (m.physical == EXT4_MAP_FAIL || !m.unwritten)
        return;
    handle_begin(ext4_map_credits(ino, 1));
    scarce = !unit_below(10);
    m.unwritten = false;
    err = ext4_map_change(&handle, ino, &m, true);
    scarce = false;
    handle_end();
    if (err)
        assert_int_equal(err, -ENOSPC);
    for (u64 n = 0; !err && n < m.count; n++)
        model[logical + n].unwritten = false;
}

static void remove_range(u64 first, u64 count)
{
    u64 last = unit_below(20) ? first + count - 1 : ~0UL;

    handle_begin(10 + unit_below(100));
    locked = true;
    assert_int_equal(ext4_map_remove(&handle, ino, first, last, 3), 0);
    assert_true(handle.credits >= 3);
    handle_end();
    for (u64 n = first; n < SPAN && n <= last; n++)
        model[n].physical = 0;
}

static void shift(u64 first, s64 delta)
{
    u64 hole = delta < 0 ? first + delta : SPAN - delta;

    remove_range(hole, delta < 0 ? -delta : delta);
    handle_begin(200);
    locked = true;
    assert_int_equal(ext4_map_shift(&handle, ino, first, delta), 0);
    handle_end();
    if (delta < 0) {
        memmove(&model[first + delta], &model[first], (SPAN - first) * sizeof(model[0]));
        memset(&model[SPAN + delta], 0, -delta * sizeof(model[0]));
    } else {
        memmove(&model[first + delta], &model[first], (SPAN - first - delta) * sizeof(model[0]));
        memset(&model[first], 0, delta * sizeof(model[0]));
    }
}

static void step(bool filling)
{
    u64 at = unit_below(SPAN - 20);

    switch (unit_below(filling ? 12 : 6)) {
    case 0:
        remove_range(at, 1 + unit_below(unit_below(4) ? 5 : 200));
        break;
    case 1:
        if (!(ino->flags & EXT4_EXTENTS_FL) || unit_below(5))
            break;
        if (unit_below(2))
            shift(unit_below(unit_below(3) ? SPAN - 50 : 30), 1 + unit_below(20));
        else
            shift(20 + unit_below(SPAN - 50), -1 - (s64)unit_below(20));
        break;
    case 2:
    case 3:
        convert(at);
        break;
    default:
        insert(at);
    }
}

static void world(bool extents)
{
    free(disk);
    free(ino);
    disk = calloc(BLOCKS, sizeof(*disk));
    ino = calloc(1, sizeof(*ino));
    memset(model, 0, sizeof(model));
    used_blocks = 0;
    sb.private = &fs;
    fs = (struct ext4){.block_size = BLOCK, .block_shift = 7, .block_count = BLOCKS};
    fs.blocks_per_group = 64;
    fs.incompat = extents ? EXT4_INCOMPAT_EXTENTS : 0;
    ino->inode.sb = &sb;
    ino->inode.mode = S_IFREG;
    ext4_map_init(ino);
}

static void run(bool extents)
{
    hostile = false;
    world(extents);
    for (u32 n = 0; n < 1500; n++) {
        step(n / 300 % 2 == 0);
        check();
    }
    remove_range(0, SPAN);
    check();
    assert_int_equal(used_blocks, 0);
}

static void test_extents(void **state)
{
    run(true);
}

static void test_tables(void **state)
{
    run(false);
}

// A tail appended block by block fills its nodes.
static void test_append(void **state)
{
    u64 nodes;

    world(true);
    for (u64 n = 0; n < 1000; n++) {
        struct ext4_map m = {.logical = n, .count = 1};

        m.physical = 100 + 2 * n;
        disk[m.physical].used = true;
        used_blocks++;
        handle_begin(ext4_map_credits(ino, 1));
        assert_int_equal(ext4_map_change(&handle, ino, &m, false), 0);
        handle_end();
        model[n].physical = m.physical;
        model[n].unwritten = false;
    }
    check();
    nodes = check_shape();
    assert_true(nodes <= 1000 / 8 + 1000 / 64 + 8); // all but one entry of each is used
}

static void damage(void)
{
    for (u64 changes = 1 + unit_below(6); changes; changes--) {
        u64 n = unit_below(8) ? unit_below(BLOCKS) : 0;
        u8 *at = (u8 *)ino->block;
        u64 size = 60;

        if (n) {
            while (!disk[n].used || *(u16 *)disk[n].data == 0)
                n = (n + 1) % BLOCKS;
            at = disk[n].data;
            size = BLOCK;
        }
        at += unit_below(2) ? unit_below(size) : unit_below(16);
        *at = unit_below(2) ? unit_random() >> 32 : *at ^ (1 << unit_below(8));
    }
    for (u64 n = 0; n < BLOCKS; n++) {
        disk[n].buf.flags = 0;
        if (!unit_below(10))
            disk[n].used = false;
    }
}

static void hostile_step(void)
{
    u64 at = unit_below(SPAN), got;
    struct ext4_map m = {.logical = at, .count = 1 + unit_below(10)};

    handle.credits = 1000;
    if (!ext4_map_find(ino, &m) && m.physical == EXT4_MAP_FAIL) {
        m.physical = take_blocks(MIN(m.count, 10UL), &got);
        m.count = got;
        ext4_map_change(&handle, ino, &m, false);
    }
    m = (struct ext4_map){.logical = unit_below(SPAN), .physical = 50, .count = 1};
    ext4_map_change(&handle, ino, &m, true);
    if (!unit_below(3))
        ext4_map_remove(&handle, ino, unit_below(SPAN), unit_below(3) ? ~0UL : unit_below(SPAN), 0);
    if (ino->flags & EXT4_EXTENTS_FL && !unit_below(5))
        ext4_map_shift(&handle, ino, unit_below(SPAN), 100 - (s64)unit_below(200));
}

static void test_damaged(void **state)
{
    for (u32 n = 0; n < 60; n++) {
        hostile = false;
        world(n % 2);
        for (u32 k = 0; k < 150; k++)
            insert(unit_below(SPAN - 20));
        hostile = true;
        damage();
        for (u32 k = 0; k < 50; k++)
            hostile_step();
    }
    hostile = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_extents),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_damaged),
    };

    return cmocka_run_group_tests(tests, unit_seed, NULL);
}
