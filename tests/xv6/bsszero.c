// SPDX-License-Identifier: MIT
// Counts on memory that nobody has set: variables, large arrays, new heap.
#include "kernel/types.h"
#include "kernel/stat.h"
#include "user/user.h"

char big[40000];
int numbers[1000];
char *names[50];
static struct { int used; char name[10]; } slots[20];
int last = 7;

int
main(int argc, char *argv[])
{
  uint sum = 0;

  for(int i = 0; i < sizeof(big); i++)
    sum += big[i];
  for(int i = 0; i < 1000; i++)
    sum += numbers[i];
  for(int i = 0; i < 50; i++)
    sum += names[i] != 0;
  for(int i = 0; i < 20; i++)
    sum += slots[i].used + slots[i].name[9];
  char *heap = sbrk(20000);
  for(int i = 0; i < 20000; i++)
    sum += heap[i];
  printf("sum %d last %d\n", sum, last);
  exit(sum);
}
