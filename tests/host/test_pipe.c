// SPDX-License-Identifier: MIT
// Pipes: what is written is what is read, in order and once; small writes stay whole; ends that go
// are noticed; nobody sleeps for ever.
#include "abi/limits.h"
#include "ipc/epoll.h"
#include "ipc/pipe.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "world.h"

#define RUNS       100
#define USER_BYTES (8UL << 20)
#define WORDS      30000U // of a whole stream
#define PIECE_MAX  40000U // bytes of one call

void host_setup(void)
{
    world_setup();
}

static struct file *reader, *writer;
static uaddr_t user;
static u64 user_used;

// User memory that nobody else uses; often not present yet.
static uaddr_t user_take(size_t n)
{
    uaddr_t at = user + user_used;

    user_used += ALIGN_UP(n, 8);
    if (!machine_below(3))
        user_used = ALIGN_UP(user_used, PAGE_SIZE);
    if (user_used > USER_BYTES) {
        at = user;
        user_used = ALIGN_UP(n, 8);
    }
    return at;
}

static void begin(u32 flags)
{
    user = world_user_begin(USER_BYTES);
    host_expect(pipe_create(&reader, &writer, flags), 0);
}

/* One stream of numbered words, several readers */

static u32 next_word; // that is to be written
static u8 seen[WORDS];
static u32 seen_count;

static void words_write(void *unused)
{
    while (next_word < WORDS) {
        u32 n = MIN(1 + (u32)machine_below(PIECE_MAX / 4), WORDS - next_word), *words;
        uaddr_t at = user_take(n * 4);
        size_t done = 0;

        words = host_alloc(n * 4);
        for (u32 i = 0; i < n; i++)
            words[i] = next_word + i;
        host_expect(copy_to_user(at, words, n * 4), 0);
        kfree(words);
        while (done < n * 4) {
            ssize_t part = world_write(writer, at + done, n * 4 - done);

            verify(part > 0 || part == -EAGAIN);
            if (part > 0)
                done += part;
            else
                host_pause();
        }
        next_word += n;
    }
    file_put(writer);
}

static void words_see(uaddr_t at, size_t n)
{
    u32 *words = host_alloc(n);

    host_expect(copy_from_user(words, at, n), 0);
    for (size_t i = 0; i < n / 4; i++) {
        verify(words[i] < WORDS && !seen[words[i]]);
        verify(i == 0 || words[i] == words[i - 1] + 1);
        seen[words[i]] = 1;
        seen_count++;
    }
    kfree(words);
}

static void words_read(void *unused)
{
    for (;;) {
        size_t n = 4 * (1 + machine_below(PIECE_MAX / 4));
        uaddr_t at = user_take(n);
        ssize_t got = world_read(reader, at, n);

        if (got == 0)
            return;
        if (got > 0) {
            host_expect(got % 4, 0);
            words_see(at, got);
        } else {
            host_expect(got, -EAGAIN);
            host_pause();
        }
    }
}

static void resize(void *unused)
{
    for (int i = 0; i < 10; i++) {
        s64 size = pipe_set_size(reader, PAGE_SIZE << machine_below(7));

        verify(size == -EBUSY || (size > 0 && IS_ALIGNED(size, PAGE_SIZE)));
        sleep_until(clock_monotonic() + machine_below(100000), WAIT_UNINTERRUPTIBLE);
    }
}

static void stream_of(u32 flags, unsigned readers)
{
    begin(flags);
    host_spawn("writer", words_write, NULL);
    for (unsigned i = 0; i < readers; i++)
        host_spawn("reader", words_read, NULL);
    host_spawn("resize", resize, NULL);
    host_join();
    host_expect(seen_count, WORDS);
    file_put(reader);
    world_user_end();
}

static void stream_scenario(void)
{
    stream_of(0, 1 + machine_below(3));
}

static void nonblock_scenario(void)
{
    stream_of(O_NONBLOCK, 1);
}

/* Whole messages from several writers */

#define WRITERS  4
#define MESSAGES 12

struct message {
    u16 length, from, number;
    u8 body[PIPE_BUF - 6];
};
static_assert(sizeof(struct message) == PIPE_BUF, "the longest write that stays whole");

