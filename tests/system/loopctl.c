// SPDX-License-Identifier: MIT
// Loop devices by their ioctls, for test_loop.py:
//
//     loopctl configure DEVICE FILE OFFSET LIMIT BLOCK FLAGS     loopctl free
//     loopctl set DEVICE OFFSET LIMIT FLAGS                      loopctl add|remove NUMBER
//     loopctl status|clear|capacity|again DEVICE                 loopctl block DEVICE SIZE
//     loopctl swap DEVICE FILE OTHER
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int check(const char *what, int result)
{
    if (result < 0) {
        printf("%s: %s\n", what, strerror(errno));
        exit(1);
    }
    return result;
}

static unsigned long number(const char *s)
{
    return strtoul(s, NULL, 0);
}

static void status(int loop)
{
    struct loop_info64 i;

    check("status", ioctl(loop, LOOP_GET_STATUS64, &i));
    printf("%u %llu %llu %u %llu %s\n", i.lo_number, i.lo_offset, i.lo_sizelimit, i.lo_flags,
           i.lo_inode, i.lo_file_name);
}

static void configure(int loop, char **args)
{
    int file = check("file", open(args[0], O_RDWR));
    struct loop_config c = {.fd = file, .block_size = number(args[3])};

    c.info.lo_offset = number(args[1]);
    c.info.lo_sizelimit = number(args[2]);
    c.info.lo_flags = number(args[4]);
    snprintf((char *)c.info.lo_file_name, sizeof(c.info.lo_file_name), "%s", args[0]);
    check("configure", ioctl(loop, LOOP_CONFIGURE, &c));
}

static void set(int loop, char **args)
{
    struct loop_info64 i = {.lo_offset = number(args[0]), .lo_sizelimit = number(args[1])};

    i.lo_flags = number(args[2]);
    check("set", ioctl(loop, LOOP_SET_STATUS64, &i));
}

// What a mapping and read(2) show first of the device with one file, another, and its second page.
static void show(int loop, const volatile char *mapping)
{
    char byte;

    check("read", pread(loop, &byte, 1, 0));
    printf("%c%c", mapping[0], byte);
}

static void swap(int loop, char **files)
{
    struct loop_info64 moved = {.lo_offset = 4096};
    char *mapping = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, loop, 0);

    check("mmap", mapping == MAP_FAILED ? -1 : 0);
    check("first", ioctl(loop, LOOP_SET_FD, open(files[0], O_RDWR)));
    show(loop, mapping);
    mapping[4096] = '!';
    check("clear", ioctl(loop, LOOP_CLR_FD));
    check("second", ioctl(loop, LOOP_SET_FD, open(files[1], O_RDWR)));
    show(loop, mapping);
    check("move", ioctl(loop, LOOP_SET_STATUS64, &moved));
    show(loop, mapping);
}

int main(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[1] : "free";
    int control = check("control", open("/dev/loop-control", O_RDWR)), loop;

    if (!strcmp(what, "free")) {
        printf("%d\n", check("free", ioctl(control, LOOP_CTL_GET_FREE)));
        return 0;
    }
    if (!strcmp(what, "add")) {
        printf("%d\n", check("add", ioctl(control, LOOP_CTL_ADD, number(argv[2]))));
        return 0;
    }
    if (!strcmp(what, "remove"))
        return check("remove", ioctl(control, LOOP_CTL_REMOVE, number(argv[2])));
    loop = check("open", open(argv[2], O_RDWR));
    if (!strcmp(what, "configure"))
        configure(loop, argv + 3);
    else if (!strcmp(what, "set"))
        set(loop, argv + 3);
    else if (!strcmp(what, "clear"))
        check("clear", ioctl(loop, LOOP_CLR_FD));
    else if (!strcmp(what, "again")) // on itself
        check("again", ioctl(loop, LOOP_SET_FD, loop));
    else if (!strcmp(what, "capacity"))
        check("capacity", ioctl(loop, LOOP_SET_CAPACITY));
    else if (!strcmp(what, "swap"))
        swap(loop, argv + 3);
    else if (!strcmp(what, "block"))
        check("block", ioctl(loop, LOOP_SET_BLOCK_SIZE, number(argv[3])));
    else
        status(loop);
    return 0;
}
