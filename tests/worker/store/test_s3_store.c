/* SPDX-License-Identifier: Apache-2.0
 *
 * What only S3 can get wrong: versions, uploads, keys.
 */
#include "common/contract/names.h"
#include "common/file.h"
#include "common/mem.h"
#include "tests/common/check.h"
#include "tests/worker/store/server.h"
#include "worker/store/store.h"

#include <signal.h>
#include <sys/wait.h>

#define LARGE (30u << 20)
#define URI   "s3://" SERVER_BUCKET "/"

static struct fixture server;

static void keys_leave_the_environment(void **state)
{
    static const char *const prefixes[] = { ENV_SOURCE_PREFIX, ENV_OUTPUT_PREFIX, ENV_WORK_PREFIX };

    (void)state;
    for (size_t i = 0; i < COUNT(prefixes); i++) {
        AUTO_FREE char *id = xasprintf("%s%s", prefixes[i], ENV_S3_KEY_ID);
        AUTO_FREE char *secret = xasprintf("%s%s", prefixes[i], ENV_S3_SECRET);

        assert_null(getenv(id));
        assert_null(getenv(secret));
    }
}

static void what_names_no_object_is_refused(void **state)
{
    static const char *const bad[] = { "s3://",         "s3:///x",       "s3://ab/x",
                                       "s3://BUCKET/x", "s3://a_b_c/x",  URI,
                                       URI "folder/",   "https://",      "https://me:pw@host/x",
                                       "http://host/x", "https:///film", "s3://" SERVER_BUCKET };
    struct store_reader *reader;
    struct store_writer *writer;
    struct err err;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        CHECK_INT(bad[i], store_reader_open_uri(&reader, STORE_SOURCE, bad[i], "film", &err), -1);
        CHECK_INT(bad[i], err.code, ERR_CONFIG);
        assert_null(strstr(err.msg, "pw"));
        CHECK_INT(bad[i], store_writer_open_uri(&writer, bad[i], true, &err), -1);
        CHECK_INT(bad[i], err.code, ERR_CONFIG);
    }
    assert_int_equal(store_writer_open_uri(&writer, "https://host/x", true, &err), -1);
    assert_non_null(strstr(err.msg, "only read from"));
    assert_int_equal(
        store_reader_open_uri(&reader, STORE_SOURCE, "s3://no-such-bucket/x", "film", &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(err.msg, "film: s3://no-such-bucket/x: there is no such object"));
}

static void reading_costs_what_is_read(void **state)
{
    AUTO_FREE char *data = xcalloc(1, LARGE), *back = xcalloc(1, LARGE);
    AUTO(store_reader) struct store_reader *reader = NULL;
    char head[16], digest[HASH_HEX_SIZE];
    struct err err;
    size_t got;

    (void)state;
    for (size_t i = 0; i < LARGE; i++)
        data[i] = (char)(i * 7 + (i >> 10));
    server_put(&server, "costs", data, LARGE);
    CHECK_OK(store_reader_open_uri(&reader, STORE_SOURCE, URI "costs", "film", &err), err);
    CHECK_OK(store_reader_digest(reader, digest, &err), err);
    for (uint64_t at = 0; at < LARGE; at += 1 << 20)
        CHECK_OK(store_reader_read(reader, at, head, sizeof(head), &got, &err), err);
    assert_int_equal(store_reader_bytes(reader), 30 * sizeof(head));
    for (size_t at = 0; at < LARGE; at += got)
        CHECK_OK(store_reader_read(reader, at, back + at, 65536, &got, &err), err);
    assert_memory_equal(back, data, LARGE);
    assert_true(store_reader_bytes(reader) <= LARGE + 40 * sizeof(head));
}

