// SPDX-License-Identifier: MIT
// The split virtqueue against a model device: honest, out of order, and hostile.
#include "unit.h"

#include "abi/errno.h"
#include "drivers/virtio/virtq.h"

#define QUEUE_MAX 64

// What a device sees: the same memory, and a list of requests it has not finished.
struct device {
    struct virtq *q;
    u16 seen;
    u16 used;
    u16 heads[QUEUE_MAX];
    unsigned count;
};

static struct virtq queue;
static struct device device;
static void *memory;
static struct virtq_slot *slots;
static u8 tokens[QUEUE_MAX * 4];

// Whether the free list and the chains add up.
static bool virtq_check(const struct virtq *q)
{
    u32 owned = 0, requests = 0, free = 0;

    for (u16 i = 0; i < q->size; i++) {
        if (!q->slots[i].token)
            continue;
        owned += q->slots[i].count;
        requests++;
    }
    for (u16 at = q->free_head; free < q->free_count && at < q->size; at = q->slots[at].next)
        free++;
    return free == q->free_count && owned + free == q->size && requests == virtq_in_flight(q);
}

static void start(u16 size)
{
    free(memory);
    free(slots);
    memory = aligned_alloc(16, (virtq_bytes(size) + 15) / 16 * 16);
    slots = malloc(virtq_slots_bytes(size));
    memset(memory, 0, virtq_bytes(size));
    virtq_init(&queue, size, memory, slots);
    device = (struct device){.q = &queue};
    assert_true(virtq_check(&queue));
}

static void device_look(struct device *d)
{
    while (d->seen != d->q->avail->idx) {
        u16 head = d->q->avail->ring[d->seen++ % d->q->size];

        assert_true(head < d->q->size);
        d->heads[d->count++] = head;
    }
}

static void device_use(struct device *d, u32 id, u32 len)
{
    d->q->used->ring[d->used % d->q->size] = (struct virtq_used_elem){id, len};
    d->q->used->idx = ++d->used;
}

// Bytes that the chain lets the device write, and its length.
static u32 device_chain(struct device *d, u16 head, unsigned *length)
{
    u32 writable = 0;

    for (*length = 1;; (*length)++) {
        struct virtq_desc *desc = &d->q->desc[head];

        writable += desc->flags & 2 ? desc->len : 0;
        if (!(desc->flags & 1))
            return writable;
        head = desc->next;
        assert_true(head < d->q->size && *length < d->q->size);
    }
}

static int add(unsigned out, unsigned in, void *token)
{
    struct virtq_buf bufs[QUEUE_MAX];

    for (unsigned i = 0; i < out + in; i++)
        bufs[i] = (struct virtq_buf){0x1000 * (i + 1), 100 + i};
    return virtq_add(&queue, bufs, out, in, token);
}

static void test_chain(void **state)
{
    unsigned length;
    void *token;
    u32 len;

    start(8);
    assert_int_equal(virtq_take(&queue, &token, &len), 0);
    assert_int_equal(add(0, 0, tokens), -ENOSPC);
    assert_int_equal(add(2, 3, tokens), 0);
    assert_int_equal(add(2, 2, tokens + 1), -ENOSPC);
    assert_int_equal(add(3, 0, tokens + 1), 0);
    assert_int_equal(queue.free_count, 0);
    device_look(&device);
    assert_int_equal(device.count, 2);
    assert_int_equal(device_chain(&device, device.heads[0], &length), 102 + 103 + 104);
    assert_int_equal(length, 5);
    assert_int_equal(queue.desc[device.heads[0]].addr, 0x1000);
    assert_int_equal(device_chain(&device, device.heads[1], &length), 0);
    assert_int_equal(length, 3);
    device_use(&device, device.heads[1], 0);
    device_use(&device, device.heads[0], 300);
    assert_int_equal(virtq_take(&queue, &token, &len), 1);
    assert_ptr_equal(token, tokens + 1);
    assert_int_equal(virtq_take(&queue, &token, &len), 1);
    assert_ptr_equal(token, tokens);
    assert_int_equal(len, 300);
    assert_int_equal(virtq_take(&queue, &token, &len), 0);
    assert_int_equal(queue.free_count, 8);
    assert_true(virtq_check(&queue));
}

