/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "common/auto.h"
#include "common/mem.h"
#include "worker/store/place.h"

#include <stdbool.h>
#include <string.h>

/* "/" is a folder, so that with it as the root of claims every claim that is a folder there is
 * mounted: etc, tmp, usr. */
static bool leaves_its_mount(const char *path)
{
    AUTO_FREE char *closed = xasprintf("%s/", path);

    return strstr(closed, "/../") || strstr(closed, "/./");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *uri = xstrndup((const char *)data, size);
    AUTO_PLACE struct place place = { .path = NULL };
    struct err err = { 0 };

    (void)setenv(ENV_CLAIM_ROOT, "", 1);
    if (strncmp(uri, "pvc://", 6) == 0)
        (void)setenv(ENV_CLAIM_ROOT, "/.", 1);
    if (place_parse(&place, uri, "spec.source.uri", &err) < 0) {
        FUZZ_CHECK(err.code == ERR_CONFIG && !place.name);
        return 0;
    }
    FUZZ_CHECK(place.name);
    switch (place.kind) {
    case PLACE_FILE:
        FUZZ_CHECK(place.path && *place.path && !place.bucket);
        FUZZ_CHECK(strncmp(uri, "pvc://", 6) != 0 || !leaves_its_mount(place.path + 2));
        break;
    case PLACE_S3:
        FUZZ_CHECK(strlen(place.bucket) >= 3 && !strpbrk(place.bucket, "/:@?#% ") && place.key);
        break;
    case PLACE_HTTPS:
        FUZZ_CHECK(!strchr(place.name, '?') && !strchr(place.name, '#'));
        break;
    }
    return 0;
}
