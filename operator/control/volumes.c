/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/control/volumes.h"

#include "operator/control/objects.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void claim_add(struct volume_claim *out, int *count, const char *uri, bool written)
{
    static const char scheme[] = "pvc://";
    struct volume_claim claim = { .written = written };

    if (strncmp(uri, scheme, sizeof(scheme) - 1) != 0)
        return;
    uri += sizeof(scheme) - 1;
    (void)snprintf(claim.name, sizeof(claim.name), "%.*s", (int)strcspn(uri, "/"), uri);
    for (int i = 0; i < *count; i++) {
        if (strcmp(out[i].name, claim.name) == 0) {
            out[i].written |= written;
            return;
        }
    }
    out[(*count)++] = claim;
}

int volumes_of(struct volume_claim out[VOLUMES_MAX], const cJSON *job)
{
    int count = 0;

    claim_add(out, &count, json_text(job, "spec.source.uri"), false);
    claim_add(out, &count, json_text(job, "spec.output.uri"), true);
    claim_add(out, &count, json_text(job, "spec.work.uri"), true);
    claim_add(out, &count, json_text(job, "spec.depth.uri"), false);
    return count;
}

static bool has_mode(const cJSON *claim, const char *mode)
{
    const cJSON *item; /* borrowed from claim */

    cJSON_ArrayForEach(item, json_path(claim, "spec.accessModes"))
    {
        if (cJSON_IsString(item) && strcmp(item->valuestring, mode) == 0)
            return true;
    }
    return false;
}

int volumes_judge(char *why, size_t size, const struct volume_claim *wanted, const cJSON *claim,
                  int64_t parallelism)
{
    if (!claim)
        (void)snprintf(why, size, "there is no PersistentVolumeClaim %s", wanted->name);
    else if (wanted->written && !has_mode(claim, "ReadWriteMany") &&
             !has_mode(claim, "ReadWriteOnce") && !has_mode(claim, "ReadWriteOncePod"))
        (void)snprintf(why, size, "claim %s can only be read, and the job writes to it",
                       wanted->name);
    else if (parallelism > 1 && !has_mode(claim, "ReadWriteMany") &&
             (wanted->written || !has_mode(claim, "ReadOnlyMany")))
        (void)snprintf(why, size,
                       "claim %s is mounted by one node at a time, and spec.parallelism is %" PRId64
                       ": it must be ReadWriteMany, or parallelism 1",
                       wanted->name, parallelism);
    else
        return 0;
    return -1;
}