static void messages_write(void *from)
{
    struct message m = {.from = (u64)from};

    memset(m.body, m.from, sizeof(m.body));
    for (m.number = 0; m.number < MESSAGES; m.number++) {
        uaddr_t at = user_take(sizeof(m));

        m.length = 6 + (machine_below(3) ? machine_below(200) : machine_below(PIPE_BUF - 5));
        host_expect(copy_to_user(at, &m, m.length), 0);
        host_expect(world_write(writer, at, m.length), m.length);
    }
}

static void read_whole(void *to, size_t n)
{
    uaddr_t at = user_take(n);
    size_t done = 0;

    while (done < n) {
        ssize_t got = world_read(reader, at + done, 1 + machine_below(n - done));

        verify(got > 0);
        done += got;
    }
    host_expect(copy_from_user(to, at, n), 0);
}

static void message_scenario(void)
{
    u16 next[WRITERS] = {0};
    struct message m;

    begin(0);
    for (u64 i = 0; i < WRITERS; i++)
        host_spawn("writer", messages_write, (void *)i);
    for (int i = 0; i < WRITERS * MESSAGES; i++) {
        read_whole(&m, 6);
        verify(m.length >= 6 && m.length <= PIPE_BUF && m.from < WRITERS);
        host_expect(m.number, next[m.from]++);
        if (m.length > 6)
            read_whole(m.body, m.length - 6);
        for (int b = 0; b < m.length - 6; b++)
            host_expect(m.body[b], m.from);
    }
    host_join();
    file_put(reader);
    file_put(writer);
    world_user_end();
}

/* Splices beside readers and writers: each waits in its own way, and none sleeps for ever */

#define GIVEN 60000 // bytes of each who writes

typedef ssize_t part_fn(struct file *watch, u8 *bytes, size_t n);

static u32 giving; // who writes still
static u64 given_sum, taken_sum;
static u64 to_take;                 // bytes, of those who have not given up
static struct completion all_taken; // until then the writing end stays

static struct file *watch_make(struct file *f, u32 events)
{
    struct epoll_event event = {.events = events | EPOLLET};
    struct file *e;

    host_expect(epoll_create(&e), 0);
    host_expect(epoll_control(e, EPOLL_CTL_ADD, 0, f, &event), 0);
    return e;
}

static u64 sum_of(const u8 *bytes, size_t n)
{
    u64 sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += bytes[i];
    return sum;
}

static void gave(const u8 *bytes, size_t n)
{
    given_sum += sum_of(bytes, n);
}

static void took(const u8 *bytes, size_t n)
{
    taken_sum += bytes ? sum_of(bytes, n) : 0;
    to_take -= n;
    if (!to_take)
        complete_all(&all_taken);
}

static ssize_t give_write(struct file *watch, u8 *bytes, size_t n)
{
    struct uio u;
    ssize_t done;

    uio_init_kernel(&u, bytes, n);
    done = file_write(writer, &u);
    verify(done > 0);
    gave(bytes, done);
    return done;
}

static ssize_t give_on_edge(struct file *watch, u8 *bytes, size_t n)
{
    struct uio u;
    ssize_t done;

    uio_init_kernel(&u, bytes, n);
    while ((done = pipe_move(writer, &u, true)) == -EAGAIN)
        host_expect(epoll_wait(watch, user_take(16), 1, NS_NEVER), 1);
    verify(done > 0);
    gave(bytes, done);
    return done;
}

static ssize_t give_room(struct file *watch, u8 *bytes, size_t n)
{
    struct iovec places[PIPE_PLACES] = {0};
    struct uio u;
    s64 room;

    while ((room = pipe_reserve(writer, n, places)) == -EAGAIN)
        host_expect(pipe_await(writer, true), 0);
    verify(room > 0 && room <= (s64)n);
    host_pause();
    if (machine_below(2)) { // it has nothing to give after all
        pipe_fill(writer, 0);
        took(NULL, n);
        return n;
    }
    uio_init_iov(&u, places, PIPE_PLACES);
    u.kernel = true;
    host_expect(uio_put_nofault(&u, bytes, room), room);
    gave(bytes, room);
    pipe_fill(writer, room);
    return room;
}

