// SPDX-License-Identifier: MIT
// Pseudo-terminals and sessions: who gets one, job control, hangup; the library's functions.
#include "pty.h"
#include <pthread.h>
#include <utmp.h>

// Signals of a session.
static void note_signals(void)
{
    static const int signals[] = {SIGHUP, SIGCONT, SIGINT, SIGQUIT, SIGTSTP, SIGWINCH, SIGTTOU};
    struct sigaction action = {.sa_handler = note};

    for (unsigned i = 0; i < sizeof(signals) / sizeof(*signals); i++)
        sigaction(signals[i], &action, NULL);
}

struct session {
    int master, slave;
    struct gate ready, go;
};

static void session_init(struct session *s)
{
    pair_open(&s->master, &s->slave);
    gate_init(&s->ready);
    gate_init(&s->go);
}

static void session_fini(struct session *s)
{
    gate_fini(&s->ready);
    gate_fini(&s->go);
    close(s->slave);
    close(s->master);
}

// The leader: becomes one, takes the terminal, and tells what it sees.
static void leader_main(void *argument)
{
    struct session *s = argument;
    int id = 0, tty;

    close(s->master);
    note_signals();
    CHECK("no terminal yet", open("/dev/tty", O_RDWR) == -1 && errno == ENXIO);
    EXPECT_ERR("not a leader", ioctl(s->slave, TIOCSCTTY, 0), EPERM);
    setsid();
    EXPECT_ERR("not the session's", ioctl(s->slave, TIOCGPGRP, &id), ENOTTY);
    EXPECT("take it", ioctl(s->slave, TIOCSCTTY, 0), 0);
    EXPECT("take it twice", ioctl(s->slave, TIOCSCTTY, 0), 0);
    EXPECT("foreground", tcgetpgrp(s->slave), getpid());
    EXPECT("session", tcgetsid(s->slave), getpid());
    tty = open("/dev/tty", O_RDWR);
    CHECK("has a terminal", tty >= 0);
    EXPECT("the same", tcgetpgrp(tty), getpid());
    gate_post(&s->ready);
    gate_wait(&s->go);
    CHECK("interrupt", seen[SIGINT] == 1);
    CHECK("quit", seen[SIGQUIT] == 1);
    CHECK("stop", seen[SIGTSTP] == 1);
    CHECK("by ioctl", seen[SIGCONT] == 0);
    CHECK("size changed once", seen[SIGWINCH] == 1);
    gate_post(&s->ready);
    while (!seen[SIGHUP] || !seen[SIGCONT])
        sched_yield();
    CHECK("hung up", seen[SIGHUP] == 1);
    EXPECT("end of input", read(tty, &id, 1), 0);
    EXPECT_ERR("no terminal any more", open("/dev/tty", O_RDWR), ENXIO);
}

static void test_session(void)
{
    struct winsize size = {10, 20, 0, 0};
    struct session s;
    int id = -1;
    pid_t child;

    session_init(&s);
    EXPECT("nobody's foreground", ioctl(s.master, TIOCGPGRP, &id), 0);
    EXPECT("is 0", id, 0);
    EXPECT_ERR("nobody's session", ioctl(s.master, TIOCGSID, &id), ENOTTY);
    child = child_start(leader_main, &s);
    gate_wait(&s.ready);
    EXPECT("foreground for the master", (ioctl(s.master, TIOCGPGRP, &id), id), child);
    EXPECT("session for the master", (ioctl(s.master, TIOCGSID, &id), id), child);
    EXPECT_ERR("it is not ours", ioctl(s.slave, TIOCGPGRP, &id), ENOTTY);
    write(s.master, "\x03", 1);
    EXPECT_STR("echo of interrupt", text_of_length(s.master, 2), "^C");
    EXPECT("signal", ioctl(s.master, TIOCSIG, SIGQUIT), 0);
    EXPECT_ERR("other signal", ioctl(s.master, TIOCSIG, SIGKILL), EINVAL);
    write(s.master, "\x1a", 1);
    EXPECT_STR("echo of stop", text_of_length(s.master, 2), "^Z");
    EXPECT("resize", ioctl(s.master, TIOCSWINSZ, &size), 0);
    EXPECT("resize to the same", ioctl(s.master, TIOCSWINSZ, &size), 0);
    EXPECT_ERR("another's terminal", ioctl(s.slave, TIOCSCTTY, 0), EPERM);
    gate_post(&s.go);
    gate_wait(&s.ready);
    close(s.slave);
    close(s.master);
    EXPECT("the leader's end", child_end(child), 0);
    s.master = s.slave = -1;
    session_fini(&s);
}

