/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cluster/fetch.h"

#include "common/auto.h"
#include "common/file.h"
#include "common/hash.h"
#include "common/mem.h"
#include "common/s3.h"
#include "common/s3_credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK_BYTES = 8 << 20, URL_SECONDS = 3600 };

struct place {
    struct s3_credentials *credentials; /* owned */
    struct s3 *s3;                      /* owned */
    const char *key;                    /* of the URI; borrowed */
};

static void place_close(struct place *place)
{
    s3_free(place->s3);
    s3_credentials_free(place->credentials);
}
#define AUTO_PLACE __attribute__((cleanup(place_close)))

static const char *environment(const char *name, const char *otherwise)
{
    const char *value = getenv(name);

    if (value && *value)
        return value;
    return otherwise ? environment(otherwise, NULL) : NULL;
}

static int style_read(enum s3_style *out, struct err *err)
{
    const char *style = environment("AWS_S3_ADDRESSING_STYLE", NULL);

    *out = S3_STYLE_AUTO;
    if (!style || strcasecmp(style, "auto") == 0)
        return 0;
    if (strcasecmp(style, "path") == 0)
        *out = S3_STYLE_PATH;
    else if (strcasecmp(style, "virtual") == 0)
        *out = S3_STYLE_VIRTUAL;
    else
        return err_set(err, ERR_CONFIG,
                       "AWS_S3_ADDRESSING_STYLE: '%.20s' is not path, virtual or auto", style);
    return 0;
}

static int place_open(struct place *place, const char *uri, struct err *err)
{
    const char *rest = uri + strlen("s3://");
    AUTO_FREE char *bucket = xstrndup(rest, strcspn(rest, "/"));
    struct s3_opts opts = { .bucket = bucket,
                            .endpoint = environment("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
                            .region = environment("AWS_REGION", "AWS_DEFAULT_REGION"),
                            .ca_file = environment("AWS_CA_BUNDLE", NULL) };

    place->key = rest + strlen(bucket) + 1; /* the kind's schema wants a key */
    if (style_read(&opts.style, err) < 0)
        return -1;
    if (s3_credentials_open(&place->credentials, environment("AWS_ACCESS_KEY_ID", NULL),
                            environment("AWS_SECRET_ACCESS_KEY", NULL),
                            environment("AWS_SESSION_TOKEN", NULL), err) < 0)
        return err_wrap(err, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
    opts.credentials = place->credentials;
    return s3_open(&place->s3, &opts, err);
}

/* Locked: another process would write the same bytes, and publish under our hands. */
static int part_open(int *out, const char *path, uint64_t *have, struct err *err)
{
    AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    struct stat seen;

    if (fd < 0 || fstat(fd, &seen) < 0)
        return err_set(err, errno == ENOSPC ? ERR_SPACE : ERR_CONFIG, "%s: %s", path,
                       strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return err_set(err, ERR_CONFLICT, "%s: another process fetches it", path);
    *have = (uint64_t)seen.st_size;
    *out = fd;
    fd = -1;
    return 0;
}

static void progress(const char *file, uint64_t have, uint64_t size, bool last)
{
    if (isatty(STDERR_FILENO))
        (void)fprintf(stderr, "\r%s: %" PRIu64 " of %" PRIu64 " MB%s", file, have / 1000000,
                      size / 1000000, last ? "\n" : "");
}

static int part_write(int fd, const char *path, const char *data, size_t len, uint64_t at,
                      struct err *err)
{
    while (len > 0) {
        ssize_t wrote = pwrite(fd, data, len, (off_t)at);

        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return err_set(err, errno == ENOSPC ? ERR_SPACE : ERR_DEPENDENCY, "%s: %s", path,
                           strerror(errno));
        data += wrote;
        at += (uint64_t)wrote;
        len -= (size_t)wrote;
    }
    return 0;
}

static int part_fill(int fd, const char *path, struct place *place, const struct s3_object *object,
                     uint64_t have, struct err *err)
{
    AUTO_FREE char *chunk = xcalloc(CHUNK_BYTES, 1);

    while (have < object->size) {
        size_t got = 0;

        if (s3_get(place->s3, place->key, have, chunk, CHUNK_BYTES, &got, object->etag, NULL, err) <
            0)
            return -1;
        if (got == 0)
            return err_set(err, ERR_DEPENDENCY, "%s ends at %" PRIu64 " of %" PRIu64 " bytes",
                           place->key, have, object->size);
        if (part_write(fd, path, chunk, got, have, err) < 0)
            return -1;
        have += got;
        progress(path, have, object->size, have >= object->size);
    }
    return 0;
}

/* By version, so that two versions are never mixed in one file. */
static char *part_path(const char *file, const struct s3_object *object)
{
    char hex[HASH_HEX_SIZE];

    hash_hex(hex, object->etag, strlen(object->etag));
    return xasprintf("%s.%.12s.part", file, hex);
}

int fetch_file(const char *file, const struct fetch_opts *opts, struct err *err)
{
    AUTO_PLACE struct place place = { 0 };
    AUTO_FREE char *part = NULL;
    AUTO_CLOSE int fd = -1;
    struct s3_object object;
    uint64_t have = 0;

    if (!opts->overwrite && file_exists(file))
        return err_set(err, ERR_CONFLICT, "%s exists; --overwrite replaces it", file);
    if (place_open(&place, opts->uri, err) < 0 || s3_head(place.s3, place.key, &object, err) < 0)
        return -1;
    if (opts->bytes && object.size != opts->bytes)
        return err_set(err, ERR_CONFLICT,
                       "%s has %" PRIu64 " bytes, and the job wrote %" PRIu64
                       ": somebody replaced it",
                       opts->uri, object.size, opts->bytes);
    part = part_path(file, &object);
    if (part_open(&fd, part, &have, err) < 0)
        return -1;
    if (have > object.size && ftruncate(fd, 0) == 0)
        have = 0;
    if (part_fill(fd, part, &place, &object, have, err) < 0)
        return -1;
    if (fsync(fd) < 0)
        return err_set(err, ERR_DEPENDENCY, "%s: %s", part, strerror(errno));
    return file_publish(part, file, opts->overwrite, err);
}

int fetch_url(char **url, const char *uri, struct err *err)
{
    AUTO_PLACE struct place place = { 0 };

    if (place_open(&place, uri, err) < 0)
        return -1;
    return s3_presign(place.s3, place.key, URL_SECONDS, url, err);
}
