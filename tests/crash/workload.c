// SPDX-License-Identifier: MIT
// Workloads: one to four operations on a small tree, each followed by a way to make it durable.
//
// An operation's variant chooses which names and sizes. What it cannot do (there is no such file,
// the disk is full) changes nothing, which is a good workload too.
#include "crash.h"
#include "native.h"

#include "abi/xattr.h"
#include "sched/timer.h"
#include <stdio.h>
#include <string.h>

#define LOG_MAGIC "\xc0\x3b\x39\x98" // what begins a block of the journal
#define STALE     0xdb               // in blocks that are free when a workload begins
#define SIZE_MAX_ 60000
#define VARIANTS  4 // of an operation, when all are tried
#define FORGETS   4 // bit of variants: before the sync, what nobody uses leaves the caches

enum kinds { FREE = 1, FILES = 2, LINKS = 4, FOLDERS_ = 8 };

static u32 step_number;
static struct file *held[STEPS_MAX]; // open, without a name
static u32 held_count;
static struct file *root; // open since the mount: syncfs tells it of every error

/* Bytes */

// Never zero or STALE; different in each step. Some blocks begin as the journal's do.
static void bytes_make(u8 *to, u64 at, size_t n, u32 salt)
{
    for (size_t i = 0; i < n; i++) {
        u64 place = at + i;

        to[i] = 1 + mix(place / 8 + ((u64)salt << 32)) % 100;
        if (salt & 1 && place % 1024 < 4)
            to[i] = (u8)LOG_MAGIC[place % 1024];
    }
}

static ssize_t bytes_write(struct file *f, u64 at, size_t n, u32 salt)
{
    static u8 bytes[SIZE_MAX_];

    n = MIN(n, sizeof(bytes));
    bytes_make(bytes, at, n, salt);
    return world_pwrite(f, bytes, n, at);
}

/* Names */

// The variant-th name of one of these kinds; SLOTS: there is none.
static u32 slot_pick(u32 kinds, u32 variant)
{
    const struct tree *t = model_now();
    u32 found[SLOTS], n = 0;

    for (u32 slot = 0; slot < SLOTS; slot++) {
        u32 kind = t->names[slot].kind;
        u32 bit = !kind ? FREE : kind == S_IFREG ? FILES : kind == S_IFLNK ? LINKS : FOLDERS_;

        if (bit & kinds)
            found[n++] = slot;
    }
    return n ? found[variant % n] : SLOTS;
}

struct target { // what an operation was done to, for the sync after it
    u32 slot;   // SLOTS: nothing
    bool file;  // itself, else the directory it is in
};

static int slot_open(u32 slot, u32 flags, struct file **f)
{
    char name[32];

    if (slot == SLOTS)
        return -ENOENT;
    return file_open(NULL, slot_name(slot, name), flags, 0644, 0, f);
}

static void expect_good(int err)
{
    if (!fault_excuses(err))
        host_expect(err, 0);
}

/* Operations: each notes its target */

typedef int op_fn(u32 variant, struct target *t);

static const u32 sizes[] = {500, 5000, 17000, 2048, 1, 30000};

static u32 size_of(u32 variant)
{
    return sizes[(variant + variant / 4) % ARRAY_SIZE(sizes)];
}

static int op_create(u32 variant, struct target *t)
{
    struct file *f;
    int err;

    *t = (struct target){slot_pick(FREE, variant), true};
    err = slot_open(t->slot, O_RDWR | O_CREAT | O_EXCL, &f);
    if (!err)
        file_put(f);
    return err;
}

static int file_change(u32 slot, u32 flags, u64 at, size_t n)
{
    struct file *f;
    int err = slot_open(slot, O_RDWR | flags, &f);

    if (err)
        return err;
    err = MIN(bytes_write(f, at, n, step_number), 0L);
    file_put(f);
    return err;
}

static int op_write(u32 variant, struct target *t)
{
    *t = (struct target){slot_pick(FREE, variant), true};
    return file_change(t->slot, O_CREAT | O_EXCL, 0, size_of(variant));
}

static u64 size_now(u32 slot)
{
    return slot == SLOTS ? 0 : model_now()->names[slot].size;
}