// Opening gives a leader its terminal, unless it says O_NOCTTY.
static void opener_main(void *argument)
{
    struct session *s = argument;
    int id, fd, tty;

    setsid();
    fd = open(slave_path(s->master), O_RDWR | O_NOCTTY);
    CHECK("no terminal with O_NOCTTY", open("/dev/tty", O_RDWR) == -1 && errno == ENXIO);
    close(fd);
    fd = open("/dev/ptmx", O_RDWR);
    CHECK("nor by a master", open("/dev/tty", O_RDWR) == -1 && errno == ENXIO);
    close(fd);
    fd = open(slave_path(s->master), O_RDWR);
    tty = open("/dev/tty", O_RDWR);
    CHECK("by opening", tty >= 0);
    signal(SIGHUP, SIG_IGN);
    note_signals();
    EXPECT_ERR("a master gives up nothing", ioctl(s->master, TIOCNOTTY), ENOTTY);
    EXPECT("give it up", ioctl(fd, TIOCNOTTY), 0);
    CHECK("that hangs up", seen[SIGHUP] == 1 && seen[SIGCONT] == 1);
    EXPECT_ERR("nothing to give up", ioctl(fd, TIOCNOTTY), ENOTTY);
    EXPECT_ERR("it is gone", open("/dev/tty", O_RDWR), ENXIO);
    EXPECT("take it through the master", ioctl(s->master, TIOCSCTTY, 0), 0);
    EXPECT("it is ours", ioctl(fd, TIOCGSID, &id), 0);
    close(tty);
    close(fd);
    CHECK("it stays when all its files are closed", open("/dev/tty", O_RDWR) >= 0);
}

static void test_opening(void)
{
    struct session s;

    session_init(&s);
    close(s.slave);
    EXPECT("leader", child_run(opener_main, &s), 0);
    s.slave = -1;
    session_fini(&s);
}

// Who may only write to a terminal does not make it its own, and then read by /dev/tty.
static void writer_main(void *argument)
{
    struct session *s = argument;
    int fd;

    NEED(setgroups(0, NULL) == 0 && setgid(5) == 0 && setuid(1000) == 0);
    setsid();
    EXPECT_ERR("not open for reading", open(slave_path(s->master), O_RDWR | O_NOCTTY), EACCES);
    fd = open(slave_path(s->master), O_WRONLY | O_NOCTTY);
    CHECK("open for writing", fd >= 0);
    EXPECT_ERR("a writer's terminal", ioctl(fd, TIOCSCTTY, 0), EPERM);
    EXPECT_ERR("is none", open("/dev/tty", O_RDWR), ENXIO);
    EXPECT("a reader's", ioctl(s->slave, TIOCSCTTY, 0), 0);
}

static void test_writer(void)
{
    struct session s;

    session_init(&s);
    NEED(chown(slave_path(s.master), 0, 5) == 0 && chmod(slave_path(s.master), 0620) == 0);
    EXPECT("writer", child_run(writer_main, &s), 0);
    session_fini(&s);
}

// Background groups.
static void background_main(void *argument)
{
    struct session *s = argument;
    pid_t child;
    char c;
    int status;

    setsid();
    NEED(ioctl(s->slave, TIOCSCTTY, 0) == 0);
    child = fork();
    if (child == 0) {
        setpgid(0, 0);
        gate_wait(&s->go);
        read(s->slave, &c, 1);
        NEED(c == 'k');
        struct termios t;
        tcgetattr(s->slave, &t);
        t.c_lflag |= TOSTOP;
        tcsetattr(s->slave, TCSANOW, &t);
        _exit(7);
    }
    setpgid(child, child);
    gate_post(&s->go);
    EXPECT("stopped", waitpid(child, &status, WUNTRACED), child);
    CHECK("for reading", WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTIN);
    EXPECT("to the foreground", tcsetpgrp(s->slave, child), 0);
    write(s->master, "k\n", 2);
    kill(-child, SIGCONT);
    // It reads in the foreground; a background group cannot move it away but by SIGTTOU.
    signal(SIGTTOU, SIG_IGN);
    EXPECT("ended", waitpid(child, &status, WUNTRACED), child);
    EXPECT("in the foreground", status, EXITED(7));
    EXPECT("back", tcsetpgrp(s->slave, getpgrp()), 0);
    EXPECT_ERR("no such group", tcsetpgrp(s->slave, 0x3fffffff), ESRCH);
    EXPECT_ERR("another session's group", tcsetpgrp(s->slave, getppid()), EPERM);
}

static void test_background(void)
{
    struct session s;

    session_init(&s);
    setpgid(0, 0);
    EXPECT("job control", child_run(background_main, &s), 0);
    session_fini(&s);
}

// One thread of a background process reads, another takes the signal: the read begins again, until
// the process is in the foreground.
static int read_done; // (a)

static void *background_reader(void *argument)
{
    struct session *s = argument;
    char c = 0;
    ssize_t n = read(s->slave, &c, 1);
    long result = n == 1 ? c : -errno;

    __atomic_store_n(&read_done, 1, __ATOMIC_RELEASE);
    return (void *)result;
}

static void threads_child(struct session *s)
{
    struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
    pthread_t thread;
    void *result;

    setpgid(0, 0);
    sigaction(SIGTTIN, &action, NULL);
    signal(SIGTTOU, SIG_IGN);
    gate_wait(&s->go);
    NEED(pthread_create(&thread, NULL, background_reader, s) == 0);
    while (seen[SIGTTIN] < 3 && !__atomic_load_n(&read_done, __ATOMIC_ACQUIRE))
        sched_yield();
    EXPECT("taken by another thread", tcsetpgrp(s->slave, getpgrp()), 0);
    write(s->master, "k\n", 2);
    pthread_join(thread, &result);
    EXPECT("the read goes on", (long)result, 'k');
    _exit(0);
}

