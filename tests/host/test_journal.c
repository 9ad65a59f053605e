// SPDX-License-Identifier: MIT
// The journal on a disk that is cut off at any moment: what is left, replayed, must be the state at
// the end of some transaction, and of none before the last that was reported to be durable. The
// numbers are invariants of docs/journal.md.
//
// Each run is two lives of the toy file system: the second begins where a cut ended the first.
// SHOW=0 prints the cuts of a run, SHOW=n the record up to the cut after n events.
#include "buf/buf.h"
#include "mm/slab.h"
#include "toy.h"
#include "vm/space.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNS    60
#define THREADS 4
#define STEPS   25
#define CUTS    60 // a life
#define SECTORS ((TOY_POOL + TOY_LOG + 1) * 8UL)

#define FSCK_RUNS  16
#define FSCK_CUTS  3 // a run
#define FSCK_BYTES (16UL << 20)
#define FSCK_POOL  3000 // block of the map: unused in the file systems that are made

static struct disk *disks[3]; // the third is as large as an ext4 file system of FSCK_BYTES
static u8 *image;

void host_setup(void)
{
    struct buf_cache *cache;

    vm_init();
    buf_init();
    for (unsigned i = 0; i < ARRAY_SIZE(disks); i++) {
        disks[i] = disk_create("disk", i < 2 ? SECTORS : FSCK_BYTES / SECTOR_SIZE, 512);
        verify(!buf_cache_get(&disks[i]->block, &cache));
    }
}

static void show(struct disk *d, u64 event)
{
    static const char *const kinds[] = {"submit", "complete", "flush", "flushed"};

    fprintf(stderr, "cut after %lu\n", event);
    for (u64 i = 0; event == strtoul(getenv("SHOW"), NULL, 0) && i < event; i++) {
        const struct disk_event *e = &d->events[i];

        fprintf(stderr, "%4lu %-9s other %4lu flags %u err %d at %.2f +%.2f ", i, kinds[e->kind],
                e->other, e->flags, e->error, e->sector * 512. / toy.block_size,
                e->sectors * 512. / toy.block_size);
        if (e->data && be32_get(*(struct be32 *)e->data) == JBD_MAGIC)
            fprintf(stderr, "type %u seq %u", e->data[7], be32_get(*(struct be32 *)(e->data + 8)));
        fprintf(stderr, "\n");
    }
}

// The power goes after so many events.
static void cut(struct disk *d, u64 event, bool durable_only)
{
    u32 tid;

    if (durable_only)
        disk_durable(d, event, image);
    else
        disk_crash(d, event, machine_below, image);
    if (getenv("SHOW"))
        show(d, event);
    tid = toy_recover(image);
    if (jbd_after(toy_durable(event), tid))
        panic("transaction %u is lost, %u is the last", toy_durable(event), tid); // 1
    toy_check(image, toy_state_of(tid));
    toy_check_synced(image, event);
}

static void sweep(struct disk *d)
{
    u64 stride = 1 + d->event_count / CUTS;

    for (u64 event = machine_below(stride); event <= d->event_count; event += stride) {
        cut(d, event, true);
        cut(d, event, false);
    }
}

static void begin(void)
{
    image = malloc(SECTORS * SECTOR_SIZE);
    toy.block_size = machine_below(2) ? 1024 : 4096;
    toy.checksums = machine_below(2);
    toy.log_blocks = machine_below(3) ? 65 + machine_below(100) : TOY_LOG;
    for (u32 i = 0, shift = machine_below(toy.log_blocks); i < toy.log_blocks; i++)
        toy.log[i] = TOY_POOL + 1 + (i + shift) % toy.log_blocks;
    toy_now.tid = machine_below(4) ? machine_below(1000) : ~0U - machine_below(10);
    toy_log_super(disks[0]->image)->incompat = be32_of(machine_below(2) ? JBD_INCOMPAT_64BIT : 0);
    toy_make(disks[0]->image);
}

static void lives(void)
{
    begin();
    toy_live(disks[0], THREADS, STEPS);
    sweep(disks[0]);
    disk_crash(disks[0], machine_below(disks[0]->event_count + 1), machine_below, disks[1]->image);
    memcpy(image, disks[1]->image, SECTORS * SECTOR_SIZE);
    toy_go_back(toy_recover(image));
    toy_live(disks[1], THREADS, STEPS / 2);
    sweep(disks[1]);
    free(image);
}

static void cuts_scenario(void)
{
    lives();
}

// The nth request fails: the journal stops, and the log is good up to there.
static void errors_scenario(void)
{
    toy_faulty = true;
    lives();
}

static void memory_scenario(void)
{
    toy_scarce = true;
    begin();
    toy_live(disks[0], 1, 6);
    free(image);
}

/* When transactions are committed */

