/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests and streams against tests/kube/fake_api.py (client_scenario.json). What the server saw
 * decides what was sent; fake_api tells connections apart.
 */
#include "tests/operator/kube/fake.h"

#include "tests/common/check.h"

#include "common/clock.h"
#include "common/file.h"
#include "common/mem.h"

#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>

static struct fake fake;

static int begin(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));

    world_begin(world, fake.url);
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

static const char *sent(const cJSON *requests, int n, const char *path)
{
    const cJSON *item = json_path(cJSON_GetArrayItem(requests, n), path);

    return cJSON_IsString(item) ? item->valuestring : "(none)";
}

/* --- one request --- */

static void test_get(void **state)
{
    struct world *world = *state;
    AUTO(cJSON) cJSON *requests = NULL;
    struct ask ask = { .done = 0 };

    assert_int_equal(ask_wait(&ask, world, "GET", "/echo/get?x=%2C", NULL), 201);
    assert_true(cJSON_IsTrue(json_path(ask.doc, "ok")));
    assert_int_equal(world->observed, 1);
    assert_int_equal(world->observed_code, 201);
    requests = fake_requests(&fake, "/echo/get");
    assert_string_equal(sent(requests, 0, "target"), "/echo/get?x=%2C");
    assert_string_equal(sent(requests, 0, "headers.user-agent"), "client-test/1 (linux/any)");
    assert_string_equal(sent(requests, 0, "headers.accept"), "application/json");
    assert_string_equal(sent(requests, 0, "headers.accept-encoding"), "gzip");
    assert_string_equal(sent(requests, 0, "headers.authorization"), "(none)");
    assert_string_equal(sent(requests, 0, "headers.content-type"), "(none)");
    ask_clear(&ask);
}

static void test_writes(void **state)
{
    static const struct {
        const char *method, *path, *body;
        enum kube_patch patch;
        const char *type;
    } rows[] = {
        { "POST", "/echo/w0", "{\"a\":[1]}", KUBE_PATCH_NONE, "application/json" },
        { "PUT", "/echo/w1", "{}", KUBE_PATCH_NONE, "application/json" },
        { "PATCH", "/echo/w2", "{\"b\":null}", KUBE_PATCH_MERGE, "application/merge-patch+json" },
        { "PATCH", "/echo/w3", "[]", KUBE_PATCH_JSON, "application/json-patch+json" },
        { "PATCH", "/echo/w4", "{}", KUBE_PATCH_APPLY, "application/apply-patch+yaml" },
        { "DELETE", "/echo/w5", "{\"preconditions\":{\"uid\":\"u\"}}", KUBE_PATCH_NONE,
          "application/json" },
        { "DELETE", "/echo/w6", NULL, KUBE_PATCH_NONE, "(none)" },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(cJSON) cJSON *requests = NULL;
        struct ask ask = { .done = 0 };

        ask_start(&ask, *state, rows[i].method, rows[i].path, rows[i].body, rows[i].patch);
        world_wait(*state, &ask.done, 1, 5);
        CHECK_INT(rows[i].path, ask.status.code, 201);
        requests = fake_requests(&fake, rows[i].path);
        CHECK_STR(rows[i].path, sent(requests, 0, "method"), rows[i].method);
        CHECK_STR(rows[i].path, sent(requests, 0, "body"), rows[i].body ? rows[i].body : "");
        CHECK_STR(rows[i].path, sent(requests, 0, "headers.content-type"), rows[i].type);
        CHECK_STR(rows[i].path, sent(requests, 0, "headers.expect"), "(none)");
        ask_clear(&ask);
    }
}

static void test_large_body_goes_at_once(void **state)
{
    AUTO_FREE char *words = xcalloc(1, 2000001);
    AUTO_FREE char *body = NULL;
    AUTO(cJSON) cJSON *requests = NULL;

    memset(words, 'w', 2000000);
    body = xasprintf("{\"a\":\"%s\"}", words);
    assert_int_equal(ask_code(*state, "POST", "/echo/large", body), 201);
    requests = fake_requests(&fake, "/echo/large");
    assert_true(strcmp(sent(requests, 0, "body"), body) == 0);
    assert_string_equal(sent(requests, 0, "headers.expect"), "(none)");
}

