// SPDX-License-Identifier: MIT
// Extended attributes of tmpfs: a list in memory with each inode.
#include "abi/xattr.h"
#include "abi/errno.h"
#include "fs/tmpfs/internal.h"
#include "lib/string.h"
#include "mm/slab.h"

#define TOTAL_MAX (128UL << 10) // bytes of one inode's attributes

struct tmpfs_xattr {
    struct list link;
    size_t name_length, size;
    char bytes[]; // the name with its NUL, the value
};

static size_t weight(const struct tmpfs_xattr *x)
{
    return sizeof(*x) + x->name_length + 1 + x->size;
}

static struct tmpfs_xattr *find(struct inode *i, const char *name, size_t *total)
{
    struct tmpfs_xattr *x, *found = NULL;

    *total = 0;
    LIST_FOR_EACH (x, &tmpfs_inode(i)->xattrs, link) {
        *total += weight(x);
        if (!strcmp(x->bytes, name))
            found = x;
    }
    return found;
}

// 0, -EOPNOTSUPP, -EINVAL: a prefix alone.
static int check_name(const char *name)
{
    static const char *const prefixes[] = {"user.", "trusted.", "security."};

    for (unsigned n = 0; n < ARRAY_SIZE(prefixes); n++)
        if (!strncmp(name, prefixes[n], strlen(prefixes[n])))
            return name[strlen(prefixes[n])] ? 0 : -EINVAL;
    return -EOPNOTSUPP;
}

static int xattr_get(struct inode *i, const char *name, void *value, size_t size)
{
    size_t total;
    struct tmpfs_xattr *x = find(i, name, &total);

    if (!x)
        return check_name(name) ?: -ENODATA;
    if (size && size < x->size)
        return -ERANGE;
    if (size)
        memcpy(value, x->bytes + x->name_length + 1, x->size);
    return x->size;
}

static struct tmpfs_xattr *create(const char *name, const void *value, size_t size)
{
    size_t length = strlen(name);
    struct tmpfs_xattr *x = kmalloc(sizeof(*x) + length + 1 + size, 0);

    if (!x)
        return NULL;
    x->name_length = length;
    x->size = size;
    memcpy(x->bytes, name, length + 1);
    memcpy(x->bytes + length + 1, value, size);
    return x;
}

// Takes it off the list and frees it.
static void drop(struct inode *i, struct tmpfs_xattr *x)
{
    list_remove(&x->link);
    tmpfs_space_give(tmpfs_of(i), weight(x));
    kfree(x);
}

static int xattr_set(struct inode *i, const char *name, const void *value, size_t size, int flags)
{
    struct tmpfs_xattr *new = NULL, *old;
    size_t total;
    int err = check_name(name);

    if (err)
        return err;
    old = find(i, name, &total);
    if (old ? flags & XATTR_CREATE : flags & XATTR_REPLACE)
        return old ? -EEXIST : -ENODATA;
    if (value) {
        new = create(name, value, size);
        if (!new)
            return -ENOMEM;
        if (total - (old ? weight(old) : 0) + weight(new) > TOTAL_MAX ||
            tmpfs_space_take(tmpfs_of(i), weight(new))) {
            kfree(new);
            return -ENOSPC;
        }
        list_insert_tail(&tmpfs_inode(i)->xattrs, &new->link);
    }
    if (old)
        drop(i, old);
    inode_touch_ctime(i);
    return 0;
}

static int xattr_list(struct inode *i, char *names, size_t size)
{
    struct tmpfs_xattr *x;
    size_t used = 0;
    int err = 0;

    LIST_FOR_EACH (x, &tmpfs_inode(i)->xattrs, link) {
        const char *prefix = strncmp(x->bytes, "trusted.", 8) ? "" : "trusted.";
        size_t before = strlen(prefix);

        if (!err)
            err = xattr_list_add(names, size, &used, prefix, x->bytes + before,
                                 x->name_length - before);
    }
    return err ? err : (int)used;
}

void tmpfs_xattrs_fini(struct tmpfs_inode *t)
{
    struct tmpfs_xattr *x;

    while ((x = list_first(&t->xattrs, struct tmpfs_xattr, link)))
        drop(&t->inode, x);
}

const struct xattr_ops tmpfs_xattr_ops = {
    .get = xattr_get,
    .set = xattr_set,
    .list = xattr_list,
};
