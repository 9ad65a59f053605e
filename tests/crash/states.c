// SPDX-License-Identifier: MIT
// The states that a crash can leave, from the disk's record.
//
// A crash comes after some event. Each write was durable by then (it completed before a flush was
// submitted that completed too, or it is FUA and completed), or it is open: of it all sectors, some
// or none are there. Durable writes are applied in the order of completion, open ones after them.
// Choices of open writes, tried for crashes at every event:
//
//     none     what is durable: a flush prefix         first    the first n of them
//     done     and all that completed                  random   any of them
//     all      and all that was under way              torn     one, of which some sectors are
//     there, but      all but one, or two                              with all, or none, of the
//     others only     one, or two
//
// An image is a table of sectors: where the bytes are, and their hash. The sum of the sectors'
// hashes is the image's, so that one seen before is passed over without having been made.
#include "crash.h"
#include "native.h"

#include <string.h>

struct cell { // a sector's contents
    const u8 *bytes;
    u64 hash;
};

struct write {
    u64 submitted, completed; // events; completed: ~0 if never
    u64 sector, sectors;
    bool fua;
    const struct cell *cells;
};

static const struct disk *disk;
static struct write *writes; // in the order of completion, then of submission
static u64 write_count;
static struct cell *initial, *now; // by sector
static u64 initial_hash, now_hash;
static u64 *touched, touched_count; // sectors that any write is to

static struct write *open_writes[4096];
static u64 open_count, open_done; // of which the first completed

/* The record as writes */

static struct cell cell_make(const u8 *bytes, u64 sector)
{
    return (struct cell){bytes, mix(bytes_hash(bytes, SECTOR_SIZE) + mix(sector + 1))};
}

static void write_add(const struct disk_event *e, u64 index)
{
    struct write *w = &writes[write_count++];
    struct cell *cells = native_alloc(e->sectors * sizeof(*cells));

    *w = (struct write){index, e->other ? e->other : ~0UL, e->sector, e->sectors, e->flags, cells};
    for (u64 i = 0; i < e->sectors; i++)
        cells[i] = cell_make(e->data + (i << SECTOR_SHIFT), e->sector + i);
}

static int by_completion(const void *a, const void *b)
{
    const struct write *x = a, *y = b;

    if (x->completed != y->completed)
        return x->completed < y->completed ? -1 : 1;
    return x->submitted < y->submitted ? -1 : 1;
}

static void touched_find(void)
{
    u8 *is = native_alloc(disk->block.sectors);

    touched = native_alloc(disk->block.sectors * sizeof(*touched));
    for (u64 i = 0; i < write_count; i++)
        memset(is + writes[i].sector, 1, writes[i].sectors);
    touched_count = 0;
    for (u64 i = 0; i < disk->block.sectors; i++)
        if (is[i])
            touched[touched_count++] = i;
}

static void record_read(const struct disk *d, u8 *image)
{
    disk = d;
    writes = native_alloc(disk->event_count * sizeof(*writes));
    write_count = 0;
    for (u64 i = 0; i < disk->event_count; i++)
        if (disk->events[i].kind == DISK_SUBMIT)
            write_add(&disk->events[i], i);
    native_sort(writes, write_count, sizeof(*writes), by_completion);
    initial = native_alloc(disk->block.sectors * sizeof(*initial));
    now = native_alloc(disk->block.sectors * sizeof(*now));
    initial_hash = 0;
    for (u64 i = 0; i < disk->block.sectors; i++) {
        initial[i] = cell_make(disk->initial + (i << SECTOR_SHIFT), i);
        initial_hash += initial[i].hash;
    }
    touched_find();
    memcpy(image, d->initial, d->block.sectors << SECTOR_SHIFT);
}

/* A state */

static void sector_put(const struct write *w, u64 i)
{
    struct cell *c = &now[w->sector + i];

    now_hash += w->cells[i].hash - c->hash;
    *c = w->cells[i];
}

static void write_put(const struct write *w)
{
    for (u64 i = 0; i < w->sectors; i++)
        sector_put(w, i);
}

static void write_put_torn(const struct write *w, u64 random)
{
    u64 half = w->sectors / 2;

    for (u64 n = 0; n < w->sectors; n++) {
        bool there = random % 4 == 0 ? n < half : random % 4 == 1 ? n >= half : mix(random + n) & 1;

        if (there)
            sector_put(w, n);
    }
}

