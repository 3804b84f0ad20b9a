/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/absolute.h"

#include "common/mem.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

static const char *const URIS[] = { "spec.source.uri", "spec.output.uri", "spec.work.uri",
                                    "spec.depth.uri" };

void absolute_uris(cJSON *job)
{
    char folder[PATH_MAX];

    if (!getcwd(folder, sizeof(folder)))
        return; /* a folder that is gone: relative paths then fail by themselves */
    for (size_t i = 0; i < sizeof(URIS) / sizeof(URIS[0]); i++) {
        const cJSON *uri = json_path(job, URIS[i]);
        AUTO_FREE char *path = NULL;

        if (!cJSON_IsString(uri) || uri->valuestring[0] == '/' || strstr(uri->valuestring, "://"))
            continue;
        path = xasprintf("%s/%s", folder, uri->valuestring);
        json_path_set(job, URIS[i], cJSON_CreateString(path));
    }
}
