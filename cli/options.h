/* SPDX-License-Identifier: Apache-2.0
 *
 * options.h - a command line into a StereoJob document and the few options that are about this
 * machine only. The field table gives the flags, their types and bounds; all problems are told at
 * once.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli/problems.h"
#include "common/json.h"

#include <stdbool.h>

enum { OPTIONS_MAX_ARGS = 8 };

struct options {
    cJSON *job;           /* owned: only what the flags said, under "spec" */
    const char *manifest; /* -f FILE; borrowed from argv, as all strings here */
    const char *work_dir; /* --work-dir, or NULL */
    const char *speed;    /* --speed N of `plan`, or NULL */
    bool keep_work, json, help;
    const char *args[OPTIONS_MAX_ARGS]; /* what is not an option */
    int arg_count;
};

/* Never fails: what is wrong goes to problems. fields: the field table's flags are allowed. */
void options_parse(struct options *out, int argc, char **argv, bool fields,
                   struct problems *problems);
void options_clear(struct options *options);
#endif
