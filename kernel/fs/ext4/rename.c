// SPDX-License-Identifier: MIT
// rename: to a new name, over an old one, and exchange.
//
// All in one handle, in an order in which each step can be taken back if the next one fails: "..",
// the victim's link, the new name, the old one.
#include "abi/fcntl.h"
#include "fs/ext4/namei.h"

struct renaming {
    struct inode *old_dir, *new_dir, *moved, *victim; // victim may be NULL
    const struct name *old_name, *new_name;
    struct ext4_dir_place old_place, new_place;
};

static int hold_all(struct handle *h, const struct renaming *r)
{
    struct inode *all[] = {r->old_dir, r->new_dir, r->moved, r->victim};
    int err = 0;

    for (unsigned n = 0; !err && n < ARRAY_SIZE(all) && all[n]; n++)
        err = ext4_name_hold(h, all[n]);
    return err;
}

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

/* To a name */

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

static int enter_new(struct handle *h, struct renaming *r)
{
    if (r->victim)
        return ext4_dir_replace(h, &r->new_place, r->moved);
    return ext4_dir_add(h, r->new_dir, r->new_name, r->moved);
}

static void leave_new(struct handle *h, struct renaming *r)
{
    if (r->victim)
        ext4_dir_replace(h, &r->new_place, r->victim);
    else
        remove_name(h, r->new_dir, r->new_name, r->moved);
}

static int move_steps(struct handle *h, struct renaming *r)
{
    u32 links = r->victim ? r->victim->nlink : 0;
    int err = set_parent(h, r, r->moved, r->new_dir);

    if (err)
        return err;
    err = r->victim ? ext4_name_drop(h, r->victim) : 0;
    if (err)
        goto parent_back;
    err = enter_new(h, r);
    if (err)
        goto victim_back;
    err = remove_name(h, r->old_dir, r->old_name, r->moved); // where adding may have moved it
    if (!err)
        return 0;
    leave_new(h, r);
victim_back:
    if (r->victim)
        ext4_name_undrop(h, r->victim, links);
parent_back:
    set_parent(h, r, r->moved, r->old_dir);
    return err;
}

static void count_links(struct renaming *r)
{
    if (!S_ISDIR(r->moved->mode))
        return;
    ext4_dir_unlink(r->old_dir);
    if (!r->victim)
        ext4_dir_link(r->new_dir);
}

static int move_in(struct handle *h, struct renaming *r)
{
    int err = r->victim ? ext4_name_find(r->new_dir, r->new_name, r->victim, &r->new_place) : 0;

    if (err)
        return err;
    err = move_steps(h, r);
    if (r->victim)
        buf_put(r->new_place.block.b);
    if (!err && (r->old_dir != r->new_dir || r->victim))
        count_links(r);
    return err;
}

/* Exchange */

static int exchange_steps(struct handle *h, struct renaming *r)
{
    int err = set_parent(h, r, r->moved, r->new_dir);

    if (err)
        return err;
    err = set_parent(h, r, r->victim, r->old_dir);
    if (err)
        goto first_back;
    err = ext4_dir_replace(h, &r->new_place, r->moved);
    if (err)
        goto second_back;
    err = ext4_dir_replace(h, &r->old_place, r->victim);
    if (!err)
        return 0;
    ext4_dir_replace(h, &r->new_place, r->victim);
second_back:
    set_parent(h, r, r->victim, r->new_dir);
first_back:
    set_parent(h, r, r->moved, r->old_dir);
    return err;
}

static int exchange_in(struct handle *h, struct renaming *r)
{
    int err = ext4_name_find(r->old_dir, r->old_name, r->moved, &r->old_place);

    if (err)
        return err;
    err = ext4_name_find(r->new_dir, r->new_name, r->victim, &r->new_place);
    if (!err) {
        err = exchange_steps(h, r);
        buf_put(r->new_place.block.b);
    }
    buf_put(r->old_place.block.b);
    if (err)
        return err;
    if (changes_parent(r, r->moved)) {
        ext4_dir_unlink(r->old_dir);
        ext4_dir_link(r->new_dir);
    }
    if (changes_parent(r, r->victim)) {
        ext4_dir_unlink(r->new_dir);
        ext4_dir_link(r->old_dir);
    }
    return 0;
}

/* Either */

static int check(const struct renaming *r, bool exchange)
{
    int err = ext4_check_writable(ext4_of(r->old_dir));
    bool comes = changes_parent(r, r->moved) && !(r->victim && S_ISDIR(r->victim->mode));
    bool goes = exchange && changes_parent(r, r->victim) && !S_ISDIR(r->moved->mode);

    if (err)
        return err;
    if ((comes && ext4_dir_links_full(r->new_dir)) || (goes && ext4_dir_links_full(r->old_dir)))
        return -EMLINK;
    return r->victim && !exchange ? ext4_name_may_drop(r->victim) : 0;
}

static int rename_once(struct renaming *r, bool exchange)
{
    u32 inodes = 4, entries = 2, parents = 2;
    u32 credits =
        ext4_dir_add_credits(r->new_dir) + inodes + entries + parents + EXT4_ORPHAN_CREDITS;
    struct handle *h;
    int err = journal_begin(ext4_of(r->old_dir)->journal, credits, &h), end;

    if (err)
        return err;
    err = hold_all(h, r);
    if (!err)
        err = exchange ? exchange_in(h, r) : move_in(h, r);
    if (!err) {
        touch_all(r);
        err = write_all(h, r);
    }
    end = journal_end(h);
    return err ? err : end;
}

int ext4_rename(struct inode *old_dir, const struct name *old_name, struct inode *moved,
                struct inode *new_dir, const struct name *new_name, struct inode *victim, u32 flags)
{
    struct renaming r = {.old_dir = old_dir,
                         .new_dir = new_dir,
                         .moved = moved,
                         .victim = victim,
                         .old_name = old_name,
                         .new_name = new_name};
    bool exchange = flags & RENAME_EXCHANGE;
    int err = check(&r, exchange);

    while (!err) {
        err = rename_once(&r, exchange);
        if (err != -ENOSPC || !ext4_freed_wait(ext4_of(old_dir)))
            break;
        err = 0;
    }
    return err;
}
