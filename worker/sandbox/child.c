/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/sandbox/child.h"

#include "common/clock.h"
#include "common/mem.h"
#include "worker/sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#define SELF       "/proc/self/exe"
#define AWAY       10   /* descriptors below are the child's */
#define POLL_MS    100  /* how often should_stop is looked at */
#define END_MS     2000 /* from its socket's end to its own */
#define IDLE_TIMES 3    /* so much longer may it be silent without using the CPU */

struct child {
    pid_t pid;
    int fd;              /* owned */
    bool reaped, killed; /* killed: by us */
    int status;
    int silence_s;
    const volatile sig_atomic_t *should_stop; /* borrowed, or NULL */
    struct channel channel;
};

/* Of all its threads; 0 when not to be had. */
static int64_t cpu_us(const struct child *child)
{
    struct timespec ts;
    clockid_t clock;

    if (clock_getcpuclockid(child->pid, &clock) != 0 || clock_gettime(clock, &ts) < 0)
        return 0;
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int check_silence(const struct child *child, int64_t since_us, int64_t cpu_since_us,
                         struct err *err)
{
    int64_t limit_us = (int64_t)child->silence_s * 1000000, silent = clock_mono_us() - since_us;

    if (silent < limit_us ||
        (silent < IDLE_TIMES * limit_us && cpu_us(child) - cpu_since_us < limit_us / 2))
        return 0;
    return err_set(err, ERR_INPUT, "decoding hangs: nothing came of it in %lld s",
                   (long long)(silent / 1000000));
}

/* channel_wait_fn: until there is something to read. */
static int wait_for_word(void *ctx, struct err *err)
{
    struct child *child = ctx;
    struct pollfd poll_fd = { .fd = child->fd, .events = POLLIN };
    int64_t since_us = 0, cpu_since_us = 0;

    for (;;) {
        int n = poll(&poll_fd, 1, POLL_MS);

        if (n > 0)
            return 0;
        if (child->should_stop && *child->should_stop)
            return err_set(err, ERR_INTERRUPTED, "told to stop");
        if (!since_us) {
            since_us = clock_mono_us();
            cpu_since_us = cpu_us(child);
        } else if (check_silence(child, since_us, cpu_since_us, err) < 0) {
            return -1;
        }
    }
}

/* Descriptors 3 and 4 are the child's: ours must be out of their way before they are made. */
static int away(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, AWAY);
}

/* What a sanitizer would do in a sandbox: start a symbolizer, trace itself for leaks. */
static char *const environment[] = {
#if SANDBOX_SANITIZED
    "ASAN_OPTIONS=detect_leaks=0:symbolize=0", "TSAN_OPTIONS=symbolize=0",
    "UBSAN_OPTIONS=symbolize=0",
#endif
    NULL
};

/* Libraries and failpoints come from the environment; secrets do, too, and stay. */
static void fill_environment(char **out, size_t room, char *text, size_t size)
{
    static const char *const kept[] = { "LD_LIBRARY_PATH",
#ifdef STEREO_FAILPOINTS
                                        "STEREO_FP"
#endif
    };
    size_t n = 0, used = 0;

    for (; environment[n]; n++)
        out[n] = environment[n];
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]) && n + 1 < room; i++) {
        const char *value = getenv(kept[i]);
        int len = value ? snprintf(text + used, size - used, "%s=%s", kept[i], value) : 0;

        if (len <= 0 || (size_t)len >= size - used)
            continue;
        out[n++] = text + used;
        used += (size_t)len + 1;
    }
    out[n] = NULL;
}

static int add_files(posix_spawn_file_actions_t *files, int socket, int gift)
{
    int rc = 0;

    for (int fd = 0; fd < (SANDBOX_SANITIZED ? 2 : 3) && rc == 0; fd++)
        rc = posix_spawn_file_actions_addopen(files, fd, "/dev/null", fd ? O_WRONLY : O_RDONLY, 0);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(files, socket, CHILD_SOCKET);
    if (rc == 0 && gift >= 0)
        rc = posix_spawn_file_actions_adddup2(files, gift, CHILD_GIFT);
    if (rc == 0)
        rc = posix_spawn_file_actions_addclosefrom_np(files, CHILD_SOCKET + 1 + (gift >= 0));
    return rc;
}

static int set_signals(posix_spawnattr_t *attr)
{
    sigset_t held, defaults;
    int rc;

    (void)sigemptyset(&held);
    (void)sigaddset(&held, SIGTERM);
    (void)sigaddset(&held, SIGINT);
    (void)sigaddset(&held, SIGHUP);
    (void)sigfillset(&defaults);
    rc = posix_spawnattr_setsigmask(attr, &held);
    if (rc == 0)
        rc = posix_spawnattr_setsigdefault(attr, &defaults);
    if (rc == 0)
        rc = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return rc;
}

