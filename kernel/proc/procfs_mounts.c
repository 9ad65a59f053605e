// SPDX-License-Identifier: MIT
// /proc/<pid>/mounts and mountinfo: the mounts that the process can reach from its root.
#include "abi/errno.h"
#include "abi/mount.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/procfs_private.h"

#define SPECIAL " \t\n\\" // what fields show in octal

struct mounts_view {
    struct text *text;
    void (*line)(struct mounts_view *v, struct mount *m);
    struct path root; // the process's
    char *where;      // a page: where m is mounted
};

static void mounts_line(struct mounts_view *v, struct mount *m)
{
    char flags[64];

    mount_flags_text(m->flags | (m->sb->flags & MS_RDONLY), flags, sizeof(flags));
    text_escaped(v->text, m->source, SPECIAL);
    text_append(v->text, " ", 1);
    text_escaped(v->text, v->where, SPECIAL);
    text_printf(v->text, " %s %s 0 0\n", m->sb->type, flags);
}

// proc_pid_mountinfo(5). Nothing is propagated, so there are no optional fields.
static void mountinfo_line(struct mounts_view *v, struct mount *m)
{
    char *what = v->where + strlen(v->where) + 1, flags[64];
    struct text *t = v->text;

    if (mount_root_text(m, what, v->where + PAGE_SIZE - what) < 0)
        return;
    mount_flags_text(m->flags, flags, sizeof(flags));
    text_printf(t, "%u %u %u:%u ", m->id, m->parent ? m->parent->id : m->id, dev_major(m->sb->dev),
                dev_minor(m->sb->dev));
    text_escaped(t, what, SPECIAL);
    text_append(t, " ", 1);
    text_escaped(t, v->where, SPECIAL);
    text_printf(t, " %s - %s ", flags, m->sb->type);
    text_escaped(t, m->source, SPECIAL);
    text_printf(t, " %s\n", m->sb->flags & MS_RDONLY ? "ro" : "rw");
}

static void visit(struct mount *m, void *arg)
{
    struct mounts_view *v = arg;
    struct path p = {m, m->root};

    // What is not below the root begins with "(unreachable)".
    if (path_to_text_from(&v->root, &p, v->where, PAGE_SIZE) > 0 && *v->where == '/')
        v->line(v, m);
}

static int show(struct text *t, const struct proc_place *p,
                void (*line)(struct mounts_view *v, struct mount *m))
{
    struct mounts_view v = {.text = t, .line = line, .where = kmalloc(PAGE_SIZE, 0)};
    int err = v.where ? proc_root_of(p->id, &v.root) : -ENOMEM;

    if (!err) {
        mount_each(visit, &v);
        path_put(&v.root);
    }
    kfree(v.where);
    return err;
}

int proc_show_mounts(struct text *t, const struct proc_place *p)
{
    return show(t, p, mounts_line);
}

int proc_show_mountinfo(struct text *t, const struct proc_place *p)
{
    return show(t, p, mountinfo_line);
}