static int op_overwrite(u32 variant, struct target *t)
{
    u64 size, at;

    *t = (struct target){slot_pick(FILES, variant), true};
    size = size_now(t->slot);
    at = size ? mix(variant) % size : 0;
    return file_change(t->slot, 0, at, MIN(size - at, (u64)size_of(variant + 1)));
}

static int op_append(u32 variant, struct target *t)
{
    *t = (struct target){slot_pick(FILES, variant), true};
    return file_change(t->slot, 0, size_now(t->slot), size_of(variant));
}

static int op_truncate(u32 variant, struct target *t)
{
    struct file *f;
    u64 size;
    int err;

    *t = (struct target){slot_pick(FILES, variant), true};
    size = size_now(t->slot);
    err = slot_open(t->slot, O_RDWR, &f);
    if (err)
        return err;
    size = variant % 3 == 0 ? 0 : variant % 3 == 1 ? mix(variant) % (size + 1) : size + 5000;
    err = vfs_truncate(f->inode, size);
    file_put(f);
    return err;
}

static int op_link(u32 variant, struct target *t)
{
    u32 from = slot_pick(FILES, variant), to = slot_pick(FREE, variant / 2);
    struct path p;
    char name[32];
    int err;

    *t = (struct target){to, variant % 2};
    if (from == SLOTS || to == SLOTS)
        return -ENOENT;
    err = path_lookup(NULL, slot_name(from, name), 0, &p);
    if (err)
        return err;
    err = vfs_link(&p, NULL, slot_name(to, name));
    path_put(&p);
    return err;
}

static int op_unlink(u32 variant, struct target *t)
{
    char name[32];

    *t = (struct target){slot_pick(FILES | LINKS, variant), false};
    return t->slot == SLOTS ? -ENOENT : vfs_unlink(NULL, slot_name(t->slot, name), false);
}

static int op_rename(u32 variant, struct target *t)
{
    u32 from = slot_pick(FILES | LINKS | FOLDERS_, variant);
    u32 to = slot_pick(variant & 1 ? FREE : FILES | LINKS | FOLDERS_, variant / 2 + 1);
    char a[32], b[32];

    *t = (struct target){to, false};
    if (from == SLOTS || to == SLOTS)
        return -ENOENT;
    return vfs_rename(NULL, slot_name(from, a), NULL, slot_name(to, b),
                      variant % 8 == 6 ? RENAME_EXCHANGE : 0);
}

static int op_mkdir(u32 variant, struct target *t)
{
    char name[32];

    *t = (struct target){slot_pick(FREE, variant), false};
    return t->slot == SLOTS ? -ENOENT : vfs_mkdir(NULL, slot_name(t->slot, name), 0755);
}

static int op_rmdir(u32 variant, struct target *t)
{
    char name[32];

    *t = (struct target){slot_pick(FOLDERS_, variant), false};
    return t->slot == SLOTS ? -ENOENT : vfs_unlink(NULL, slot_name(t->slot, name), true);
}

static int op_symlink(u32 variant, struct target *t)
{
    char name[32], text[200];
    u32 n = variant & 1 ? 180 : 20;

    *t = (struct target){slot_pick(FREE, variant), false};
    memset(text, 'x', n);
    text[n] = '\0';
    if (n > 100)
        memcpy(text, LOG_MAGIC, 4);
    return t->slot == SLOTS ? -ENOENT : vfs_symlink(text, NULL, slot_name(t->slot, name));
}

static int allocate(u32 variant, struct target *t, int mode, u64 at, u64 n)
{
    struct file *f;
    int err = slot_open(t->slot, O_RDWR, &f);

    if (err)
        return err;
    err = f->ops->fallocate(f, mode, at, n);
    file_put(f);
    return err;
}

static int op_fallocate(u32 variant, struct target *t)
{
    static const int modes[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE, 0};
    u64 size;

    *t = (struct target){slot_pick(FILES, variant), true};
    size = size_now(t->slot);
    return allocate(variant, t, modes[variant / 2 % 4], variant & 1 ? size : size / 2,
                    size_of(variant));
}

static int op_punch(u32 variant, struct target *t)
{
    u64 size;

    *t = (struct target){slot_pick(FILES, variant), true};
    size = size_now(t->slot);
    return allocate(variant, t, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                    variant & 1 ? 0 : mix(variant) % (size + 1), size_of(variant));
}

