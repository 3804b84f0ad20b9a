/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox.h - what a process gives up before it reads other people's bytes. Mechanism only; knows
 * no film. For good, for all threads; no right is needed for it. What the kernel lacks is left out
 * and said in the state. One thread.
 *
 * Left: reading and writing the descriptors it has, memory that is never executable, threads of
 * its own, clocks. Refused with EPERM: everything not known here, open among it. Killed with
 * SIGSYS: what nothing innocent asks for (sockets, programs, processes, other processes' memory).
 */
#ifndef WORKER_SANDBOX_H
#define WORKER_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sanitizers map terabytes: no limit of address space for them. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANDBOX_SANITIZED 1
#endif
#endif
#ifndef SANDBOX_SANITIZED
#define SANDBOX_SANITIZED 0
#endif

struct sandbox_limits {
    uint64_t memory_bytes;     /* of address space, at first */
    uint64_t memory_max_bytes; /* up to which the parent may raise it */
    uint64_t cpu_s;
    unsigned descriptors; /* those from here on cannot be opened */
};

struct sandbox_state {
    bool no_privileges, seccomp, limits;
    int landlock; /* the kernel's version of it; 0 = none */
};

void sandbox_enter(struct sandbox_state *out, const struct sandbox_limits *limits);
bool sandbox_is_whole(const struct sandbox_state *state);
/* "seccomp, landlock 6, limits", or with "no landlock" for what is missing. */
void sandbox_words(char *out, size_t size, const struct sandbox_state *state);

/* For the room's own files: true when it is in force. */
bool sandbox_seccomp(void);
int sandbox_landlock(void);
bool sandbox_limit(const struct sandbox_limits *limits);
#endif
