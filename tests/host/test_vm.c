// SPDX-License-Identifier: MIT
// Memory objects and address spaces: files that are read, written, mapped, truncated and punched by
// several threads, and private memory that is mapped, protected and forked. Every thread knows what
// its own bytes are.
#include "abi/fcntl.h"
#include "fs/tmpfs/tmpfs.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "world.h"

#define RUNS    80
#define THREADS 4
#define STEPS   30

void host_setup(void)
{
    world_setup();
}

/* A file: each thread has slots of its own, which share pages with others' */

#define SLOTS      24
#define SLOT       1500UL // bytes
#define FILE_BYTES (SLOTS * SLOT)
#define TAIL       6 // pages mapped behind those of the slots

static struct file *file;
static uaddr_t mapping, buffers;

static s64 slot_pass(bool write, bool mapped, u64 slot, u8 *bytes, uaddr_t buffer)
{
    u64 at = slot * SLOT;
    struct uio u;

    if (mapped)
        return write ? copy_to_user(mapping + at, bytes, SLOT)
                     : copy_from_user(bytes, mapping + at, SLOT);
    uio_init_kernel(&u, bytes, SLOT);
    if (!write)
        return file_pread(file, &u, at) - SLOT;
    if (machine_below(2))
        return file_pwrite(file, &u, at) - SLOT;
    host_expect(copy_to_user(buffer, bytes, SLOT), 0);
    uio_init_user(&u, buffer, SLOT);
    return file_pwrite(file, &u, at) - SLOT;
}

static void slot_user(void *number)
{
    u8 *bytes = host_alloc(SLOT), value[SLOTS] = {0};

    for (int step = 0; step < STEPS; step++) {
        u64 slot = machine_below(SLOTS / THREADS) * THREADS + (u64)number;
        uaddr_t buffer = buffers + (step * THREADS + (u64)number) * PAGE_SIZE;
        bool write = machine_below(2);

        if (write)
            memset(bytes, value[slot] = machine_random(), SLOT);
        host_expect(slot_pass(write, machine_below(3) == 0, slot, bytes, buffer), 0);
        for (u64 i = 0; i < SLOT; i++)
            host_expect(bytes[i], value[slot]);
    }
    kfree(bytes);
}

// Changes the size beyond the slots, and writes there.
static void resizer(void *unused)
{
    for (int step = 0; step < STEPS; step++) {
        u64 size = FILE_BYTES + machine_below(20) * PAGE_SIZE / 4;
        struct attr a = {.valid = ATTR_SIZE, .size = size};
        u8 word[8] = {1, 1, 1, 1, 1, 1, 1, 1};
        struct uio u;

        host_expect(inode_setattr(file->inode, &a), 0);
        uio_init_kernel(&u, word, sizeof(word));
        host_expect(file_pwrite(file, &u, FILE_BYTES + machine_below(20000)), sizeof(word));
        host_expect(file->ops->fallocate(file, 3, ALIGN_UP(FILE_BYTES, PAGE_SIZE), // punch, keep
                                         machine_below(20000) + 1),
                    0);
    }
}

static uaddr_t tail_page(u64 n)
{
    return mapping + ALIGN_UP(FILE_BYTES, PAGE_SIZE) + n * PAGE_SIZE;
}

// Pages that come and go: a mapping has them as long as the file.
static void tail_user(void *unused)
{
    for (int step = 0; step < STEPS; step++) {
        uaddr_t at = tail_page(machine_below(TAIL));
        u64 value;
        int err = machine_below(2) ? get_user_u64(&value, at) : put_user_u64(at, machine_random());

        verify(!err || err == -EFAULT);
    }
}

// The mapping and the file have the same page, or none.
static void tail_check(uaddr_t at)
{
    u64 mapped, read = 0, offset = at - mapping;
    bool there = offset < ALIGN_UP(file->inode->size, PAGE_SIZE);

    host_expect(get_user_u64(&mapped, at), there ? 0 : -EFAULT);
    if (!there)
        return;
    verify(file_read_kernel(file, &read, sizeof(read), offset) >= 0);
    if (offset + sizeof(read) <= file->inode->size)
        host_expect(mapped, read);
}