static int stores_make(struct file *f, u64 at, size_t n)
{
    struct vm_map_args args = {.length = at + n,
                               .prot = PROT_READ | PROT_WRITE,
                               .flags = AREA_SHARED | AREA_MAYWRITE,
                               .file = f};
    static u8 bytes[SIZE_MAX_];
    uaddr_t place;
    int err = f->ops->mmap(f, &args.object);

    if (err)
        return err;
    fault_stop();
    world_user_begin(PAGE_SIZE);
    fault_go_on();
    bytes_make(bytes, at, n, step_number);
    err = vm_map(thread_self()->space, &args, &place);
    if (!err && copy_to_user(place + at, bytes, n))
        err = -EFAULT;
    world_user_end();
    return err;
}

static int op_mmap(u32 variant, struct target *t)
{
    struct file *f;
    u64 size, at;
    int err;

    *t = (struct target){slot_pick(FILES, variant), true};
    size = size_now(t->slot);
    if (!size)
        return -ENOENT;
    at = mix(variant) % size;
    err = slot_open(t->slot, O_RDWR, &f);
    if (err)
        return err;
    err = stores_make(f, at, MIN(size - at, (u64)size_of(variant)));
    file_put(f);
    return err;
}

static int op_xattr(u32 variant, struct target *t)
{
    static u8 value[800];
    size_t n = variant % 3 == 0 ? 20 : 700;
    struct path p;
    char name[32];
    int err;

    *t = (struct target){slot_pick(FILES, variant), true};
    if (t->slot == SLOTS)
        return -ENOENT;
    bytes_make(value, 0, n, step_number);
    err = path_lookup(NULL, slot_name(t->slot, name), 0, &p);
    if (err)
        return err;
    err = inode_xattr_set(path_inode(&p), variant & 1 ? "user.b" : "user.a",
                          variant % 4 == 3 ? NULL : value, n, 0);
    path_put(&p);
    return err;
}

// Blocks move along: in between, some are neither here nor there.
static int op_shift(u32 variant, struct target *t)
{
    u64 n = feature_sets[crash_set].megabytes > 4 ? 4096 : 1024;

    *t = (struct target){slot_pick(FILES, variant), true};
    return allocate(variant, t, variant & 2 ? FALLOC_FL_INSERT_RANGE : FALLOC_FL_COLLAPSE_RANGE,
                    n * (variant / 4 % 3), n * (1 + variant % 2 * 3));
}

// Its blocks are freed when the file is closed: after a crash that is recovery's to do.
static int op_orphan(u32 variant, struct target *t)
{
    char name[32];
    int err;

    *t = (struct target){slot_pick(FILES, variant), false};
    err = slot_open(t->slot, O_RDWR, &held[held_count]);
    if (err)
        return err;
    held_count++;
    return vfs_unlink(NULL, slot_name(t->slot, name), false);
}

static void churn_once(struct file *folder, u32 variant, u32 n)
{
    char text[200];

    memset(text, 'y', sizeof(text));
    text[sizeof(text) - 1 - n % 3] = '\0';
    if (n % 4 != 3)
        vfs_symlink(text, NULL, "/m/churn/a");
    else
        vfs_mkdir(NULL, "/m/churn/a", 0700);
    if (n % (1 + variant % 3) == 0)
        expect_good(file_fsync(folder, false));
    vfs_unlink(NULL, "/m/churn/a", n % 4 == 3);
    if (n % (1 + variant % 4) == 0)
        expect_good(file_fsync(folder, false));
}

// Many transactions, of names that nobody looks at: the log wraps.
static int op_churn(u32 variant, struct target *t)
{
    struct file *folder;
    int err;

    *t = (struct target){0, false};
    err = file_open(NULL, "/m/churn", O_RDONLY | O_DIRECTORY, 0, 0, &folder);
    if (err)
        return err;
    for (u32 n = 0; n < 40 + variant * 4; n++)
        churn_once(folder, variant, n);
    file_put(folder);
    return 0;
}

