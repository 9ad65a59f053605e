// SPDX-License-Identifier: MIT
// The toy file system: what its threads do, and the model.
#include "toy.h"
#include "mm/slab.h"
#include "vm/object.h"

#include <stdlib.h>
#include <string.h>

#define CREDITS 12 // of a handle at most, but a large one
#define LARGE   (TOY_LOG / 4 - 5)

#define STEPS_LARGE 15 // on average between large handles
#define HISTORY     1000
#define ACKS        4000

#define MAP_NEIGHBOURS 3              // blocks that may be in the map's page: never data
#define SYNCED         (TOY_POOL - 1) // the block that is overwritten in place and synced

enum kind { FREE, META, DATA, PLAIN };

struct toy_place toy;
struct toy_state toy_now;
struct journal *toy_journal;
struct buf_cache *toy_cache;
bool toy_faulty, toy_scarce;

static struct disk *disk;
static u32 first_tid;
static struct toy_state history[HISTORY];
static unsigned history_count;
static u32 users[TOY_POOL]; // threads that change it
static bool taken[TOY_POOL];
static u64 pending[TOY_POOL]; // freed by this transaction (and bit 32), not durable; 0: usable
static u64 values;
static u64 plain[TOY_POOL];

static struct ack {
    u64 event;
    u32 tid;
} acks[ACKS]; // from this event on, the transaction is durable
static unsigned ack_count;

static struct synced { // between these events, the block SYNCED must be so
    u64 from, to, value;
} synced[ACKS];
static unsigned synced_count;

/* Contents */

static bool is_plain(u64 x)
{
    return x < MAP_NEIGHBOURS || x % TOY_PLAIN_EVERY == 0 || x == SYNCED;
}

static u64 block_of(u64 x)
{
    return toy.map_block + 1 + x;
}

static enum kind kind_of(u64 x)
{
    return toy_now.map[x] >> 32;
}

// Some begin with the magic number, or look like the commit block of a transaction to come.
static void fill(u8 *data, u64 value)
{
    u64 word = value * 0x9e3779b97f4a7c15UL;

    for (u32 i = 0; i < toy.block_size / 8; i++, word = word * 0x2545f4914f6cdd1dUL + 1)
        memcpy(data + 8 * i, &word, 8);
    if (value % 3 == 0)
        *(struct jbd_header *)data =
            (struct jbd_header){be32_of(JBD_MAGIC), be32_of(value % 2 ? word : JBD_COMMIT),
                                be32_of(first_tid + value % 64)};
}

static void expect_filled(const u8 *data, u64 value, u64 x)
{
    static u8 want[4096];

    fill(want, value);
    if (memcmp(want, data, toy.block_size))
        panic("block %lu of the pool does not hold value %lu", x, value);
}

// The states before transaction `tid` are complete once a handle is in it.
static void enter(u32 tid)
{
    if (tid == toy_now.tid)
        return;
    verify(jbd_after(tid, toy_now.tid) && history_count < HISTORY);
    history[history_count++] = toy_now;
    toy_now.tid = tid;
}

const struct toy_state *toy_state_of(u32 tid)
{
    if (!jbd_after(toy_now.tid, tid))
        return &toy_now;
    for (unsigned i = history_count; i; i--)
        if (!jbd_after(history[i - 1].tid, tid))
            return &history[i - 1];
    panic("the log is older than its beginning");
}

void toy_go_back(u32 tid)
{
    toy_now = *toy_state_of(tid);
    toy_now.tid = tid;
    while (history_count && jbd_after(history[history_count - 1].tid, tid))
        history_count--;
    memset(taken, 0, sizeof(taken));
    memset(pending, 0, sizeof(pending));
}

