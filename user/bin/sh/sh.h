// SPDX-License-Identifier: MIT
// The shell's parts and how they meet: input gives lines, parse makes a tree of them, exec runs
// the tree, jobs keeps what was started. expand turns words into arguments.
#pragma once

#include <stdbool.h>

#include "user/user.h"

// ---- memory.c: memory that lives until the command that asked for it has run.

void *arena_alloc(uint size); // never fails: the shell ends when memory is exhausted
char *arena_copy(const char *s, uint len);
void arena_reset(void);

// A growing string, always zero-terminated once something was added. Its memory is its own.
struct text {
    char *data;
    uint used, size;
};

void text_add(struct text *t, const char *s, uint len);
void text_clear(struct text *t);

// ---- lex.c, parse.c: from text to a tree.

enum redirect_kind { REDIRECT_READ, REDIRECT_WRITE, REDIRECT_APPEND, REDIRECT_DUP };

struct redirect {
    struct redirect *next;
    enum redirect_kind kind;
    int fd;
    const char *target; // still quoted
};

struct word {
    struct word *next;
    const char *text; // still quoted
};

enum node_kind {
    NODE_COMMAND,    // words, redirects
    NODE_SUBSHELL,   // left, redirects
    NODE_PIPE,       // left is one stage, right is a stage or another pipe
    NODE_SEQUENCE,   // left, then right
    NODE_AND,        // right only if left succeeded
    NODE_OR,         // right only if left failed
    NODE_BACKGROUND, // left, not waited for
};

struct node {
    enum node_kind kind;
    struct node *left, *right;
    struct word *words;
    struct redirect *redirects;
    const char *begin, *end; // the source it was made of
};

enum token {
    TOKEN_END,
    TOKEN_NEWLINE,
    TOKEN_WORD,
    TOKEN_REDIRECT,
    TOKEN_AND,
    TOKEN_OR,
    TOKEN_CHAR
};

enum parse_result { PARSE_OK, PARSE_MORE, PARSE_ERROR };

struct lexer {
    const char *at;           // after the current token
    const char *begin;        // where the current token starts
    const char *previous_end; // where the one before it ended
    enum token token;
    char punctuation;         // TOKEN_CHAR: one of ; & | ( )
    const char *word;         // TOKEN_WORD
    enum redirect_kind kind;  // TOKEN_REDIRECT
    int fd;                   // TOKEN_REDIRECT
    enum parse_result result; // once not PARSE_OK, only TOKEN_END follows
};

void lexer_start(struct lexer *l, const char *text);
void lexer_next(struct lexer *l);
void lexer_fail(struct lexer *l, enum parse_result result);

// Parses complete commands. *tree is 0 for blank text. PARSE_MORE: the text stops in the middle.
enum parse_result parse(const char *text, struct node **tree);

// ---- expand.c, env.c: quotes and variables.

// The arguments that the words stand for, zero-terminated, in the arena.
char **expand_words(const struct word *words);
// One argument, never split.
char *expand_single(const char *word);

bool is_name_char(char c, bool first);
void env_set(const char *name, const char *value);

// ---- exec.c, builtin.c: running.

struct shell {
    bool job_control;   // this process owns a terminal and gives it to jobs
    bool interrupted;   // ^C ended a job: drop the rest of the line
    int status;         // $?
    int background_pid; // $!
    int tty;            // the terminal's descriptor if job_control
    int pgid;           // own process group if job_control
    char **args;        // $0, $1...
};

extern struct shell shell;

// Runs a tree and returns its status. `last`: nothing will be done after it, so the process may
// become the program. May not return then.
int run(const struct node *n, bool last);
// In a new process: becomes the stage; never returns.
void run_stage(const struct node *n) __attribute__((noreturn));

typedef int builtin_fn(char **argv);
builtin_fn *builtin_find(const char *name); // 0 if it is not built in

// Becomes the program; returns the exit status to use if that is impossible, having said why.
int program_exec(char **argv);

// ---- redirect.c

struct saved_fd {
    struct saved_fd *next;
    int fd;
    int copy; // -1 if it was closed
};

// Applies redirections, noting in *saved (if not 0) what they replace. False after an error,
// which it has reported.
bool redirect_apply(const struct redirect *r, struct saved_fd **saved);
void redirect_undo(struct saved_fd *saved);

// ---- jobs.c

// Starts a pipeline as one job. In the foreground: waits and returns its status.
int job_run(const struct node *pipeline, bool background);
void jobs_report(void); // says which background jobs ended or stopped
void job_control_start(void);
builtin_fn builtin_fg, builtin_bg, builtin_jobs, builtin_wait;

// ---- edit.c, input.c

// Reads a line from the terminal with editing and history; false at the end of input. The line
// is added to `line` with its newline.
bool edit_line(const char *prompt, struct text *line);
bool edit_possible(void);

struct input {
    int fd;
    bool tty;
    uint chunk; // bytes to read at once: 1 where programs read the same descriptor
    uint at, used;
    char buf[512];
};

bool input_line(struct input *in, const char *prompt, struct text *line);
