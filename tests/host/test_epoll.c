// SPDX-License-Identifier: MIT
// epoll: no wake-up is lost and none is invented, whoever adds, takes away, closes and wakes at
// once; nothing is left behind.
#include "abi/eventfd.h"
#include "ipc/epoll.h"
#include "ipc/eventfd.h"
#include "ipc/pipe.h"
#include "vfs/poll.h"
#include "world.h"

#define RUNS       150
#define USER_BYTES (1UL << 20)
#define EVENTS     8 // events of one call

void host_setup(void)
{
    world_setup();
}

static uaddr_t user;

static struct file *event_make(u32 count)
{
    struct file *f;

    host_expect(eventfd_create(count, EFD_NONBLOCK, &f), 0);
    return f;
}

static struct file *epoll_make(void)
{
    struct file *f;

    host_expect(epoll_create(&f), 0);
    return f;
}

static int add(struct file *e, struct file *f, int fd, u32 events)
{
    struct epoll_event event = {.events = events, .data = (u64)fd};

    return epoll_control(e, EPOLL_CTL_ADD, fd, f, &event);
}

static int change(struct file *e, struct file *f, int fd, u32 events)
{
    struct epoll_event event = {.events = events, .data = (u64)fd};

    return epoll_control(e, EPOLL_CTL_MOD, fd, f, &event);
}

static ssize_t event_signal(struct file *f)
{
    u64 one = 1;
    struct uio u;

    uio_init_kernel(&u, &one, sizeof(one));
    return file_write(f, &u);
}

// What was in it; 0: nothing.
static u64 event_take(struct file *f)
{
    u64 value = 0;
    struct uio u;

    uio_init_kernel(&u, &value, sizeof(value));
    file_read(f, &u);
    return value;
}

// Several takers of one epoll; each event is for a file of its own.

#define FILES   6
#define SIGNALS 40 // of each file

static struct file *shared, *files[FILES];
static u64 taken[FILES], given[FILES];
static u32 givers, mode;

// Where a taker gets its events, across two pages now and then.
static uaddr_t place(u64 taker)
{
    return user + (taker * 16 + machine_below(8) * 2) * PAGE_SIZE + PAGE_SIZE -
           machine_below(6) * 8;
}

static void taken_one(u32 i)
{
    u64 n = event_take(files[i]);

    taken[i] += n; // in one step
    if (mode & EPOLLONESHOT)
        host_expect(change(shared, files[i], i, EPOLLIN | mode), 0);
}

static bool all_taken(void)
{
    for (int i = 0; i < FILES; i++)
        if (taken[i] < SIGNALS)
            return false;
    return true;
}

// When all are taken, a file that stays ready wakes those that wait still.
static void take(void *taker)
{
    struct epoll_event event;

    while (!all_taken()) {
        uaddr_t at = place((u64)taker);
        s64 n = epoll_wait(shared, at, 1 + machine_below(EVENTS), NS_NEVER);

        verify(n > 0 && n <= EVENTS);
        for (s64 i = 0; i < n; i++) {
            host_expect(copy_from_user(&event, at + i * sizeof(event), sizeof(event)), 0);
            if (event.data < FILES)
                taken_one(event.data);
        }
    }
}

static void give(void *unused)
{
    u32 left = 0;

    do {
        u32 i = machine_below(FILES);

        if (given[i] < SIGNALS) {
            given[i]++;
            host_expect(event_signal(files[i]), 8);
        }
        left = 0;
        for (int k = 0; k < FILES; k++)
            left += SIGNALS - given[k];
        if (!machine_below(4))
            host_pause();
    } while (left);
    givers--;
}

static void take_of(u32 of_mode, bool nested)
{
    struct file *stop = event_make(0), *inner = NULL;

    mode = of_mode;
    user = world_user_begin(USER_BYTES);
    shared = epoll_make();
    host_expect(add(shared, stop, 100, EPOLLIN), 0);
    for (int i = 0; i < FILES; i++) {
        given[i] = taken[i] = 0;
        files[i] = event_make(0);
        host_expect(add(shared, files[i], i, EPOLLIN | mode), 0);
    }
    if (nested) {
        inner = epoll_make();
        host_expect(add(inner, shared, 0, EPOLLIN), 0);
    }
    givers = 1 + machine_below(2);
    for (u64 i = 1 + machine_below(3); i > 0; i--)
        host_spawn("taker", take, (void *)i);
    for (u32 i = givers; i > 0; i--)
        host_spawn("giver", give, NULL);
    while (givers || !all_taken())
        sleep_until(clock_monotonic() + 10000, WAIT_UNINTERRUPTIBLE);
    event_signal(stop); // level: all that wait see it
    host_join();
    if (nested)
        host_expect(file_poll(inner, NULL), POLLIN | POLLRDNORM);
    for (int i = 0; i < FILES; i++)
        file_put(files[i]);
    file_put(stop);
    file_put(shared);
    if (inner)
        file_put(inner);
    world_user_end();
}

static void level_scenario(void)
{
    take_of(0, machine_below(2));
}

static void edge_scenario(void)
{
    take_of(EPOLLET, machine_below(2));
}

static void oneshot_scenario(void)
{
    take_of(EPOLLONESHOT | (machine_below(2) ? EPOLLET : 0), false);
}