static u32 change_map(void)
{
    struct handle *h;
    struct buf *b;
    u32 tid;

    host_expect(buf_read(toy_cache, toy.map_block, &b), 0);
    host_expect(journal_begin(toy_journal, 1, &h), 0);
    host_expect(journal_get_write(h, b), 0);
    tid = journal_handle_tid(h);
    journal_dirty(h, b);
    host_expect(journal_end(h), 0);
    buf_put(b);
    return tid;
}

static void waiter(void *tid)
{
    host_expect(journal_commit_wait(toy_journal, (u64)tid), 0);
}

// All who wait for a transaction share one commit; one that nobody waits for has its time.
static void sharing_scenario(void)
{
    u64 flushes;
    u32 tid;

    begin();
    verify(toy_open(disks[0]));
    tid = change_map();
    host_expect(journal_commit_wait(toy_journal, tid), 0);
    tid = change_map();
    flushes = disks[0]->flushes;
    for (int i = 0; i < THREADS; i++)
        host_spawn("waiter", waiter, (void *)(u64)tid);
    host_join();
    host_expect(disks[0]->flushes - flushes, 2);
    journal_set_interval(toy_journal, 3 * NS_PER_SEC);
    tid = change_map();
    sleep_until(clock_monotonic() + 2 * NS_PER_SEC, WAIT_UNINTERRUPTIBLE);
    verify(!journal_is_durable(toy_journal, tid));
    sleep_until(clock_monotonic() + 2 * NS_PER_SEC, WAIT_UNINTERRUPTIBLE);
    verify(journal_is_durable(toy_journal, tid));
    verify(toy_close());
    free(image);
}

/* Single situations */

#define FREED 4 // of the pool: its block is

static u64 freed_block(void)
{
    return toy.map_block + 1 + FREED;
}

static void change_freed(bool frees)
{
    struct handle *h;
    struct buf *b;
    u32 tid;

    host_expect(buf_read(toy_cache, freed_block(), &b), 0);
    host_expect(journal_begin(toy_journal, 1, &h), 0);
    tid = journal_handle_tid(h);
    if (frees) {
        host_expect(journal_revoke(h, toy_cache, freed_block(), 1), 0);
    } else {
        host_expect(journal_change(h, b), 0);
        memset(b->data, 'm', toy.block_size);
        journal_changed(h, b);
    }
    host_expect(journal_end(h), 0);
    buf_put(b);
    host_expect(journal_commit_wait(toy_journal, tid), 0);
}

static void flusher(void *unused)
{
    host_expect(journal_flush(toy_journal), 0);
}

// A block is freed, and used for data, while it is still being written in place as metadata. 6
static void placing_scenario(void)
{
    struct disk *d = disks[0];
    u8 *data;

    begin();
    verify(toy_open(d));
    d->depth = DISK_DEPTH;
    data = host_alloc(toy.block_size);
    memset(data, 'd', toy.block_size);
    change_freed(false);
    d->slow_sector = freed_block() * toy.block_size / SECTOR_SIZE;
    host_spawn("flusher", flusher, NULL);
    while (disk_idle(d))
        host_pause();
    d->slow_sector = 0;
    change_freed(true);
    // Once this has begun to be committed, the owner has been told that the block may be used.
    host_expect(journal_commit_wait(toy_journal, change_map()), 0);
    host_expect(block_transfer(&d->block, BLOCK_WRITE, freed_block() * toy.block_size / SECTOR_SIZE,
                               data, toy.block_size),
                0);
    host_join();
    verify(!memcmp(d->image + freed_block() * toy.block_size, data, toy.block_size));
    verify(toy_close());
    kfree(data);
    free(image);
}

// More is freed at once than log blocks are kept for: others are taken, while there is room. 5
static void revokes_scenario(void)
{
    struct handle *h;
    u32 tid;

    begin();
    verify(toy_open(disks[0]));
    host_expect(journal_begin(toy_journal, 3, &h), 0);
    host_expect(journal_credits(h), 3);
    tid = journal_handle_tid(h);
    for (u64 per_block = toy.block_size / 4, n = 0; n < 7; n++)
        host_expect(journal_revoke(h, toy_cache, 1000000 + n * 2 * per_block, per_block), 0);
    if (toy.log_blocks < 100) // then it is to be restarted
        host_expect(journal_credits(h), 0);
    host_expect(journal_revoke(h, toy_cache, 1UL << 30, 1UL << 27), -ENOSPC);
    journal_check(toy_journal);
    host_expect(journal_end(h), 0);
    host_expect(journal_commit_wait(toy_journal, tid), 0);
    cut(disks[0], disks[0]->event_count, true);
    verify(!jbd_after(tid, toy_recover(image)));
    verify(toy_close());
    free(image);
}

