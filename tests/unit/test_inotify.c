// SPDX-License-Identifier: MIT
// The queue of an inotify instance against a model: order, merging, overflow, sizes, and no memory.
#include "unit.h"

#include "abi/errno.h"
#include "mm/slab.h"
#include "vfs/inotify_queue.h"

#define STEPS      20000
#define EVENTS_MAX 6 // events of a queue
#define NAMES      5

static unsigned allocated;
static bool failing;

void *kmalloc(size_t size, unsigned flags)
{
    if (failing)
        return NULL;
    allocated++;
    return malloc(size);
}

void kfree(void *p)
{
    allocated -= p != NULL;
    free(p);
}

static const char *const names[NAMES] = {
    "", "a", "fifteen letters", "sixteen letters.",
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123"
    "4567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
    "890123456789012345678901234567890123456789012345678901234567890"};

// What is to be read, and for how many bytes.
static struct model {
    struct inotify_event head;
    const char *name;
    size_t size;
} model[EVENTS_MAX + 1];
static unsigned count;

static size_t size_of(const char *name)
{
    return 16 + (*name ? (strlen(name) / 16 + 1) * 16 : 0);
}

static bool overflowed(void)
{
    for (unsigned i = 0; i < count; i++)
        if (model[i].head.mask == IN_Q_OVERFLOW)
            return true;
    return false;
}

static bool model_add(const struct inotify_event *head, const char *name)
{
    struct model *last = count ? &model[count - 1] : NULL;

    if (count < EVENTS_MAX && last && head->mask != IN_IGNORED && last->name == name &&
        !memcmp(&last->head, head, sizeof(*head)))
        return false;
    if (count < EVENTS_MAX && !failing) {
        model[count++] = (struct model){*head, name, size_of(name)};
        return true;
    }
    if (overflowed())
        return false;
    model[count++] = (struct model){{.wd = -1, .mask = IN_Q_OVERFLOW}, "", 16};
    return true;
}

static void take(struct inotify_queue *q)
{
    size_t room = unit_below(4) ? sizeof(struct inotify_record) : unit_below(300);
    ssize_t want = !count ? 0 : model[0].size > room ? -EINVAL : (ssize_t)model[0].size;
    struct inotify_record r;

    memset(&r, 0xff, sizeof(r));
    assert_int_equal(inotify_queue_take(q, room, &r), want);
    if (want <= 0)
        return;
    assert_int_equal(r.head.wd, model[0].head.wd);
    assert_int_equal(r.head.mask, model[0].head.mask);
    assert_int_equal(r.head.cookie, model[0].head.cookie);
    assert_int_equal(r.head.len, want - 16);
    if (r.head.len)
        assert_string_equal(r.name, model[0].name);
    for (size_t i = strlen(model[0].name); i < r.head.len; i++)
        assert_int_equal(r.name[i], 0);
    memmove(model, model + 1, --count * sizeof(model[0]));
}

static void add(struct inotify_queue *q)
{
    static const u32 masks[] = {IN_OPEN, IN_CREATE, IN_MOVED_TO, IN_IGNORED};
    const char *name = names[unit_below(NAMES)];
    struct inotify_event head = {.wd = 1 + unit_below(2),
                                 .mask = masks[unit_below(4)],
                                 .cookie = unit_below(2),
                                 .len = strlen(name)};

    failing = !unit_below(20);
    assert_int_equal(inotify_queue_add(q, &head, name), model_add(&head, name));
    failing = false;
}

static void test_model(void **unused)
{
    struct inotify_queue q;
    size_t bytes;

    inotify_queue_init(&q, EVENTS_MAX);
    for (unsigned step = 0; step < STEPS; step++) {
        if (unit_below(5) < 3)
            add(&q);
        else
            take(&q);
        bytes = 0;
        for (unsigned i = 0; i < count; i++)
            bytes += model[i].size;
        assert_int_equal(q.count, count);
        assert_int_equal(q.bytes, bytes);
    }
    inotify_queue_fini(&q);
    assert_int_equal(q.count, 0);
    assert_int_equal(allocated, 0);
}

// A queue for nothing says so once, and again when that was read.
static void test_no_room(void **unused)
{
    const struct inotify_event head = {.wd = 1, .mask = IN_OPEN};
    struct inotify_queue q;
    struct inotify_record r;

    inotify_queue_init(&q, 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(inotify_queue_add(&q, &head, ""));
        assert_false(inotify_queue_add(&q, &head, ""));
        assert_int_equal(inotify_queue_take(&q, 16, &r), 16);
        assert_int_equal(r.head.mask, IN_Q_OVERFLOW);
        assert_int_equal(r.head.wd, -1);
        assert_int_equal(inotify_queue_take(&q, 16, &r), 0);
    }
    inotify_queue_fini(&q);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_model),
    cmocka_unit_test(test_no_room),
};

UNIT_MAIN(tests)
