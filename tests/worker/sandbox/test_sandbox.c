/* SPDX-License-Identifier: Apache-2.0
 *
 * Every row is tried in a process of its own, from the inside.
 */
#include "tests/common/check.h"

#include "worker/sandbox/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILLED 1000 /* by SIGSYS, instead of an errno */

static char canary[64]; /* a file that must not be opened */
static int canary_port; /* a listener that must not be called */
static int open_before; /* a socket from before the sandbox */

static int as_errno(long rc)
{
    return rc < 0 ? errno : 0;
}

static int try_open(void)
{
    return as_errno(open(canary, O_RDONLY));
}
static int try_openat2(void)
{
    uint64_t how[3] = { O_RDONLY, 0, 0 };

    return as_errno(syscall(437, AT_FDCWD, canary, how, sizeof(how)));
}
static int try_create(void)
{
    return as_errno(open("new-file", O_WRONLY | O_CREAT, 0600));
}
static int try_unlink(void)
{
    return as_errno(unlink(canary));
}
static int try_stat(void)
{
    struct stat stat_buf;

    return as_errno(stat(canary, &stat_buf));
}
static int try_memfd(void)
{
    return as_errno(memfd_create("x", 0));
}
static int try_socket(void)
{
    return as_errno(socket(AF_INET, SOCK_STREAM, 0));
}
static int try_connect(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)canary_port) };

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return as_errno(connect(open_before, (struct sockaddr *)&to, sizeof(to)));
}
static int try_bind(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET };

    return as_errno(bind(open_before, (struct sockaddr *)&to, sizeof(to)));
}
static int try_exec(void)
{
    char *const argv[] = { "true", NULL };

    (void)execv("/bin/true", argv);
    return errno;
}
static int try_fork(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return as_errno(pid);
}
static int try_vfork_spawn(void)
{
    char *const argv[] = { "true", NULL };
    pid_t pid;

    return posix_spawn(&pid, "/bin/true", NULL, NULL, argv, argv + 1);
}
static int try_ptrace(void)
{
    return as_errno(ptrace(PTRACE_TRACEME, 0, 0, 0));
}
static int try_read_parent(void)
{
    char byte;
    struct iovec here = { &byte, 1 }, there = { canary, 1 };

    return as_errno(syscall(SYS_process_vm_readv, getppid(), &here, 1, &there, 1, 0));
}
static int try_kill_parent(void)
{
    return as_errno(kill(getppid(), 0));
}
static int try_tgkill_parent(void)
{
    return as_errno(syscall(SYS_tgkill, getppid(), getppid(), 0));
}
static int try_unshare(void)
{
    return as_errno(unshare(CLONE_NEWUSER));
}
static int try_io_uring(void)
{
    char params[256] = { 0 };

    return as_errno(syscall(425, 4, params));
}
static int try_bpf(void)
{
    char attr[128] = { 0 };

    return as_errno(syscall(SYS_bpf, 0, attr, sizeof(attr)));
}
static int try_limit(void)
{
    struct rlimit limit = { 1, 1 };

    return as_errno(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &limit, NULL));
}
static int try_ioctl(void)
{
    int n;

    return as_errno(syscall(SYS_ioctl, 0, 0x541b, &n)); /* FIONREAD */
}
static int try_dumpable(void)
{
    return as_errno(syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0));
}
static int try_code(void)
{
    void *page =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return page == MAP_FAILED ? errno : 0;
}
static int try_make_code(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return page == MAP_FAILED ? 999 : as_errno(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}
#ifdef __x86_64__
static int try_x32(void)
{
    return as_errno(syscall(0x40000000 | SYS_getpid));
}
#endif

/* What a decoder lives on. */
static int try_memory(void)
{
    char *block = malloc(8 << 20);

    if (!block)
        return 999;
    memset(block, 1, 8 << 20);
    free(block);
    return 0;
}
static void *add_one(void *ctx)
{
    ++*(int *)ctx;
    return NULL;
}
static int try_threads(void)
{
    pthread_t threads[8];
    int counts[8] = { 0 }, sum = 0;

    for (int i = 0; i < 8; i++)
        if (pthread_create(&threads[i], NULL, add_one, &counts[i]) != 0)
            return 998;
    for (int i = 0; i < 8; i++) {
        (void)pthread_join(threads[i], NULL);
        sum += counts[i];
    }
    return sum == 8 ? 0 : 997;
}
static int try_clocks(void)
{
    struct timespec nap = { 0, 1000 }, now;

    return as_errno(nanosleep(&nap, NULL)) + as_errno(clock_gettime(CLOCK_MONOTONIC, &now));
}
static int try_cores(void)
{
    cpu_set_t set;

    return as_errno(sched_getaffinity(0, sizeof(set), &set));
}

static const struct row {
    const char *name;
    int (*try)(void);
    int answer;
} rows[] = {
    { "open", try_open, EPERM },         { "openat2", try_openat2, EPERM },
    { "create", try_create, EPERM },     { "unlink", try_unlink, EPERM },
    { "stat", try_stat, EPERM },         { "memfd_create", try_memfd, EPERM },
    { "socket", try_socket, KILLED },    { "connect", try_connect, KILLED },
    { "bind", try_bind, KILLED },        { "exec", try_exec, KILLED },
    { "fork", try_fork, KILLED },        { "posix_spawn", try_vfork_spawn, KILLED },
    { "ptrace", try_ptrace, KILLED },    { "process_vm_readv", try_read_parent, KILLED },
    { "kill", try_kill_parent, KILLED }, { "tgkill", try_tgkill_parent, KILLED },
    { "unshare", try_unshare, KILLED },  { "io_uring", try_io_uring, KILLED },
    { "bpf", try_bpf, KILLED },          { "prlimit", try_limit, EPERM },
    { "ioctl", try_ioctl, EPERM },       { "prctl", try_dumpable, EPERM },
    { "mmap of code", try_code, EPERM }, { "mprotect to code", try_make_code, EPERM },
#ifdef __x86_64__
    { "an x32 call", try_x32, KILLED },
#endif
    { "memory", try_memory, 0 },         { "threads", try_threads, 0 },
    { "clocks", try_clocks, 0 },         { "cores", try_cores, 0 },
};

/* In a child: enter, try, and tell by a pipe; what it told, or KILLED, or 2000 + another signal. */
static int from_inside(void (*enter)(void), int (*try)(void))
{
    int answer = -1, status, pipes[2];
    pid_t pid;

    assert_int_equal(pipe(pipes), 0);
    pid = fork();
    if (pid == 0) {
        enter();
        answer = try();
        (void)!write(pipes[1], &answer, sizeof(answer));
        _exit(0);
    }
    (void)close(pipes[1]);
    (void)!read(pipes[0], &answer, sizeof(answer));
    (void)close(pipes[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGSYS ? KILLED : 2000 + WTERMSIG(status);
    return answer;
}

static struct sandbox_limits limits = { 1ull << 30, 2ull << 30, 60, 0 }; /* no descriptor more */

static void enter_all(void)
{
    struct sandbox_state state;

    sandbox_enter(&state, &limits);
}

static void enter_landlock(void)
{
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)sandbox_landlock();
}

static int state_in_child(struct sandbox_state *out)
{
    int status, pipes[2];
    pid_t pid;

    assert_int_equal(pipe(pipes), 0);
    pid = fork();
    if (pid == 0) {
        struct sandbox_state state = { .seccomp = false };

        sandbox_enter(&state, &limits);
        (void)!write(pipes[1], &state, sizeof(state));
        _exit(0);
    }
    (void)close(pipes[1]);
    assert_int_equal(read(pipes[0], out, sizeof(*out)), sizeof(*out));
    (void)close(pipes[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* The kernel's version, asked from outside: what it has is used. */
static void what_the_kernel_has_is_used(void **state)
{
    struct sandbox_state in_force;
    int version = (int)syscall(444, NULL, 0, 1u);

    (void)state;
    assert_int_equal(state_in_child(&in_force), 0);
    CHECK_INT("landlock", in_force.landlock, version > 0 ? version : 0);
    CHECK_INT("limits", in_force.limits, true);
    CHECK_INT("no new privileges", in_force.no_privileges, true);
}

static void what_is_forbidden_is_forbidden(void **state)
{
    struct sandbox_state in_force;

    (void)state;
    assert_int_equal(state_in_child(&in_force), 0);
    if (!in_force.seccomp)
        skip(); /* said at the top */
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_INT(rows[i].name, from_inside(enter_all, rows[i].try), rows[i].answer);
    assert_int_equal(access(canary, F_OK), 0);
    assert_int_not_equal(access("new-file", F_OK), 0);
}

/* The second lock by itself: what it forbids does not depend on the first. */
static void landlock_alone_opens_nothing(void **state)
{
    struct sandbox_state in_force;

    (void)state;
    assert_int_equal(state_in_child(&in_force), 0);
    if (in_force.landlock == 0)
        skip();
    CHECK_INT("open", from_inside(enter_landlock, try_open), EACCES);
    CHECK_INT("create", from_inside(enter_landlock, try_create), EACCES);
    CHECK_INT("unlink", from_inside(enter_landlock, try_unlink), EACCES);
    CHECK_INT("exec", from_inside(enter_landlock, try_exec), EACCES);
    if (in_force.landlock >= 4) {
        CHECK_INT("connect", from_inside(enter_landlock, try_connect), EACCES);
        CHECK_INT("bind", from_inside(enter_landlock, try_bind), EACCES);
    }
    if (in_force.landlock >= 6)
        CHECK_INT("kill", from_inside(enter_landlock, try_kill_parent), EPERM);
}

static void nobody_called(void **state)
{
    const int *listener = *state;

    assert_int_equal(accept4(*listener, NULL, NULL, SOCK_NONBLOCK), -1);
    assert_int_equal(errno, EAGAIN);
}

static int limit_of_memory(void)
{
    struct rlimit limit;

    (void)getrlimit(RLIMIT_AS, &limit);
    return malloc(3ull << 30) ? 1 : 0;
}

static void enter_limits(void)
{
    (void)sandbox_limit(&limits);
}

static int limit_of_files(void)
{
    (void)signal(SIGXFSZ, SIG_IGN);
    return as_errno(write(open_before, "x", 1)) == EFBIG ? 0 : 1;
}

static void limits_are_in_force(void **state)
{
    int file = open(canary, O_WRONLY), before = open_before;

    (void)state;
    open_before = file;
    CHECK_INT("a file cannot grow", from_inside(enter_limits, limit_of_files), 0);
    open_before = before;
    (void)close(file);
    if (!SANDBOX_SANITIZED)
        CHECK_INT("3 GiB", from_inside(enter_limits, limit_of_memory), 0);
}

static void words_say_what_is_missing(void **state)
{
    static const struct {
        struct sandbox_state state;
        bool whole;
        const char *words;
    } cases[] = {
        { { true, true, true, 6 }, true, "seccomp, landlock 6, limits" },
        { { true, true, true, 0 }, false, "seccomp, no landlock, limits" },
        { { true, false, true, 1 }, false, "no seccomp, landlock 1, limits" },
        { { true, true, false, 1 }, false, "seccomp, landlock 1, no limits" },
        { { false, false, true, 0 },
          false,
          "no seccomp, no landlock, limits, no_new_privs refused" },
    };
    char words[96];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        sandbox_words(words, sizeof(words), &cases[i].state);
        assert_string_equal(words, cases[i].words);
        assert_int_equal(sandbox_is_whole(&cases[i].state), cases[i].whole);
    }
}

static int listen_somewhere(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 8) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) < 0)
        return -1;
    canary_port = ntohs(at.sin_port);
    return fd;
}

int main(void)
{
    int listener = listen_somewhere(), file, failed;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_kernel_has_is_used),
        cmocka_unit_test(what_is_forbidden_is_forbidden),
        cmocka_unit_test(landlock_alone_opens_nothing),
        cmocka_unit_test_prestate(nobody_called, &listener),
        cmocka_unit_test(limits_are_in_force),
        cmocka_unit_test(words_say_what_is_missing),
    };
    char folder[] = "/tmp/stereo-sandbox-XXXXXX";

    if (listener < 0 || !mkdtemp(folder) || chdir(folder) < 0)
        return 1;
    (void)snprintf(canary, sizeof(canary), "%s/canary", folder);
    file = open(canary, O_CREAT | O_WRONLY, 0600);
    (void)close(file);
    open_before = socket(AF_INET, SOCK_STREAM, 0);
    limits.descriptors = (unsigned)open_before + 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(canary);
    (void)unlink("new-file");
    (void)rmdir(folder);
    return failed;
}