static void a_source_that_changes_is_told(void **state)
{
    AUTO_FREE char *old = xcalloc(1, 2 << 20);
    AUTO(store_reader) struct store_reader *reader = NULL;
    char byte[10];
    struct err err;
    size_t got;

    (void)state;
    server_put(&server, "changes/film.mkv", old, 2 << 20);
    CHECK_OK(store_reader_open_uri(&reader, STORE_SOURCE, URI "changes/film.mkv", "spec.source.uri",
                                   &err),
             err);
    CHECK_OK(store_reader_read(reader, 0, byte, sizeof(byte), &got, &err), err);
    old[5] = 1;
    server_put(&server, "changes/film.mkv", old, 2 << 20);
    assert_int_equal(store_reader_read(reader, 1 << 20, byte, sizeof(byte), &got, &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    assert_non_null(strstr(err.msg, "spec.source.uri"));
    assert_non_null(strstr(err.msg, URI "changes/film.mkv was replaced"));
}

/* A film that goes is the user's to explain; a segment that goes is read again by another attempt.
 */
static void what_goes_is_told(void **state)
{
    static const enum err_code want[] = { ERR_INPUT, ERR_DEPENDENCY };
    AUTO_FREE char *old = xcalloc(1, 2 << 20);
    AUTO(store) struct store *store = NULL;
    char byte[10];
    struct err err;
    size_t got;

    (void)state;
    CHECK_OK(store_open(&store, URI "goes", &err), err);
    for (size_t i = 0; i < COUNT(want); i++) {
        AUTO(store_reader) struct store_reader *reader = NULL;

        server_put(&server, "goes/film.mkv", old, 2 << 20);
        if (i == 0)
            CHECK_OK(store_reader_open_uri(&reader, STORE_SOURCE, URI "goes/film.mkv", "f", &err),
                     err);
        else
            CHECK_OK(store_reader_open(&reader, store, "film.mkv", &err), err);
        CHECK_OK(store_remove(store, "film.mkv", &err), err);
        assert_int_equal(store_reader_read(reader, 0, byte, sizeof(byte), &got, &err), -1);
        assert_int_equal(err.code, want[i]);
        assert_non_null(strstr(err.msg, "goes/film.mkv was removed"));
    }
}

static struct store_writer *open_output(const char *uri, bool overwrite, size_t len)
{
    AUTO_FREE char *data = xcalloc(1, len);
    struct store_writer *writer;
    struct err err;

    memset(data, 'n', len);
    CHECK_OK(store_writer_open_uri(&writer, uri, overwrite, &err), err);
    CHECK_OK(store_writer_write(writer, data, len, &err), err);
    return writer;
}

/* Somebody else's output appears between our opening and our commit: theirs stays. */
static void an_output_that_appears_stays(void **state)
{
    static const size_t sizes[] = { 1000, LARGE };

    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        AUTO_FREE char *key = xasprintf("appears/%zu.mp4", sizes[i]);
        AUTO_FREE char *uri = xasprintf(URI "%s", key);
        struct store_writer *writer = open_output(uri, false, sizes[i]);
        AUTO_FREE char *there = NULL;
        struct err err;
        size_t len;

        server_put(&server, key, "theirs", 6);
        assert_int_equal(store_writer_commit(writer, NULL, &err), -1);
        assert_int_equal(err.code, ERR_CONFLICT);
        store_writer_free(writer);
        there = server_object(&server, key, &len);
        assert_string_equal(there, "theirs");
    }
    assert_int_equal(server_uploads(&server, "appears/"), 0);
}

/* Overwriting replaces what was there at the start, and nothing that came since. */
static void only_the_seen_version_is_replaced(void **state)
{
    static const size_t sizes[] = { 1000, LARGE };

    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        AUTO_FREE char *key = xasprintf("seen/%zu.mp4", sizes[i]);
        AUTO_FREE char *uri = xasprintf(URI "%s", key);
        AUTO_FREE char *there = NULL, *ours = NULL;
        struct store_writer *writer;
        struct err err;
        size_t len;

        server_put(&server, key, "old", 3);
        writer = open_output(uri, true, sizes[i]);
        server_put(&server, key, "newer", 5);
        assert_int_equal(store_writer_commit(writer, NULL, &err), -1);
        assert_int_equal(err.code, ERR_CONFLICT);
        store_writer_free(writer);
        there = server_object(&server, key, &len);
        assert_string_equal(there, "newer");
        writer = open_output(uri, true, sizes[i]);
        CHECK_OK(store_writer_commit(writer, NULL, &err), err);
        store_writer_free(writer);
        ours = server_object(&server, key, &len);
        assert_int_equal(len, sizes[i]);
        assert_int_equal(ours[len - 1], 'n');
    }
    assert_int_equal(server_uploads(&server, "seen/"), 0);
}

static void write_until_killed(int ready)
{
    AUTO_FREE char *data = xcalloc(1, LARGE);
    struct store_writer *writer;
    struct store *store;
    struct err err;

    if (store_open(&store, URI "killed", &err) < 0 ||
        store_writer_open(&writer, store, "segments/00001/e0-a0.nut", &err) < 0 ||
        store_writer_write(writer, data, LARGE, &err) < 0)
        _exit(1);
    (void)usleep(300000); /* parts are on their way */
    (void)!write(ready, "r", 1);
    for (;;)
        (void)pause();
}

/* kill -9 between two parts: the upload stays until the tree is removed. */
static void a_killed_upload_goes_with_the_tree(void **state)
{
    AUTO(store) struct store *store = NULL;
    int status, ready[2];
    char byte;
    struct err err;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe(ready), 0);
    for (int again = 0; again < 2; again++) {
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            write_until_killed(ready[1]);
        assert_int_equal(read(ready[0], &byte, 1), 1);
        (void)kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (again == 0)
            assert_int_equal(server_uploads(&server, "killed/"), 1); /* the fault is real */
    }
    CHECK_OK(store_open(&store, URI "killed", &err), err);
    CHECK_OK(store_remove_tree(store, "segments", NULL, &err), err);
    assert_int_equal(server_uploads(&server, "killed/"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_leave_the_environment),
        cmocka_unit_test(what_names_no_object_is_refused),
        cmocka_unit_test(a_killed_upload_goes_with_the_tree), /* forks before there are threads */
        cmocka_unit_test(reading_costs_what_is_read),
        cmocka_unit_test(a_source_that_changes_is_told),
        cmocka_unit_test(what_goes_is_told),
        cmocka_unit_test(an_output_that_appears_stays),
        cmocka_unit_test(only_the_seen_version_is_replaced),
    };
    int rc = server_start(&server);

    if (rc != 0)
        return rc == FIXTURE_SKIP ? rc : 1;
    store_setup(NULL);
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    fixture_stop(&server);
    return rc;
}
