/* SPDX-License-Identifier: Apache-2.0
 *
 * worker_program.h - the stereo-worker that belongs to this CLI: $STEREO_WORKER, else beside this
 * program, else in the build tree beside it, else in PATH.
 */
#ifndef CLI_WORKER_PROGRAM_H
#define CLI_WORKER_PROGRAM_H

#include "common/err.h"

/* Caller frees *path. ERR_CONFIG: not found; tells where it looked. */
int worker_program_find(char **path, struct err *err);
/* The first line of `stereo-worker --version`: the build that makes results comparable. Caller
 * frees *build. ERR_CONFIG: it does not run. */
int worker_program_build(char **build, const char *path, struct err *err);
#endif
