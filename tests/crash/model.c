// SPDX-License-Identifier: MIT
// The model: what the tree was after each operation, and which of it a crash may leave.
//
// The journal keeps operations on names in order. So after a crash names, links, targets and
// attributes must be what they were after one operation, and not before the last that was promised.
// Contents follow on their own: each byte of a file must be one that it had there in one of the
// states from the promised one on, its size between the sizes of these. Any other byte is stale.
#include "crash.h"
#include "native.h"

#include "abi/xattr.h"
#include <stdio.h>
#include <string.h>

#define PROMISES_MAX 64
#define LIFE_ALL     (~0U)

struct promise {
    u64 event;
    u32 names; // the first tree that may be found
    u32 life, contents;
};

static const struct disk *disk;
static struct tree trees[STEPS_MAX + 1];
static u64 begun[STEPS_MAX + 1]; // event from which a tree may be there
static bool holes[STEPS_MAX + 1];
static u32 tree_count;
static struct promise promises[PROMISES_MAX];
static u32 promise_count;
static char complaint[200];

/* Reading what is mounted */

const char *slot_name(u32 slot, char text[32])
{
    static const char *const folders[FOLDERS] = {"", "d/", "e/"};

    snprintf(text, 32, "/m/%sn%u", folders[slot / NAMES], slot % NAMES);
    return text;
}

static u64 attributes_of(struct inode *i)
{
    static const char *const names[] = {"user.a", "user.b"};
    static u8 value[4096];
    u64 sum = 0;

    for (unsigned n = 0; n < ARRAY_SIZE(names); n++) {
        int length = inode_xattr_get(i, names[n], value, sizeof(value));

        if (length >= 0)
            sum += mix(n + 1 + bytes_hash(value, length));
        else if (length != -ENODATA)
            return length;
    }
    return sum;
}

static ssize_t contents_of(const struct path *p, struct seen *e)
{
    struct file *f;
    ssize_t n = -EFBIG;

    if (e->size > 1 << 20)
        return n;
    e->bytes = native_alloc(e->size + 1);
    if (e->kind == S_IFLNK)
        return vfs_readlink(p, (char *)e->bytes, e->size + 1);
    n = file_open(p, "", O_RDONLY, 0, WALK_FOLLOW | WALK_EMPTY, &f);
    if (n)
        return n;
    for (u64 at = 0; n >= 0 && at < e->size; at += n) {
        n = file_read_kernel(f, e->bytes + at, e->size - at, at);
        if (!n)
            break;
    }
    file_put(f);
    return n < 0 ? n : (ssize_t)e->size;
}

static void seen_read(struct tree *t, u32 slot)
{
    struct seen *e = &t->names[slot];
    struct path p;
    char name[32];
    int err = path_lookup(NULL, slot_name(slot, name), 0, &p);

    if (err == -ENOENT)
        return;
    if (err)
        panic("%s: error %d", name, err);
    *e = (struct seen){.kind = path_inode(&p)->mode & S_IFMT,
                       .links = path_inode(&p)->nlink,
                       .ino = path_inode(&p)->ino,
                       .size = path_inode(&p)->size,
                       .attributes = attributes_of(path_inode(&p))};
    if (e->kind != S_IFDIR && contents_of(&p, e) != (ssize_t)e->size)
        panic("%s cannot be read", name);
    path_put(&p);
    while (t->names[e->same].ino != e->ino)
        e->same++;
}

void tree_read(struct tree *t)
{
    memset(t, 0, sizeof(*t));
    for (u32 slot = 0; slot < SLOTS; slot++)
        seen_read(t, slot);
}

/* Trees and promises */

static const struct seen *life_find(const struct tree *t, u32 life)
{
    for (u32 slot = 0; slot < SLOTS; slot++)
        if (t->names[slot].kind == S_IFREG && t->names[slot].life == life)
            return &t->names[slot];
    return NULL;
}

static u32 life_of(u32 n, u32 slot)
{
    const struct seen *e = &trees[n].names[slot];

    for (u32 old = 0; n && old < SLOTS; old++)
        if (trees[n - 1].names[old].kind == S_IFREG && trees[n - 1].names[old].ino == e->ino)
            return trees[n - 1].names[old].life;
    return 1 + n * SLOTS + e->same;
}

static void tree_add(void)
{
    struct tree *t = &trees[tree_count];

    fault_stop();
    tree_read(t);
    fault_go_on();
    for (u32 slot = 0; slot < SLOTS; slot++)
        if (t->names[slot].kind == S_IFREG)
            t->names[slot].life = life_of(tree_count, slot);
    tree_count++;
}

static void promise(u32 names, u32 life)
{
    verify(promise_count < PROMISES_MAX);
    promises[promise_count++] = (struct promise){disk->event_count, names, life, tree_count - 1};
}

void model_begin(const struct disk *d)
{
    disk = d;
    tree_count = promise_count = 0;
    model_op_begins();
    tree_add();
    promise(0, LIFE_ALL);
    promises[0].event = 0;
}

void model_op_begins(void)
{
    begun[tree_count] = tree_count ? disk->event_count : 0;
}

void model_op_ended(bool may_have_holes)
{
    holes[tree_count] = may_have_holes;
    tree_add();
}

const struct tree *model_now(void)
{
    return &trees[tree_count - 1];
}

void model_promise_names(void)
{
    promise(tree_count - 1, 0);
}

void model_promise_all(void)
{
    promise(tree_count - 1, LIFE_ALL);
}

