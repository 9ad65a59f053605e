// SPDX-License-Identifier: MIT
// One state: recovered by e2fsck, recovered by the kernel, and looked at.
#include "crash.h"

#include "fs/ext4/ondisk.h"
#include "native.h"
#include <stdio.h>
#include <string.h>

#define FOUND     2  // exit status: the complaint was made
#define USE_SHARE 5  // of so many recovered file systems one is used
#define CUT_SHARE 16 // of so many recoveries one is cut, too; one of e2fsck's is looked at

static const struct workload *workload;
static const struct choice *choice;

void judge_workload(const struct workload *w)
{
    workload = w;
}

static u64 image_size(void)
{
    return (u64)feature_sets[workload->set].megabytes << 20;
}

static const char *path_of(const char *name, char path[100])
{
    snprintf(path, 100, "%s/%s.%lu", crash_folder, name, worker);
    return path;
}

static void image_write(const u8 *image)
{
    char path[100];

    if (!native_write(path_of("image", path), image, image_size()))
        panic("%s cannot be written", path);
}

/* e2fsck */

static int fsck_run(char *how, char *said, size_t room)
{
    char path[100];
    char *const command[] = {"e2fsck", how, (char *)path_of("image", path), NULL};

    atomic_fetch_add(&totals->checks, 1UL);
    return native_run(command, said, room);
}

// What e2fsck says of a file system that only has to be recovered: all else is a complaint.
static bool is_expected(const char *line)
{
    static const char *const expected[] = {
        "e2fsck 1.",
        "Pass ",
        "Clearing orphaned inode",
        "Truncating orphaned inode",
        "Setting free ",
        "Orphan file",
        "Setting filetype",
        "Free blocks count wrong (",
        "Free inodes count wrong (",
        "Fix? yes",
        "Feature orphan_present is set but orphan file is clean",
        "Clear? yes",
    };

    for (unsigned i = 0; i < ARRAY_SIZE(expected); i++)
        if (!strncmp(line, expected[i], strlen(expected[i])))
            return true;
    return !*line || strstr(line, "recovering journal") ||
           strstr(line, "FILE SYSTEM WAS MODIFIED") || strstr(line, " files (");
}

// The sum of a commit block that is half there is wrong. Its transaction was not promised, but
// e2fsck takes it for damage; and then, as after an error that was noted, it leaves the orphans to
// the later passes.
static bool is_excused(const char *said)
{
    bool fails = workload->fault.kind == FAULT_IO || workload->fault.kind == FAULT_MEMORY;

    return ((choice->kind == CHOOSE_TORN || fails) &&
            strstr(said, "was corrupt, replay was aborted")) ||
           (fails && strstr(said, "has zero dtime"));
}

static bool fsck_recovers(void)
{
    static char said[8192], copy[8192];
    int status = fsck_run("-fy", said, sizeof(said));
    bool good = status <= 1;

    if (is_excused(said))
        return good;
    memcpy(copy, said, sizeof(copy));
    for (char *line = copy, *next; good && line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        good = is_expected(line);
    }
    if (!good)
        complain("e2fsck recovers it, with complaints", said);
    return good;
}

// What e2fsck looks at of a recovered image: all but times and the log's old contents.
static u64 recovered_hash(const u8 *image)
{
    static u8 super[sizeof(struct ext4_super)];
    struct ext4_super *s = (void *)super;
    u64 hash = workload->set + 1;

    memcpy(super, image + EXT4_SUPER_AT, sizeof(super));
    s->s_mtime = s->s_wtime = s->s_lastcheck = s->s_mnt_count = s->s_checksum = s->s_balance = 0;
    hash = mix(hash + bytes_hash(image, EXT4_SUPER_AT));
    hash = mix(hash + bytes_hash(super, sizeof(super)));
    return hash + bytes_hash(image + EXT4_SUPER_AT + sizeof(super),
                             image_size() - EXT4_SUPER_AT - sizeof(super));
}