void toy_check(const u8 *image, const struct toy_state *s)
{
    verify(!memcmp(image + toy.map_block * toy.block_size, s->map, sizeof(s->map)));
    for (u64 x = 0; x < TOY_POOL; x++) {
        const u8 *data = image + block_of(x) * toy.block_size;

        if (s->map[x] >> 32 == META)
            expect_filled(data, s->meta[x], x);
        else if (s->map[x] >> 32 == DATA)
            expect_filled(data, (u32)s->map[x], x);
    }
}

/* The log of an image */

struct jbd_super *toy_log_super(u8 *image)
{
    return (void *)(image + toy.log[0] * toy.block_size);
}

struct replay {
    struct jbd_recovery recovery;
    u8 *image;
};

static int image_read(struct jbd_recovery *r, u32 log_block, void *to)
{
    u8 *image = container_of(r, struct replay, recovery)->image;

    memcpy(to, image + toy.log[log_block] * toy.block_size, toy.block_size);
    return 0;
}

static int image_write(struct jbd_recovery *r, u64 block, const void *data)
{
    verify(block - toy.map_block <= TOY_POOL);
    memcpy(container_of(r, struct replay, recovery)->image + block * toy.block_size, data,
           toy.block_size);
    return 0;
}

static void *node_alloc(size_t size)
{
    return malloc(size);
}

static void node_free(void *p, size_t size)
{
    free(p);
}

u32 toy_recover(u8 *image)
{
    static const struct radix_mem mem = {node_alloc, node_free};
    static u8 head[4096], data[4096];
    struct jbd_log log;
    struct replay r = {.image = image};

    r.recovery = (struct jbd_recovery){.log = &log,
                                       .read = image_read,
                                       .write = image_write,
                                       .mem = &mem,
                                       .head = head,
                                       .data = data};
    host_expect(jbd_super_decode(toy_log_super(image), toy.block_size, toy.log_blocks, &log), 0);
    if (!log.start)
        return log.sequence - 1;
    host_expect(jbd_scan(&r.recovery), 0);
    host_expect(jbd_replay(&r.recovery), 0);
    return r.recovery.next - 1;
}

void toy_make(u8 *image)
{
    struct jbd_super *s = toy_log_super(image);

    s->header = (struct jbd_header){be32_of(JBD_MAGIC), be32_of(JBD_SUPER_V2), be32_of(0)};
    s->users = be32_of(1);
    s->block_size = be32_of(toy.block_size);
    s->blocks = be32_of(toy.log_blocks);
    s->first = be32_of(1);
    s->sequence = be32_of(toy_now.tid + 1);
    jbd_super_seal(s);
    first_tid = toy_now.tid;
    for (u64 x = 0; x < TOY_POOL; x++)
        toy_now.map[x] = (u64)(is_plain(x) ? PLAIN : FREE) << 32;
    memcpy(image + toy.map_block * toy.block_size, toy_now.map, sizeof(toy_now.map));
}

u32 toy_durable(u64 event)
{
    u32 tid = acks[0].tid;

    for (unsigned i = 1; i < ack_count; i++)
        if (acks[i].event <= event && jbd_after(acks[i].tid, tid))
            tid = acks[i].tid;
    return tid;
}

static void acknowledge(u32 tid)
{
    verify(ack_count < ACKS);
    acks[ack_count++] = (struct ack){disk->event_count, tid};
}

/* Operations: what they change, the model changes in the same step */

static bool failed(int err)
{
    if (err && !toy_faulty && !(toy_scarce && err == -ENOMEM))
        panic("error %d", err);
    return err;
}

static bool pick(enum kind kind, u64 *out)
{
    u64 x = machine_below(TOY_POOL);

    for (u64 i = 0; i < TOY_POOL; i++, x = (x + 1) % TOY_POOL) {
        if (kind_of(x) == kind && !taken[x] && (kind == META || !users[x]) && !pending[x]) {
            *out = x;
            return true;
        }
    }
    return false;
}