// Random requests, finished in random order; the indexes wrap around 2^16 several times.
static void test_model(void **state)
{
    bool busy[sizeof(tokens)] = {false};
    unsigned next = 0, length;
    void *token;
    u32 len;

    start(1U << unit_below(7));
    for (int step = 0; step < 400000; step++) {
        unsigned out = unit_below(3), in = unit_below(3);

        if (unit_below(2) && out + in && !busy[next]) {
            int err = add(out, in, tokens + next);

            assert_true(err == 0 || (err == -ENOSPC && out + in > queue.free_count));
            if (!err) {
                busy[next] = true;
                next = (next + 1) % sizeof(tokens);
            }
        }
        device_look(&device);
        if (device.count && unit_below(2)) {
            unsigned pick = unit_below(device.count);
            u16 head = device.heads[pick];

            device_use(&device, head, unit_below(device_chain(&device, head, &length) + 1));
            device.heads[pick] = device.heads[--device.count];
        }
        while (virtq_take(&queue, &token, &len) == 1) {
            assert_true(busy[(u8 *)token - tokens]);
            busy[(u8 *)token - tokens] = false;
        }
        if (step % 64 == 0)
            assert_true(virtq_check(&queue));
    }
    assert_false(queue.broken);
}

static void is_broken(void)
{
    void *token = NULL;
    u32 len = 0;

    assert_int_equal(virtq_take(&queue, &token, &len), -EIO);
    assert_null(token);
    assert_true(queue.broken);
    assert_int_equal(add(1, 0, tokens), -EIO);
    assert_int_equal(virtq_take(&queue, &token, &len), -EIO);
    assert_false(virtq_needs_notify(&queue));
}

static void begin_hostile(void)
{
    start(8);
    assert_int_equal(add(1, 0, tokens), 0);
    assert_int_equal(add(0, 2, tokens + 1), 0);
    device_look(&device);
}

static void test_hostile(void **state)
{
    static const u32 ids[] = {8, 0xffffffff, 0x10000, 2, 5};
    void *token;
    u32 len;

    for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        begin_hostile();
        device_use(&device, ids[i], 0);
        is_broken();
    }
    begin_hostile(); // more than was asked for
    device_use(&device, device.heads[1], 202);
    is_broken();
    begin_hostile(); // bytes written to a request without room
    device_use(&device, device.heads[0], 1);
    is_broken();
    begin_hostile(); // an index that jumps
    queue.used->idx = 3;
    is_broken();
    begin_hostile();
    queue.used->idx = 0xffff;
    is_broken();
    begin_hostile(); // the same request twice
    device_use(&device, device.heads[0], 0);
    device_use(&device, device.heads[0], 0);
    assert_int_equal(virtq_take(&queue, &token, &len), 1);
    token = NULL;
    is_broken();
}

// Whatever is written over the shared memory, the driver's own books stay in order.
static void test_scribble(void **state)
{
    void *token;
    u32 len;

    for (int round = 0; round < 2000; round++) {
        start(16);
        for (int step = 0; step < 50; step++) {
            u8 *bytes = memory;

            (void)add(unit_below(2), 1 + unit_below(3), tokens + unit_below(sizeof(tokens)));
            for (int i = 0; i < 4; i++)
                bytes[unit_below(virtq_bytes(16))] = (u8)unit_random();
            if (unit_below(2))
                queue.used->idx = queue.used_idx + 1;
            while (virtq_take(&queue, &token, &len) == 1)
                assert_true((u8 *)token >= tokens && (u8 *)token < tokens + sizeof(tokens));
            assert_true(virtq_check(&queue));
        }
    }
}

static void test_flags(void **state)
{
    start(4);
    assert_true(virtq_needs_notify(&queue));
    queue.used->flags = 1;
    assert_false(virtq_needs_notify(&queue));
    virtq_set_interrupts(&queue, false);
    assert_int_equal(queue.avail->flags, 1);
    virtq_set_interrupts(&queue, true);
    assert_int_equal(queue.avail->flags, 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_chain),    cmocka_unit_test(test_model), cmocka_unit_test(test_hostile),
    cmocka_unit_test(test_scribble), cmocka_unit_test(test_flags),
};
UNIT_MAIN(tests)