static void file_scenario(void)
{
    struct attr a = {.valid = ATTR_SIZE, .size = FILE_BYTES};
    struct vm_map_args args = {.length = FILE_BYTES + TAIL * PAGE_SIZE,
                               .prot = PROT_READ | PROT_WRITE,
                               .flags = AREA_SHARED | AREA_MAYWRITE};

    buffers = world_user_begin(STEPS * THREADS * PAGE_SIZE);
    host_expect(file_open(NULL, "/f", O_RDWR | O_CREAT | O_EXCL, 0600, 0, &file), 0);
    host_expect(vfs_unlink(NULL, "/f", false), 0);
    host_expect(inode_setattr(file->inode, &a), 0);
    host_expect(generic_file_mmap(file, &args.object), 0);
    args.file = file;
    host_expect(vm_map(thread_self()->space, &args, &mapping), 0);
    for (u64 i = 0; i < THREADS; i++)
        host_spawn("slots", slot_user, (void *)i);
    host_spawn("resizer", resizer, NULL);
    host_spawn("tail", tail_user, NULL);
    host_spawn("tail", tail_user, NULL);
    host_join();
    for (u64 n = 0; n < TAIL; n++)
        tail_check(tail_page(n));
    vm_object_check(&file->inode->object);
    verify(file->inode->object.page_count <= 20);
    world_user_end();
    file_put(file);
}

/* A file that is sealed while it is being mapped */

#define ROUNDS 300

static int seal_result;
static u64 sealed_word;

static u64 file_word(void)
{
    u64 word = 0;

    host_expect(file_read_kernel(file, &word, sizeof(word), 0), sizeof(word));
    return word;
}

static void sealer(void *unused)
{
    seal_result = tmpfs_seals_add(file, F_SEAL_WRITE);
    if (!seal_result)
        sealed_word = file_word();
}

// As mmap(2) does, which asks for seals first.
static void mapper(void *unused)
{
    struct vm_map_args args = {
        .length = PAGE_SIZE, .prot = PROT_READ | PROT_WRITE, .flags = AREA_SHARED | AREA_MAYWRITE};
    struct vm_space *s = thread_self()->space;

    if (load_relaxed(&file->inode->seals) & F_SEAL_WRITE)
        return;
    host_expect(generic_file_mmap(file, &args.object), 0);
    args.file = file;
    host_expect(vm_map(s, &args, &mapping), 0);
    for (u64 i = 1; i < 5; i++)
        put_user_u64(mapping, i);
    host_expect(vm_unmap(s, mapping, PAGE_SIZE), 0);
}

static void seal_scenario(void)
{
    struct attr a = {.valid = ATTR_SIZE, .size = PAGE_SIZE};

    world_user_begin(PAGE_SIZE);
    for (int round = 0; round < ROUNDS; round++) {
        host_expect(file_open(NULL, "/f", O_RDWR | O_CREAT | O_EXCL, 0600, 0, &file), 0);
        host_expect(vfs_unlink(NULL, "/f", false), 0);
        file->inode->seals = 0; // as a memfd's
        host_expect(inode_setattr(file->inode, &a), 0);
        host_spawn("mapper", mapper, NULL);
        host_spawn("sealer", sealer, NULL);
        host_join();
        verify(!seal_result || seal_result == -EBUSY);
        if (!seal_result)
            host_expect(file_word(), sealed_word);
        file_put(file);
    }
    world_user_end();
}

/* Private memory: each thread has a few pages, and copies of the space */

#define PAGES    6
#define CHILDREN 2
#define GONE     (-1)

struct child {
    struct vm_space *space;
    int value[PAGES];
};

struct owner {
    uaddr_t base;
    int value[PAGES]; // what the page holds, GONE: not mapped
    bool readonly[PAGES];
    struct child children[CHILDREN];
};

