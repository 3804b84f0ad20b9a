/* SPDX-License-Identifier: Apache-2.0
 *
 * spawn.h - child processes that cannot outlive us: the kernel kills them (SIGKILL) when the thread
 * that started them ends, so start them from the main thread. Each leads a process group of its
 * own (a terminal's Ctrl-C reaches only us), has no inherited descriptors but 0, 1, 2, default
 * signals and an empty signal mask.
 */
#ifndef OPERATOR_SPAWN_H
#define OPERATOR_SPAWN_H

#include "common/err.h"

#include <stdbool.h>
#include <sys/types.h>

struct spawn_opts {
    const char *program;     /* path; not searched for */
    const char *const *argv; /* NULL-terminated */
    const char *const *envp; /* NULL-terminated */
    int stdin_fd;            /* -1: /dev/null; borrowed */
    int output_fd;           /* stdout and stderr; -1: /dev/null; borrowed */
};

struct spawn {
    pid_t pid;
    int pidfd; /* close-on-exec; readable once the process has ended */
};

struct spawn_end {
    int exit_code; /* 128 + signal for a signal */
    int signal;    /* 0: it exited */
};

/* Returns once the program runs. Errors: ERR_CONFIG (it cannot be executed; says why),
 * ERR_DEPENDENCY (no process, descriptor or memory to be had now). */
int spawn_start(struct spawn *out, const struct spawn_opts *opts, struct err *err);
/* Whether it has ended; then it is reaped, what is left of its group is killed, and the pidfd is
 * closed (-1). Waits at most timeout_ms; -1 = for ever. */
bool spawn_wait(struct spawn *child, int timeout_ms, struct spawn_end *end);
void spawn_signal(const struct spawn *child, int signal); /* to the whole group */
#endif
