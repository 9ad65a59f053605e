// SPDX-License-Identifier: MIT
// Red-black trees: linking, unlinking, rebalancing and upkeep of per-subtree summaries.
//
// A node is red or black; the root is black, a red node has no red child, and every path from a
// node down to a NULL link passes equally many black nodes. Mirror-image cases share code: `side`
// is 0 for left and 1 for right, and child(n, side) is the link. Summaries are first made right
// along the path to the root; a rotation then only changes those of the two nodes it turns, since
// the subtree they head keeps its members.
#include "lib/rbtree.h"

static inline struct rb_node **child(struct rb_node *n, bool side)
{
    return side ? &n->right : &n->left;
}

static inline bool is_red(const struct rb_node *n)
{
    return n && !(n->parent_black & RB_BLACK);
}

static inline void set_parent(struct rb_node *n, struct rb_node *parent)
{
    n->parent_black = (u64)parent | (n->parent_black & RB_BLACK);
}

static inline void set_black(struct rb_node *n)
{
    n->parent_black |= RB_BLACK;
}

static inline void set_red(struct rb_node *n)
{
    n->parent_black &= ~RB_BLACK;
}

// Puts `new` (or NULL) where `old` hangs from its parent.
static void replace(struct rb_root *root, struct rb_node *old, struct rb_node *new)
{
    struct rb_node *parent = rb_parent(old);

    if (!parent)
        root->node = new;
    else
        *child(parent, parent->right == old) = new;
    if (new)
        set_parent(new, parent);
}

// Turns `n` down to `side`; its child on the other side takes its place.
static void rotate(struct rb_root *root, struct rb_node *n, bool side)
{
    struct rb_node *up = *child(n, !side);
    struct rb_node *middle = *child(up, side);

    *child(n, !side) = middle;
    if (middle)
        set_parent(middle, n);
    replace(root, n, up);
    *child(up, side) = n;
    set_parent(n, up);
    if (root->augment) {
        root->augment(n);
        root->augment(up);
    }
}

void rb_augment_path(struct rb_root *root, struct rb_node *n)
{
    if (!root->augment)
        return;
    for (; n; n = rb_parent(n))
        root->augment(n);
}

void rb_link(struct rb_root *root, struct rb_node *n, struct rb_node *parent, struct rb_node **link)
{
    n->left = NULL;
    n->right = NULL;
    n->parent_black = (u64)parent;
    *link = n;
    rb_augment_path(root, n);

    while (is_red(parent)) {
        struct rb_node *grand = rb_parent(parent);
        bool side = parent == grand->right;
        struct rb_node *uncle = *child(grand, !side);

        if (is_red(uncle)) {
            set_black(parent);
            set_black(uncle);
            set_red(grand);
            n = grand;
            parent = rb_parent(n);
            continue;
        }
        if (n == *child(parent, !side)) {
            rotate(root, parent, side);
            parent = n;
        }
        set_black(parent);
        set_red(grand);
        rotate(root, grand, !side);
        break;
    }
    set_black(root->node);
}

// The paths through `n` (maybe NULL), a child of `parent`, lack one black node.
static void fix_removal(struct rb_root *root, struct rb_node *n, struct rb_node *parent)
{
    while (parent && !is_red(n)) {
        bool side = n == parent->right;
        struct rb_node *sibling = *child(parent, !side);

        if (is_red(sibling)) {
            set_black(sibling);
            set_red(parent);
            rotate(root, parent, side);
            sibling = *child(parent, !side);
        }
        if (!is_red(sibling->left) && !is_red(sibling->right)) {
            set_red(sibling);
            n = parent;
            parent = rb_parent(n);
            continue;
        }
        if (!is_red(*child(sibling, !side))) {
            set_black(*child(sibling, side));
            set_red(sibling);
            rotate(root, sibling, !side);
            sibling = *child(parent, !side);
        }
        sibling->parent_black = (u64)rb_parent(sibling) | (parent->parent_black & RB_BLACK);
        set_black(parent);
        set_black(*child(sibling, !side));
        rotate(root, parent, side);
        return;
    }
    if (n)
        set_black(n);
}

// Puts the in-order successor of `n`, which has two children, in its place. Returns the parent of
// the place that the successor left; *lifted is the node now there, *was_black the colour lost.
static struct rb_node *remove_inner(struct rb_root *root, struct rb_node *n,
                                    struct rb_node **lifted, bool *was_black)
{
    struct rb_node *next = n->right;
    struct rb_node *parent;

    while (next->left)
        next = next->left;
    *lifted = next->right;
    *was_black = !is_red(next);
    parent = rb_parent(next);
    if (parent == n) {
        parent = next;
    } else {
        replace(root, next, next->right);
        next->right = n->right;
        set_parent(next->right, next);
    }
    next->left = n->left;
    set_parent(next->left, next);
    replace(root, n, next);
    next->parent_black = n->parent_black;
    return parent;
}

void rb_remove(struct rb_root *root, struct rb_node *n)
{
    struct rb_node *lifted, *parent;
    bool was_black;

    if (n->left && n->right) {
        parent = remove_inner(root, n, &lifted, &was_black);
    } else {
        lifted = n->left ? n->left : n->right;
        parent = rb_parent(n);
        was_black = !is_red(n);
        replace(root, n, lifted);
    }
    rb_augment_path(root, parent);
    if (was_black)
        fix_removal(root, lifted, parent);
}

static struct rb_node *outermost(struct rb_node *n, bool side)
{
    while (n && *child(n, side))
        n = *child(n, side);
    return n;
}

static struct rb_node *neighbour(const struct rb_node *at, bool side)
{
    struct rb_node *n = (struct rb_node *)at;
    struct rb_node *parent;

    if (*child(n, side))
        return outermost(*child(n, side), !side);
    while ((parent = rb_parent(n)) && n == *child(parent, side))
        n = parent;
    return parent;
}

struct rb_node *rb_first(const struct rb_root *root)
{
    return outermost(root->node, 0);
}

struct rb_node *rb_last(const struct rb_root *root)
{
    return outermost(root->node, 1);
}

struct rb_node *rb_next(const struct rb_node *n)
{
    return neighbour(n, 1);
}

struct rb_node *rb_prev(const struct rb_node *n)
{
    return neighbour(n, 0);
}

// Black nodes on each path below `n`, or -1 if the subtree is unsound. The depth of recursion is
// that of the tree, at most 2 log2(n + 1) where it is sound.
static int black_height(const struct rb_node *n, const struct rb_node *parent)
{
    int left, right;

    if (!n)
        return 0;
    if (rb_parent(n) != parent || (is_red(n) && is_red(parent)))
        return -1;
    left = black_height(n->left, n);
    right = black_height(n->right, n);
    if (left < 0 || left != right)
        return -1;
    return left + !is_red(n);
}

bool rb_check(const struct rb_root *root)
{
    return !is_red(root->node) && black_height(root->node, NULL) >= 0;
}