// Whether the file's names and attributes are the same in two successive trees.
static bool is_same(u32 n, u32 life)
{
    const struct seen *before = life_find(&trees[n - 1], life), *now = life_find(&trees[n], life);

    if (!before != !now || (now && (before->links != now->links || before->same != now->same ||
                                    before->attributes != now->attributes)))
        return false;
    for (u32 slot = 0; slot < SLOTS; slot++)
        if ((trees[n].names[slot].life == life) != (trees[n - 1].names[slot].life == life))
            return false;
    return true;
}

static u32 birth_of(u32 life)
{
    u32 n = 0;

    while (!life_find(&trees[n], life))
        n++;
    return n;
}

void model_promise_file(u32 slot, bool data_only)
{
    u32 life = model_now()->names[slot].life, n = tree_count - 1;

    while (n && is_same(n, life))
        n--;
    promise(data_only ? birth_of(life) : n, life);
}

u64 model_promises(u64 events)
{
    u64 n = 0;

    for (u32 i = 0; i < promise_count; i++)
        n += promises[i].event <= events;
    return n;
}

/* Checking */

static bool names_equal(const struct tree *a, const struct tree *b);

bool model_op_undone(void)
{
    return names_equal(&trees[tree_count - 1], &trees[tree_count - 2]);
}

static bool names_equal(const struct tree *a, const struct tree *b)
{
    for (u32 slot = 0; slot < SLOTS; slot++) {
        const struct seen *x = &a->names[slot], *y = &b->names[slot];

        if (x->kind == y->kind &&
            (!x->kind ||
             (x->links == y->links && x->same == y->same && x->attributes == y->attributes &&
              (x->kind != S_IFLNK ||
               (x->size == y->size && !memcmp(x->bytes, y->bytes, x->size))))))
            continue;
        snprintf(complaint, sizeof(complaint),
                 "name %u: kind %o links %u same %u attributes %lx, not %o %u %u %lx", slot,
                 x->kind, x->links, x->same, x->attributes, y->kind, y->links, y->same,
                 y->attributes);
        return false;
    }
    return true;
}

struct versions { // of a file
    const struct seen *all[STEPS_MAX + 1];
    u32 count;
    u64 least, most; // sizes
    bool holes;
    bool lost, born; // an error was reported; the file was not there when it was last promised
};

static void versions_find(struct versions *v, u32 life, u32 first, u32 last)
{
    *v = (struct versions){.least = ~0UL};
    v->lost = fault_reported();
    v->born = first < birth_of(life);
    if (v->born)
        v->least = 0; // creating and writing it is one operation here
    for (u32 n = first; n <= last; n++) {
        const struct seen *e = life_find(&trees[n], life);

        if (!e)
            continue;
        v->holes |= v->count && holes[n];
        v->all[v->count++] = e;
        v->least = MIN(v->least, e->size);
        v->most = MAX(v->most, e->size);
    }
}

// Written since the last promise.
static bool is_new(const struct versions *v, u64 at)
{
    const struct seen *first = v->all[0];

    for (u32 i = 1; i < v->count; i++)
        if (at >= first->size || at >= v->all[i]->size || v->all[i]->bytes[at] != first->bytes[at])
            return true;
    return v->born;
}

// Zeroes may be seen where the file was cut off: the rest of its last block is written first; and
// where what nobody was promised got no block, which was reported.
static bool may_have(const struct versions *v, u64 at, u8 byte)
{
    bool had = false;

    if (!byte && (v->holes || (v->lost && is_new(v, at))))
        return true;
    for (u32 i = 0; i < v->count; i++) {
        if (at < v->all[i]->size ? v->all[i]->bytes[at] == byte : had && !byte)
            return true;
        had |= at < v->all[i]->size;
    }
    return false;
}

static bool contents_good(const struct seen *e, u32 slot, u32 life, u64 events, u32 last)
{
    struct versions v;
    u32 first = 0;

    for (u32 i = 0; i < promise_count; i++)
        if (promises[i].event <= events &&
            (promises[i].life == life || promises[i].life == LIFE_ALL))
            first = MAX(first, promises[i].contents);
    versions_find(&v, life, first, last);
    if (e->size < v.least || e->size > v.most) {
        snprintf(complaint, sizeof(complaint), "name %u: %lu bytes, not %lu to %lu", slot, e->size,
                 v.least, v.most);
        return false;
    }
    for (u64 at = 0; at < e->size; at++)
        if (!may_have(&v, at, e->bytes[at])) {
            snprintf(complaint, sizeof(complaint), "name %u: byte %lu of %lu is %02x, but was %02x",
                     slot, at, e->size, e->bytes[at],
                     at < v.all[v.count - 1]->size ? v.all[v.count - 1]->bytes[at] : 0);
            return false;
        }
    return true;
}

static bool may_be(const struct tree *found, u32 n, u64 events, u32 last)
{
    if (!names_equal(found, &trees[n]))
        return false;
    for (u32 slot = 0; slot < SLOTS; slot++)
        if (found->names[slot].kind == S_IFREG &&
            !contents_good(&found->names[slot], slot, trees[n].names[slot].life, events, last))
            return false;
    return true;
}

const char *model_check(const struct tree *found, u64 events)
{
    u32 first = 0, last = tree_count - 1;

    for (u32 i = 0; i < promise_count; i++)
        if (promises[i].event <= events)
            first = MAX(first, promises[i].names);
    while (last && begun[last] > events)
        last--;
    for (u32 n = last + 1; n-- > first;)
        if (may_be(found, n, events, last))
            return NULL;
    return complaint;
}
