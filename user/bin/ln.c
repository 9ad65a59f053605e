// SPDX-License-Identifier: MIT
// ln [-s] OLD NEW: gives a file a second name, or with -s makes a symbolic link to a path.
#include <stdbool.h>

#include "user/user.h"

int main(int argc, char **argv)
{
    bool symbolic = argc > 1 && strcmp(argv[1], "-s") == 0;

    argv += symbolic;
    if (argc - symbolic != 3) {
        fprintf(2, "usage: ln [-s] OLD NEW\n");
        return 1;
    }
    if ((symbolic ? symlink(argv[1], argv[2]) : link(argv[1], argv[2])) < 0) {
        fprintf(2, "ln: cannot link %s to %s\n", argv[2], argv[1]);
        return 1;
    }
    return 0;
}
