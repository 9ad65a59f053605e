// SPDX-License-Identifier: MIT
// pingpong: a byte goes from parent to child and back, through two pipes.
#include "kernel/types.h"
#include "user/user.h"

#define BALL 'o'

// Waits for the ball at `fd`.
static void catch (int fd, const char *name)
{
    char c = 0;

    if (read(fd, &c, 1) != 1 || c != BALL) {
        fprintf(2, "pingpong: no %s came\n", name);
        exit(1);
    }
    printf("%d: received %s\n", getpid(), name);
}

static void throw(int fd)
{
    char c = BALL;

    if (write(fd, &c, 1) != 1) {
        fprintf(2, "pingpong: cannot write\n");
        exit(1);
    }
}

int main(void)
{
    int there[2], back[2], status = 1;

    if (pipe(there) < 0 || pipe(back) < 0) {
        fprintf(2, "pingpong: no pipe\n");
        exit(1);
    }
    int pid = fork();
    if (pid == 0) {
        close(there[1]); // else it would wait forever for a parent that died
        catch (there[0], "ping");
        throw(back[1]);
        exit(0);
    }
    close(back[1]);
    if (pid < 0) {
        fprintf(2, "pingpong: cannot fork\n");
        exit(1);
    }
    throw(there[1]);
    catch (back[0], "pong");
    wait(&status);
    exit(status);
}