static bool join(struct handle *h, u64 block, bool whole, struct buf **b)
{
    if (failed(whole ? buf_get(toy_cache, block, b) : buf_read(toy_cache, block, b)))
        return false;
    if (!failed(journal_get_write(h, *b)))
        return true;
    buf_put(*b);
    return false;
}

static bool set_contents(struct handle *h, u64 x, bool whole)
{
    struct buf *b;

    if (!join(h, block_of(x), whole, &b))
        return false;
    if (machine_below(8)) {
        buf_lock(b);
        if (!whole && kind_of(x) == META && !toy_faulty)
            expect_filled(b->data, toy_now.meta[x], x);
        enter(journal_handle_tid(h));
        fill(b->data, toy_now.meta[x] = ++values);
        buf_unlock(b);
        journal_dirty(h, b);
    } else if (whole) {
        buf_put(b);
        return false;
    }
    buf_put(b);
    return true;
}

static void set_map_joined(struct handle *h, struct buf *b, u64 x, enum kind kind, u32 value)
{
    buf_lock(b);
    enter(journal_handle_tid(h));
    toy_now.map[x] = (u64)kind << 32 | value;
    memcpy(b->data + 8 * x, &toy_now.map[x], 8);
    if (kind == FREE)
        pending[x] = BIT(32) | toy_now.tid;
    buf_unlock(b);
    journal_dirty(h, b);
}

static bool set_map(struct handle *h, u64 x, enum kind kind, u32 value)
{
    struct buf *b;

    if (!join(h, toy.map_block, false, &b))
        return false;
    set_map_joined(h, b, x, kind, value);
    buf_put(b);
    return true;
}

static void op_change(struct handle *h) // 3 credits
{
    for (u64 n = 1 + machine_below(3); n; n--) {
        u64 x;

        if (!pick(META, &x))
            return;
        users[x]++;
        set_contents(h, x, false);
        users[x]--;
    }
}

static void op_create(struct handle *h) // 2 credits
{
    u64 x;

    if (!pick(FREE, &x))
        return;
    taken[x] = true; // for ever if it is in the journal but not in the map
    taken[x] = set_contents(h, x, true) && !set_map(h, x, META, 0);
}

static void op_free(struct handle *h) // 1 credit
{
    struct buf *b;
    u64 x;

    if (!pick(META, &x) || users[x])
        return;
    taken[x] = true;
    if (join(h, toy.map_block, false, &b)) {
        if (!failed(journal_revoke(h, toy_cache, block_of(x), 1)))
            set_map_joined(h, b, x, FREE, 0);
        buf_put(b);
    }
    taken[x] = false;
}

static void op_free_data(struct handle *h) // 1 credit
{
    u64 x;

    if (!pick(DATA, &x))
        return;
    taken[x] = true;
    set_map(h, x, FREE, 0);
    taken[x] = false;
}

// Data are written before the handle that makes them part of the file.
static void write_data(void)
{
    u8 *data = host_alloc(toy.block_size);
    u32 value = ++values;
    struct handle *h;
    u64 x;

    if (pick(FREE, &x)) {
        taken[x] = true;
        fill(data, value);
        if (!failed(block_transfer(&disk->block, BLOCK_WRITE,
                                   block_of(x) * toy.block_size / SECTOR_SIZE, data,
                                   toy.block_size)) &&
            !failed(journal_begin(toy_journal, 1 + machine_below(3), &h))) {
            set_map(h, x, DATA, value);
            failed(journal_end(h));
        }
        taken[x] = false;
    }
    kfree(data);
}

static void some_op(struct handle *h)
{
    static void (*const ops[])(struct handle * h) = {op_change, op_change, op_create, op_free,
                                                     op_free_data};
    struct handle *nested;

    if (machine_below(4) == 0) {
        if (failed(journal_begin(toy_journal, machine_below(4), &nested)))
            return;
        verify(nested == h);
        ops[machine_below(ARRAY_SIZE(ops))](h);
        failed(journal_end(nested));
    } else {
        ops[machine_below(ARRAY_SIZE(ops))](h);
    }
}

