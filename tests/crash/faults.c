// SPDX-License-Identifier: MIT
// Workloads on a machine that fails them: the Nth request of the disk, the Nth allocation of any
// thread; or that has only so many free blocks or inodes.
//
// A run mounts, does the workload, and unmounts. Each operation and sync must succeed or give an
// errno that the failure excuses; no memory may be missing afterwards. What is then on the disk is
// judged as after a crash: e2fsck and the kernel recover it, with nothing to say, and it keeps what
// was promised before the first error was reported.
#include "crash.h"
#include "native.h"

#include "mm/slab.h"
#include "vm/object.h"
#include <stdio.h>
#include <string.h>

#define NEVER       (1U << 30) // is not reached: such a run counts
#define PADS        12         // files that give their block, or inode, back
#define NOT_REACHED 3          // exit status
#define SETS_MAX    16
#define WORKERS_MAX 256

static const char *const kind_names[FAULT_KINDS] = {"none", "io", "memory", "blocks", "inodes"};

static struct workload *current;
static struct fault fault; // of this run
static u64 left;           // until it strikes, while stopped
static bool stopped = true, reported;
static u8 *full[FAULT_KINDS][SETS_MAX]; // images without a free block, or inode
static u64 *reached;                    // of each worker's last run: how far the count came

static bool is_full(void)
{
    return fault.kind >= FAULT_BLOCKS;
}

/* The failure */

static u64 *counter(void)
{
    static u64 none;

    return fault.kind == FAULT_IO       ? &disk_one->fail_nth
           : fault.kind == FAULT_MEMORY ? &host_fail_any
                                        : &none;
}

void fault_stop(void)
{
    if (stopped)
        return;
    stopped = true;
    left = *counter();
    *counter() = 0;
}

void fault_go_on(void)
{
    if (!stopped)
        return;
    if (fault.kind == FAULT_IO && machine_below(2)) {
        shrink_all(); // what was read has to be read again
        vm_reclaim(~0UL);
    }
    stopped = false;
    *counter() = left;
}

bool fault_struck(void)
{
    return (fault.kind == FAULT_IO || fault.kind == FAULT_MEMORY) && !(stopped ? left : *counter());
}

bool fault_reported(void)
{
    return reported;
}

bool fault_excuses(int err)
{
    bool excused = is_full() ? err == -ENOSPC
                             : fault_struck() && (err == -EIO || err == -EROFS ||
                                                  (fault.kind == FAULT_MEMORY && err == -ENOMEM));

    reported |= excused && !is_full();
    return excused;
}

/* Full file systems */

static struct statfs64 free_now(void)
{
    struct statfs64 s;
    struct path p;

    host_expect(path_lookup(NULL, "/m", WALK_FOLLOW, &p), 0);
    host_expect(superblock_statfs(p.mount->sb, &s), 0);
    path_put(&p);
    return s;
}

static int block_write(const char *name, u64 at)
{
    u32 size = free_now().f_bsize;
    static u8 bytes[4096];
    struct file *f;
    ssize_t n;
    int err = file_open(NULL, name, O_RDWR | O_CREAT, 0600, 0, &f);

    if (err)
        return err;
    memset(bytes, 'f', size);
    n = world_pwrite(f, bytes, size, at * size);
    if (at % 16 == 0)
        host_expect(file_fsync(f, false), 0);
    file_put(f);
    return MIN(n, 0L);
}

static const char *pad_name(const char *letter, u32 n, char text[32])
{
    snprintf(text, 32, "/m/pads/%s%u", letter, n);
    return text;
}

// Files of a block each, which can be given back, and one that takes all that is left, but for the
// blocks that ext4 keeps for maps.
static void fill_blocks(void)
{
    char text[32];
    u64 n = 0;

    for (u32 i = 0; i < PADS; i++)
        host_expect(block_write(pad_name("p", i, text), 0), 0);
    while (!block_write("/m/pads/rest", n))
        n++;
    host_expect(vfs_sync(), 0);
}

static void fill_inodes(void)
{
    char text[32];
    u32 n = 0;

    while (!vfs_mknod(NULL, pad_name("p", n, text), S_IFREG | 0600, 0))
        n++;
    host_expect(free_now().f_ffree, 0);
    verify(n >= PADS);
}

static enum fault_kind filling;
static void (*const fillers[FAULT_KINDS])(void) = {
    [FAULT_BLOCKS] = fill_blocks, [FAULT_INODES] = fill_inodes};

static void fill_scenario(void)
{
    host_expect(crash_mount(disk_one), 0);
    host_expect(vfs_mkdir(NULL, "/m/pads", 0755), 0);
    fillers[filling]();
    crash_unmount();
    memcpy(full[filling][crash_set], disk_one->image, disk_one->block.sectors << SECTOR_SHIFT);
    native_exit(0);
}

static void fill_process(void)
{
    native_exit(host_run(fill_scenario, 1, 0));
}

