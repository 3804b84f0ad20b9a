/* SPDX-License-Identifier: Apache-2.0
 *
 * verbs.h - the verbs that talk to a cluster: sugar over what bare kubectl does. Each gets the API
 * and its flags; 0, or -1 and why. *code (0) may be set to another exit code.
 */
#ifndef CLI_CLUSTER_VERBS_H
#define CLI_CLUSTER_VERBS_H

#include "cli/cluster/api.h"

struct cluster_verb {
    const char *name, *args, *summary, *takes, *help; /* takes: as flags_parse */
    int min_args, max_args;                           /* of names */
    int (*run)(struct api *api, const struct flags *flags, int *code, struct err *err);
};
extern const struct cluster_verb cluster_verbs[];
extern const unsigned cluster_verbs_count;

/* 0 and the exit code, or -1: no such verb. */
int cluster_run(const char *name, int argc, char **argv, int *code);
void cluster_help(const struct cluster_verb *verb);

int verb_get(struct api *api, const struct flags *flags, int *code, struct err *err);
int verb_describe(struct api *api, const struct flags *flags, int *code, struct err *err);
int verb_submit(struct api *api, const struct flags *flags, int *code, struct err *err);
int verb_logs(struct api *api, const struct flags *flags, int *code, struct err *err);
int verb_suspend(struct api *api, const struct flags *flags, int *code, struct err *err);
int verb_resume(struct api *api, const struct flags *flags, int *code, struct err *err);
int verb_cancel(struct api *api, const struct flags *flags, int *code, struct err *err);
int verb_retry(struct api *api, const struct flags *flags, int *code, struct err *err);
int verb_delete(struct api *api, const struct flags *flags, int *code, struct err *err);
int verb_download(struct api *api, const struct flags *flags, int *code, struct err *err);
int verb_wait(struct api *api, const struct flags *flags, int *code, struct err *err);
/* Follows one job until it is over: a line at each change. *code by its phase. */
int wait_for_job(struct api *api, const char *name, int64_t timeout_s, int *code, struct err *err);
#endif