static void page_write(struct owner *o, int i)
{
    uaddr_t at = o->base + i * PAGE_SIZE + machine_below(PAGE_SIZE / 8) * 8;
    u64 old, value = machine_below(1000);
    bool may = o->value[i] != GONE && !o->readonly[i];

    host_expect(put_user_u64(at, value), may ? 0 : -EFAULT);
    if (!may)
        return;
    host_expect(get_user_u64(&old, at), 0);
    host_expect(old, value);
    host_expect(user_zero(at, 8), 0);
    host_expect(put_user_u64(o->base + i * PAGE_SIZE, value), 0);
    o->value[i] = value;
}

static void page_read(struct owner *o, int i)
{
    u64 value;
    int err = get_user_u64(&value, o->base + i * PAGE_SIZE);

    host_expect(err, o->value[i] == GONE ? -EFAULT : 0);
    if (!err)
        host_expect(value, o->value[i]);
}

static void page_map(struct owner *o, int i)
{
    struct vm_space *s = thread_self()->space;
    struct vm_map_args args = {.addr = o->base + i * PAGE_SIZE,
                               .length = PAGE_SIZE,
                               .prot = PROT_READ | PROT_WRITE,
                               .flags = AREA_MAYWRITE,
                               .fixed = true,
                               .populate = machine_below(2)};
    uaddr_t out;

    o->readonly[i] = false;
    if (machine_below(2)) {
        host_expect(vm_unmap(s, args.addr, PAGE_SIZE), 0);
        o->value[i] = GONE;
    } else {
        host_expect(vm_map(s, &args, &out), 0);
        o->value[i] = 0;
    }
}

static void page_protect(struct owner *o, int i)
{
    bool readonly = machine_below(2);
    int err = vm_protect(thread_self()->space, o->base + i * PAGE_SIZE, PAGE_SIZE,
                         readonly ? PROT_READ : PROT_READ | PROT_WRITE);

    host_expect(err, o->value[i] == GONE ? -ENOMEM : 0);
    if (!err)
        o->readonly[i] = readonly;
}

static void child_check(struct child *c, uaddr_t base)
{
    for (int i = 0; i < PAGES; i++) {
        u64 value;
        ssize_t n = vm_access(c->space, base + i * PAGE_SIZE, &value, 8, false, false);

        host_expect(n, c->value[i] == GONE ? -EFAULT : 8);
        if (n == 8)
            host_expect(value, c->value[i]);
    }
}

static void child_step(struct owner *o, struct child *c)
{
    int i = machine_below(PAGES);
    u64 value = machine_below(1000);

    if (!c->space) {
        host_expect(vm_space_fork(thread_self()->space, &c->space), 0);
        memcpy(c->value, o->value, sizeof(c->value));
        return;
    }
    if (c->value[i] != GONE &&
        vm_access(c->space, o->base + i * PAGE_SIZE, &value, 8, true, false) == 8)
        c->value[i] = value;
    child_check(c, o->base);
    if (machine_below(2)) {
        vm_space_check(c->space);
        vm_space_put(c->space);
        c->space = NULL;
    }
}

static void owner_step(struct owner *o)
{
    int i = machine_below(PAGES);

    switch (machine_below(6)) {
    case 0:
    case 1:
        page_write(o, i);
        break;
    case 2:
        page_read(o, i);
        break;
    case 3:
        page_map(o, i);
        break;
    case 4:
        page_protect(o, i);
        break;
    case 5:
        child_step(o, &o->children[machine_below(CHILDREN)]);
        break;
    }
}

static void owner_user(void *base)
{
    struct owner o = {.base = (uaddr_t)base};

    for (int step = 0; step < STEPS; step++)
        owner_step(&o);
    for (int i = 0; i < PAGES; i++)
        page_read(&o, i);
    for (int i = 0; i < CHILDREN; i++)
        if (o.children[i].space)
            vm_space_put(o.children[i].space);
}

