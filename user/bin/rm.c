// SPDX-License-Identifier: MIT
// rm FILE...: removes files, symbolic links and empty directories.
#include "user/user.h"

int main(int argc, char **argv)
{
    int failed = 0;

    if (argc < 2) {
        fprintf(2, "usage: rm FILE...\n");
        return 1;
    }
    for (int i = 1; i < argc; i++) {
        if (unlink(argv[i]) < 0) {
            fprintf(2, "rm: cannot remove %s\n", argv[i]);
            failed = 1;
        }
    }
    return failed;
}
