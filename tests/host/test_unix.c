// SPDX-License-Identifier: MIT
// Unix sockets: bytes arrive in order and once; whatever is sent, received and closed in whatever
// order, nothing stays behind, least of all sockets in flight that hold each other; and who waits
// for a listener comes in.
#include "abi/errno.h"
#include "ipc/unix.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "vfs/pseudo.h"
#include "vfs/socket.h"
#include "world.h"

#define RUNS      60
#define BYTES     60000U // of a stream
#define PIECE_MAX 5000U
#define SOCKETS   6
#define THREADS   3
#define STEPS     60
#define CLIENTS   4
#define PAIRS     40 // more than are shown at once

void host_setup(void)
{
    world_setup();
    socket_init();
    unix_init();
}

static int pair_create(u16 type, struct file *ends[2])
{
    struct socket *a, *b;
    int err = socket_create(AF_UNIX, type, 0, &a);

    if (err)
        return err;
    err = socket_create(AF_UNIX, type, 0, &b);
    if (err) {
        socket_discard(a);
        return err;
    }
    err = a->ops->pair(a, b) ?: socket_file_create(a, O_NONBLOCK, &ends[0]);
    if (err) {
        socket_discard(a);
        socket_discard(b);
        return err;
    }
    err = socket_file_create(b, O_NONBLOCK, &ends[1]);
    if (err) {
        socket_discard(b);
        file_put(ends[0]);
    }
    return err;
}

// As close(2) of the only descriptor.
static void end_close(struct file *f)
{
    f->ops->flush(f);
    file_put(f);
}

/* A stream */

static struct file *ends[2];

static u8 byte_at(size_t i)
{
    return (u8)(i * 7 + i / 251);
}

static void stream_write(void *unused)
{
    u8 *bytes = host_alloc(PIECE_MAX);
    size_t done = 0;

    while (done < BYTES) {
        size_t n = MIN(1 + machine_below(PIECE_MAX), BYTES - done);
        struct uio u;
        ssize_t went;

        for (size_t i = 0; i < n; i++)
            bytes[i] = byte_at(done + i);
        uio_init_kernel(&u, bytes, n);
        went = file_write(ends[0], &u);
        verify(went > 0 || went == -EAGAIN);
        if (went > 0)
            done += went;
        else
            host_pause();
    }
    kfree(bytes);
    end_close(ends[0]);
}

static void stream_scenario(void)
{
    u8 *bytes = host_alloc(PIECE_MAX);
    size_t done = 0;
    ssize_t n;

    host_expect(pair_create(SOCK_STREAM, ends), 0);
    host_spawn("writer", stream_write, NULL);
    do {
        struct uio u;

        uio_init_kernel(&u, bytes, 1 + machine_below(PIECE_MAX));
        n = file_read(ends[1], &u);
        verify(n >= 0 || n == -EAGAIN);
        for (ssize_t i = 0; i < n; i++)
            verify(bytes[i] == byte_at(done + i));
        done += MAX(n, 0L);
        if (n < 0)
            host_pause();
    } while (n);
    host_expect(done, BYTES);
    end_close(ends[1]);
    kfree(bytes);
    host_join();
}

/* Files in flight */

static struct file *open_files[SOCKETS]; // (files_lock) "descriptors"
static struct spinlock files_lock = SPINLOCK_INIT(RANK_FDTABLE);

// The file in a slot with a reference, or NULL; `take`: it leaves the slot.
static struct file *slot_get(bool take)
{
    u32 i = machine_below(SOCKETS);
    struct file *f;

    spin_lock(&files_lock);
    f = open_files[i];
    if (f && take)
        open_files[i] = NULL;
    else if (f)
        file_get(f);
    spin_unlock(&files_lock);
    return f;
}

// Into a free slot; what finds none is closed.
static void slot_put(struct file *f)
{
    spin_lock(&files_lock);
    for (u32 i = 0; f && i < SOCKETS; i++)
        if (!open_files[i]) {
            open_files[i] = f;
            f = NULL;
        }
    spin_unlock(&files_lock);
    if (f)
        end_close(f);
}

