/* SPDX-License-Identifier: Apache-2.0
 *
 * RLIMIT_NPROC is not here: it counts all of a user's threads on the node, those of other pods
 * among them, and decoders need threads. seccomp lets no process be made, and address space bounds
 * the threads.
 */
#include "worker/sandbox/sandbox.h"

#include <sys/resource.h>

/* Never above what there is already: only root may raise a hard limit, and nobody here wants it. */
static bool set(int resource, uint64_t soft, uint64_t hard)
{
    struct rlimit now;

    if (getrlimit((__rlimit_resource_t)resource, &now) < 0)
        return false;
    if (now.rlim_max != RLIM_INFINITY && hard > now.rlim_max)
        hard = now.rlim_max;
    now.rlim_max = hard;
    now.rlim_cur = soft < hard ? soft : hard;
    return setrlimit((__rlimit_resource_t)resource, &now) == 0;
}

bool sandbox_limit(const struct sandbox_limits *limits)
{
    bool all = set(RLIMIT_CORE, 0, 0);

    all = set(RLIMIT_FSIZE, 0, 0) && all;
    all = set(RLIMIT_MEMLOCK, 0, 0) && all;
    all = set(RLIMIT_MSGQUEUE, 0, 0) && all;
    all = set(RLIMIT_CPU, limits->cpu_s, limits->cpu_s) && all;
    if (!SANDBOX_SANITIZED) { /* their reports open files, too */
        all = set(RLIMIT_NOFILE, limits->descriptors, limits->descriptors) && all;
        all = set(RLIMIT_AS, limits->memory_bytes, limits->memory_max_bytes) && all;
    }
    return all;
}