// Changes more blocks than one descriptor has tags.
static void large_handle(void)
{
    struct handle *h;

    if (failed(journal_begin(toy_journal, LARGE, &h)))
        return;
    for (int n = 0; n < LARGE && journal_credits(h) > 3; n++)
        machine_below(3) ? op_create(h) : op_change(h);
    failed(journal_end(h));
}

static bool one_handle(u32 *tid)
{
    struct handle *h;
    bool good = true;

    if (failed(journal_begin(toy_journal, 3 + machine_below(CREDITS - 3), &h)))
        return false;
    for (u64 n = 1 + machine_below(3); n && good; n--) {
        some_op(h);
        if (n > 1 && journal_credits(h) < 3 && (machine_below(2) || journal_extend(h, 3)))
            good = !failed(journal_restart(h, 3 + machine_below(5)));
    }
    *tid = journal_handle_tid(h);
    failed(journal_end(h));
    return good;
}

static void worker(void *steps)
{
    u64 waits = machine_below(2) ? 6 : 60, flushes = machine_below(3) ? 40 : 2;

    for (u64 n = (u64)steps; n && !journal_error(toy_journal); n--) {
        u32 tid;

        if (machine_below(5) == 0)
            write_data();
        if (toy.log_blocks == TOY_LOG && machine_below(STEPS_LARGE) == 0)
            large_handle();
        if (!one_handle(&tid))
            continue;
        if (machine_below(waits) == 0 && !failed(journal_commit_wait(toy_journal, tid)))
            acknowledge(tid);
        if (machine_below(flushes) == 0 && !failed(journal_flush(toy_journal)))
            acknowledge(tid);
    }
}

static void set_plain(u64 x)
{
    struct buf *b;

    if (failed(buf_read(toy_cache, block_of(x), &b)))
        return;
    buf_lock(b);
    fill(b->data, plain[x] = ++values);
    buf_mark_dirty(b);
    buf_unlock(b);
    buf_put(b);
}

// As if somebody had written to the map's page through the device's node.
static void touch_map(void)
{
    struct buf *b;

    if (failed(buf_read(toy_cache, toy.map_block, &b)))
        return;
    vm_object_mark_dirty(&toy_cache->object, b->frame);
    buf_put(b);
}

// An fsync of data that were there before: journal_will_flush says who flushes.
static void sync_plain(void)
{
    u8 *data = host_alloc(toy.block_size);
    u64 value = ++values;
    u32 tid = toy_now.tid;
    bool flushes;
    int err;

    if (synced_count)
        synced[synced_count - 1].to = MIN(synced[synced_count - 1].to, disk->event_count);
    fill(data, value);
    err = block_transfer(&disk->block, BLOCK_WRITE, block_of(SYNCED) * toy.block_size / SECTOR_SIZE,
                         data, toy.block_size);
    flushes = journal_will_flush(toy_journal, tid);
    if (!err)
        err = journal_commit_wait(toy_journal, tid);
    if (!err && !flushes)
        err = block_flush(&disk->block);
    if (!failed(err))
        synced[synced_count++] = (struct synced){disk->event_count, ~0UL, value};
    kfree(data);
}

void toy_check_synced(const u8 *image, u64 event)
{
    for (unsigned i = 0; i < synced_count; i++)
        if (event >= synced[i].from && event < synced[i].to)
            expect_filled(image + block_of(SYNCED) * toy.block_size, synced[i].value, SYNCED);
}

// Write-back of the device's pages, at any time.
static void syncer(void *steps)
{
    for (u64 n = (u64)steps; n; n--) {
        set_plain(machine_below(TOY_POOL / TOY_PLAIN_EVERY) * TOY_PLAIN_EVERY);
        if (machine_below(2))
            touch_map();
        if (machine_below(3) == 0)
            sync_plain();
        if (machine_below(4) == 0)
            failed(buf_cache_sync(toy_cache));
        journal_check(toy_journal);
        buf_cache_check(toy_cache);
    }
}

