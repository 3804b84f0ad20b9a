/* SPDX-License-Identifier: Apache-2.0
 *
 * jobs.h - StereoJobs for tests.
 */
#ifndef TESTS_CONTRACT_JOBS_H
#define TESTS_CONTRACT_JOBS_H

#include "common/json.h"

#include <string.h>

/* The least job that is accepted. Caller owns. */
static inline cJSON *job_new(void)
{
    cJSON *job = cJSON_CreateObject();

    json_path_set(job, "apiVersion", cJSON_CreateString("stereojob.io/v1"));
    json_path_set(job, "kind", cJSON_CreateString("StereoJob"));
    json_path_set(job, "metadata.name", cJSON_CreateString("film"));
    json_path_set(job, "spec.source.uri", cJSON_CreateString("/in/film.mp4"));
    json_path_set(job, "spec.output.uri", cJSON_CreateString("/out/film3d.mp4"));
    return job;
}

/* `json` at a row's path: "x[].y" makes a list of one object, "x.*" a map of one entry "cpu". */
static inline void job_set(cJSON *job, const char *path, const char *json)
{
    const char *list = strstr(path, "[]."), *map = strstr(path, ".*");
    cJSON *value = cJSON_Parse(json);
    char parent[128];

    if (list || map) {
        size_t len = (size_t)((list ? list : map) - path);
        cJSON *inner = cJSON_CreateObject(), *outer = inner;

        memcpy(parent, path, len);
        parent[len] = '\0';
        cJSON_AddItemToObject(inner, list ? list + 3 : "cpu", value);
        if (list) {
            outer = cJSON_CreateArray();
            cJSON_AddItemToArray(outer, inner);
        }
        json_path_set(job, parent, outer);
        return;
    }
    json_path_set(job, path, value);
}
#endif