static void fsck_clean(const struct disk *d, const char *what)
{
    static char said[8192];

    if (!seen_add(totals->recovered, recovered_hash(d->image)))
        return;
    image_write(d->image);
    if (fsck_run("-fn", said, sizeof(said)) || strstr(said, "Fix?")) {
        complain(what, said);
        native_exit(FOUND);
    }
}

/* The kernel; in a process of its own */

static u64 state_hash;
static bool fsck_made; // the file is of this state

static void recover(const struct disk *d, const char *what)
{
    static struct tree found;
    const char *bad;
    int err = crash_mount(d);

    if (err) {
        complain(what, "it cannot be mounted");
        native_exit(FOUND);
    }
    tree_read(&found);
    bad = model_check(&found, choice->event);
    if (bad) {
        complain(what, bad);
        native_exit(FOUND);
    }
    if (!d->recording && state_hash % USE_SHARE == 0)
        workload_use();
    crash_unmount();
}

// What e2fsck made of the state, which is in the file.
static void look_after_fsck(void)
{
    char path[100];

    if (native_read(path_of("image", path), disk_three->image, image_size()) < 0)
        panic("%s cannot be read", path);
    recover(disk_three, "e2fsck recovers it, and a promise is broken");
}

static void recover_all(void)
{
    bool cut = state_hash % CUT_SHARE == 0;

    planted_bug = BUG_NONE;
    if (fsck_made && state_hash % CUT_SHARE == 1)
        look_after_fsck();
    if (cut)
        disk_record(disk_two);
    recover(disk_two, "the kernel recovers it, and a promise is broken");
    fsck_clean(disk_two, "the kernel recovers it, and e2fsck complains");
    if (!cut)
        return;
    states_random(disk_two, disk_three->image);
    recover(disk_three, "a recovery that was cut is done again, and a promise is broken");
    fsck_clean(disk_three, "a recovery that was cut is done again, and e2fsck complains");
    atomic_fetch_add(&totals->cut, 1UL);
}

void complain_log(const char *what, const char *path)
{
    static char log[8192];
    long n = native_read(path, log, sizeof(log) - 1);

    log[MAX(n, 0L)] = '\0';
    complain(what, log);
}

static void recover_apart(u64 hash)
{
    char path[100];
    int status;

    state_hash = hash;
    path_of("recovery", path);
    status = native_apart(recover_all, native_variable("LOG") ? NULL : path, 60);
    if (status && status != FOUND)
        complain_log("the kernel fails in recovery", path);
}

/* Complaints */

void complain(const char *what, const char *log)
{
    u64 number = atomic_fetch_add(&totals->complaints, 1UL);
    char text[TEXT_MAX], name[200], all[10000];
    int n;

    workload_print(workload, text);
    n = snprintf(all, sizeof(all), "%s\n", text);
    if (choice)
        n += snprintf(all + n, sizeof(all) - n, "event %lu choice %u pick %u random %u\n",
                      choice->event, choice->kind, choice->pick, choice->random);
    n += snprintf(all + n, sizeof(all) - n, "%s\n%s\n", what, log);
    if (!number)
        snprintf(totals->first, sizeof(totals->first), "%s", what);
    if (totals->quiet)
        return;
    snprintf(name, sizeof(name), "%s/state%lu", totals->saved, number);
    native_write(name, all, MIN(n, (int)sizeof(all) - 1));
    printf("FAILED: %s\n%.1500s\nagain: ./rv crash --replay %s\n\n", what, all, name);
    fflush(stdout);
    if (choice) {
        snprintf(name, sizeof(name), "%s/state%lu.img", totals->saved, number);
        native_write(name, disk_two->image, image_size());
    }
}

void judge(u64 hash, const struct choice *c)
{
    choice = c;
    fsck_made = seen_add(totals->images, mix(hash + workload->set) | 1);
    if (fsck_made) {
        atomic_fetch_add(&totals->states, 1UL);
        image_write(disk_two->image);
        fsck_recovers();
    }
    recover_apart(hash);
    atomic_fetch_add(&totals->judged, 1UL);
    choice = NULL;
}
