/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/pods/pods.h"

#include "common/mem.h"

#include <string.h>

#define FOLDER ".stereojob"

/* Behind the bucket or the claim; NULL when it is neither. */
static const char *path_of(const char *uri)
{
    static const char *const schemes[] = { "s3://", "pvc://" };

    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(schemes[i]), name = 0;

        if (strncmp(uri, schemes[i], len) == 0)
            name = strcspn(uri + len, "/");
        if (name > 0)
            return uri + len + name;
    }
    return NULL;
}

int pods_work_uri(char **out, const cJSON *job, struct err *err)
{
    const char *uid = json_text(job, "metadata.uid"), *work = json_text(job, "spec.work.uri");
    const char *field = work[0] ? "spec.work.uri" : "spec.output.uri";
    const char *base = json_text(job, field), *path = path_of(base);
    size_t len;

    if (!uid[0])
        return err_set(err, ERR_CONFIG, "metadata.uid: is missing");
    if (!path)
        return err_set(err, ERR_CONFIG, "%s: must be s3://bucket/key or pvc://claim/path", field);
    if (work[0]) {
        len = strlen(base);
        while (base + len > path && base[len - 1] == '/')
            len--;
        *out = xasprintf("%.*s/%s/", (int)len, base, uid);
        return 0;
    }
    len = *path ? (size_t)(strrchr(path, '/') - base) : strlen(base);
    *out = xasprintf("%.*s/" FOLDER "/%s/", (int)len, base, uid);
    return 0;
}
