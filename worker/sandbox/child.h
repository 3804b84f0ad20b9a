/* SPDX-License-Identifier: Apache-2.0
 *
 * child.h - this very program once more, as `VERB`, with nothing of ours: an empty environment, no
 * descriptor but a socket (CHILD_SOCKET) and one that is given (CHILD_GIFT), SIGTERM and SIGINT
 * held (the parent decides). It is killed when the thread that started it ends. One thread.
 */
#ifndef WORKER_SANDBOX_CHILD_H
#define WORKER_SANDBOX_CHILD_H

#include "common/auto.h"
#include "worker/sandbox/channel.h"

#include <signal.h>

#define CHILD_SOCKET 3
#define CHILD_GIFT   4

struct child;

struct child_opts {
    const char *verb;
    int gift;      /* borrowed; or -1 */
    int silence_s; /* how long it may work without a word before it counts as hung */
    const volatile sig_atomic_t *should_stop; /* borrowed, or NULL */
};

/* ERR_DEPENDENCY: no process to be had; ERR_INTERNAL: our program cannot be executed. */
int child_start(struct child **out, const struct child_opts *opts, struct err *err);
void child_free(struct child *child); /* ends it */
AUTO_DEFINE(child, struct child *, child_free)
/* To both: an error is the child's end, told as what the bytes that it was reading have done:
 * ERR_INPUT for a crash, a forbidden call, a limit or silence; ERR_NOMEM for a SIGKILL not ours;
 * ERR_INTERRUPTED when told to stop. */
int child_send(struct child *child, uint32_t type, const void *data, size_t len, struct err *err);
int child_receive(struct child *child, struct message *out, struct err *err);
/* Raises its limit of address space up to the hard one. */
int child_allow_memory(struct child *child, uint64_t bytes, struct err *err);
#endif