// Gives back as many as the run has, and looks at the rest.
static void pads_remove(u32 n)
{
    char text[32];

    for (u32 i = 0; i < n; i++)
        host_expect(vfs_unlink(NULL, pad_name("p", i, text), false), 0);
    if (machine_below(2))
        host_expect(vfs_sync(), 0);
}

void fault_mounted(void)
{
    if (is_full())
        pads_remove(fault.nth);
}

// With room again, all works again.
void fault_before_unmount(void)
{
    char text[32];

    if (!is_full() || machine_below(2))
        return;
    model_op_begins();
    for (u32 i = fault.nth; i < PADS; i++)
        host_expect(vfs_unlink(NULL, pad_name("p", i, text), false), 0);
    if (fault.kind == FAULT_BLOCKS)
        host_expect(vfs_unlink(NULL, "/m/pads/rest", false), 0);
    host_expect(vfs_mkdir(NULL, "/m/pads/new", 0755), 0);
    host_expect(block_write("/m/pads/new/file", 3), 0);
    host_expect(vfs_sync(), 0);
    model_op_ended(false);
}

/* One run, in a process of its own */

static void image_judge(void)
{
    struct choice c = {.event = disk_one->event_count};
    u64 size = disk_one->block.sectors << SECTOR_SHIFT;

    memcpy(disk_two->image, disk_one->image, size);
    judge(bytes_hash(disk_two->image, size), &c);
}

static void run_scenario(void)
{
    bool struck;

    if (is_full())
        memcpy(disk_one->image, full[fault.kind][crash_set],
               disk_one->block.sectors << SECTOR_SHIFT);
    left = fault.nth;
    fault_go_on();
    workload_run(current);
    struck = is_full() || fault_struck();
    fault_stop();
    reached[worker] = fault.nth - left;
    fault = (struct fault){0};
    host_settle();
    image_judge();
    native_exit(struck ? 0 : NOT_REACHED);
}

static void run_process(void)
{
    fault = current->fault;
    native_exit(host_run(run_scenario, 1 + current->seed, 0));
}

void fault_run(struct workload *w)
{
    char path[100];
    int status;

    current = w;
    crash_set = w->set;
    judge_workload(w);
    snprintf(path, sizeof(path), "%s/log.%lu", crash_folder, worker);
    status = native_apart(run_process, native_variable("LOG") ? NULL : path, 600);
    if (status && status != NOT_REACHED)
        complain_log("the kernel fails", path);
    if (status != NOT_REACHED)
        atomic_fetch_add(&totals->faults[w->fault.kind], 1UL);
}

/* Many runs */

static void full_make(enum fault_kind kind, u32 set)
{
    char path[100];

    filling = kind;
    crash_set = set;
    full[kind][set] = native_shared((u64)feature_sets[set].megabytes << 20);
    snprintf(path, sizeof(path), "%s/log", crash_folder);
    if (native_apart(fill_process, native_variable("LOG") ? NULL : path, 60)) {
        fprintf(stderr, "%s cannot be filled\n", feature_sets[set].name);
        native_exit(1);
    }
}

void faults_prepare(void)
{
    reached = native_shared(WORKERS_MAX * sizeof(*reached));
    for (u32 set = 0; set < feature_set_count; set++) {
        for (enum fault_kind kind = FAULT_BLOCKS; kind < FAULT_KINDS; kind++)
            full_make(kind, set);
    }
}

// Points spread over all that the workload asks for; all of them, if there are not many.
static void sweep(struct workload *w, enum fault_kind kind, u64 random, u64 points)
{
    u64 most;

    w->fault = (struct fault){kind, NEVER};
    fault_run(w);
    most = reached[worker];
    points = MIN(points, most);
    for (u64 n = 0; n < points; n++) {
        w->fault.nth = 1 + (n * most + mix(random + n) % most) / points;
        fault_run(w);
    }
}

static void sweep_full(struct workload *w, enum fault_kind kind, u64 points)
{
    for (u32 n = 0; n < MIN(points, (u64)PADS); n++) {
        w->fault = (struct fault){kind, n};
        fault_run(w);
    }
}

void faults_explore(u64 index, u64 points, struct workload *w)
{
    u64 n = index / 3;

    if (index % 3) {
        workload_choose(n * 2 + index % 3, index, w);
        sweep(w, FAULT_IO, index, points);
        sweep(w, FAULT_MEMORY, mix(index), points);
    } else {
        workload_single(n, w);
        sweep_full(w, n % 3 ? FAULT_BLOCKS : FAULT_INODES, points);
    }
}

/* As text */

void fault_print(const struct fault *f, char *text, size_t room)
{
    if (f->kind)
        snprintf(text, room, " %s:%u", kind_names[f->kind], f->nth);
}

bool fault_parse(const char *text, struct fault *f)
{
    char kind[20];

    if (!*text)
        return true;
    if (sscanf(text, "%19[a-z]:%u", kind, &f->nth) != 2)
        return false;
    while (f->kind < FAULT_KINDS && strcmp(kind_names[f->kind], kind))
        f->kind++;
    return f->kind < FAULT_KINDS;
}
