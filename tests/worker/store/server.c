/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/worker/store/server.h"

#include "common/contract/names.h"
#include "common/mem.h"
#include "tests/common/check.h"

static void set_role(const struct fixture *fixture, const char *prefix)
{
    const struct {
        const char *name, *value;
    } rows[] = { { ENV_S3_KEY_ID, fixture->access },
                 { ENV_S3_SECRET, fixture->secret },
                 { ENV_S3_ENDPOINT, fixture->endpoint },
                 { ENV_S3_STYLE, "path" } };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_FREE char *name = xasprintf("%s%s", prefix, rows[i].name);

        (void)setenv(name, rows[i].value, 1);
    }
}

int server_start(struct fixture *fixture)
{
    return server_start_as(fixture, "server");
}

int server_start_as(struct fixture *fixture, const char *script)
{
    int rc = fixture_start(fixture, script);
    struct err err;

    if (rc != 0)
        return rc;
    set_role(fixture, ENV_SOURCE_PREFIX);
    set_role(fixture, ENV_OUTPUT_PREFIX);
    set_role(fixture, ENV_WORK_PREFIX);
    if (fixture_make_bucket(fixture, SERVER_BUCKET, &err) == 0)
        return 0;
    (void)fprintf(stderr, "%s\n", err.msg);
    return -1;
}

int server_uploads(const struct fixture *fixture, const char *key)
{
    AUTO(s3_credentials) struct s3_credentials *credentials = NULL;
    AUTO(s3) struct s3 *s3 = fixture_open(fixture, SERVER_BUCKET, &credentials);
    uint32_t count;
    struct err err;

    CHECK_OK(s3_uploads_abort(s3, key, &count, &err), err);
    return (int)count;
}

char *server_object(const struct fixture *fixture, const char *key, size_t *len)
{
    AUTO(s3_credentials) struct s3_credentials *credentials = NULL;
    AUTO(s3) struct s3 *s3 = fixture_open(fixture, SERVER_BUCKET, &credentials);
    AUTO_BUF struct buf buf;
    struct err err;

    buf_init(&buf, 64u << 20);
    if (s3_get_all(s3, key, 64u << 20, &buf, NULL, &err) < 0) {
        assert_int_equal(err.code, ERR_NOT_FOUND);
        return NULL;
    }
    *len = buf.len;
    return buf_take(&buf);
}

void server_put(const struct fixture *fixture, const char *key, const void *data, size_t len)
{
    AUTO(s3_credentials) struct s3_credentials *credentials = NULL;
    AUTO(s3) struct s3 *s3 = fixture_open(fixture, SERVER_BUCKET, &credentials);
    struct err err;

    CHECK_OK(s3_put(s3, key, data, len, NULL, NULL, &err), err);
}