/* An errno, or 0. */
static int spawn(struct child *child, const char *verb, int socket, int gift)
{
    char text[8192], *envp[8];
    char *const argv[] = { "stereo-film", (char *)verb, NULL };
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    int rc = posix_spawn_file_actions_init(&files);

    if (rc != 0)
        return rc;
    rc = posix_spawnattr_init(&attr);
    if (rc != 0) {
        (void)posix_spawn_file_actions_destroy(&files);
        return rc;
    }
    fill_environment(envp, sizeof(envp) / sizeof(envp[0]), text, sizeof(text));
    rc = add_files(&files, socket, gift);
    if (rc == 0)
        rc = set_signals(&attr);
    if (rc == 0)
        rc = posix_spawn(&child->pid, SELF, &files, &attr, argv, envp);
    (void)posix_spawnattr_destroy(&attr);
    (void)posix_spawn_file_actions_destroy(&files);
    return rc;
}

int child_start(struct child **out, const struct child_opts *opts, struct err *err)
{
    AUTO(child) struct child *child = xcalloc(1, sizeof(*child));
    AUTO_CLOSE int theirs = -1;
    AUTO_CLOSE int gift = -1;
    int pair[2], rc;

    child->fd = -1;
    child->reaped = true;
    child->silence_s = opts->silence_s;
    child->should_stop = opts->should_stop;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return err_errno(err, ERR_DEPENDENCY, errno, "a socket to a process of its own");
    child->fd = pair[0];
    theirs = away(pair[1]);
    (void)close(pair[1]);
    gift = opts->gift >= 0 ? away(opts->gift) : -1;
    if (theirs < 0 || (opts->gift >= 0 && gift < 0))
        return err_errno(err, ERR_DEPENDENCY, errno, "a descriptor for a process of its own");
    rc = spawn(child, opts->verb, theirs, gift);
    if (rc != 0) {
        (void)err_errno(err, ERR_INTERNAL, rc, "a process of its own for the film");
        err->code = rc == EAGAIN || rc == ENOMEM ? ERR_DEPENDENCY : ERR_INTERNAL;
        return -1;
    }
    child->reaped = false;
    child->channel.fd = child->fd;
    child->channel.wait = wait_for_word;
    child->channel.ctx = child;
    *out = TAKE(child);
    return 0;
}

/* Waits for its end up to timeout_ms, then kills it. */
static void reap(struct child *child, int timeout_ms)
{
    int64_t until_us = clock_mono_us() + (int64_t)timeout_ms * 1000;
    struct timespec nap = { 0, 200000 };
    pid_t got;

    if (child->reaped)
        return;
    while ((got = waitpid(child->pid, &child->status, WNOHANG)) == 0 ||
           (got < 0 && errno == EINTR)) {
        if (clock_mono_us() >= until_us && !child->killed) {
            (void)kill(child->pid, SIGKILL);
            child->killed = true;
        }
        (void)nanosleep(&nap, NULL);
    }
    child->reaped = true;
}

void child_free(struct child *child)
{
    if (!child)
        return;
    if (child->fd >= 0)
        (void)close(child->fd);
    reap(child, 0);
    free(child);
}

static const char *signal_name(int signal)
{
    const char *name = sigabbrev_np(signal);

    return name ? name : "?";
}

/* It is gone, and was not asked to. Always -1. */
static int explain_end(struct child *child, struct err *err)
{
    int signal;

    reap(child, END_MS);
    if (child->killed) /* a film may have made it do so, but so may a socket without memory */
        return err_set(err, ERR_INTERNAL, "its decoder closed its mouth and went on");
    if (!WIFSIGNALED(child->status))
        return err_set(err, ERR_INTERNAL, "its decoder ended by itself, with exit code %d",
                       WEXITSTATUS(child->status));
    signal = WTERMSIG(child->status);
    switch (signal) {
    case SIGKILL:
        return err_set(err, ERR_NOMEM,
                       "its decoder was killed (SIGKILL), most likely for want of memory");
    case SIGTERM:
    case SIGINT:
    case SIGHUP:
        return err_set(err, ERR_INTERRUPTED, "its decoder was told to stop (SIG%s)",
                       signal_name(signal));
    case SIGSYS:
        return err_set(err, ERR_INPUT,
                       "its decoder wanted what no decoder needs of the system (SIGSYS) and was "
                       "stopped: the film may have been made to attack");
    case SIGXCPU:
        return err_set(err, ERR_INPUT, "its decoder used up its CPU time (SIGXCPU)");
    default:
        return err_set(err, ERR_INPUT, "it crashed its decoder (SIG%s)", signal_name(signal));
    }
}

int child_send(struct child *child, uint32_t type, const void *data, size_t len, struct err *err)
{
    if (!child->reaped && channel_send(&child->channel, type, data, len) == 0)
        return 0;
    return explain_end(child, err);
}

int child_receive(struct child *child, struct message *out, struct err *err)
{
    int rc = child->reaped ? 0 : channel_receive(&child->channel, out, err);

    if (rc == 0)
        return explain_end(child, err);
    return rc < 0 ? -1 : 0;
}

int child_allow_memory(struct child *child, uint64_t bytes, struct err *err)
{
    struct rlimit limit;

    if (SANDBOX_SANITIZED)
        return 0;
    if (prlimit(child->pid, RLIMIT_AS, NULL, &limit) < 0)
        return err_errno(err, ERR_INTERNAL, errno, "its decoder's memory limit");
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= bytes)
        return 0;
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    if (prlimit(child->pid, RLIMIT_AS, &limit, NULL) < 0)
        return err_errno(err, ERR_INTERNAL, errno, "its decoder's memory limit");
    return 0;
}
