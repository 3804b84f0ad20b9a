/* SPDX-License-Identifier: Apache-2.0
 *
 * jobs.h - StereoJobs as the verbs read and change them.
 */
#ifndef CLI_CLUSTER_JOBS_H
#define CLI_CLUSTER_JOBS_H

#include "cli/cluster/api.h"

#include <stdbool.h>

extern const struct kube_resource jobs_resource, jobs_pods;

char *jobs_path(const struct api *api, const char *name); /* caller frees */
/* ERR_NOT_FOUND: "no StereoJob film in namespace a". */
int jobs_get(cJSON **out, struct api *api, const char *name, struct err *err);
/* Without metadata.managedFields, as kubectl shows objects. */
void jobs_strip(cJSON *job);
/* A merge patch. *out (may be NULL) is the caller's. */
int jobs_patch(cJSON **out, struct api *api, const char *name, const cJSON *patch, struct err *err);
/* How a phase ends a wait: 1 it is over and good, -1 over and bad, 0 not over. */
int jobs_verdict(const cJSON *job);
/* "7/12", "-" before the plan. */
void jobs_segments(char out[32], const cJSON *job);
/* Segments done of all, 0 to 100; 100 only when the film is there. */
int jobs_percent(const cJSON *job);
/* "4d", "5h12m", "3m", "42s" since an RFC 3339 time; "-" without one. */
void jobs_age(char out[24], const char *since, int64_t now_ms);
#endif
