/* SPDX-License-Identifier: Apache-2.0
 *
 * command_job.h - the StereoJob that a command line with IN and OUT stands for.
 */
#ifndef CLI_COMMAND_JOB_H
#define CLI_COMMAND_JOB_H

#include "cli/options.h"

/* Completes options->job, which holds what the flags said, and checks it by the field table. verb:
 * for messages. -1: problems say why. */
int command_job(struct options *options, const char *verb, struct problems *problems);
#endif