static void test_answers(void **state)
{
    static const struct {
        const char *path;
        int code;
        const char *reason, *message;
        int requests;
    } rows[] = {
        { "/empty", 200, "", "", 1 },
        { "/missing", 404, "NotFound", "pods \"a\" not found", 1 },
        { "/moved", 302, "", "elsewhere", 1 },
        { "/down", 503, "", "down", 1 },
        { "/down-since", 503, "", "down", 1 },
        { "/broken", 0, "", "", 1 },
        { "/cut", 0, "", "", 1 },
        { "/bomb", 0, "", "the answer is too large", 1 },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ask ask = { .done = 0 };

        CHECK_INT(rows[i].path, ask_wait(&ask, *state, "GET", rows[i].path, NULL), rows[i].code);
        CHECK_STR(rows[i].path, ask.status.reason, rows[i].reason);
        CHECK_HAS(rows[i].path, ask.status.message, rows[i].message);
        CHECK_INT(rows[i].path, ask.doc != NULL, 0);
        CHECK_INT(rows[i].path, ask.status.code == 0 && !ask.status.message[0], 0);
        CHECK_INT(rows[i].path, fake_count(&fake, rows[i].path), rows[i].requests);
        ask_clear(&ask);
    }
}

static void test_large_and_gzip(void **state)
{
    static const struct {
        const char *path;
        size_t size;
    } rows[] = { { "/gzip", 3000000 }, { "/large", 9000000 } };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ask ask = { .done = 0 };

        CHECK_INT(rows[i].path, ask_wait(&ask, *state, "GET", rows[i].path, NULL), 200);
        CHECK_INT(rows[i].path, (long long)strlen(json_path(ask.doc, "pad")->valuestring),
                  (long long)rows[i].size);
        ask_clear(&ask);
    }
}

static void test_long_paths(void **state)
{
    AUTO_FREE char *words = xcalloc(1, 20001);
    AUTO_FREE char *path = NULL;
    AUTO(cJSON) cJSON *requests = NULL;

    memset(words, 'n', 20000);
    path = xasprintf("/long/%s?q=%s", words, words);
    assert_int_equal(ask_code(*state, "GET", path, NULL), 200);
    requests = fake_requests(&fake, "/long");
    assert_true(strcmp(sent(requests, 0, "target"), path) == 0);
}

/* --- again, and never again --- */

static void test_retry_after(void **state)
{
    struct world *world = *state;
    struct ask post = { .done = 0 }, get = { .done = 0 };
    int64_t start_us = clock_mono_us();

    ask_start(&post, world, "POST", "/busy", "{}", KUBE_PATCH_NONE);
    ask_start(&get, world, "GET", "/restarting", NULL, KUBE_PATCH_NONE);
    world_wait(world, &post.done, 1, 10);
    world_wait(world, &get.done, 1, 10);
    assert_int_equal(post.status.code, 200);
    assert_int_equal(get.status.code, 200);
    assert_int_equal(fake_count(&fake, "/busy"), 3);
    assert_int_equal(fake_count(&fake, "/restarting"), 2);
    assert_true(clock_mono_us() - start_us >= 2000000);
    assert_int_equal(world->observed, 5);
    assert_int_equal(world->observed_again, 3);
    ask_clear(&post);
    ask_clear(&get);
}

static void test_get_is_sent_again(void **state)
{
    int64_t start_us = clock_mono_us();

    assert_int_equal(ask_code(*state, "GET", "/lost-thrice", NULL), 200);
    assert_int_equal(fake_count(&fake, "/lost-thrice"), 4);
    assert_true(clock_mono_us() - start_us >= 300000);
    assert_int_equal(ask_code(*state, "GET", "/reset-once", NULL), 200);
    assert_int_equal(fake_count(&fake, "/reset-once"), 2);
    assert_int_equal(ask_code(*state, "GET", "/lost-always", NULL), 0);
    assert_int_equal(fake_count(&fake, "/lost-always"), 4);
}

/* On a connection that has served before, an HTTP client may think that it was closed while idle
 * and send again what the server has done already. */
