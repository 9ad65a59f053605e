// SPDX-License-Identifier: MIT
// A shell: words, | < > >> ; & ( ) and cd. It reads its commands from the input.
#include "kernel/types.h"
#include "kernel/fcntl.h"
#include "user/user.h"

#define WORDS 20

// A command is run while it is parsed, in a process of its own; `skip` parses without running.
char *at;
char word[100];

void
die(char *why)
{
  fprintf(2, "minish: %s\n", why);
  exit(1);
}

int
start(void)
{
  int pid = fork();

  if(pid < 0)
    die("fork");
  return pid;
}

// The kind of the next token: its character, 'w' for a word, 'a' for >>, 0 at the end.
int
token(int take)
{
  char *p = at;
  int n = 0, kind;

  while(*p == ' ' || *p == '\t')
    p++;
  kind = *p;
  if(*p == 0 || strchr("|<>;&()", *p)){
    if(*p)
      p++;
    if(kind == '>' && *p == '>'){
      kind = 'a';
      p++;
    }
  } else {
    kind = 'w';
    while(*p && !strchr(" \t|<>;&()", *p) && n < sizeof(word) - 1)
      word[n++] = *p++;
    word[n] = 0;
  }
  if(take)
    at = p;
  return kind;
}

void list(int run);

void
redirect(int kind, int run)
{
  int fd;

  if(token(1) != 'w')
    die("a file name is missing");
  if(!run)
    return;
  close(kind == '<' ? 0 : 1);
  if(kind == '<')
    fd = open(word, O_RDONLY);
  else if(kind == '>')
    fd = open(word, O_WRONLY | O_CREATE | O_TRUNC);
  else {
    char c;
    fd = open(word, O_RDWR | O_CREATE);
    while(read(fd, &c, 1) == 1)
      ;
  }
  if(fd != (kind == '<' ? 0 : 1))
    die("cannot open");
}

// One command, in the process that is to become it; it returns only if it does not run.
void
simple(int run)
{
  char *argv[WORDS + 1], path[110];
  int argc = 0, kind, inner = 0;

  if(token(0) == '('){
    token(1);
    inner = 1;
    list(run);
    if(token(1) != ')')
      die("no )");
  }
  for(;;){
    kind = token(0);
    if(kind == '<' || kind == '>' || kind == 'a'){
      token(1);
      redirect(kind, run);
      continue;
    }
    if(kind != 'w')
      break;
    token(1);
    if(argc == WORDS)
      die("too many words");
    argv[argc] = malloc(strlen(word) + 1);
    strcpy(argv[argc++], word);
  }
  if(!run)
    return;
  if(inner || argc == 0)
    exit(0);
  argv[argc] = 0;
  exec(argv[0], argv);
  path[0] = '/';
  strcpy(path + 1, argv[0]);
  exec(path, argv);
  fprintf(2, "minish: no %s\n", argv[0]);
  exit(127);
}

// As simple(), but a pipe may follow.
void
pipeline(int run)
{
  char *begin = at;
  int p[2];

  simple(0);
  if(token(0) != '|'){
    if(run){
      at = begin;
      simple(1);
    }
    return;
  }
  token(1);
  if(!run){
    pipeline(0);
    return;
  }
  if(pipe(p) < 0)
    die("pipe");
  char *rest = at;
  if(start() == 0){
    close(1);
    dup(p[1]);
    close(p[0]);
    close(p[1]);
    at = begin;
    simple(1);
  }
  if(start() == 0){
    close(0);
    dup(p[0]);
    close(p[0]);
    close(p[1]);
    at = rest;
    pipeline(1);
  }
  close(p[0]);
  close(p[1]);
  wait(0);
  wait(0);
  exit(0);
}

void
list(int run)
{
  for(;;){
    char *begin = at;
    if(token(0) == 0 || token(0) == ')')
      return;
    pipeline(0);
    int kind = token(0);
    if(kind == ';' || kind == '&')
      token(1);
    if(run){
      char *next = at;
      int pid = start();
      if(pid == 0){
        at = begin;
        pipeline(1);
      }
      if(kind != '&')
        while(wait(0) != pid)
          ;
      at = next;
    }
    if(kind != ';' && kind != '&')
      return;
  }
}

int
main(void)
{
  static char line[200];

  while(gets(line, sizeof(line)), line[0]){
    int n = strlen(line);
    if(line[n - 1] == '\n')
      line[n - 1] = 0;
    if(line[0] == 'c' && line[1] == 'd' && line[2] == ' '){
      if(chdir(line + 3) < 0)
        fprintf(2, "minish: cannot cd %s\n", line + 3);
      continue;
    }
    at = line;
    list(1);
    if(token(0) != 0)
      fprintf(2, "minish: syntax\n");
  }
  while(wait(0) > 0)
    ;
  exit(0);
}
