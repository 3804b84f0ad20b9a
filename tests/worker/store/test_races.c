/* SPDX-License-Identifier: Apache-2.0
 *
 * Servers that do not know If-None-Match: one that says so, one that keeps silent about it.
 */
#include "common/http.h"
#include "common/mem.h"
#include "tests/common/check.h"
#include "tests/worker/store/server.h"
#include "worker/store/store.h"

static struct fixture server;

static void tell(const char *script)
{
    AUTO(http) struct http *http = NULL;
    AUTO_RESPONSE struct http_response response = { 0 };
    AUTO_FREE char *url = xasprintf("%s/_script", server.endpoint);
    struct http_opts opts = { .no_proxy = true };
    struct http_request request = {
        .method = "PUT", .url = url, .body = script, .body_len = strlen(script)
    };
    struct err err;

    CHECK_OK(http_open(&http, &opts, &err), err);
    CHECK_OK(http_send(http, &request, &response, &err), err);
    assert_int_equal(response.status, 200);
}

static struct store *open_store(void)
{
    struct store *store;
    struct err err;

    CHECK_OK(store_open(&store, "s3://" SERVER_BUCKET "/work", &err), err);
    return store;
}

static int count_one(void *ctx, const char *key, uint64_t size, struct err *err)
{
    (void)key, (void)size, (void)err;
    ++*(int *)ctx;
    return 0;
}

static void a_refused_condition_is_found(void **state)
{
    AUTO(store) struct store *store = NULL;
    struct store_abilities abilities;
    struct err err;
    int count = 0;

    (void)state;
    tell("PUT error 501 NotImplemented\n");
    store = open_store();
    CHECK_OK(store_probe(store, &abilities, &err), err);
    assert_false(abilities.creates_once);
    store_set_abilities(store, &abilities);
    CHECK_OK(store_create(store, "plan.json", "x", 1, &err), err);
    assert_int_equal(store_create(store, "plan.json", "y", 1, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    CHECK_OK(store_list(store, "p", count_one, &count, &err), err);
    assert_int_equal(count, 1); /* no probe stays */
}

static void a_store_that_denies_all_is_no_race(void **state)
{
    AUTO(store) struct store *store = NULL;
    struct store_abilities abilities;
    struct err err;

    (void)state;
    tell("PUT error 403 AccessDenied\nPUT error 403 AccessDenied\n");
    store = open_store();
    assert_int_equal(store_probe(store, &abilities, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.msg, "AccessDenied"));
}

static int publish(const char *uri)
{
    AUTO(store_writer) struct store_writer *writer = NULL;
    struct err err = { .code = ERR_NONE }; /* untouched on success */

    if (store_writer_open_uri(&writer, uri, false, &err) == 0 &&
        store_writer_write(writer, "film", 4, &err) == 0)
        (void)store_writer_commit(writer, NULL, &err);
    return (int)err.code;
}

static void an_output_is_published_all_the_same(void **state)
{
    static const char uri[] = "s3://" SERVER_BUCKET "/out.mp4";

    (void)state;
    tell("PUT error 501 NotImplemented\n");
    assert_int_equal(publish(uri), ERR_NONE);
    assert_int_equal(publish(uri), ERR_CONFLICT);
}

#ifdef STEREO_FAILPOINTS
static void an_ignored_condition_is_found(void **state)
{
    AUTO(store) struct store *store = NULL;
    struct store_abilities abilities;
    struct err err;

    (void)state;
    tell("");
    store = open_store();
    CHECK_OK(store_probe(store, &abilities, &err), err);
    assert_false(abilities.creates_once);
}
#endif

int main(int argc, char **argv)
{
    const struct CMUnitTest refused[] = {
        cmocka_unit_test(a_refused_condition_is_found),
        cmocka_unit_test(a_store_that_denies_all_is_no_race),
        cmocka_unit_test(an_output_is_published_all_the_same),
    };
    int rc = server_start_as(&server, "faulty");

    if (rc != 0)
        return rc == FIXTURE_SKIP ? rc : 1;
#ifdef STEREO_FAILPOINTS
    if (argc > 1) {
        const struct CMUnitTest ignored[] = { cmocka_unit_test(an_ignored_condition_is_found) };

        rc = cmocka_run_group_tests(ignored, NULL, NULL);
        fixture_stop(&server);
        return rc;
    }
#endif
    rc = cmocka_run_group_tests(refused, NULL, NULL);
    fixture_stop(&server);
#ifdef STEREO_FAILPOINTS
    if (rc == 0) { /* failpoints are read once a process */
        (void)setenv("STEREO_FP", "store.no_condition=err", 1);
        (void)execl("/proc/self/exe", argv[0], "ignored", (char *)NULL);
        return 1;
    }
#endif
    (void)argc, (void)argv;
    return rc;
}
