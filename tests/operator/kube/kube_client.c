/* SPDX-License-Identifier: Apache-2.0
 *
 * The client at a real API server: under tests/kube/control_plane.py, which sets KUBECONFIG.
 */
#include "tests/operator/kube/fake.h"

#include "tests/common/check.h"

#include "common/mem.h"

#include <stdlib.h>

#define MAPS "/api/v1/namespaces/default/configmaps"
#define MAP  "\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\""
#define ONE  MAPS "/client-test"

static struct kube_config *config;

static int begin(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));

    world_begin(world, NULL);
    world->config = *config;
    world_open(world, 0);
    *state = world;
    return 0;
}

static int end(void **state)
{
    world_end(*state);
    free(*state);
    return 0;
}

static int write_code(struct world *world, const char *method, const char *path, const char *body,
                      enum kube_patch patch)
{
    struct ask ask = { .done = 0 };

    ask_start(&ask, world, method, path, body, patch);
    world_wait(world, &ask.done, 1, 20);
    ask_clear(&ask);
    return ask.status.code;
}

static void test_version(void **state)
{
    struct ask ask = { .done = 0 };

    assert_int_equal(ask_wait(&ask, *state, "GET", "/version", NULL), 200);
    assert_true(json_path(ask.doc, "gitVersion")->valuestring[0] == 'v');
    ask_clear(&ask);
}

/* Types of the events so far, in order: "ADDED MODIFIED ". Caller frees. */
static char *types_of(const struct tail *tail)
{
    char *types = xstrdup("");
    const char *at = tail->text;

    while ((at = strstr(at, "{\"type\":\""))) {
        AUTO_FREE char *before = types;

        at += strlen("{\"type\":\"");
        types = xasprintf("%s%.*s ", before, (int)strcspn(at, "\""), at);
    }
    return types;
}

static void check_refusals(struct world *world, const char *uid)
{
    AUTO_FREE char *wrong =
        xasprintf("{\"preconditions\":{\"uid\":\"%c%s\"}}", uid[0] == 'a' ? 'b' : 'a', uid + 1);
    struct ask ask = { .done = 0 };
    struct err err;

    assert_int_equal(
        ask_wait(&ask, world, "POST", MAPS, "{" MAP ",\"metadata\":{\"name\":\"client-test\"}}"),
        409);
    assert_string_equal(ask.status.reason, "AlreadyExists");
    assert_int_equal(write_code(world, "PUT", ONE,
                                "{" MAP ",\"metadata\":{\"name\":\"client-test\","
                                "\"resourceVersion\":\"1\"}}",
                                KUBE_PATCH_NONE),
                     409);
    assert_int_equal(write_code(world, "DELETE", ONE, wrong, KUBE_PATCH_NONE), 409);
    ask = (struct ask){ .done = 0 };
    assert_int_equal(
        ask_wait(&ask, world, "POST", MAPS, "{" MAP ",\"metadata\":{\"name\":\"A_\"}}"), 422);
    assert_string_equal(ask.status.reason, "Invalid");
    assert_string_equal(ask.status.cause, "FieldValueInvalid");
    (void)kube_status_err(&err, &ask.status, "x");
    assert_int_equal(err.code, ERR_CONFIG);
}

static void test_life_of_an_object(void **state)
{
    struct world *world = *state;
    struct tail tail = { .lines = 0 };
    struct ask ask = { .done = 0 };
    AUTO_FREE char *right = NULL;
    AUTO_FREE char *types = NULL;

    tail_start(&tail, world,
               MAPS "?watch=true&timeoutSeconds=60&fieldSelector=metadata.name%3Dclient-test",
               60000, 0);
    world_wait(world, &tail.opened, 1, 10);
    assert_int_equal(ask_wait(&ask, world, "POST", MAPS,
                              "{" MAP ",\"metadata\":{\"name\":\"client-test\"},"
                              "\"data\":{\"a\":\"\xC3\xA4\xF0\x9F\x8E\xAC\\n\"}}"),
                     201);
    assert_string_equal(json_path(ask.doc, "data.a")->valuestring, "\xC3\xA4\xF0\x9F\x8E\xAC\n");
    right = xasprintf("{\"preconditions\":{\"uid\":\"%s\"}}",
                      json_path(ask.doc, "metadata.uid")->valuestring);
    check_refusals(world, json_path(ask.doc, "metadata.uid")->valuestring);
    ask_clear(&ask);
    assert_int_equal(write_code(world, "PATCH", ONE, "{\"data\":{\"b\":\"2\"}}", KUBE_PATCH_MERGE),
                     200);
    assert_int_equal(write_code(world, "PATCH", ONE,
                                "[{\"op\":\"test\",\"path\":\"/data/b\",\"value\":\"2\"},"
                                "{\"op\":\"remove\",\"path\":\"/data/b\"}]",
                                KUBE_PATCH_JSON),
                     200);
    assert_int_equal(write_code(world, "PATCH", ONE "?fieldManager=test&force=true",
                                "{" MAP ",\"metadata\":{\"name\":\"client-test\"},"
                                "\"data\":{\"c\":\"3\"}}",
                                KUBE_PATCH_APPLY),
                     200);
    assert_int_equal(write_code(world, "DELETE", ONE, right, KUBE_PATCH_NONE), 200);
    assert_int_equal(write_code(world, "GET", ONE, NULL, KUBE_PATCH_NONE), 404);
    world_wait(world, &tail.lines, 5, 10);
    types = types_of(&tail);
    assert_string_equal(types, "ADDED MODIFIED MODIFIED MODIFIED DELETED ");
}

/* The server compresses what is larger than 128 KiB. */
static void test_large_list(void **state)
{
    AUTO_FREE char *words = xcalloc(1, 400001);
    AUTO_FREE char *body = NULL;
    struct ask ask = { .done = 0 };

    memset(words, 'w', 400000);
    body =
        xasprintf("{" MAP ",\"metadata\":{\"name\":\"client-large\",\"labels\":{\"t\":\"large\"}},"
                  "\"data\":{\"a\":\"%s\"}}",
                  words);
    assert_int_equal(ask_code(*state, "POST", MAPS, body), 201);
    assert_int_equal(ask_wait(&ask, *state, "GET", MAPS "?labelSelector=t%3Dlarge", NULL), 200);
    assert_true(strcmp(json_path(ask.doc, "items[0].data.a")->valuestring, words) == 0);
    ask_clear(&ask);
    assert_int_equal(ask_code(*state, "DELETE", MAPS "/client-large", NULL), 200);
}

static void test_wrong_token(void **state)
{
    static char wrong[] = "wrong";
    struct world *world = xcalloc(1, sizeof(*world));

    (void)state;
    world_begin(world, NULL);
    world->config = (struct kube_config){ .server = config->server,
                                          .ca = config->ca,
                                          .token = { .text = wrong } };
    world_open(world, 0);
    assert_int_equal(ask_code(world, "GET", MAPS, NULL), 401);
    world_end(world);
    free(world);
}

static int start(void **state)
{
    struct err err;

    (void)state;
    CHECK_OK(kube_config_load(&config, NULL, NULL, &err), err);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    kube_config_free(config);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_version),
        TEST(test_life_of_an_object),
        TEST(test_large_list),
        cmocka_unit_test(test_wrong_token),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
