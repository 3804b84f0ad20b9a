/* SPDX-License-Identifier: Apache-2.0
 *
 * local_run.h - one StereoJob on this machine from start to end: the loop, Ctrl-C, the last word.
 */
#ifndef CLI_LOCAL_RUN_H
#define CLI_LOCAL_RUN_H

#include "cli/options.h"
#include "common/json.h"

#include <stdbool.h>

struct local_run_opts {
    cJSON *job; /* checked and defaulted, URIs absolute; borrowed, its parallelism is set */
    const char *work_dir; /* NULL: beside the output */
    bool keep_work, json;
    bool flags;        /* the job came from options: messages name these, not its fields */
    const char *again; /* the command to type to go on, for messages */
};

/* Prints everything a person needs; answers the exit code. */
int local_run(const struct local_run_opts *opts);

/* As many workers at a time as fit this machine, where the job does not say. */
void local_parallelism_default(cJSON *job);

/* What convert and run end in: job, which passed fields_check, gets absolute paths and defaults and
 * is run as options say. Answers the exit code. */
int local_run_job(cJSON *job, const struct options *options, const char *again);
#endif