/* A life: open, work, close, cut */

static void committed(void *owner, u32 tid)
{
    for (u64 x = 0; x < TOY_POOL; x++)
        if (pending[x] && !jbd_after((u32)pending[x], tid))
            pending[x] = 0;
}

static int map_log(void *owner, u32 log_block, u64 *block, u32 *count)
{
    u64 n = 1, most = 1 + machine_below(*count);

    *block = toy.log[log_block];
    while (n < most && toy.log[log_block + n] == *block + n)
        n++;
    *count = n;
    return 0;
}

static bool open_journal(void)
{
    struct journal_config config = {.cache = toy_cache,
                                    .map = map_log,
                                    .committed = committed,
                                    .log_blocks = toy.log_blocks,
                                    .checksums = toy.checksums};
    struct journal_recovery recovery;
    u8 *before = host_alloc(toy.block_size);
    struct buf *map;
    int err = buf_read(toy_cache, toy.map_block, &map);

    if (!err) {
        memcpy(before, map->data, toy.block_size);
        buf_set_flags(map, BUF_CHECKED);
        err = journal_open(&config, false, &recovery, &toy_journal);
        // What was replayed is not what somebody has found valid.
        verify(!memcmp(before, map->data, toy.block_size) || !(map->flags & BUF_CHECKED));
    }
    buf_put(map);
    kfree(before);
    return !failed(err);
}

static void check_plain(void)
{
    for (u64 x = 0; x < TOY_POOL; x += TOY_PLAIN_EVERY)
        if (plain[x])
            expect_filled(disk->image + block_of(x) * toy.block_size, plain[x], x);
}

// Gives all memory of the device's pages back.
static void drop_cache(void)
{
    while (buf_cache_set_block_size(toy_cache, 512))
        verify(toy_faulty);
    mutex_lock(&toy_cache->object.write_lock);
    vm_object_truncate(&toy_cache->object, 0);
    mutex_unlock(&toy_cache->object.write_lock);
}

static bool check_closed(void)
{
    u8 *image = malloc(disk->block.sectors << SECTOR_SHIFT);

    memcpy(image, disk->image, disk->block.sectors << SECTOR_SHIFT);
    host_expect(be32_get(toy_log_super(image)->start), 0);
    host_expect(be32_get(toy_log_super(image)->error), 0);
    verify(!jbd_after(toy_now.tid, toy_recover(image)));
    toy_check(image, &toy_now);
    if (!toy_faulty)
        check_plain();
    free(image);
    return true;
}

static void work(u64 threads, u64 steps)
{
    if (threads == 1) {
        worker((void *)steps);
        return;
    }
    for (u64 i = 0; i < threads; i++)
        host_spawn("worker", worker, (void *)steps);
    host_spawn("syncer", syncer, (void *)steps);
    host_join();
}

bool toy_open(struct disk *d)
{
    disk = d;
    verify(!buf_cache_get(&d->block, &toy_cache));
    disk_record(d);
    memset(plain, 0, sizeof(plain));
    ack_count = synced_count = 0;
    acknowledge(toy_now.tid);
    host_expect(buf_cache_set_block_size(toy_cache, toy.block_size), 0);
    if (toy_faulty)
        d->fail_nth = 1 + machine_below(300);
    if (open_journal())
        return true;
    drop_cache();
    return false;
}

bool toy_close(void)
{
    int err = journal_close(toy_journal);

    verify(!err || toy_faulty);
    verify(!err == !be32_get(toy_log_super(disk->image)->error));
    disk->fail_nth = 0;
    drop_cache();
    return !err && check_closed();
}

void toy_live(struct disk *d, u64 threads, u64 steps)
{
    if (toy_open(d)) {
        work(threads, steps);
        toy_close();
    }
}
