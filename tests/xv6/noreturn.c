// SPDX-License-Identifier: MIT
// Functions that end in exit() and have nothing to return, main among them.
#include "kernel/types.h"
#include "user/user.h"

int
answer(int n)
{
  if(n > 0)
    return n;
  fprintf(2, "noreturn: never here\n");
  exit(1);
}

void
main()
{
  if(fork() == 0)
    exit(answer(3));
  int status;
  wait(&status);
  printf("child %d\n", status);
  exit(answer(4));
}
