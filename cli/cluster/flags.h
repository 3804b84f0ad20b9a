/* SPDX-License-Identifier: Apache-2.0
 *
 * flags.h - the command line of the verbs that talk to a cluster, with kubectl's names.
 */
#ifndef CLI_CLUSTER_FLAGS_H
#define CLI_CLUSTER_FLAGS_H

#include "cli/problems.h"

#include <stdbool.h>
#include <stdint.h>

enum flags_output { OUTPUT_TABLE, OUTPUT_WIDE, OUTPUT_JSON, OUTPUT_YAML, OUTPUT_NAME };
enum { FLAGS_MAX_ARGS = 32 };

/* Strings are borrowed from argv. */
struct flags {
    const char *space, *context, *kubeconfig;
    enum flags_output output;
    const char *file;     /* -f FILE of submit */
    int64_t segment;      /* --segment N; -1: not given */
    const char *segments; /* --segments 7,9-11 of retry */
    int64_t timeout_s;    /* --timeout 10m; -1: not given */
    bool all_spaces, watch, follow, previous, wait, discard, overwrite, url, help;
    const char *args[FLAGS_MAX_ARGS]; /* what is no option */
    int arg_count;
};

/* takes: the options of this verb, "filename,wait,timeout"; --namespace, --context, --kubeconfig
 * and
 * --help are every verb's. -f is --follow where the verb takes that, else --filename. What is wrong
 * goes to problems. */
void flags_parse(struct flags *out, const char *takes, int argc, char **argv,
                 struct problems *problems);
/* "90", "90s", "10m", "2h" in seconds, -1 when it is none of them. */
int64_t flags_duration_s(const char *text);
#endif
