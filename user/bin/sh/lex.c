// SPDX-License-Identifier: MIT
// Cuts text into words, redirections and punctuation. Quotes stay in the words.
#include "sh.h"

void lexer_start(struct lexer *l, const char *text)
{
    *l = (struct lexer){.at = text, .begin = text, .previous_end = text};
    lexer_next(l);
}

void lexer_fail(struct lexer *l, enum parse_result result)
{
    if (l->result == PARSE_OK)
        l->result = result;
    l->token = TOKEN_END;
}

// Blanks, joined lines and comments.
static void skip_blanks(struct lexer *l)
{
    for (;;) {
        if (*l->at == ' ' || *l->at == '\t' || *l->at == '\r') {
            l->at++;
        } else if (l->at[0] == '\\' && l->at[1] == '\n') {
            l->at += 2;
            if (!*l->at)
                lexer_fail(l, PARSE_MORE);
        } else if (*l->at == '#') {
            while (*l->at && *l->at != '\n')
                l->at++;
        } else {
            return;
        }
    }
}

// From an opening quote to after the closing one; to the end of text if there is none.
static const char *skip_quoted(const char *p)
{
    char quote = *p++;

    while (*p && *p != quote) {
        if (quote == '"' && *p == '\\' && p[1])
            p++;
        p++;
    }
    return *p ? p + 1 : 0;
}

static bool ends_word(char c)
{
    return !c || strchr(" \t\r\n;&|()<>", c);
}

static void lex_word(struct lexer *l)
{
    const char *p = l->at;

    while (!ends_word(*p)) {
        if (*p == '\\' && (!p[1] || (p[1] == '\n' && !p[2])))
            p = 0;
        else if (*p == '\\')
            p += 2;
        else if (*p == '\'' || *p == '"')
            p = skip_quoted(p);
        else
            p++;
        if (!p) {
            lexer_fail(l, PARSE_MORE);
            return;
        }
    }
    l->token = TOKEN_WORD;
    l->word = arena_copy(l->at, p - l->at);
    l->at = p;
}

// [digit] < > >> <& >&
static bool lex_redirect(struct lexer *l)
{
    const char *p = l->at;
    bool has_fd = *p >= '0' && *p <= '9';

    p += has_fd;
    if (*p != '<' && *p != '>')
        return false;
    l->token = TOKEN_REDIRECT;
    l->fd = has_fd ? *l->at - '0' : *p == '>';
    l->kind = *p == '<' ? REDIRECT_READ : REDIRECT_WRITE;
    if (p[0] == '>' && p[1] == '>') {
        l->kind = REDIRECT_APPEND;
        p++;
    } else if (p[1] == '&') {
        l->kind = REDIRECT_DUP;
        p++;
    }
    l->at = p + 1;
    return true;
}

void lexer_next(struct lexer *l)
{
    l->previous_end = l->at;
    skip_blanks(l);
    l->begin = l->at;
    l->token = TOKEN_END;
    if (l->result != PARSE_OK || !*l->at || lex_redirect(l))
        return;
    if (!strchr("\n;&|()", *l->at)) {
        lex_word(l);
        return;
    }
    l->punctuation = *l->at++;
    l->token = l->punctuation == '\n' ? TOKEN_NEWLINE : TOKEN_CHAR;
    if (*l->at == l->punctuation && (*l->at == '&' || *l->at == '|')) {
        l->token = *l->at == '&' ? TOKEN_AND : TOKEN_OR;
        l->at++;
    }
}
