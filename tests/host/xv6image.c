// SPDX-License-Identifier: MIT
// See xv6image.h.
#include "xv6image.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK  1024
#define MAGIC  0x10203040
#define ROOT   1
#define DIRECT 11
#define SLOTS  256
#define ENTRY  16

enum { DIR = 1, FILE_, DEVICE, SYMLINK };

struct inode {
    int16_t type, major, minor, nlink;
    uint32_t size, addrs[13];
};

struct super {
    uint32_t magic, size, nblocks, ninodes, nlog, logstart, inodestart, bmapstart;
};

struct check {
    const uint8_t *image;
    const struct super *super;
    uint32_t data;   // first data block
    uint8_t *owned;  // by block
    uint32_t *names; // by inode
    bool crashed;
    uint32_t reach; // blocks of the file at hand: its last mapped one, and 1
};

static char why[100];

static struct inode *inode_of(const struct check *c, uint32_t ino)
{
    return (struct inode *)(c->image + c->super->inodestart * BLOCK) + ino;
}

static const char *say(uint32_t number, const char *text)
{
    snprintf(why, sizeof(why), "%u: %s", number, text);
    return why;
}

/* Making */

static void entry_put(uint8_t *at, uint16_t ino, const char *name)
{
    memcpy(at, &ino, sizeof(ino));
    strncpy((char *)at + 2, name, ENTRY - 2);
}

void xv6_make(uint8_t *image, uint32_t blocks, uint32_t inodes, uint32_t log)
{
    struct super *s = (void *)(image + BLOCK);
    uint32_t data;

    *s = (struct super){MAGIC, blocks, 0, inodes, log, 2, 2 + log, 0};
    s->bmapstart = s->inodestart + inodes / 16 + 1;
    data = s->bmapstart + blocks / (8 * BLOCK) + 1;
    s->nblocks = blocks - data;
    ((struct inode *)(image + s->inodestart * BLOCK))[ROOT] =
        (struct inode){DIR, 0, 0, 1, 2 * ENTRY, {data}};
    entry_put(image + data * BLOCK, ROOT, ".");
    entry_put(image + data * BLOCK + ENTRY, ROOT, "..");
    for (uint32_t b = 0; b <= data; b++)
        image[s->bmapstart * BLOCK + b / 8] |= 1 << b % 8;
}

/* Checking */

static const char *own(struct check *c, uint32_t ino, uint32_t block)
{
    if (block < c->data || block >= c->super->size)
        return say(ino, "a block outside of the data");
    return c->owned[block]++ ? say(ino, "a block that another file has too") : NULL;
}

static const char *own_tree(struct check *c, uint32_t ino, uint32_t block, int level,
                            uint32_t index)
{
    const uint32_t *slots = (const void *)(c->image + (uint64_t)block * BLOCK);
    const char *bad = block ? own(c, ino, block) : NULL;

    if (!level && block)
        c->reach = index + 1;
    for (int n = 0; level && block && !bad && n < SLOTS; n++)
        bad = own_tree(c, ino, slots[n], level - 1, index + n * (level == 2 ? SLOTS : 1));
    return bad;
}

static uint32_t block_of(const struct check *c, const struct inode *i, uint32_t n)
{
    const uint32_t *table;

    if (n < DIRECT)
        return i->addrs[n];
    table = (const void *)(c->image + i->addrs[DIRECT] * BLOCK);
    return n < DIRECT + SLOTS && i->addrs[DIRECT] ? table[n - DIRECT] : 0;
}

static const char *check_tail(const struct check *c, uint32_t ino, const struct inode *i)
{
    uint32_t block = block_of(c, i, i->size / BLOCK);

    for (uint32_t n = i->size % BLOCK; block && n && n < BLOCK; n++)
        if (c->image[block * BLOCK + n])
            return say(ino, "bytes past its size");
    return NULL;
}