// Writes that completed before this event are durable after a crash at `event`.
static u64 durable_before(u64 event)
{
    u64 safe = 0;

    for (u64 i = 0; i < event; i++)
        if (disk->events[i].kind == DISK_FLUSH_COMPLETE && !disk->events[i].error)
            safe = MAX(safe, disk->events[i].other);
    return safe;
}

static void durable_put(u64 event)
{
    u64 safe = durable_before(event);

    for (u64 i = 0; i < touched_count; i++)
        now[touched[i]] = initial[touched[i]];
    now_hash = initial_hash;
    open_count = open_done = 0;
    for (u64 i = 0; i < write_count; i++) {
        struct write *w = &writes[i];

        if (w->completed < event && (w->completed < safe || w->fua)) {
            write_put(w);
        } else if (w->submitted < event && open_count < ARRAY_SIZE(open_writes)) {
            open_writes[open_count++] = w;
            open_done += w->completed < event;
        }
    }
}

static bool is_chosen(const struct choice *c, u64 n)
{
    bool picked = n == c->pick || (c->random % 3 == 0 && n == c->random / 3 % open_count);

    switch (c->kind) {
    case CHOOSE_DONE:
        return n < open_done;
    case CHOOSE_BUT:
        return !picked;
    case CHOOSE_ONLY:
        return picked;
    case CHOOSE_FIRST:
        return n <= c->pick;
    case CHOOSE_RANDOM:
        return mix(c->random + n) & 1;
    case CHOOSE_TORN:
        return c->random & 8;
    default:
        return c->kind == CHOOSE_ALL;
    }
}

static void choice_put(const struct choice *c)
{
    for (u64 n = 0; n < open_count; n++) {
        if (c->kind == CHOOSE_TORN && n == c->pick)
            write_put_torn(open_writes[n], c->random >> 4);
        else if (is_chosen(c, n))
            write_put(open_writes[n]);
    }
}

static void image_put(u8 *image)
{
    for (u64 i = 0; i < touched_count; i++)
        memcpy(image + (touched[i] << SECTOR_SHIFT), now[touched[i]].bytes, SECTOR_SIZE);
}

/* Exploring */

static u64 mine_seen[1 << 15]; // images judged with as many promises, of this workload

// Hashes are never 0; a table that is full says that nothing was seen.
static bool is_new(u64 key)
{
    for (u64 i = key, tries = 0; tries < 64; i++, tries++) {
        u64 *at = &mine_seen[i % ARRAY_SIZE(mine_seen)];

        if (*at == key)
            return false;
        if (!*at) {
            *at = key;
            break;
        }
    }
    return true;
}

static bool state_try(const struct choice *c)
{
    choice_put(c);
    if (!is_new(mix(now_hash + model_promises(c->event)) | 1))
        return false;
    image_put(disk_two->image);
    judge(now_hash, c);
    return true;
}

static struct choice choice_random(u64 events)
{
    return (struct choice){.event = machine_below(events + 1),
                           .kind = CHOOSE_BUT + machine_below(CHOOSE_COUNT - CHOOSE_BUT),
                           .random = machine_random()};
}

void states_random(const struct disk *d, u8 *image)
{
    struct choice c = choice_random(d->event_count);

    record_read(d, image);
    durable_put(c.event);
    c.pick = open_count ? machine_below(open_count) : 0;
    choice_put(&c);
    image_put(image);
}

// Every prefix first, if there are not too many; then choices at random.
void states_explore(const struct disk *d, u32 most)
{
    u64 stride, n = 0;

    record_read(d, disk_two->image);
    stride = 1 + d->event_count * 2 / most;
    for (u64 event = d->event_count + 1; event-- > 0;) {
        if (stride > 1 && machine_below(stride))
            continue;
        for (u8 kind = CHOOSE_NONE; kind < CHOOSE_BUT; kind++) {
            durable_put(event);
            n += state_try(&(struct choice){.event = event, .kind = kind});
        }
    }
    for (u64 tries = 0; n < most && tries < 20 * most; tries++) {
        struct choice c = choice_random(d->event_count);

        durable_put(c.event);
        if (!open_count)
            continue;
        c.pick = machine_below(open_count);
        n += state_try(&c);
    }
}
