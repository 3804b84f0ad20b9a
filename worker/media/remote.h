/* SPDX-License-Identifier: Apache-2.0
 *
 * remote.h - films read and decoded by a child process in a sandbox (worker/sandbox). After
 * media_remote_setup every media_source that is opened is one: its demuxer and its decoder run in
 * a child of their own, which asks this process for the film's bytes and gives back facts, packets
 * and, in shared memory, pictures. Nothing above source.h and decoder.h sees a difference.
 */
#ifndef WORKER_MEDIA_REMOTE_H
#define WORKER_MEDIA_REMOTE_H

#include <signal.h>

#define MEDIA_REMOTE_VERB                                                                          \
    "read-film" /* what main is called with: then it is media_remote_serve                         \
                 */
#define ENV_SANDBOX "STEREO_SANDBOX"

enum media_remote_mode {
    MEDIA_REMOTE_OFF,  /* in this process, as without a setup */
    MEDIA_REMOTE_AUTO, /* with what the kernel has; what it lacks is logged, once */
    MEDIA_REMOTE_WHOLE /* ERR_CONFIG unless the kernel has all of it */
};

/* "auto" (also NULL and ""), "off", "required". -1: none of them. */
int media_remote_mode_parse(enum media_remote_mode *out, const char *text);
/* Once, before threads. Films are opened by threads that live as long as they are read. should_stop
 * (may be NULL; kept for ever) ends waiting for a child as ERR_INTERRUPTED. silence_s: how long a
 * child may work without a word; 0 = the default. */
void media_remote_setup(enum media_remote_mode mode, const volatile sig_atomic_t *should_stop,
                        int silence_s);
/* The child: locks itself in and serves one film. The exit code. */
int media_remote_serve(void);
/* What the child opened last lives in: "seccomp, landlock 6, limits"; "none" when films are read in
 * this process. Static. */
const char *media_remote_words(void);
/* What people should be told of it: "" when the sandbox is whole, or nobody set one up. Static. */
const char *media_remote_weakness(void);
#endif