// Everybody changes what is watched; files and epolls go while they wake and are waited for.

#define EPOLLS 3
#define STEPS  60

static struct file *pool[FILES], *epolls[EPOLLS];
static struct mutex pool_lock = MUTEX_INIT(pool_lock, RANK_NONE); // who takes from the pools

static struct file *get(struct file **from, u32 n)
{
    struct file *f;

    mutex_lock(&pool_lock);
    f = from[machine_below(n)];
    file_get(f);
    mutex_unlock(&pool_lock);
    return f;
}

static void replace(struct file **at, struct file *by)
{
    struct file *old;

    mutex_lock(&pool_lock);
    old = *at;
    *at = by;
    mutex_unlock(&pool_lock);
    file_put(old);
}

static void storm_step(void)
{
    struct file *e = get(epolls, EPOLLS);
    struct file *f = machine_below(4) ? get(pool, FILES) : get(epolls, EPOLLS);
    u32 mode_bits = machine_below(2) ? EPOLLET : machine_below(2) ? EPOLLONESHOT : 0;
    int fd = machine_below(2), err;

    switch (machine_below(8)) {
    case 0:
    case 1:
        err = add(e, f, fd, EPOLLIN | mode_bits);
        verify(!err || err == -EEXIST || err == -ELOOP || err == -EINVAL);
        break;
    case 2:
        err = epoll_control(e, EPOLL_CTL_DEL, fd, f, NULL);
        verify(!err || err == -ENOENT || err == -EINVAL);
        break;
    case 3:
        err = change(e, f, fd, EPOLLIN | EPOLLOUT | mode_bits);
        verify(!err || err == -ENOENT || err == -EINVAL);
        break;
    case 4:
        verify(epoll_wait(e, place(0), 3, clock_monotonic() + machine_below(20000)) >= 0);
        break;
    case 5:
        if (!file_is_epoll(f))
            machine_below(2) ? (void)event_signal(f) : (void)event_take(f);
        break;
    case 6:
        replace(&pool[machine_below(FILES)], event_make(machine_below(2)));
        break;
    default:
        if (!machine_below(4))
            replace(&epolls[machine_below(EPOLLS)], epoll_make());
        (void)file_poll(e, NULL);
    }
    file_put(e);
    file_put(f);
}

static void storm(void *unused)
{
    for (int i = 0; i < STEPS; i++)
        storm_step();
}

static void storm_scenario(void)
{
    user = world_user_begin(USER_BYTES);
    for (int i = 0; i < FILES; i++)
        pool[i] = event_make(0);
    for (int i = 0; i < EPOLLS; i++)
        epolls[i] = epoll_make();
    for (int i = 0; i < 4; i++)
        host_spawn("storm", storm, NULL);
    host_join();
    for (int i = 0; i < FILES; i++)
        file_put(pool[i]);
    for (int i = 0; i < EPOLLS; i++)
        file_put(epolls[i]);
    world_user_end();
}

// A pipe that is open both ways has two queues; any allocation of it all may fail.
static void memory_scenario(void)
{
    struct file *e, *f = NULL, *reader, *writer;
    int err;

    user = world_user_begin(USER_BYTES);
    if (epoll_create(&e))
        goto out;
    if (!pipe_create(&reader, &writer, O_NONBLOCK)) {
        err = add(e, reader, 1, EPOLLIN);
        verify(!err || (err == -ENOMEM && host_failed_yet()));
        verify(!!err == !reader->watches.first);
        file_put(reader);
        file_put(writer);
    }
    if (!vfs_mknod(NULL, "/fifo", S_IFIFO | 0600, 0)) {
        if (!file_open(NULL, "/fifo", O_RDWR, 0, WALK_FOLLOW, &f)) {
            err = add(e, f, 2, EPOLLIN | EPOLLOUT);
            verify(!err || (err == -ENOMEM && host_failed_yet()));
            verify(epoll_wait(e, user, 4, 0) == !err || host_failed_yet());
            file_put(f);
        }
        (void)vfs_unlink(NULL, "/fifo", false);
    }
    file_put(e);
out:
    world_user_end();
}

// So many ways up that one wake-up would take for ever.
static void paths_scenario(void)
{
    struct file *layer[4][16];
    int err = 0;

    for (int l = 0; l < 4; l++)
        for (int i = 0; i < 16; i++)
            layer[l][i] = epoll_make();
    for (int l = 1; l < 4 && !err; l++)
        for (int i = 0; i < 16 && !err; i++)
            for (int k = 0; k < 16 && !err; k++)
                err = add(layer[l][i], layer[l - 1][k], i * 16 + k, EPOLLIN);
    host_expect(err, -EINVAL);
    for (int l = 0; l < 4; l++)
        for (int i = 0; i < 16; i++)
            file_put(layer[l][i]);
}

HOST_TEST(level, RUNS)
HOST_TEST(edge, RUNS)
HOST_TEST(oneshot, RUNS)
HOST_TEST(storm, RUNS * 2)
HOST_TEST(paths, 1)
HOST_FAIL_TEST(memory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_level), cmocka_unit_test(test_edge),  cmocka_unit_test(test_oneshot),
        cmocka_unit_test(test_storm), cmocka_unit_test(test_paths), cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