static void test_writes_are_sent_once(void **state)
{
    static const struct {
        const char *method, *body;
    } rows[] = {
        { "POST", "{\"a\":1}" }, { "PUT", "{}" },    { "PATCH", "{}" },
        { "DELETE", "{}" },      { "DELETE", NULL },
    };
    static const char *const ways[] = { "lost", "reset" };

    for (size_t i = 0; i < COUNT(rows) * COUNT(ways); i++) {
        AUTO_FREE char *path = xasprintf("/%s-write%zu", ways[i % 2], i);
        AUTO_FREE char *before = xasprintf("/echo/before%zu", i);
        AUTO(cJSON) cJSON *first = NULL;
        AUTO(cJSON) cJSON *second = NULL;

        assert_int_equal(ask_code(*state, "GET", before, NULL), 201);
        CHECK_INT(path, ask_code(*state, rows[i / 2].method, path, rows[i / 2].body), 0);
        first = fake_requests(&fake, before);
        second = fake_requests(&fake, path);
        CHECK_INT(path, cJSON_GetArraySize(second), 1);
        CHECK_INT(path, json_path(cJSON_GetArrayItem(second, 0), "connection")->valueint,
                  json_path(cJSON_GetArrayItem(first, 0), "connection")->valueint);
    }
}

static void test_nobody_there(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    struct ask ask = { .done = 0 };

    (void)state;
    world_begin(world, "http://127.0.0.1:1");
    world_open(world, 0);
    assert_int_equal(ask_wait(&ask, world, "GET", "/x", NULL), 0);
    assert_non_null(strstr(ask.status.message, "127.0.0.1"));
    assert_int_equal(world->observed_code, 0);
    world_end(world);
    free(world);
}

/* --- many --- */

enum { MANY = 8 };

static void test_in_flight_max(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    struct ask asks[MANY] = { { .done = 0 } };
    int64_t start_us = clock_mono_us();
    AUTO(cJSON) cJSON *requests = NULL;
    int64_t seen = 0;

    (void)state;
    world_begin(world, fake.url);
    world_open(world, 2);
    for (int i = 0; i < MANY; i++)
        ask_start(&asks[i], world, "GET", "/slow/many", NULL, KUBE_PATCH_NONE);
    for (int i = 0; i < MANY; i++) {
        world_wait(world, &asks[i].done, 1, 10);
        assert_int_equal(asks[i].status.code, 200);
        ask_clear(&asks[i]);
    }
    assert_true(clock_mono_us() - start_us >= MANY / 2 * 200000);
    requests = fake_requests(&fake, "/slow/many");
    assert_int_equal(cJSON_GetArraySize(requests), MANY);
    for (int i = 0; i < MANY; i++)
        seen |=
            INT64_C(1) << (json_path(cJSON_GetArrayItem(requests, i), "connection")->valueint % 63);
    assert_int_equal(__builtin_popcountll((unsigned long long)seen), 2);
    world_end(world);
    free(world);
}

static void test_urgent_waits_for_nobody(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    struct ask asks[MANY] = { { .done = 0 } }, urgent = { .urgent = true };

    (void)state;
    world_begin(world, fake.url);
    world_open(world, 2);
    for (int i = 0; i < MANY; i++)
        ask_start(&asks[i], world, "GET", "/slow/many", NULL, KUBE_PATCH_NONE);
    ask_start(&urgent, world, "GET", "/slow/urgent", NULL, KUBE_PATCH_NONE);
    world_wait(world, &urgent.done, 1, 10);
    assert_int_equal(urgent.status.code, 200);
    assert_int_equal(asks[MANY - 1].done, 0); /* it came in the last of four rounds */
    ask_clear(&urgent);
    for (int i = 0; i < MANY; i++) {
        world_wait(world, &asks[i].done, 1, 10);
        ask_clear(&asks[i]);
    }
    world_end(world);
    free(world);
}

/* --- warnings --- */

static void test_warnings_once(void **state)
{
    AUTO_FREE char *path = xasprintf("%s/stderr", fake.dir);
    AUTO_FREE char *text = NULL;
    int old = dup(STDERR_FILENO), fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    struct err err;
    size_t len;

    assert_true(dup2(fd, STDERR_FILENO) >= 0);
    (void)ask_code(*state, "GET", "/warn/1", NULL);
    (void)ask_code(*state, "GET", "/warn/2", NULL);
    (void)dup2(old, STDERR_FILENO);
    (void)close(old);
    (void)close(fd);
    CHECK_OK(file_read(&text, &len, path, 1 << 20, &err), err);
    assert_non_null(strstr(text, "policy/v1beta1 is \"deprecated\""));
    assert_null(strstr(strstr(text, "policy/v1beta1") + 1, "policy/v1beta1"));
    assert_non_null(strstr(text, "other words"));
    assert_null(strstr(strstr(text, "other words") + 1, "other words"));
}

/* --- streams --- */