static const struct op {
    const char *name;
    op_fn *fn;
} ops[OP_COUNT] = {
    {"create", op_create}, {"write", op_write},       {"overwrite", op_overwrite},
    {"append", op_append}, {"truncate", op_truncate}, {"link", op_link},
    {"unlink", op_unlink}, {"rename", op_rename},     {"mkdir", op_mkdir},
    {"rmdir", op_rmdir},   {"symlink", op_symlink},   {"fallocate", op_fallocate},
    {"punch", op_punch},   {"mmap", op_mmap},         {"xattr", op_xattr},
    {"shift", op_shift},   {"orphan", op_orphan},     {"churn", op_churn},
};
// Of the others what fails may be half done.
static op_fn *const whole_ops[] = {op_create, op_link,  op_unlink,  op_rename, op_mkdir,
                                   op_rmdir,  op_xattr, op_symlink, op_orphan};
static const char *const sync_names[SYNC_COUNT] = {"none", "fsync", "fdatasync", "sync", "syncfs"};

/* Running one */

static void wait_seconds(u32 n)
{
    if (n)
        sleep_until(clock_monotonic() + n * NS_PER_SEC, WAIT_UNINTERRUPTIBLE);
}

static int target_sync(const struct target *t, bool data_only)
{
    static const char *const folders[FOLDERS] = {"/m", "/m/d", "/m/e"};
    struct file *f;
    int err = t->file ? slot_open(t->slot, O_RDONLY, &f)
                      : file_open(NULL, folders[t->slot / NAMES], O_RDONLY | O_DIRECTORY, 0, 0, &f);

    if (err)
        return err;
    err = file_fsync(f, data_only);
    file_put(f);
    return err;
}

static void step_sync(const struct step *s, const struct target *t)
{
    bool all = s->sync == SYNC_ALL || s->sync == SYNC_FS;

    expect_good(s->sync == SYNC_ALL  ? vfs_sync()
                : s->sync == SYNC_FS ? file_syncfs(root)
                                     : target_sync(t, s->sync == SYNC_FDATASYNC));
    // What was lost is not reported again; of a file that left the cache only to syncfs.
    if (fault_reported() || (fault_struck() && s->variant & FORGETS && s->sync != SYNC_FS))
        return;
    if (all)
        model_promise_all();
    else if (t->file)
        model_promise_file(t->slot, s->sync == SYNC_FDATASYNC);
    else if (s->sync == SYNC_FSYNC)
        model_promise_names();
}

// Whether what failed must have changed nothing. A file that was made may lack memory to be opened.
static bool is_whole(const struct step *s, int err)
{
    if (err != -ENOSPC && (err != -ENOMEM || ops[s->op].fn == op_create))
        return false;
    for (u32 i = 0; i < ARRAY_SIZE(whole_ops); i++)
        if (whole_ops[i] == ops[s->op].fn)
            return true;
    return false;
}

static void step_run(const struct step *s)
{
    struct target t;
    int err;

    step_number++;
    model_op_begins();
    err = ops[s->op].fn(s->variant, &t);
    if (native_variable("LOG"))
        fprintf(stderr, "step %s.%u on %u: %d\n", ops[s->op].name, s->variant, t.slot, err);
    if (!fault_excuses(err) && (err == -EUCLEAN || err == -EIO || err == -EROFS || err == -ENOMEM))
        panic("%s: error %d on a good disk", ops[s->op].name, err);
    model_op_ended(ops[s->op].fn == op_shift);
    if (is_whole(s, err) && !model_op_undone())
        panic("%s: error %d, and it is half done", ops[s->op].name, err);
    wait_seconds(s->wait);
    if (s->variant & FORGETS)
        dcache_shrink(); // what nobody uses leaves the cache
    if (s->sync && (!err || s->sync >= SYNC_ALL))
        step_sync(s, &t);
    wait_seconds(s->wait);
}

static int root_open(void)
{
    return file_open(NULL, "/m", O_RDONLY | O_DIRECTORY, 0, 0, &root);
}

void workload_run(const struct workload *w)
{
    int err;

    disk_record(disk_one);
    err = crash_mount(disk_one);
    if (fault_excuses(err))
        err = crash_mount(disk_one);
    err = err ?: root_open();
    if (fault_excuses(err))
        err = root_open();
    if (err)
        panic("mount: error %d", err);
    fault_mounted();
    model_begin(disk_one);
    step_number = w->seed % 100;
    for (u32 i = 0; i < w->count; i++)
        step_run(&w->steps[i]);
    while (held_count)
        file_put(held[--held_count]);
    file_put(root);
    fault_before_unmount();
    crash_unmount();
    if (!fault_struck())
        model_promise_all();
}

