/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Not what was asked for but what is so. */
static bool opens_nothing(void)
{
    int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return errno == EPERM;
    (void)close(fd);
    return false;
}

/* Landlock wants a descriptor for a moment, so it comes before the limits; seccomp forbids both. */
void sandbox_enter(struct sandbox_state *out, const struct sandbox_limits *limits)
{
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    out->no_privileges = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
    out->landlock = out->no_privileges ? sandbox_landlock() : 0;
    out->limits = sandbox_limit(limits);
    out->seccomp = out->no_privileges && sandbox_seccomp() && opens_nothing();
}

bool sandbox_is_whole(const struct sandbox_state *state)
{
    return state->no_privileges && state->seccomp && state->limits && state->landlock > 0;
}

void sandbox_words(char *out, size_t size, const struct sandbox_state *state)
{
    char landlock[32];

    (void)snprintf(landlock, sizeof(landlock), state->landlock > 0 ? "landlock %d" : "no landlock",
                   state->landlock);
    (void)snprintf(out, size, "%s, %s, %s%s", state->seccomp ? "seccomp" : "no seccomp", landlock,
                   state->limits ? "limits" : "no limits",
                   state->no_privileges ? "" : ", no_new_privs refused");
}
