// SPDX-License-Identifier: MIT
// The crash-state explorer's program: workers, numbers, complaints.
//
//   crash [--states N] [--seed N] [--only WORKLOAD] [--replay FILE] [--planted] [--faults N]
//         [--per-workload N] [--save FOLDER]
#include "crash.h"

#include "native.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define PER_WORKLOAD 60 // states
#define PER_SWEEP    12 // failures

struct totals *totals;
u64 worker;

static u64 wanted = 20000, seed = 1, per_workload, points;
static bool stop_at_first;
static struct workload current;

/* Tables that all processes share */

bool seen_add(u64 *table, u64 hash)
{
    for (u64 i = hash | 1;; i++) {
        u64 *at = &table[(i >> 1) & totals->mask];

        if (load_relaxed(at) == (hash | 1))
            return false;
        if (!load_relaxed(at) && atomic_cas(at, 0UL, hash | 1))
            return true;
    }
}

u64 bytes_hash(const void *bytes, size_t n)
{
    const u8 *at = bytes;
    u64 lanes[4] = {n, 1, 2, 3}, word;

    for (; n >= 32; n -= 32, at += 32)
        for (int i = 0; i < 4; i++) {
            memcpy(&word, at + 8 * i, 8);
            lanes[i] = (lanes[i] ^ word) * 0x9e3779b97f4a7c15UL;
            lanes[i] ^= lanes[i] >> 29;
        }
    for (; n; n--)
        lanes[0] = mix(lanes[0] + *at++);
    return mix(lanes[0] + mix(lanes[1] + mix(lanes[2] + mix(lanes[3]))));
}

static void totals_make(void)
{
    totals = native_shared(sizeof(*totals));
    for (totals->mask = 1 << 16; totals->mask < wanted * 4;)
        totals->mask *= 2;
    totals->images = native_shared(totals->mask * sizeof(u64));
    totals->recovered = native_shared(totals->mask * sizeof(u64));
    totals->mask--;
}

static void totals_clear(void)
{
    native_clear(totals->images, (totals->mask + 1) * sizeof(u64));
    native_clear(totals->recovered, (totals->mask + 1) * sizeof(u64));
    totals->next = totals->workloads = totals->states = totals->judged = totals->checks = 0;
    totals->cut = totals->complaints = totals->first[0] = 0;
}

/* Workers */

static void workload_scenario(void)
{
    workload_run(&current);
    planted_bug = BUG_NONE;
    states_explore(disk_one, per_workload ?: PER_WORKLOAD);
    native_exit(0);
}

static void workload_process(void)
{
    native_exit(host_run(workload_scenario, 1 + current.seed, 0));
}

static void workload_explore(void)
{
    char path[100];

    snprintf(path, sizeof(path), "%s/log.%lu", crash_folder, worker);
    crash_set = current.set;
    judge_workload(&current);
    if (native_apart(workload_process, native_variable("LOG") ? NULL : path, 600))
        complain_log("the kernel fails", path);
    atomic_fetch_add(&totals->workloads, 1UL);
}

static bool is_enough(void)
{
    return load_relaxed(&totals->states) >= wanted ||
           (stop_at_first && load_relaxed(&totals->complaints));
}

static u64 faults_done(void)
{
    u64 n = 0;

    for (u32 kind = 1; kind < FAULT_KINDS; kind++)
        n += load_relaxed(&totals->faults[kind]);
    return n;
}

static void work_faults(u64 number)
{
    worker = number;
    while (faults_done() < points)
        faults_explore(mix(seed) + atomic_fetch_add(&totals->next, 1UL), per_workload ?: PER_SWEEP,
                       &current);
}

static void work(u64 number)
{
    worker = number;
    while (!is_enough()) {
        workload_choose(atomic_fetch_add(&totals->next, 1UL), seed, &current);
        workload_explore();
    }
}

static void work_all(void)
{
    native_many(work, native_processors());
}

/* Ways to use it */

static int explore(void)
{
    u64 start = native_seconds();

    work_all();
    printf("%lu distinct states of %lu workloads, %lu judgements, %lu recoveries cut, %lu runs of "
           "e2fsck, %lu s: %lu complaints\n",
           totals->states, totals->workloads, totals->judged, totals->cut, totals->checks,
           native_seconds() - start, totals->complaints);
    return totals->complaints || !is_enough(); // a worker may have died
}