/* What is there at first */

static int fill(u32 slot, size_t n)
{
    return file_change(slot, O_CREAT, 0, n);
}

static void stale_fill(const char *name, bool keep)
{
    static u8 stale[1024];
    struct file *f;
    u64 at = 0;

    memset(stale, STALE, sizeof(stale));
    host_expect(file_open(NULL, name, O_RDWR | O_CREAT, 0600, 0, &f), 0);
    while (world_pwrite(f, stale, sizeof(stale), at++ * sizeof(stale)) > 0)
        ;
    if (keep)
        host_expect(vfs_truncate(f->inode, (at - 70) * sizeof(stale)), 0);
    host_expect(file_fsync(f, false), 0);
    file_put(f);
    if (!keep)
        host_expect(vfs_unlink(NULL, name, false), 0);
    host_expect(vfs_sync(), 0);
}

// Directories that are nearly full: the next names need more blocks, and an index.
static void names_fill(const char *folder)
{
    static const u32 lengths[] = {230, 230, 230, 214};
    char name[260];
    struct path p;

    host_expect(path_lookup(NULL, "/m/n0", 0, &p), 0);
    for (u32 i = 0; i < ARRAY_SIZE(lengths); i++) {
        int at = snprintf(name, sizeof(name), "%s/%u", folder, i);

        memset(name + at, 'z', lengths[i] - 1);
        name[at + lengths[i] - 1] = '\0';
        host_expect(vfs_mknod(NULL, name, S_IFIFO | 0644, 0), 0);
    }
    path_put(&p);
}

// Every free block gets stale bytes: in a tight file system a file keeps nearly all of them.
void workload_populate(bool tight)
{
    char text[32];

    host_expect(vfs_mkdir(NULL, "/m/d", 0755), 0);
    host_expect(vfs_mkdir(NULL, "/m/e", 0755), 0);
    host_expect(vfs_mkdir(NULL, "/m/churn", 0755), 0);
    host_expect(fill(0, 700), 0);
    host_expect(fill(1, 6500), 0);
    host_expect(fill(2, 40000), 0);
    host_expect(vfs_symlink("n0", NULL, slot_name(3, text)), 0);
    host_expect(fill(5, 300), 0);
    host_expect(vfs_mkdir(NULL, slot_name(7, text), 0755), 0);
    host_expect(fill(8, 3000), 0);
    host_expect(fill(10, 2000), 0);
    host_expect(vfs_mkdir(NULL, slot_name(11, text), 0755), 0);
    names_fill("/m/d");
    stale_fill("/m/filler", tight);
}

void workload_use(void)
{
    char a[32], b[32];

    step_number = 99;
    vfs_unlink(NULL, slot_name(0, a), false);
    vfs_mkdir(NULL, slot_name(4, a), 0755);
    fill(9, 9000);
    fill(5, 12000);
    vfs_rename(NULL, slot_name(1, a), NULL, slot_name(14, b), 0);
    host_expect(vfs_sync(), 0);
    vfs_unlink(NULL, slot_name(2, a), false);
    fill(13, 5000);
}

/* Which ones */

// Sequences worth a look in every round.
static const char *const classics[] = {
    "mkdir.0:fsync:0,rmdir.0:fsync:0,write.2:fsync:0",
    "mkdir.0:fsync:0,rmdir.0:none:0,write.2:fsync:0",
    "append.2:fsync:0,unlink.2:none:0,write.2:fsync:0",
    "xattr.1:fsync:0,unlink.0:none:0,write.2:fdatasync:0",
    "truncate.6:none:0,write.2:fdatasync:0",
    "unlink.2:none:0,append.1:fsync:0",
    "write.1:none:0,rename.17:fsync:0",
    "overwrite.1:none:6,overwrite.1:sync:6",
    "overwrite.1:syncfs:6",
    "write.2:fsync:0,churn.20:none:0,append.0:fsync:0",
    "orphan.2:none:0,orphan.1:syncfs:0,write.2:fsync:0",
    "create.6:none:0,create.6:fsync:0,create.6:none:0,rename.3:fsync:0",
};