// The log ends where the next transaction's first block is lost; its commit block is there. What
// we write must never be completed by that: its number is passed over. 1
static void number_scenario(void)
{
    struct jbd_super *s;
    struct jbd_log log;

    begin();
    toy.checksums = true;
    s = toy_log_super(disks[0]->image);
    jbd_super_set_features(s, false, true);
    s->start = be32_of(1);
    jbd_super_seal(s);
    host_expect(jbd_super_decode(s, toy.block_size, toy.log_blocks, &log), 0);
    jbd_commit_make(&log, disks[0]->image + toy.log[3] * toy.block_size, log.sequence, 0);
    verify(toy_open(disks[0]));
    change_map();
    verify(toy_close());
    sweep(disks[0]);
    free(image);
}

/* Logs that e2fsck replays */

static const struct format {
    u32 block_size;
    bool checksums;
    const char *features;
} formats[] = {
    {1024, false, "^64bit,^metadata_csum"},
    {4096, false, "64bit,^metadata_csum"},
    {1024, true, "64bit,metadata_csum"},
    {4096, true, "^64bit,metadata_csum"},
};
static char folder[] = "/tmp/journalXXXXXX";

static void shell(const char *fmt, ...)
{
    char command[1000];
    va_list args;

    va_start(args, fmt);
    vsnprintf(command, sizeof(command), fmt, args);
    va_end(args);
    if (system(command))
        panic("failed: %s", command);
}

static void file_read(const char *name, u8 *bytes, size_t n)
{
    char path[100];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    f = fopen(path, "r");
    verify(f && fread(bytes, 1, n, f));
    fclose(f);
}

// The journal's blocks, as numbers in text.
static void log_read(const char *name)
{
    u8 text[16000] = {0};
    char *at = (char *)text;

    file_read(name, text, sizeof(text) - 1);
    for (u32 i = 0; i < TOY_LOG_MOST; i++) {
        toy.log[i] = strtoul(at, &at, 10);
        verify(toy.log[i] && (toy.log[i] < FSCK_POOL || toy.log[i] > FSCK_POOL + TOY_POOL));
    }
}

static void file_write(const char *name, const u8 *bytes, size_t n)
{
    char path[100];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    f = fopen(path, "w");
    verify(f && fwrite(bytes, 1, n, f) == n && !fclose(f));
}

static void make_file_systems(void)
{
    setenv("PATH", "/usr/sbin:/sbin:/usr/bin:/bin", 1);
    verify(mkdtemp(folder));
    for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
        shell("cd %s && mke2fs -q -F -t ext4 -b %u -J size=%u -O %s fs%u 16M && "
              "debugfs -w -R 'feature needs_recovery' fs%u >log 2>&1 && "
              "debugfs -R 'blocks <8>' fs%u 2>>log >blocks%u",
              folder, formats[i].block_size, formats[i].block_size / 1024, formats[i].features, i,
              i, i, i);
    }
}

static void fsck_cut(struct disk *d)
{
    u64 event = machine_below(d->event_count + 1);
    u32 tid;

    disk_crash(d, event, machine_below, image);
    file_write("cut", image, FSCK_BYTES);
    tid = toy_recover(image);
    toy_check(image, toy_state_of(tid));
    shell("cd %s && e2fsck -fy -E journal_only cut >log 2>&1; test $? -le 1", folder);
    file_read("cut", image, FSCK_BYTES);
    toy_check(image, toy_state_of(tid));
}

static void fsck_scenario(void)
{
    u64 n = machine_below(ARRAY_SIZE(formats));
    struct disk *d = disks[2];
    struct jbd_super *s;
    char name[20];

    image = malloc(FSCK_BYTES);
    snprintf(name, sizeof(name), "fs%lu", n);
    file_read(name, d->image, FSCK_BYTES);
    toy = (struct toy_place){formats[n].block_size, FSCK_POOL, .checksums = formats[n].checksums};
    snprintf(name, sizeof(name), "blocks%lu", n);
    log_read(name);
    s = toy_log_super(d->image);
    toy.log_blocks = machine_below(2) ? 150 : be32_get(s->blocks);
    toy_now.tid = be32_get(s->sequence) - 1;
    toy_make(d->image);
    toy_live(d, THREADS, STEPS);
    for (int i = 0; i < FSCK_CUTS; i++)
        fsck_cut(d);
    free(image);
}

static int remove_file_systems(void **unused)
{
    if (!getenv("KEEP"))
        shell("rm -r %s", folder);
    return 0;
}

HOST_TEST(cuts, RUNS)
HOST_TEST(errors, RUNS)
HOST_FAIL_TEST(memory)
HOST_TEST(sharing, RUNS)
HOST_TEST(placing, RUNS)
HOST_TEST(revokes, RUNS)
HOST_TEST(number, RUNS)
HOST_TEST(fsck, FSCK_RUNS)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cuts),    cmocka_unit_test(test_errors),
        cmocka_unit_test(test_memory),  cmocka_unit_test(test_sharing),
        cmocka_unit_test(test_placing), cmocka_unit_test(test_revokes),
        cmocka_unit_test(test_number),  cmocka_unit_test_teardown(test_fsck, remove_file_systems),
    };

    make_file_systems();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
