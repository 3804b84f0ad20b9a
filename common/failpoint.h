/* SPDX-License-Identifier: Apache-2.0
 *
 * failpoint.h - named places where a test may hurt the program, compiled out unless
 * STEREO_FAILPOINTS is defined (cmake -DFAILPOINTS=ON). STEREO_FP says what happens where:
 *
 *     STEREO_FP="convert.decode.first=kill,convert.encode.mid=sleep(500)@2,plan.start=err"
 *
 * kill: SIGKILL to ourselves. sleep(MS). err: FP(name) is true, and the place fails by its own
 * means. stop: SIGTERM to ourselves. @N: only the N-th time that the place is passed; else every
 * time. What cannot be read aborts the program, so that no test passes by a misspelt name. Any
 * thread.
 */
#ifndef COMMON_FAILPOINT_H
#define COMMON_FAILPOINT_H

#include <stdbool.h>

#ifdef STEREO_FAILPOINTS
#define FP(name) failpoint_pass(name)
bool failpoint_pass(const char *name); /* true: fail here */
/* STEREO_FP is read anew: for the forked child of a test, whose parent has passed places. */
void failpoint_reload(void);
#else
#define FP(name) failpoint_none()
static inline bool failpoint_none(void)
{
    return false;
}
static inline void failpoint_reload(void)
{
}
#endif
#endif