u64 workload_round(void)
{
    return ARRAY_SIZE(classics) + (OP_COUNT)*VARIANTS * SYNC_COUNT * 2;
}

static struct step step_random(u64 *random)
{
    static const u8 waits[] = {0, 0, 0, 6, 40};
    u64 r = *random = mix(*random + 1);

    return (struct step){r % (OP_COUNT), (r >> 8) & 63, (r >> 16) % SYNC_COUNT,
                         waits[(r >> 24) % ARRAY_SIZE(waits)]};
}

void workload_choose(u64 index, u64 seed, struct workload *w)
{
    u64 round = index / workload_round(), n = index % workload_round(), random;
    u64 singles = (OP_COUNT)*VARIANTS * SYNC_COUNT;
    char text[TEXT_MAX];

    random = mix(mix(seed) + index);
    if (n < ARRAY_SIZE(classics)) {
        snprintf(text, sizeof(text), "%s 0 %s", feature_sets[(n + round) % feature_set_count].name,
                 classics[n]);
        verify(workload_parse(text, w));
        w->set = (n * 5 + 2 + 3 * round) % feature_set_count;
    } else if ((n -= ARRAY_SIZE(classics)) % 2) {
        n = (n / 2 * 7919 + round) % singles;
        *w = (struct workload){.count = 1};
        w->steps[0] = (struct step){n % (OP_COUNT), n / (OP_COUNT) % VARIANTS,
                                    n / (OP_COUNT) / VARIANTS, random % 3 ? 0 : 6};
        w->steps[0].variant += VARIANTS * round;
        w->set = (n + round) % feature_set_count;
    } else {
        *w = (struct workload){.count = 2 + random % 2};
        for (u32 i = 0; i < w->count; i++)
            w->steps[i] = step_random(&random);
        w->set = random % feature_set_count;
    }
    w->seed = random >> 32;
}

void workload_single(u64 index, struct workload *w)
{
    u64 random = mix(index);

    *w = (struct workload){
        .set = index / (OP_COUNT) % feature_set_count, .count = 1, .seed = random >> 32};
    w->steps[0] = (struct step){index % (OP_COUNT), random & 63, (random >> 8) % SYNC_COUNT,
                                random & 1 << 16 ? 6 : 0};
}

/* As text: SET SEED op.variant:sync:wait,... and, if something fails, kind:nth */

void workload_print(const struct workload *w, char text[TEXT_MAX])
{
    int at = snprintf(text, TEXT_MAX, "%s %lu ", feature_sets[w->set].name, w->seed);

    for (u32 i = 0; i < w->count; i++) {
        const struct step *s = &w->steps[i];

        at += snprintf(text + at, TEXT_MAX - at, "%s%s.%u:%s:%u", i ? "," : "", ops[s->op].name,
                       s->variant, sync_names[s->sync], s->wait);
    }
    fault_print(&w->fault, text + at, TEXT_MAX - at);
}

static bool step_parse(const char *text, struct step *s)
{
    char op[20], sync[20];
    unsigned variant, wait;

    if (sscanf(text, "%19[a-z].%u:%19[a-z]:%u", op, &variant, sync, &wait) != 4)
        return false;
    s->variant = variant;
    s->wait = wait;
    for (s->op = 0; s->op < OP_COUNT && strcmp(ops[s->op].name, op);)
        s->op++;
    for (s->sync = 0; s->sync < SYNC_COUNT && strcmp(sync_names[s->sync], sync);)
        s->sync++;
    return s->op < OP_COUNT && s->sync < SYNC_COUNT;
}

bool workload_parse(const char *text, struct workload *w)
{
    char set[40], steps[TEXT_MAX], failure[40] = "";

    *w = (struct workload){0};
    if (sscanf(text, "%39s %lu %199s %39s", set, &w->seed, steps, failure) < 3 ||
        !fault_parse(failure, &w->fault))
        return false;
    while (w->set < feature_set_count && strcmp(feature_sets[w->set].name, set))
        w->set++;
    for (char *s = strtok(steps, ","); s; s = strtok(NULL, ","))
        if (w->count == STEPS_MAX || !step_parse(s, &w->steps[w->count++]))
            return false;
    return w->set < feature_set_count && w->count;
}
