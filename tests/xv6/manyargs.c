// SPDX-License-Identifier: MIT
// Runs itself with twenty arguments, and prints what arrived.
#include "kernel/types.h"
#include "user/user.h"

int
main(int argc, char *argv[])
{
  static char store[20][8];
  char *args[21];

  if(argc > 1){
    printf("%d:", argc);
    for(int i = 1; i < argc; i++)
      printf(" %s", argv[i]);
    printf("\n");
    exit(argv[argc] != 0);
  }
  args[0] = argv[0];
  for(int i = 1; i < 20; i++){
    store[i][0] = 'a' + i;
    store[i][1] = 'z' - i;
    args[i] = store[i];
  }
  args[20] = 0;
  exec("/manyargs", args);
  fprintf(2, "exec failed\n");
  exit(1);
}
