// SPDX-License-Identifier: MIT
// What the explorer's files share. docs/crash.md is the whole.
#pragma once
#include "base/planted.h"
#include "disk.h"
#include "world.h"

/* images.c: file systems to begin with */

struct feature_set {
    const char *name, *mke2fs, *type, *options;
    u32 megabytes;
    bool tight; // hardly a block is free
};
extern const struct feature_set feature_sets[];
extern const u32 feature_set_count;

extern char crash_folder[64]; // (c) on a tmpfs

void images_make(void);
const u8 *image_of(u32 set); // (c) shared by all processes

/* host.c of the explorer: one process of many */

extern struct disk *disk_one, *disk_two, *disk_three; // the workload's; what is recovered
extern u32 crash_set;                                 // before the machine starts

// 0 or -errno of mounting a disk on /m.
int crash_mount(const struct disk *d);
void crash_unmount(void);

/* workload.c */

enum { SYNC_NONE, SYNC_FSYNC, SYNC_FDATASYNC, SYNC_ALL, SYNC_FS, SYNC_COUNT };
#define STEPS_MAX 4
#define OP_COUNT  18
#define TEXT_MAX  200

struct step {
    u8 op, variant, sync;
    u8 wait; // seconds before and after the sync
};

enum fault_kind {
    FAULT_NONE,
    FAULT_IO,     // a request fails
    FAULT_MEMORY, // an allocation
    FAULT_BLOCKS, // hardly a block is free
    FAULT_INODES, // or an inode
    FAULT_KINDS
};

struct fault {
    u8 kind;
    u32 nth; // the request or allocation that fails; how many blocks or inodes are free
};

struct workload {
    u32 set, count;
    u64 seed;
    struct step steps[STEPS_MAX];
    struct fault fault;
};

// The index decides: first the single operations, then sequences, then the same with other sets.
void workload_choose(u64 index, u64 seed, struct workload *w);
u64 workload_round(void);                            // indices of one round
void workload_single(u64 index, struct workload *w); // single operations, then with other sets
void workload_print(const struct workload *w, char text[TEXT_MAX]);
bool workload_parse(const char *text, struct workload *w);
void workload_populate(bool tight); // what every workload finds
void workload_run(const struct workload *w);
void workload_use(void); // a little of everything, on what was recovered

/* model.c: what was there, and what may be there after a crash */

#define FOLDERS 3
#define NAMES   5 // in each
#define SLOTS   (FOLDERS * NAMES)

struct seen {        // of a name
    u32 kind;        // 0: there is none
    u32 links, same; // the first name that leads to it
    u32 life;        // in the model: of a regular file, from creation to deletion
    u64 ino, size, attributes;
    u8 *bytes; // of a file or symbolic link
};

struct tree {
    struct seen names[SLOTS];
};

const char *slot_name(u32 slot, char text[32]);
void tree_read(struct tree *t);

void model_begin(const struct disk *d);
void model_op_begins(void);      // what follows may be on the disk from now on
void model_op_ended(bool holes); // a byte of it may be zero until it is promised
const struct tree *model_now(void);
// From now on, after a crash: all that was done, the file's contents, or everything.
void model_promise_names(void);
void model_promise_file(u32 slot, bool data_only);
void model_promise_all(void);
u64 model_promises(u64 events); // how many hold then
// NULL, or what is wrong with what was found after a crash at that event.
const char *model_check(const struct tree *found, u64 events);

bool model_op_undone(void); // names are as before the last operation

/* faults.c: something fails, or is short; all of these do nothing in other runs */

void fault_stop(void); // the test itself does something
void fault_go_on(void);
bool fault_excuses(int err);     // of an operation: it may end so
bool fault_struck(void);         // a request or allocation has failed
bool fault_reported(void);       // and somebody has been told
void fault_mounted(void);        // the workload begins
void fault_before_unmount(void); // and ends
void fault_print(const struct fault *f, char *text, size_t room);
bool fault_parse(const char *text, struct fault *f);

void faults_prepare(void);
void faults_explore(u64 index, u64 points, struct workload *w); // sweeps of one workload
void fault_run(struct workload *w);                             // a single one

/* states.c, judge.c */

enum {
    CHOOSE_NONE,
    CHOOSE_DONE,
    CHOOSE_ALL,
    CHOOSE_BUT,
    CHOOSE_ONLY,
    CHOOSE_FIRST,
    CHOOSE_RANDOM,
    CHOOSE_TORN,
    CHOOSE_COUNT
};

struct choice { // of the writes that are not durable
    u64 event;
    u8 kind;
    u32 pick, random;
};

void states_explore(const struct disk *d, u32 most);
void states_random(const struct disk *d, u8 *image); // one state
// Judges the image on disk two, as left by a crash at that event.
void judge(u64 hash, const struct choice *c);
void judge_workload(const struct workload *w); // what judge() and crash reports are about

/* main.c: shared by all processes */

struct totals {
    u64 next;                // (a) workload
    u64 workloads;           // (a) done
    u64 states;              // (a) distinct images
    u64 judged;              // (a) with all that held when they were left
    u64 checks;              // (a) runs of e2fsck
    u64 cut;                 // (a) recoveries that were cut and done again
    u64 faults[FAULT_KINDS]; // (a) runs in which something failed
    u64 complaints;          // (a)
    bool quiet;              // (c) complaints are only counted
    char first[200];         // what the first was about
    char saved[100];         // (c) where failing states go
    u64 mask;                // (c) of the tables
    u64 *images, *recovered; // (a) hashes seen
};
extern struct totals *totals;

bool seen_add(u64 *table, u64 hash); // false: it was there
extern u64 worker;                   // (c) of this process
void complain(const char *what, const char *log);
void complain_log(const char *what, const char *path); // the log is in a file

static inline u64 mix(u64 x)
{
    x = (x ^ x >> 31) * 0x9e3779b97f4a7c15UL;
    x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9UL;
    return x ^ x >> 32;
}
u64 bytes_hash(const void *bytes, size_t n);