static void test_streams(void **state)
{
    static const struct {
        const char *path;
        uint32_t deadline_ms;
        size_t line_max;
        const char *text, *reason;
        uint32_t retry_after_s;
    } rows[] = {
        { "/watch-utf8", 9000, 0,
          "opened|{\"a\":\"\xC3\xA4\xC3\xB6\xC3\xBC\xF0\x9F\x8E\xAC\"}||{\"b\":1}|unfinished line|"
          "end 200|",
          "", 0 },
        { "/watch-cut", 9000, 0, "opened|one|end 0|", "", 0 },
        { "/watch-reset", 9000, 0, "opened|one|end 0|", "", 0 },
        { "/watch-long", 9000, 32, "opened|short|end 0|", "", 0 },
        { "/watch-frozen", 700, 0, "opened|one|two|three|end 200|", "", 0 },
        { "/watch-silent", 500, 0, "opened|end 200|", "", 0 },
        { "/watch-gone", 9000, 0, "end 410|", "Expired", 0 },
        { "/watch-busy", 9000, 0, "end 429|", "TooManyRequests", 7 },
        { "/watch-lost", 9000, 0, "end 0|", "", 0 },
        { "/frozen", 500, 0, "end 0|", "", 0 },
        { "/watch-flood", 9000, 10, "opened|0123456789|0123456789|0123456789|0123456789|end 200|",
          "", 0 },
        { "/watch-flood", 9000, 9, "opened|end 0|", "", 0 },
    };
    static struct tail tails[COUNT(rows)];

    for (size_t i = 0; i < COUNT(rows); i++)
        tail_start(&tails[i], *state, rows[i].path, rows[i].deadline_ms, rows[i].line_max);
    for (size_t i = 0; i < COUNT(rows); i++) {
        world_wait(*state, &tails[i].ended, 1, 5);
        CHECK_STR(rows[i].path, tails[i].text, rows[i].text);
        CHECK_STR(rows[i].path, tails[i].status.reason, rows[i].reason);
        CHECK_INT(rows[i].path, tails[i].status.retry_after_s, rows[i].retry_after_s);
        CHECK_INT(rows[i].path, tails[i].status.code / 100 == 2 && tails[i].status.message[0], 0);
        CHECK_INT(rows[i].path, tails[i].status.code == 0 && !tails[i].status.message[0], 0);
    }
    assert_int_equal(fake_count(&fake, "/watch-lost"), 1);
}

/* A stream has a connection of its own, and takes no place of a unary call. */
static void test_stream_beside_calls(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    struct tail tails[2] = { { .lines = 0 } };
    AUTO(cJSON) cJSON *streams = NULL;
    AUTO(cJSON) cJSON *calls = NULL;

    (void)state;
    world_begin(world, fake.url);
    world_open(world, 1);
    assert_int_equal(ask_code(world, "GET", "/echo/beside", NULL), 201);
    tail_start(&tails[0], world, "/watch-frozen/1", 60000, 0);
    tail_start(&tails[1], world, "/watch-frozen/1", 60000, 0);
    world_wait(world, &tails[0].lines, 3, 5);
    world_wait(world, &tails[1].lines, 3, 5);
    assert_int_equal(ask_code(world, "GET", "/echo/beside", NULL), 201);
    kube_call_cancel(tails[1].call);
    assert_int_equal(ask_code(world, "GET", "/echo/beside", NULL), 201);
    streams = fake_requests(&fake, "/watch-frozen/1");
    calls = fake_requests(&fake, "/echo/beside");
    for (int i = 0; i < 3; i++) {
        int number = json_path(cJSON_GetArrayItem(calls, i), "connection")->valueint;

        assert_int_equal(number, json_path(cJSON_GetArrayItem(calls, 0), "connection")->valueint);
        for (int k = 0; k < 2; k++)
            assert_int_not_equal(number,
                                 json_path(cJSON_GetArrayItem(streams, k), "connection")->valueint);
    }
    world_end(world);
    free(world);
    assert_int_equal(tails[0].ended + tails[1].ended, 0);
}

/* --- cancel and close, from everywhere --- */