static void send_one(struct file *by, struct file *carried)
{
    u8 byte = 1;
    struct uio u;
    struct socket_message m = {.data = &u};
    u32 count;

    m.control.files = kmalloc(sizeof(struct file *), 0);
    if (m.control.files) {
        m.control.count = 1;
        file_get(m.control.files[0] = carried);
    }
    uio_init_kernel(&u, &byte, 1);
    count = m.control.count;
    if (socket_send(by, &m) < 0)
        verify(m.control.count == count); // what was not sent is the sender's still
    socket_control_fini(&m.control);
}

static void receive_one(struct file *by)
{
    u8 byte;
    struct uio u;
    struct socket_message m = {.data = &u, .flags = machine_below(4) ? 0 : MSG_PEEK};

    uio_init_kernel(&u, &byte, 1);
    if (socket_receive(by, &m) > 0 && m.control.count && machine_below(3)) {
        slot_put(m.control.files[0]);
        m.control.count = 0;
    }
    socket_control_fini(&m.control);
}

static void flight_step(void)
{
    struct file *two[2], *a, *b;

    switch (machine_below(6)) {
    case 0:
        if (pair_create(machine_below(2) ? SOCK_STREAM : SOCK_DGRAM, two))
            return;
        slot_put(two[0]);
        slot_put(two[1]);
        return;
    case 1:
        a = slot_get(true);
        if (a)
            end_close(a);
        return;
    case 2:
        a = slot_get(false);
        if (a)
            receive_one(a);
        break;
    default:
        a = slot_get(false);
        b = a ? slot_get(false) : NULL;
        if (b) {
            send_one(a, b);
            file_put(b);
        }
    }
    if (a)
        file_put(a);
}

static void flight_thread(void *unused)
{
    for (u32 i = 0; i < STEPS; i++)
        flight_step();
}

// Closes all; then what calls had kept alive is looked at again.
static void flight_end(void)
{
    struct file *two[2];

    for (u32 i = 0; i < SOCKETS; i++)
        if (open_files[i]) {
            end_close(open_files[i]);
            open_files[i] = NULL;
        }
    for (u32 i = 0; i < THREADS * STEPS; i++)
        if (!pair_create(SOCK_STREAM, two)) {
            end_close(two[0]);
            end_close(two[1]);
        }
}

static void flight_scenario(void)
{
    for (u32 i = 0; i < THREADS; i++)
        host_spawn("flight", flight_thread, NULL);
    host_join();
    flight_end();
}

/* A full listener */

static const struct sockaddr_storage full_name = {.ss_family = AF_UNIX, .ss_data = "\0full"};
static struct socket *clients[CLIENTS];

// Two threads have the same socket: the second wakes to fail.
static void connect_one(void *number)
{
    struct socket *s = clients[(size_t)number / 2];
    int err = s->ops->connect(s, &full_name, 7, false);

    verify(!err || err == -EISCONN);
}

static void backlog_scenario(void)
{
    struct socket *listener, *end;

    host_expect(socket_create(AF_UNIX, SOCK_STREAM, 0, &listener), 0);
    host_expect(listener->ops->bind(listener, &full_name, 7), 0);
    host_expect(listener->ops->listen(listener, 0), 0);
    for (u32 i = 0; i < CLIENTS; i++)
        host_expect(socket_create(AF_UNIX, SOCK_STREAM, 0, &clients[i]), 0);
    for (size_t i = 0; i < 2 * CLIENTS - 1; i++)
        host_spawn("connect", connect_one, (void *)i);
    for (u32 i = 0; i < CLIENTS; i++) {
        host_expect(listener->ops->accept(listener, false, &end), 0);
        socket_discard(end);
    }
    host_join();
    for (u32 i = 0; i < CLIENTS; i++)
        socket_discard(clients[i]);
    socket_discard(listener);
}

static u64 few(void)
{
    return 2;
}