static void space_scenario(void)
{
    uaddr_t base = world_user_begin(THREADS * PAGES * PAGE_SIZE);

    for (int i = 0; i < THREADS; i++)
        host_spawn("owner", owner_user, (void *)(base + i * PAGES * PAGE_SIZE));
    host_join();
    world_user_end();
}

/* A space whose last users leave it, and then the harts that still have its tables */

static void leaver(void *shared)
{
    struct vm_space *own;

    verify(!vm_space_create(&own));
    world_space_set(shared);
    world_space_set(NULL);
    vm_space_put(shared);
    world_space_set(own);
    world_space_set(NULL);
    vm_space_put(own);
}

static void leave_scenario(void)
{
    for (int step = 0; step < STEPS; step++) {
        struct vm_space *shared;

        verify(!vm_space_create(&shared));
        for (int i = 0; i < THREADS; i++) {
            vm_space_get(shared);
            host_spawn("leaver", leaver, shared);
        }
        vm_space_put(shared);
        host_join();
    }
}

/* No memory */

static bool done(s64 err)
{
    verify(!err || ((err == -ENOMEM || err == -EFAULT) && host_failed_yet()));
    return !err;
}

static void memory_scenario(void)
{
    struct vm_map_args args = {
        .length = 3 * MMU_TABLE_SPAN, .prot = PROT_READ | PROT_WRITE, .flags = AREA_MAYWRITE};
    uaddr_t at = world_user_begin(PAGE_SIZE);
    struct vm_space *s = thread_self()->space, *child;
    u64 value;

    if (done(vm_map(s, &args, &at)) && done(put_user_u64(at, 1)) &&
        done(put_user_u64(at + 2 * MMU_TABLE_SPAN, 2)) && done(vm_space_fork(s, &child))) {
        if (done(put_user_u64(at, 3))) {
            ssize_t n = vm_access(child, at, &value, 8, false, false);

            verify((n == 8 && value == 1) || host_failed_yet());
        }
        vm_space_check(child);
        vm_space_put(child);
        done(vm_protect(s, at + PAGE_SIZE, PAGE_SIZE, PROT_READ));
        done(vm_unmap(s, at + 3 * PAGE_SIZE, PAGE_SIZE));
    }
    world_user_end();
}

// A move that fails has taken nothing away, where it was to go neither.
static void move_scenario(void)
{
    struct vm_map_args args = {
        .length = 8 * MMU_TABLE_SPAN, .prot = PROT_READ | PROT_WRITE, .flags = AREA_MAYWRITE};
    uaddr_t from = world_user_begin(PAGE_SIZE), to, out;
    struct vm_space *s = thread_self()->space;
    u64 value;

    if (done(put_user_u64(from, 1)) && done(vm_map(s, &args, &to))) {
        to = ALIGN_UP(to, MMU_TABLE_SPAN) + 2 * MMU_TABLE_SPAN;
        if (done(put_user_u64(to, 2))) {
            bool moved = done(vm_remap(s, from, PAGE_SIZE, 2 * MMU_TABLE_SPAN,
                                       MREMAP_MAYMOVE | MREMAP_FIXED, to - PAGE_SIZE, &out));

            int err = get_user_u64(&value, moved ? to - PAGE_SIZE : from);

            verify(!err && value == 1);
            err = get_user_u64(&value, to);
            if (moved && done(err))
                host_expect(value, 0);
            if (!moved)
                verify(!err && value == 2);
            vm_space_check(s);
        }
    }
    world_user_end();
}

HOST_TEST(file, RUNS)
HOST_TEST(seal, RUNS)
HOST_TEST(space, RUNS)
HOST_TEST(leave, RUNS)
HOST_FAIL_TEST(memory)
HOST_FAIL_TEST(move)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file),  cmocka_unit_test(test_seal),   cmocka_unit_test(test_space),
        cmocka_unit_test(test_leave), cmocka_unit_test(test_memory), cmocka_unit_test(test_move),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
