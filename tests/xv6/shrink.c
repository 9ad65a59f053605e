// SPDX-License-Identifier: MIT
// Gives memory back with sbrk(-n), and finds it gone and later zero.
#include "kernel/types.h"
#include "kernel/riscv.h"
#include "user/user.h"

int
main(int argc, char *argv[])
{
  char *a = sbrk(0), *b;
  int pid, status;

  b = sbrk(5 * PGSIZE);
  if(a != b){
    printf("shrink: sbrk moved by itself\n");
    exit(1);
  }
  memset(b, 0x5a, 5 * PGSIZE);
  if(sbrk(-4 * PGSIZE) != a + 5 * PGSIZE || sbrk(0) != a + PGSIZE){
    printf("shrink: wrong break\n");
    exit(1);
  }
  if((pid = fork()) == 0){
    a[4 * PGSIZE] = 1;
    printf("shrink: oops, still there\n");
    exit(0);
  }
  wait(&status);
  if(status != -1){
    printf("shrink: not killed but %d\n", status);
    exit(1);
  }
  sbrk(4 * PGSIZE);
  printf("kept %x again %d\n", a[0], a[4 * PGSIZE]);
  exit(0);
}