// What nobody has accepted counts as in flight: of a user without rights, whatever the backlog.
static void pending_scenario(void)
{
    struct cred plain = *thread_self()->cred;
    struct cred *root = thread_self()->cred;
    u64 (*limit)(void) = fd_limit_hook;
    struct socket *listener, *end;

    plain.cap_effective = 0;
    thread_self()->cred = &plain;
    fd_limit_hook = few;
    host_expect(socket_create(AF_UNIX, SOCK_STREAM, 0, &listener), 0);
    host_expect(listener->ops->bind(listener, &full_name, 7), 0);
    host_expect(listener->ops->listen(listener, 100), 0);
    for (u32 i = 0; i < CLIENTS; i++) {
        host_expect(socket_create(AF_UNIX, SOCK_STREAM, 0, &clients[i]), 0);
        host_expect(clients[i]->ops->connect(clients[i], &full_name, 7, false),
                    i < 3 ? 0 : -ETOOMANYREFS);
    }
    host_expect(listener->ops->accept(listener, false, &end), 0);
    host_expect(clients[3]->ops->connect(clients[3], &full_name, 7, false), 0);
    socket_discard(end);
    for (u32 i = 0; i < CLIENTS; i++)
        socket_discard(clients[i]);
    socket_discard(listener);
    fd_limit_hook = limit;
    thread_self()->cred = root;
}

/* The list of all, while they go */

static struct file *many[2 * PAIRS];

static void many_close(void *unused)
{
    for (u32 i = 0; i < 2 * PAIRS; i++)
        end_close(many[(i * 7 + PAIRS) % (2 * PAIRS)]);
}

static u32 lines_shown(void)
{
    struct text t = {0};
    u32 lines = 0;

    host_expect(unix_show(&t), 0);
    for (size_t i = 0; i < t.length; i++)
        lines += t.data[i] == '\n';
    kfree(t.data);
    return lines;
}

static void listing_scenario(void)
{
    u32 before, lines = 1 + 2 * PAIRS;

    for (u32 i = 0; i < PAIRS; i++)
        host_expect(pair_create(SOCK_STREAM, &many[2 * i]), 0);
    host_expect(lines_shown(), lines);
    host_spawn("close", many_close, NULL);
    for (u32 i = 0; i < 3; i++) {
        before = lines;
        lines = lines_shown();
        verify(lines <= before);
    }
    host_join();
    host_expect(lines_shown(), 1);
}

/* No memory */

static int connection_create(struct file **client, struct file **server)
{
    struct sockaddr_storage name = {.ss_family = AF_UNIX, .ss_data = "\0name"};
    struct socket *a = NULL, *b = NULL, *c = NULL;
    int err = socket_create(AF_UNIX, SOCK_STREAM, 0, &a)
                  ?: socket_create(AF_UNIX, SOCK_STREAM, 0, &b) ?: a->ops->bind(a, &name, 7)
                  ?: a->ops->listen(a, 1) ?: b->ops->connect(b, &name, 7, true)
                  ?: a->ops->accept(a, true, &c);

    if (!err) {
        err = socket_file_create(c, O_NONBLOCK, server);
        c = err ? c : NULL;
    }
    if (!err) {
        err = socket_file_create(b, O_NONBLOCK, client);
        b = err ? b : NULL;
        if (err)
            file_put(*server);
    }
    for (int i = 0; i < 3; i++) {
        struct socket *s = i == 0 ? a : i == 1 ? b : c;

        if (s)
            socket_discard(s);
    }
    return err;
}

static void memory_scenario(void)
{
    u8 *bytes = host_alloc(2 * PAGE_SIZE);
    struct file *client, *server;
    struct uio u;
    ssize_t n;

    if (connection_create(&client, &server)) {
        verify(host_failed_yet());
        kfree(bytes);
        return;
    }
    uio_init_kernel(&u, bytes, 2 * PAGE_SIZE);
    n = file_write(client, &u);
    verify(n == 2 * PAGE_SIZE || (n == -ENOMEM && host_failed_yet()));
    send_one(client, server);
    send_one(client, client);
    uio_init_kernel(&u, bytes, 2 * PAGE_SIZE);
    if (n > 0)
        host_expect(file_read(server, &u), n);
    receive_one(server);
    end_close(server);
    end_close(client);
    flight_end();
    kfree(bytes);
}

HOST_TEST(stream, RUNS)
HOST_TEST(flight, RUNS)
HOST_TEST(backlog, RUNS)
HOST_TEST(pending, 1)
HOST_TEST(listing, RUNS)
HOST_FAIL_TEST(memory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream),  cmocka_unit_test(test_flight),
        cmocka_unit_test(test_backlog), cmocka_unit_test(test_pending),
        cmocka_unit_test(test_listing), cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
