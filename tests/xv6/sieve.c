// SPDX-License-Identifier: MIT
// Primes by a pipeline: one process for each, which keeps back its multiples.
#include "kernel/types.h"
#include "kernel/stat.h"
#include "user/user.h"

#define LIMIT 150 // 35 primes are below it

int count;

void stage(int left)
{
  int p, n;
  int right[2];

  if(read(left, &p, sizeof(p)) != sizeof(p)){
    close(left);
    exit(count);
  }
  count++;
  printf("prime %d\n", p);
  if(pipe(right) < 0){
    fprintf(2, "sieve: pipe failed\n");
    exit(-1);
  }
  int pid = fork();
  if(pid < 0){
    fprintf(2, "sieve: fork failed\n");
    exit(-1);
  }
  if(pid == 0){
    close(left);
    close(right[1]);
    stage(right[0]);
  }
  close(right[0]);
  while(read(left, &n, sizeof(n)) == sizeof(n))
    if(n % p != 0)
      write(right[1], &n, sizeof(n));
  close(left);
  close(right[1]);
  int status;
  wait(&status);
  exit(status);
}

int main(int argc, char *argv[])
{
  int p[2], status;

  pipe(p);
  if(fork() == 0){
    close(p[1]);
    stage(p[0]);
  }
  close(p[0]);
  for(int i = 2; i < LIMIT; i++)
    write(p[1], &i, sizeof(i));
  close(p[1]);
  wait(&status);
  printf("%d processes\n", status);
  exit(0);
}
