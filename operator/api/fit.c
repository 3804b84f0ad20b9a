/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/api/fit.h"

#include "operator/api/crd.h"

#include <stdio.h>
#include <string.h>

enum { PATH_MAX_BYTES = 256 };

static const cJSON *member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

/* Every property of ours, at any depth, is one of theirs. */
static int compare(const cJSON *ours, const cJSON *theirs, const char *path, struct err *err)
{
    const cJSON *property; /* borrowed from ours */

    cJSON_ArrayForEach(property, member(ours, "properties"))
    {
        const cJSON *served = member(member(theirs, "properties"), property->string);
        char below[PATH_MAX_BYTES];

        (void)snprintf(below, sizeof(below), "%s%s%s", path, path[0] ? "." : "", property->string);
        if (!served)
            return err_set(err, ERR_CONFIG, "the StereoJob kind that is served does not know %s",
                           below);
        if (compare(property, served, below, err) < 0)
            return -1;
    }
    if (member(ours, "items"))
        return compare(member(ours, "items"), member(theirs, "items"), path, err);
    return 0;
}

int fit_check(const cJSON *openapi, struct err *err)
{
    AUTO(cJSON) cJSON *crd = crd_build();
    const cJSON *ours = json_path(crd, "spec.versions[0].schema.openAPIV3Schema.properties");
    const cJSON *schemas = json_path(openapi, "components.schemas");
    const cJSON *theirs = member(member(schemas, "io.stereojob.v1.StereoJob"), "properties");
    static const char *const parts[] = { "spec", "status" };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (!member(theirs, parts[i]))
            return err_set(err, ERR_CONFIG, "the StereoJob kind that is served has no %s",
                           parts[i]);
        if (compare(member(ours, parts[i]), member(theirs, parts[i]), parts[i], err) < 0)
            return -1;
    }
    return 0;
}