static void threads_main(void *argument)
{
    struct session *s = argument;
    pid_t child;

    setsid();
    NEED(ioctl(s->slave, TIOCSCTTY, 0) == 0);
    child = fork();
    if (child == 0)
        threads_child(s);
    setpgid(child, child);
    gate_post(&s->go);
    EXPECT("its process", child_end(child), 0);
}

static void test_threads(void)
{
    struct session s;

    session_init(&s);
    EXPECT("two threads in the background", child_run(threads_main, &s), 0);
    session_fini(&s);
}

// A background group that nobody could continue is not stopped.
static void orphan_child(struct session *s, pid_t parent)
{
    struct termios t;
    char c;

    setpgid(0, 0);
    gate_post(&s->ready);
    CHECK("orphaned", COMES(getppid() != parent));
    EXPECT_ERR("an orphan reads", read(s->slave, &c, 1), EIO);
    NEED(tcgetattr(s->slave, &t) == 0);
    EXPECT_ERR("an orphan sets modes", tcsetattr(s->slave, TCSANOW, &t), EIO);
    EXPECT_ERR("an orphan takes the foreground", tcsetpgrp(s->slave, getpgrp()), ENOTTY);
    gate_post(&s->go);
    _exit(0);
}

static void orphan_parent(void *argument)
{
    struct session *s = argument;
    pid_t self = getpid();

    if (fork() == 0)
        orphan_child(s, self);
    gate_wait(&s->ready);
}

static void orphan_main(void *argument)
{
    struct session *s = argument;

    setsid();
    NEED(ioctl(s->slave, TIOCSCTTY, 0) == 0);
    EXPECT("its parent", child_run(orphan_parent, s), 0);
    gate_wait(&s->go);
}

static void test_orphans(void)
{
    struct session s;

    session_init(&s);
    EXPECT("an orphaned group", child_run(orphan_main, &s), 0);
    session_fini(&s);
}

// The foreground group hears of the hangup when the leader ends.
static void jobs_main(void *argument)
{
    struct session *s = argument;
    pid_t job;

    setsid();
    NEED(ioctl(s->slave, TIOCSCTTY, 0) == 0);
    job = fork();
    if (job == 0) {
        setpgid(0, 0);
        close(s->master);
        gate_post(&s->ready);
        for (;;)
            pause();
    }
    setpgid(job, job);
    signal(SIGTTOU, SIG_IGN);
    tcsetpgrp(s->slave, job);
    close(s->master);
    for (;;)
        pause();
}

static void test_hangup(void)
{
    struct session s;
    char c;
    pid_t child;

    session_init(&s);
    child = child_start(jobs_main, &s);
    gate_wait(&s.ready);
    close(s.slave);
    close(s.ready.fd[1]);
    close(s.master);
    EXPECT("the leader dies of it", child_end(child), SIGNALED(SIGHUP));
    EXPECT("and the job", read(s.ready.fd[0], &c, 1), 0);
    s.master = s.slave = s.ready.fd[1] = -1;
    session_fini(&s);
}

static void forked_main(void)
{
    char line[16] = "";
    int n = read(0, line, sizeof(line) - 1);

    if (n > 0 && tcgetsid(0) == getpid() && isatty(1))
        dprintf(1, "got %s", line);
    _exit(n == 3 ? 5 : 1);
}

static void test_library(void)
{
    struct winsize size = {33, 44, 0, 0};
    struct termios t;
    int master, slave;
    char name[64];
    pid_t pid;

    EXPECT("openpty", openpty(&master, &slave, name, NULL, &size), 0);
    EXPECT_STR("its name", name, slave_path(master));
    EXPECT_STR("ttyname", ttyname(slave), name);
    EXPECT_STR("ptsname", ptsname(master), name);
    EXPECT("grantpt", grantpt(master), 0);
    size.ws_row = 0;
    EXPECT("size", (ioctl(slave, TIOCGWINSZ, &size), size.ws_row), 33);
    tcgetattr(slave, &t);
    t.c_lflag &= ~ECHO;
    close(slave);
    close(master);
    pid = forkpty(&master, NULL, &t, &size);
    if (pid == 0)
        forked_main();
    CHECK("forkpty", pid > 0);
    write(master, "ok\n", 3);
    EXPECT_STR("a line there and back", text_of_length(master, 8), "got ok\r\n");
    EXPECT("its end", child_end(pid), EXITED(5));
    EXPECT_ERR("then", read(master, name, sizeof(name)), EIO);
    close(master);
}

int main(void)
{
    abi_begin();
    devpts_need();
    test_session();
    test_opening();
    test_writer();
    test_background();
    test_threads();
    test_orphans();
    test_hangup();
    test_library();
    return abi_end();
}
