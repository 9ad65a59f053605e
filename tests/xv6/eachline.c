// SPDX-License-Identifier: MIT
// eachline CMD ARG...: runs it once for each line of the input, with the line's words behind.
#include "kernel/types.h"
#include "kernel/param.h"
#include "user/user.h"

int
main(int argc, char *argv[])
{
  char line[512], *args[MAXARG];
  char c;
  int i, n = 0, word;

  if(argc < 2){
    fprintf(2, "usage: eachline command ...\n");
    exit(1);
  }
  for(i = 1; i < argc; i++)
    args[i - 1] = argv[i];

  while(read(0, &c, 1) == 1){
    if(c != '\n'){
      if(n < sizeof(line) - 1)
        line[n++] = c;
      continue;
    }
    line[n] = 0;
    word = argc - 1;
    for(i = 0; i < n && word < MAXARG - 1; ){
      while(line[i] == ' ')
        line[i++] = 0;
      if(line[i] == 0)
        break;
      args[word++] = &line[i];
      while(i < n && line[i] != ' ')
        i++;
    }
    args[word] = 0;
    n = 0;
    if(fork() == 0){
      exec(args[0], args);
      fprintf(2, "eachline: exec %s failed\n", args[0]);
      exit(1);
    }
    wait(0);
  }
  exit(0);
}
