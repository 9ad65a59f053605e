// SPDX-License-Identifier: MIT
// Opens the console as the first process of a system does.
#include "kernel/types.h"
#include "kernel/stat.h"
#include "kernel/fcntl.h"
#include "user/user.h"

int
main(void)
{
  struct stat st;
  int out = dup(1);

  close(0);
  close(1);
  close(2);
  if(open("console", O_RDWR) < 0){
    mknod("console", 1, 0);
    open("console", O_RDWR);
  }
  dup(0); // stdout
  dup(0); // stderr
  printf("hello, console\n");
  if(fstat(0, &st) < 0)
    exit(1);
  fprintf(out, "type %d wrote %d\n", st.type, write(2, "x\n", 2));
  exit(0);
}