static void give_all(void *how)
{
    struct file *watch = watch_make(writer, EPOLLOUT);
    u8 *bytes = host_alloc(PIECE_MAX);
    size_t left = GIVEN;

    for (size_t i = 0; i < PIECE_MAX; i++)
        bytes[i] = machine_random();
    while (left) {
        size_t n = MIN(1 + machine_below(PIECE_MAX), left);

        left -= ((part_fn *)how)(watch, bytes, n);
    }
    kfree(bytes);
    file_put(watch);
    if (--giving == 0) {
        host_expect(completion_wait(&all_taken, WAIT_UNINTERRUPTIBLE), 0);
        file_put(writer);
    }
}

static ssize_t take_read(struct file *watch, u8 *bytes, size_t n)
{
    struct uio u;
    ssize_t got;

    uio_init_kernel(&u, bytes, n);
    got = file_read(reader, &u);
    took(bytes, MAX(got, 0L));
    return got;
}

static ssize_t take_on_edge(struct file *watch, u8 *bytes, size_t n)
{
    struct uio u;
    ssize_t got;

    uio_init_kernel(&u, bytes, n);
    while ((got = pipe_move(reader, &u, false)) == -EAGAIN)
        host_expect(epoll_wait(watch, user_take(16), 1, NS_NEVER), 1);
    took(bytes, MAX(got, 0L));
    return got;
}

static ssize_t take_claim(struct file *watch, u8 *bytes, size_t n)
{
    s64 there;
    size_t part;
    void *at;

    while ((there = pipe_claim(reader)) == -EAGAIN)
        host_expect(pipe_await(reader, false), 0);
    if (there <= 0)
        return there;
    at = pipe_peek(reader, 0, &part);
    part = machine_below(2) ? 0 : MIN(MIN(part, n), (size_t)there);
    took(at, part);
    host_pause();
    pipe_unclaim(reader, part);
    return there;
}

static void take_all(void *how)
{
    struct file *watch = watch_make(reader, EPOLLIN);
    u8 *bytes = host_alloc(PIECE_MAX);

    while (((part_fn *)how)(watch, bytes, 1 + machine_below(PIECE_MAX)) > 0)
        host_pause();
    kfree(bytes);
    file_put(watch);
}

static void splice_scenario(void)
{
    static part_fn *const give[] = {give_write, give_on_edge, give_room};
    static part_fn *const take[] = {take_read, take_on_edge, take_claim};

    begin(0);
    given_sum = taken_sum = 0;
    giving = 2 + machine_below(3);
    to_take = giving * GIVEN;
    completion_init(&all_taken);
    if (machine_below(2))
        verify(pipe_set_size(writer, PAGE_SIZE) > 0);
    for (u32 i = giving; i > 0; i--)
        host_spawn("giver", give_all, give[machine_below(3)]);
    for (u32 i = 1 + machine_below(3); i > 0; i--)
        host_spawn("taker", take_all, take[machine_below(3)]);
    host_join();
    host_expect(taken_sum, given_sum);
    file_put(reader);
    world_user_end();
}

/* Ends that go */

static void write_until_broken(void *unused)
{
    for (;;) {
        size_t n = 1 + machine_below(PIECE_MAX);
        ssize_t done = world_write(writer, user_take(n), n);

        if (done == -EPIPE)
            return;
        verify(done > 0 && done <= (ssize_t)n);
    }
}

static void broken_scenario(void)
{
    begin(0);
    for (int i = 0; i < WRITERS; i++)
        host_spawn("writer", write_until_broken, NULL);
    for (u64 i = machine_below(5); i > 0; i--)
        verify(world_read(reader, user_take(PIECE_MAX), 1 + machine_below(PIECE_MAX)) > 0);
    file_put(reader);
    host_join();
    file_put(writer);
    world_user_end();
}

/* FIFOs: opens of the two sides wait for each other */

#define OPENS 6

static struct semaphore closed; // the reader has done so
static u32 ends;                // threads of the crowd

static struct file *fifo_open(u32 flags)
{
    struct file *f;

    host_expect(file_open(NULL, "/fifo", flags, 0, WALK_FOLLOW, &f), 0);
    return f;
}