static int explore_faults(void)
{
    u64 start = native_seconds(), *n = totals->faults;

    native_many(work_faults, native_processors());
    printf("%lu requests and %lu allocations failed, %lu runs with few blocks, %lu with few "
           "inodes, %lu runs of e2fsck, %lu s: %lu complaints\n",
           n[FAULT_IO], n[FAULT_MEMORY], n[FAULT_BLOCKS], n[FAULT_INODES], totals->checks,
           native_seconds() - start, totals->complaints);
    return totals->complaints || faults_done() < points;
}

static int explore_one(const char *text)
{
    if (!workload_parse(text, &current)) {
        fprintf(stderr, "not a workload: %s\n", text);
        return 2;
    }
    if (current.fault.kind)
        fault_run(&current);
    else
        workload_explore();
    printf("%lu distinct states: %lu complaints\n", totals->states, totals->complaints);
    return totals->complaints != 0;
}

// The workload's states again: the one that was saved is among them as long as the kernel does the
// same.
static int replay(const char *path)
{
    char text[TEXT_MAX] = "";
    FILE *f = fopen(path, "r");

    if (!f || !fgets(text, sizeof(text), f)) {
        fprintf(stderr, "%s cannot be read\n", path);
        return 2;
    }
    fclose(f);
    return explore_one(text);
}

static int find_planted(void)
{
    static const char *const names[BUG_COUNT] = {
        [BUG_MISSING_FLUSH] = "missing flush",
        [BUG_EARLY_CHECKPOINT] = "early checkpoint",
        [BUG_LOST_REVOKE] = "lost revoke",
        [BUG_COMMIT_BEFORE_DATA] = "commit before data",
        [BUG_WRONG_ESCAPE] = "wrong escape",
        [BUG_REUSED_BLOCK] = "reused block before commit",
        [BUG_UNORDERED_SUPERBLOCK] = "unordered superblock",
        [BUG_SKIPPED_TAG] = "skipped tag",
    };
    u32 missed = 0;

    stop_at_first = totals->quiet = true;
    for (planted_bug = 1; planted_bug < BUG_COUNT; planted_bug++) {
        totals_clear();
        work_all();
        printf("%-28s %s after %lu states of %lu workloads: %s\n", names[planted_bug],
               totals->complaints ? "found" : "NOT FOUND", totals->states, totals->workloads,
               totals->first);
        fflush(stdout);
        missed += !totals->complaints;
    }
    return missed != 0;
}

/* Options */

static u64 number(const char *text)
{
    unsigned long n = 0;

    if (sscanf(text, "%lu", &n) != 1)
        fprintf(stderr, "not a number: %s\n", text);
    return n;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"states", 1, NULL, 'n'},       {"seed", 1, NULL, 's'},    {"only", 1, NULL, 'o'},
        {"replay", 1, NULL, 'r'},       {"planted", 0, NULL, 'p'}, {"save", 1, NULL, 'd'},
        {"per-workload", 1, NULL, 'w'}, {"faults", 1, NULL, 'f'},  {0},
    };
    const char *only = NULL, *file = NULL, *saved = ".";
    bool find = false;
    int c, status;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == '?')
            return 2;
        wanted = c == 'n' ? number(optarg) : wanted;
        seed = c == 's' ? number(optarg) : seed;
        per_workload = c == 'w' ? number(optarg) : per_workload;
        points = c == 'f' ? number(optarg) : points;
        only = c == 'o' ? optarg : only;
        file = c == 'r' ? optarg : file;
        saved = c == 'd' ? optarg : saved;
        find |= c == 'p';
    }
    totals_make();
    snprintf(totals->saved, sizeof(totals->saved), "%s", saved);
    native_folder(saved);
    native_begin(crash_folder, sizeof(crash_folder));
    images_make();
    faults_prepare();
    status = find     ? find_planted()
             : only   ? explore_one(only)
             : file   ? replay(file)
             : points ? explore_faults()
                      : explore();
    native_remove(crash_folder);
    return status;
}
