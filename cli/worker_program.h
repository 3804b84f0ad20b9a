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
/* What argv[0], a path, prints to its standard output, at most WORKER_TEXT_MAX bytes, and how it
 * ended (128 + signal is told as 70); its standard error is ours. Caller frees *text. */
#define WORKER_TEXT_MAX (1u << 20)
int worker_program_read(char **text, int *exit_code, const char *const *argv, struct err *err);
/* The first line of `stereo-worker --version`: the build that makes results comparable. Caller
 * frees *build. ERR_CONFIG: it does not run. */
int worker_program_build(char **build, const char *path, struct err *err);
#endif