static const char *check_file(struct check *c, uint32_t ino)
{
    const struct inode *i = inode_of(c, ino);
    const char *bad = NULL;
    uint32_t index = 0;

    if (i->type < DIR || i->type > SYMLINK)
        return say(ino, "no type");
    c->reach = 0;
    for (int n = 0; n < 13 && !bad; n++) {
        bad = own_tree(c, ino, i->addrs[n], n < DIRECT ? 0 : n - DIRECT + 1, index);
        index += n < DIRECT ? 1 : SLOTS;
    }
    if (!bad && !c->crashed && c->reach > (i->size + BLOCK - 1) / BLOCK)
        bad = say(ino, "blocks past its size");
    return bad ? bad : i->type == FILE_ ? check_tail(c, ino, i) : NULL;
}

static const char *check_entry(struct check *c, uint32_t dir, uint32_t n, const uint8_t *entry)
{
    const char *name = (const char *)entry + 2;
    const struct inode *child;
    const uint8_t *block;
    uint16_t ino;

    memcpy(&ino, entry, sizeof(ino));
    if (n == 0)
        return ino == dir && !strcmp(name, ".") ? NULL : say(dir, "no .");
    if (n == 1)
        return !strcmp(name, "..") ? NULL : say(dir, "no ..");
    if (!ino)
        return NULL;
    child = inode_of(c, ino);
    if (ino >= c->super->ninodes || !child->type || !*name)
        return say(dir, "an entry that leads nowhere");
    c->names[ino]++;
    if (child->type != DIR)
        return NULL;
    c->names[dir]++;
    block = c->image + block_of(c, child, 0) * BLOCK;
    memcpy(&ino, block + ENTRY, sizeof(ino));
    return ino == dir ? NULL : say(dir, "the .. of a directory in it");
}

static const char *check_dir(struct check *c, uint32_t ino)
{
    const struct inode *i = inode_of(c, ino);
    const char *bad = i->size % ENTRY || i->size < 2 * ENTRY ? say(ino, "its size") : NULL;

    for (uint32_t n = 0; n < i->size / ENTRY && !bad; n++) {
        uint32_t block = block_of(c, i, n * ENTRY / BLOCK);

        if (!block)
            return say(ino, "a hole");
        bad = check_entry(c, ino, n, c->image + block * BLOCK + n * ENTRY % BLOCK);
    }
    return bad;
}

static const char *check_all(struct check *c)
{
    const char *bad = NULL;

    for (uint32_t ino = 1; ino < c->super->ninodes && !bad; ino++)
        if (inode_of(c, ino)->type)
            bad = check_file(c, ino);
    for (uint32_t ino = 1; ino < c->super->ninodes && !bad; ino++)
        if (inode_of(c, ino)->type == DIR && (inode_of(c, ino)->nlink || !c->crashed))
            bad = check_dir(c, ino);
    for (uint32_t ino = 1; ino < c->super->ninodes && !bad; ino++) {
        const struct inode *i = inode_of(c, ino);
        uint32_t names = c->names[ino] + (ino == ROOT);

        if (i->type && (i->nlink != (int)names || !(names || c->crashed)))
            bad = say(ino, "links and names");
    }
    for (uint32_t b = 0; b < c->super->size && !bad; b++) {
        bool marked = c->image[c->super->bmapstart * BLOCK + b / 8] >> b % 8 & 1;

        if (marked != (b < c->data || c->owned[b]))
            bad = say(b, marked ? "marked, not used" : "used, not marked");
    }
    return bad;
}

const char *xv6_check(const uint8_t *image, bool crashed)
{
    struct check c = {.image = image, .super = (const void *)(image + BLOCK), .crashed = crashed};
    const char *bad;

    if (c.super->magic != MAGIC)
        return "no superblock";
    if (*(const uint32_t *)(image + c.super->logstart * BLOCK))
        return "the log is not empty";
    c.data = c.super->bmapstart + c.super->size / (8 * BLOCK) + 1;
    c.owned = calloc(c.super->size, 1);
    c.names = calloc(65536, sizeof(*c.names));
    bad = check_all(&c);
    free(c.owned);
    free(c.names);
    return bad;
}
