// SPDX-License-Identifier: MIT
// rename: to a new name, over an old one, and exchange.
//
// All in one handle. First it takes hold of every block that it is going to change, so that what
// can still fail are the victim's link, a new name, and finding the old one again; these come next,
// and can be taken back.
#include "abi/fcntl.h"
#include "fs/ext4/namei.h"
#include "fs/ext4/super.h"

struct renaming {
    struct inode *old_dir, *new_dir, *moved, *victim; // victim may be NULL
    const struct name *old_name, *new_name;
    struct ext4_dir_place old_place, new_place; // the second of a victim only; NULL blocks: none
    bool exchange;
};

static int write_all(struct handle *h, const struct renaming *r)
{
    int err = ext4_inode_write(h, r->moved) ?: ext4_inode_write(h, r->old_dir);

    if (!err && r->new_dir != r->old_dir)
        err = ext4_inode_write(h, r->new_dir);
    return err || !r->victim ? err : ext4_inode_write(h, r->victim);
}

static void touch_all(struct renaming *r)
{
    inode_touch_mtime(r->old_dir);
    inode_touch_mtime(r->new_dir);
    inode_touch_ctime(r->moved);
    if (r->victim)
        inode_touch_ctime(r->victim);
}

static bool changes_parent(const struct renaming *r, const struct inode *i)
{
    return S_ISDIR(i->mode) && r->old_dir != r->new_dir;
}

static int set_parent(struct handle *h, const struct renaming *r, struct inode *i,
                      struct inode *parent)
{
    return changes_parent(r, i) ? ext4_dir_set_parent(h, i, parent->ino) : 0;
}

static int hold_all(struct handle *h, const struct renaming *r)
{
    struct inode *all[] = {r->old_dir, r->new_dir, r->moved, r->victim};
    int err = set_parent(h, r, r->moved, r->old_dir); // as it is

    for (unsigned n = 0; !err && n < ARRAY_SIZE(all) && all[n]; n++)
        err = ext4_name_hold(h, all[n]);
    if (!err && r->victim && r->new_place.block.b)
        err = journal_get_write(h, r->new_place.block.b);
    if (!err && r->old_place.block.b)
        err = journal_get_write(h, r->old_place.block.b);
    return err || !r->exchange ? err : set_parent(h, r, r->victim, r->new_dir);
}

// Counts a directory that goes from one to another.
static void move_link(struct inode *from, struct inode *to)
{
    ext4_dir_unlink(from);
    ext4_dir_link(to);
}

static int remove_name(struct handle *h, struct inode *dir, const struct name *name,
                       struct inode *inode)
{
    struct ext4_dir_place place;
    int err = ext4_name_find(dir, name, inode, &place);

    if (err)
        return err;
    err = ext4_dir_remove(h, &place);
    buf_put(place.block.b);
    return err;
}

// The new name goes again. If it cannot, the file must not keep both.
static void move_undo(struct handle *h, struct renaming *r, int error)
{
    if (remove_name(h, r->new_dir, r->new_name, r->moved))
        ext4_stop_writing(ext4_of(r->new_dir), error);
    else
        journal_undone(h);
}

static int move_to_new(struct handle *h, struct renaming *r)
{
    int err = ext4_dir_add(h, r->new_dir, r->new_name, r->moved);

    if (err) {
        journal_undone(h); // steps of the index stay
        return err;
    }
    if (r->old_dir == r->new_dir) // adding may have moved it
        err = remove_name(h, r->old_dir, r->old_name, r->moved);
    else
        err = ext4_dir_remove(h, &r->old_place);
    if (err)
        move_undo(h, r, err);
    else if (changes_parent(r, r->moved))
        move_link(r->old_dir, r->new_dir);
    return err;
}

static int move_over(struct handle *h, struct renaming *r)
{
    u32 links = r->victim->nlink;
    int err = ext4_name_drop(h, r->victim);

    if (err) {
        journal_undone(h);
        return err;
    }
    err = ext4_dir_remove(h, &r->old_place);
    if (err) {
        ext4_name_undrop(h, r->victim, links);
        return err;
    }
    if (S_ISDIR(r->moved->mode)) // two directories less by name, one more
        ext4_dir_unlink(r->old_dir);
    return ext4_dir_replace(h, &r->new_place, r->moved);
}

static int exchange(struct handle *h, struct renaming *r)
{
    if (changes_parent(r, r->moved))
        move_link(r->old_dir, r->new_dir);
    if (changes_parent(r, r->victim))
        move_link(r->new_dir, r->old_dir);
    return ext4_dir_replace(h, &r->new_place, r->moved)
               ?: ext4_dir_replace(h, &r->old_place, r->victim)
               ?: set_parent(h, r, r->victim, r->old_dir);
}

static int rename_places(struct handle *h, struct renaming *r)
{
    int err = hold_all(h, r);

    if (err) {
        journal_undone(h);
        return err;
    }
    err = r->exchange ? exchange(h, r) : r->victim ? move_over(h, r) : move_to_new(h, r);
    if (err)
        return err;
    touch_all(r);
    return set_parent(h, r, r->moved, r->new_dir) ?: write_all(h, r);
}

static int rename_in(struct handle *h, void *arg)
{
    struct renaming *r = arg;
    int err;

    r->old_place.block.b = r->new_place.block.b = NULL;
    err = ext4_name_find(r->old_dir, r->old_name, r->moved, &r->old_place);
    if (!err && r->victim)
        err = ext4_name_find(r->new_dir, r->new_name, r->victim, &r->new_place);
    if (!err) {
        err = rename_places(h, r);
        buf_put(r->new_place.block.b);
    }
    buf_put(r->old_place.block.b);
    return err;
}

static int check(const struct renaming *r)
{
    bool comes = changes_parent(r, r->moved) && !(r->victim && S_ISDIR(r->victim->mode));
    bool goes = r->exchange && changes_parent(r, r->victim) && !S_ISDIR(r->moved->mode);

    if ((comes && ext4_dir_links_full(r->new_dir)) || (goes && ext4_dir_links_full(r->old_dir)))
        return -EMLINK;
    return r->victim && !r->exchange ? ext4_name_may_drop(r->victim) : 0;
}

int ext4_rename(struct inode *old_dir, const struct name *old_name, struct inode *moved,
                struct inode *new_dir, const struct name *new_name, struct inode *victim, u32 flags)
{
    struct renaming r = {.old_dir = old_dir,
                         .new_dir = new_dir,
                         .moved = moved,
                         .victim = victim,
                         .old_name = old_name,
                         .new_name = new_name,
                         .exchange = flags & RENAME_EXCHANGE};
    u32 inodes = 4, entries = 2, parents = 2;
    u32 credits = ext4_dir_add_credits(new_dir) + inodes + entries + parents + EXT4_ORPHAN_CREDITS;
    int err = check(&r);
    struct ext4_retry retry = {0};

    if (err)
        return err;
    do
        err = ext4_operate(ext4_of(old_dir), credits, rename_in, &r);
    while (ext4_again(ext4_of(old_dir), err, &retry));
    return err;
}
