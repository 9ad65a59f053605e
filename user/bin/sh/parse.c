// SPDX-License-Identifier: MIT
// Recursive descent, one function a rule:
//
//     list      and_or ((; | & | newline) and_or)* [; | &]
//     and_or    pipeline ((&& | ||) pipeline)*
//     pipeline  command (| command)*
//     command   ( list ) redirect*   or   (word | redirect)+
//
// A rule that fails records it in the lexer, which then yields only TOKEN_END, so every rule
// ends by itself.
#include "sh.h"

static struct node *parse_list(struct lexer *l);

static bool at_char(const struct lexer *l, char c)
{
    return l->token == TOKEN_CHAR && l->punctuation == c;
}

static struct node *node_create(enum node_kind kind, struct node *left, struct node *right)
{
    struct node *n = arena_alloc(sizeof(*n));

    n->kind = kind;
    n->left = left;
    n->right = right;
    return n;
}

static void skip_newlines(struct lexer *l)
{
    while (l->token == TOKEN_NEWLINE)
        lexer_next(l);
}

// What is missing may still come in the next line, anything else is a mistake.
static void fail_unexpected(struct lexer *l)
{
    lexer_fail(l, l->token == TOKEN_END ? PARSE_MORE : PARSE_ERROR);
}

static void parse_redirect(struct lexer *l, struct redirect ***tail)
{
    struct redirect *r = arena_alloc(sizeof(*r));

    r->kind = l->kind;
    r->fd = l->fd;
    lexer_next(l);
    if (l->token != TOKEN_WORD) {
        lexer_fail(l, PARSE_ERROR);
        return;
    }
    r->target = l->word;
    **tail = r;
    *tail = &r->next;
    lexer_next(l);
}

static struct node *parse_subshell(struct lexer *l)
{
    struct node *n = node_create(NODE_SUBSHELL, 0, 0);
    struct redirect **tail = &n->redirects;

    lexer_next(l);
    n->left = parse_list(l);
    if (!at_char(l, ')') || !n->left) {
        fail_unexpected(l);
        return n;
    }
    lexer_next(l);
    while (l->token == TOKEN_REDIRECT)
        parse_redirect(l, &tail);
    return n;
}

static struct node *parse_command(struct lexer *l)
{
    if (at_char(l, '('))
        return parse_subshell(l);

    struct node *n = node_create(NODE_COMMAND, 0, 0);
    struct word **word_tail = &n->words;
    struct redirect **redirect_tail = &n->redirects;
    if (l->token != TOKEN_WORD && l->token != TOKEN_REDIRECT)
        fail_unexpected(l);
    while (l->token == TOKEN_WORD || l->token == TOKEN_REDIRECT) {
        if (l->token == TOKEN_REDIRECT) {
            parse_redirect(l, &redirect_tail);
            continue;
        }
        *word_tail = arena_alloc(sizeof(**word_tail));
        (*word_tail)->text = l->word;
        word_tail = &(*word_tail)->next;
        lexer_next(l);
    }
    if (l->token == TOKEN_CHAR && l->punctuation == '(')
        lexer_fail(l, PARSE_ERROR);
    return n;
}

static struct node *parse_pipeline(struct lexer *l)
{
    const char *begin = l->begin;
    struct node *n = parse_command(l);

    if (at_char(l, '|')) {
        lexer_next(l);
        skip_newlines(l);
        n = node_create(NODE_PIPE, n, parse_pipeline(l));
    }
    n->begin = begin;
    n->end = l->previous_end;
    return n;
}

static struct node *parse_and_or(struct lexer *l)
{
    struct node *n = parse_pipeline(l);

    while (l->token == TOKEN_AND || l->token == TOKEN_OR) {
        enum node_kind kind = l->token == TOKEN_AND ? NODE_AND : NODE_OR;
        const char *begin = n->begin;
        lexer_next(l);
        skip_newlines(l);
        n = node_create(kind, n, parse_pipeline(l));
        n->begin = begin;
        n->end = l->previous_end;
    }
    return n;
}

static bool at_list_end(const struct lexer *l)
{
    return l->token == TOKEN_END || at_char(l, ')');
}

// The items hang to the right, so that a long script does not nest to the left.
static struct node *parse_list(struct lexer *l)
{
    struct node *first = 0, **slot = &first;

    skip_newlines(l);
    while (!at_list_end(l)) {
        struct node *n = parse_and_or(l);
        if (at_char(l, '&')) {
            struct node *job = node_create(NODE_BACKGROUND, n, 0);
            job->begin = n->begin;
            job->end = n->end;
            n = job;
            lexer_next(l);
        } else if (at_char(l, ';')) {
            lexer_next(l);
        } else if (l->token != TOKEN_NEWLINE && !at_list_end(l)) {
            lexer_fail(l, PARSE_ERROR);
        }
        skip_newlines(l);
        *slot = at_list_end(l) ? n : node_create(NODE_SEQUENCE, n, 0);
        slot = &(*slot)->right;
    }
    return first;
}

enum parse_result parse(const char *text, struct node **tree)
{
    struct lexer l;

    lexer_start(&l, text);
    *tree = parse_list(&l);
    if (l.token != TOKEN_END)
        lexer_fail(&l, PARSE_ERROR);
    return l.result;
}
