// SPDX-License-Identifier: MIT
// zombie: the child ends at once, and its parent ends without waiting for it; init must reap it.
#include "user/user.h"

int main(void)
{
    if (fork() > 0)
        sleep(5);
    return 0;
}