static void pair_writer(void *unused)
{
    for (int i = 0; i < OPENS; i++) {
        struct file *f = fifo_open(O_WRONLY);

        host_expect(world_write(f, user_take(100), 100), 100);
        file_put(f);
        host_expect(sem_down(&closed, WAIT_UNINTERRUPTIBLE, NS_NEVER), 0);
    }
}

// Each open meets one open of the writer, and sees what that writes, and its end.
static void pair_scenario(void)
{
    user = world_user_begin(USER_BYTES);
    host_expect(vfs_mknod(NULL, "/fifo", S_IFIFO | 0600, 0), 0);
    sem_init(&closed, 0);
    host_spawn("writer", pair_writer, NULL);
    for (int i = 0; i < OPENS; i++) {
        struct file *f = fifo_open(O_RDONLY);

        host_expect(world_read(f, user_take(200), 200), 100);
        host_expect(world_read(f, user_take(200), 200), 0);
        file_put(f);
        sem_up(&closed);
    }
    world_user_end();
    host_expect(vfs_unlink(NULL, "/fifo", false), 0);
}

static void crowd_end(void *flags)
{
    for (int i = 0; i < OPENS; i++) {
        struct file *f = fifo_open((u64)flags);
        uaddr_t at = user_take(100);
        ssize_t n = (u64)flags == O_WRONLY ? world_write(f, at, 100) : world_read(f, at, 100);

        verify((n >= 0 && n <= 100) || (n == -EPIPE && (u64)flags == O_WRONLY));
        file_put(f);
    }
    ends--;
}

// Whoever is left alone is let in and out by a file that is open both ways for a while.
static void crowd_scenario(void)
{
    user = world_user_begin(USER_BYTES);
    host_expect(vfs_mknod(NULL, "/fifo", S_IFIFO | 0600, 0), 0);
    for (ends = 0; ends < 4; ends++)
        host_spawn("end", crowd_end, (void *)(u64)(ends & 1 ? O_WRONLY : O_RDONLY));
    while (ends) {
        sleep_until(clock_monotonic() + machine_below(1000000), WAIT_UNINTERRUPTIBLE);
        file_put(fifo_open(O_RDWR));
    }
    world_user_end();
    host_expect(vfs_unlink(NULL, "/fifo", false), 0);
}

/* No memory */

#define SMALL (5 * PAGE_SIZE + 100)

static void memory_scenario(void)
{
    u8 *in = host_alloc(SMALL), *out = host_alloc(SMALL);
    ssize_t wrote, got = 0;
    struct uio u;
    s64 size;

    for (size_t i = 0; i < SMALL; i++)
        in[i] = machine_random();
    if (pipe_create(&reader, &writer, O_NONBLOCK)) {
        verify(host_failed_yet());
        goto out;
    }
    uio_init_kernel(&u, in, SMALL);
    wrote = file_write(writer, &u);
    verify(wrote == SMALL || host_failed_yet());
    size = pipe_set_size(reader, PAGE_SIZE * 32);
    if (size != -ENOMEM || !host_failed_yet())
        host_expect(size, 32 * (s64)PAGE_SIZE);
    if (wrote > 0) {
        uio_init_kernel(&u, out, SMALL);
        got = file_read(reader, &u);
        host_expect(got, wrote);
        verify(!memcmp(in, out, got));
    }
    file_put(writer);
    uio_init_kernel(&u, out, SMALL);
    host_expect(file_read(reader, &u), 0);
    file_put(reader);
out:
    kfree(in);
    kfree(out);
}

HOST_TEST(stream, RUNS)
HOST_TEST(nonblock, RUNS / 4)
HOST_TEST(message, RUNS)
HOST_TEST(splice, RUNS * 2)
HOST_TEST(broken, RUNS)
HOST_TEST(pair, RUNS)
HOST_TEST(crowd, RUNS)
HOST_FAIL_TEST(memory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream),  cmocka_unit_test(test_nonblock),
        cmocka_unit_test(test_message), cmocka_unit_test(test_splice),
        cmocka_unit_test(test_broken),  cmocka_unit_test(test_pair),
        cmocka_unit_test(test_crowd),   cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
