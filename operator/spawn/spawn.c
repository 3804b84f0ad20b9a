/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/spawn/spawn.h"

#include "common/auto.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define EXEC_FAILED 127

/* After fork only calls that are safe in a copy of a program with threads. */
static _Noreturn void child_fail(int report)
{
    int errnum = errno;

    (void)!write(report, &errnum, sizeof(errnum));
    _exit(EXEC_FAILED);
}

static void child_signals(void)
{
    struct sigaction action = { .sa_handler = SIG_DFL };
    sigset_t none;

    for (int sig = 1; sig < NSIG; sig++)
        (void)sigaction(sig, &action, NULL); /* some cannot be set; those are default */
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Out of the way of 0, 1 and 2, should we run without one of them. */
static int child_move(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static _Noreturn void child_run(const struct spawn_opts *opts, int in, int out, int report,
                                pid_t parent)
{
    report = child_move(report);
    in = child_move(in);
    out = child_move(out);
    if (report < 0)
        _exit(EXEC_FAILED);
    if (in < 0 || out < 0 || setpgid(0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        child_fail(report);
    if (getppid() != parent) /* it died before the line above */
        _exit(EXEC_FAILED);
    child_signals();
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        child_fail(report);
    /* Ours are all close-on-exec; this is for a library's. Old kernels lack it. */
    (void)syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC);
    (void)execve(opts->program, (char *const *)opts->argv, (char *const *)opts->envp);
    child_fail(report);
}

/* Whether exec worked: the pipe closes by itself then. */
static int exec_check(int report, const char *program, struct err *err)
{
    int errnum = 0;
    ssize_t n;

    do
        n = read(report, &errnum, sizeof(errnum));
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof(errnum))
        return 0;
    if (errnum == EAGAIN || errnum == ENOMEM)
        return err_set(err, ERR_DEPENDENCY, "%s cannot be started now: no memory or process",
                       program);
    (void)err_errno(err, ERR_CONFIG, errnum, "%s cannot be executed", program);
    err->code = ERR_CONFIG; /* also when it is not there */
    return -1;
}

static void forget(pid_t pid)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

static int busy(struct err *err, const char *what)
{
    (void)err_errno(err, ERR_DEPENDENCY, errno, "%s", what);
    err->code = ERR_DEPENDENCY;
    return -1;
}

int spawn_start(struct spawn *out, const struct spawn_opts *opts, struct err *err)
{
    AUTO_CLOSE int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    AUTO_CLOSE int report_read = -1;
    AUTO_CLOSE int report_write = -1;
    pid_t parent = getpid(), pid;
    int report[2], pidfd;

    if (null < 0)
        return busy(err, "/dev/null");
    if (pipe2(report, O_CLOEXEC) < 0)
        return busy(err, "pipe");
    report_read = report[0];
    report_write = report[1];
    pid = fork();
    if (pid < 0)
        return busy(err, "fork");
    if (pid == 0)
        child_run(opts, opts->stdin_fd < 0 ? null : opts->stdin_fd,
                  opts->output_fd < 0 ? null : opts->output_fd, report_write, parent);
    (void)close(report_write);
    report_write = -1;
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by itself */
    if (pidfd < 0) {
        (void)busy(err, "pidfd_open");
        (void)kill(pid, SIGKILL);
        forget(pid);
        return -1;
    }
    if (exec_check(report_read, opts->program, err) < 0) {
        (void)close(pidfd);
        forget(pid);
        return -1;
    }
    *out = (struct spawn){ .pid = pid, .pidfd = pidfd };
    return 0;
}

bool spawn_wait(struct spawn *child, int timeout_ms, struct spawn_end *end)
{
    struct pollfd poll_fd = { .fd = child->pidfd, .events = POLLIN };
    siginfo_t info = { 0 };
    int n;

    do
        n = poll(&poll_fd, 1, timeout_ms);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return false;
    spawn_signal(child, SIGKILL); /* its pid is still taken: the group is ours */
    while (waitid(P_PID, (id_t)child->pid, &info, WEXITED) < 0 && errno == EINTR)
        continue;
    (void)close(child->pidfd);
    child->pidfd = -1;
    *end = (struct spawn_end){ .exit_code = info.si_status };
    if (info.si_code != CLD_EXITED) {
        end->signal = info.si_status;
        end->exit_code = 128 + info.si_status;
    }
    return true;
}

void spawn_signal(const struct spawn *child, int signal)
{
    (void)kill(-child->pid, signal);
}