static void test_cancel(void **state)
{
    struct world *world = *state;
    struct ask asks[6] = { { .done = 0 } };
    struct tail tail = { .lines = 0 };

    ask_start(&asks[0], world, "GET", "/echo/cancelled", NULL, KUBE_PATCH_NONE);
    kube_call_cancel(asks[0].call); /* not sent yet */
    ask_start(&asks[1], world, "GET", "/slow/c1", NULL, KUBE_PATCH_NONE);
    ask_start(&asks[2], world, "GET", "/flood", NULL, KUBE_PATCH_NONE);
    ask_start(&asks[3], world, "GET", "/slow/c3", NULL, KUBE_PATCH_NONE);
    tail_start(&tail, world, "/watch-silent", 60000, 0);
    world_wait(world, &tail.opened, 1, 5);
    kube_call_cancel(asks[1].call); /* running */
    kube_call_cancel(asks[2].call); /* waiting to be sent again */
    kube_call_cancel(tail.call);
    world_wait(world, &asks[3].done, 1, 5);
    world_rest(world, 0.3);
    assert_int_equal(asks[0].done + asks[1].done + asks[2].done + tail.ended, 0);
    assert_int_equal(fake_count(&fake, "/echo/cancelled"), 0);
    assert_int_equal(fake_count(&fake, "/flood"), 1);
    ask_clear(&asks[3]);
}

static bool stop_at_two(struct tail *tail)
{
    return tail->lines < 2;
}

static bool cancel_at_two(struct tail *tail)
{
    if (tail->lines == 2)
        kube_call_cancel(tail->call);
    return true;
}

static void cancel_it(struct tail *tail)
{
    kube_call_cancel(tail->call);
}

static void test_stream_stops_itself(void **state)
{
    struct world *world = *state;
    struct tail by_line = { .on_line = stop_at_two }, by_cancel = { .on_line = cancel_at_two },
                by_opened = { .on_opened = cancel_it };

    tail_start(&by_line, world, "/watch-frozen/by-line", 60000, 0);
    tail_start(&by_cancel, world, "/watch-frozen/by-cancel", 60000, 0);
    tail_start(&by_opened, world, "/watch-frozen/by-opened", 60000, 0);
    world_wait(world, &by_line.lines, 2, 5);
    world_wait(world, &by_cancel.lines, 2, 5);
    world_wait(world, &by_opened.opened, 1, 5);
    world_rest(world, 0.2);
    assert_string_equal(by_line.text, "opened|one|two|");
    assert_string_equal(by_cancel.text, "opened|one|two|");
    assert_string_equal(by_opened.text, "opened|");
}

static void cancel_other(struct ask *ask)
{
    kube_call_cancel(ask->other);
}

static void start_another(struct ask *ask)
{
    static struct ask next;

    next = (struct ask){ .done = 0 };
    ask->world->observed = -100;
    ask_start(&next, ask->world, "GET", "/echo/next", NULL, KUBE_PATCH_NONE);
    ask->call = next.call;
}

static void test_callbacks_cancel_and_start(void **state)
{
    struct world *world = *state;
    struct ask first = { .then = cancel_other }, second = { .done = 0 };
    struct ask third = { .then = start_another };

    ask_start(&second, world, "GET", "/slow/second", NULL, KUBE_PATCH_NONE);
    ask_start(&first, world, "GET", "/echo/first", NULL, KUBE_PATCH_NONE);
    first.other = second.call;
    ask_start(&third, world, "GET", "/echo/third", NULL, KUBE_PATCH_NONE);
    world_wait(world, &first.done, 1, 5);
    world_wait(world, &third.done, 1, 5);
    world_rest(world, 0.4);
    assert_int_equal(second.done, 0);
    assert_int_equal(fake_count(&fake, "/echo/next"), 1);
    ask_clear(&first);
    ask_clear(&third);
}

static void close_in_done(struct ask *ask)
{
    kube_client_close(TAKE(ask->world->client));
}

static bool close_in_line(struct tail *tail)
{
    if (tail->lines == 1)
        kube_client_close(TAKE(tail->world->client));
    return true;
}

static void close_in_tail(struct tail *tail)
{
    kube_client_close(TAKE(tail->world->client));
}

/* Everything is under way when the client goes, and nothing is told any more. */
static void close_within(int from)
{
    struct world *world = xcalloc(1, sizeof(*world));
    struct ask ask = { .then = from == 0 ? close_in_done : NULL };
    struct ask others[3] = { { .done = 0 } };
    struct tail tail = { .on_line = from == 1 ? close_in_line : NULL,
                         .on_opened = from == 2 ? close_in_tail : NULL,
                         .on_end = from == 3 ? close_in_tail : NULL };
    struct tail other = { .lines = 0 };

    world_begin(world, fake.url);
    world_open(world, 3);
    for (int i = 0; i < 3; i++)
        ask_start(&others[i], world, "GET", i ? "/slow/closing" : "/flood", NULL, KUBE_PATCH_NONE);
    tail_start(&other, world, "/watch-silent", 60000, 0);
    if (from == 0)
        ask_start(&ask, world, "GET", "/echo/closing", NULL, KUBE_PATCH_NONE);
    else
        tail_start(&tail, world, from == 3 ? "/watch-gone" : "/watch-frozen/x", 60000, 0);
    (void)uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_null(world->client);
    assert_int_equal(ask.done, from == 0);
    assert_int_equal(tail.ended, from == 3);
    assert_int_equal(tail.lines, from == 1);
    assert_int_equal(others[0].done + other.ended, 0);
    ask_clear(&ask);
    ask_clear(&others[1]);
    ask_clear(&others[2]);
    world_end(world);
    free(world);
}

