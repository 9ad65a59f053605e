// SPDX-License-Identifier: MIT
// lookfor DIR NAME: every file of that name below the directory.
#include "kernel/types.h"
#include "kernel/stat.h"
#include "user/user.h"
#include "kernel/fs.h"

char*
last(char *path)
{
  char *p = path + strlen(path);

  while(p > path && p[-1] != '/')
    p--;
  return p;
}

void
look(char *path, char *name)
{
  char buf[512], *p;
  int fd;
  struct dirent de;
  struct stat st;

  if((fd = open(path, 0)) < 0){
    fprintf(2, "lookfor: cannot open %s\n", path);
    return;
  }
  if(fstat(fd, &st) < 0){
    fprintf(2, "lookfor: cannot stat %s\n", path);
    close(fd);
    return;
  }
  if(strcmp(last(path), name) == 0)
    printf("%s\n", path);
  if(st.type == T_DIR){
    if(strlen(path) + 1 + DIRSIZ + 1 > sizeof buf){
      printf("lookfor: path too long\n");
      close(fd);
      return;
    }
    strcpy(buf, path);
    p = buf + strlen(buf);
    *p++ = '/';
    while(read(fd, &de, sizeof(de)) == sizeof(de)){
      if(de.inum == 0)
        continue;
      if(!strcmp(de.name, ".") || !strcmp(de.name, ".."))
        continue;
      memmove(p, de.name, DIRSIZ);
      p[DIRSIZ] = 0;
      look(buf, name);
    }
  }
  close(fd);
}

int
main(int argc, char *argv[])
{
  if(argc != 3){
    fprintf(2, "usage: lookfor dir name\n");
    exit(1);
  }
  look(argv[1], argv[2]);
  exit(0);
}
