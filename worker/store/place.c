/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/store/place.h"

#include "common/contract/names.h"
#include "common/contract/spec.h"
#include "common/mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define LOWER      "abcdefghijklmnopqrstuvwxyz"
#define DIGITS     "0123456789"
#define S3_KEY_MAX 1024

static bool starts(const char *uri, const char *scheme)
{
    return strncasecmp(uri, scheme, strlen(scheme)) == 0;
}

/* Parts between single slashes, none of them empty, "." or "..". */
static bool is_tame(const char *path)
{
    while (*path) {
        size_t len = strcspn(path, "/");

        if (len == 0 || (len == 1 && path[0] == '.') ||
            (len == 2 && path[0] == '.' && path[1] == '.'))
            return false;
        path += len;
        if (*path == '/' && !*++path)
            return false;
    }
    return true;
}

/* pvc://CLAIM/a/b; a slash at the end says nothing. */
static int parse_claim(struct place *out, const char *uri, const char *what, struct err *err)
{
    const char *rest = uri + strlen("pvc://"), *root = getenv(ENV_CLAIM_ROOT);
    size_t claim = strcspn(rest, "/"), len = strlen(rest);
    AUTO_FREE char *tame = NULL;
    AUTO_FREE char *mount = NULL;
    struct stat st;

    while (len > claim && rest[len - 1] == '/')
        len--;
    tame = xstrndup(rest, len);
    if (claim == 0 || strspn(rest, LOWER DIGITS ".-") < claim || !is_tame(tame))
        return err_set(err, ERR_CONFIG, "%s: '%.200s' is not pvc://CLAIM/PATH without '..'", what,
                       uri);
    mount = xasprintf("%s/%.*s", root && *root ? root : NAME_CLAIM_MOUNT, (int)claim, rest);
    if (stat(mount, &st) < 0 || !S_ISDIR(st.st_mode))
        return err_set(err, ERR_CONFIG,
                       "%s: the volume claim %.*s is not mounted in this pod (no folder %s)", what,
                       (int)claim, rest, mount);
    out->kind = PLACE_FILE;
    out->path = xasprintf("%s%s", mount, tame + claim);
    return 0;
}

static int parse_s3(struct place *out, const char *uri, const char *what, struct err *err)
{
    const char *rest = uri + strlen("s3://");
    size_t bucket = strcspn(rest, "/"), len = strlen(rest);

    if (bucket < 3 || bucket > 63 || strspn(rest, LOWER DIGITS ".-") < bucket || rest[0] == '.' ||
        rest[0] == '-')
        return err_set(err, ERR_CONFIG,
                       "%s: '%.200s' names no bucket: s3://BUCKET/KEY; a bucket has 3 to 63 lower "
                       "case letters, digits, dots and hyphens",
                       what, uri);
    if (len - bucket > S3_KEY_MAX)
        return err_set(err, ERR_CONFIG, "%s: the key has more than %d bytes", what, S3_KEY_MAX);
    out->kind = PLACE_S3;
    out->bucket = xstrndup(rest, bucket);
    out->key = xstrdup(rest[bucket] ? rest + bucket + 1 : "");
    return 0;
}

/* A signed link carries its secret in the query; a user's password stands before the '@'. */
static int parse_https(struct place *out, const char *uri, const char *what, struct err *err)
{
    const char *host = uri + strlen("https://");
    size_t authority = strcspn(host, "/?#");

    if (authority == 0 || memchr(host, '@', authority))
        return err_set(err, ERR_CONFIG, "%s: not https://HOST/PATH without a user", what);
    out->kind = PLACE_HTTPS;
    out->path = xstrndup(uri, strcspn(uri, "#"));
    out->name = xstrndup(uri, strcspn(uri, "?#"));
    return 0;
}

int place_parse(struct place *out, const char *uri, const char *what, struct err *err)
{
    struct place place = { .kind = PLACE_FILE };
    int rc;

    if (starts(uri, "s3://"))
        rc = parse_s3(&place, uri, what, err);
    else if (starts(uri, "https://"))
        rc = parse_https(&place, uri, what, err);
    else if (starts(uri, "pvc://"))
        rc = parse_claim(&place, uri, what, err);
    else
        rc = uri_to_path(&place.path, uri, what, err);
    if (rc < 0)
        return -1;
    if (!place.name)
        place.name = xstrdup(place.kind == PLACE_FILE ? place.path : uri);
    *out = place;
    return 0;
}

void place_clear(struct place *place)
{
    free(place->path);
    free(place->bucket);
    free(place->key);
    free(place->name);
    *place = (struct place){ .path = NULL };
}
