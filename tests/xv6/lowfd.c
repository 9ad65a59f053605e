// SPDX-License-Identifier: MIT
// Redirects by closing a descriptor and making the next one: it is the lowest that is free.
#include "kernel/types.h"
#include "kernel/fcntl.h"
#include "user/user.h"

int
main(int argc, char *argv[])
{
  char buf[32];
  int p[2], out, n;

  out = dup(1);
  close(1);
  if(open("lowfd.txt", O_CREATE | O_WRONLY) != 1)
    exit(1);
  printf("into the file\n");
  close(1);
  dup(out);
  close(out);
  close(0);
  open("lowfd.txt", O_RDONLY);
  n = read(0, buf, sizeof(buf));
  write(1, buf, n);
  close(0);
  pipe(p);
  printf("pipe %d %d\n", p[0], p[1]);
  unlink("lowfd.txt");
  exit(0);
}