static void test_close_within_callbacks(void **state)
{
    (void)state;
    for (int from = 0; from < 4; from++)
        close_within(from);
}

static void test_close_before_anything(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    struct ask ask = { .done = 0 };

    (void)state;
    world_begin(world, fake.url);
    world_open(world, 0);
    ask_start(&ask, world, "GET", "/echo/never", NULL, KUBE_PATCH_NONE);
    world_end(world);
    free(world);
    assert_int_equal(ask.done, 0);
    assert_int_equal(fake_count(&fake, "/echo/never"), 0);
    kube_client_close(NULL);
}

/* --- names --- */

/* curl's threads ask here: names below slow.invalid take a second. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    if (node && strstr(node, ".slow.invalid"))
        (void)usleep(1000000);
    (void)service;
    (void)hints;
    (void)out;
    return EAI_NONAME;
}

/* To cancel and to close must not wait for a name server. */
static void test_no_wait_for_names(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    struct ask asks[2] = { { .done = 0 } }, late = { .done = 0 };
    int64_t start_us;

    (void)state;
    world_begin(world, "http://a.slow.invalid");
    world_open(world, 0);
    assert_int_equal(ask_wait(&late, world, "GET", "/x", NULL), 0);
    assert_non_null(strstr(late.status.message, "a.slow.invalid")); /* and was asked of ours */
    for (int i = 0; i < 2; i++)
        ask_start(&asks[i], world, "GET", "/x", NULL, KUBE_PATCH_NONE);
    world_rest(world, 0.2);
    start_us = clock_mono_us();
    kube_call_cancel(asks[0].call);
    world_end(world);
    assert_true(clock_mono_us() - start_us < 400000);
    assert_int_equal(asks[0].done + asks[1].done, 0);
    (void)usleep(1200000); /* the threads end by themselves */
    free(world);
}

/* --- proxies --- */

static void test_proxy(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));

    (void)state;
    world_begin(world, "http://api.invalid");
    world->config.proxy_url = fake.url;
    world_open(world, 0);
    assert_int_equal(ask_code(world, "GET", "/x", NULL), 404);
    assert_int_equal(fake_count(&fake, "http://api.invalid/x"), 1);
    world_end(world);
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(setenv("NO_PROXY", "10.0.0.0/8,127.0.0.0/8", 1), 0);
    world_begin(world, fake.url);
    world_open(world, 0);
    assert_int_equal(ask_code(world, "GET", "/echo/no-proxy", NULL), 201);
    assert_int_equal(setenv("NO_PROXY", "10.0.0.0/8", 1), 0);
    assert_int_equal(ask_code(world, "GET", "/echo/no-proxy", NULL), 0);
    (void)unsetenv("http_proxy");
    (void)unsetenv("NO_PROXY");
    world_end(world);
    free(world);
}

static int start(void **state)
{
    (void)state;
    fake_start(&fake, "client_scenario.json", NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fake_stop(&fake);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_get),
        TEST(test_writes),
        TEST(test_large_body_goes_at_once),
        TEST(test_answers),
        TEST(test_large_and_gzip),
        TEST(test_long_paths),
        TEST(test_retry_after),
        TEST(test_get_is_sent_again),
        TEST(test_writes_are_sent_once),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_in_flight_max),
        cmocka_unit_test(test_urgent_waits_for_nobody),
        TEST(test_warnings_once),
        TEST(test_streams),
        cmocka_unit_test(test_stream_beside_calls),
        TEST(test_cancel),
        TEST(test_stream_stops_itself),
        TEST(test_callbacks_cancel_and_start),
        cmocka_unit_test(test_close_within_callbacks),
        cmocka_unit_test(test_close_before_anything),
        cmocka_unit_test(test_no_wait_for_names),
        cmocka_unit_test(test_proxy),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
