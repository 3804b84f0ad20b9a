/* SPDX-License-Identifier: Apache-2.0
 *
 * Each test is a conversation with a server that is not there: what is asked for next, what comes
 * back, what the owner is told. The names in brackets are the rules they hold.
 */
#include "tests/common/check.h"

#include "common/mem.h"
#include "operator/kube/reflector_core.h"

#include <malloc.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
size_t __sanitizer_get_current_allocated_bytes(void);
#endif

enum { LOG_SIZE = 4096, WORDS_MAX = 64 };

enum op {
    END,
    NEXT,   /* text: what is to be done; without text: only ask */
    LIST,   /* text: the answer */
    REFUSE, /* number: code, text: reason, more: cause */
    OPEN,
    LINE,   /* text; the stream goes on */
    LAST,   /* text; the stream is of no more use */
    CLOSE,  /* a clean end */
    BREAK,  /* number: code, text: reason, more: cause; 0: the network */
    PASS,   /* number: ms */
    PUT,    /* text */
    GONE,   /* text: its name, more: its uid */
    TOLD,   /* text: what the owner was told since, in any order */
    ORDER,  /* as TOLD, in this order */
    AT,     /* text: version */
    COUNTS, /* number: objects */
    SILENT, /* number: 1 when the silence is too long */
    CHANCE, /* number: hundredths, what chance says from here on */
};

struct step {
    enum op op;
    const char *text, *more;
    long number;
};

struct world {
    struct kube_reflector_opts user;
    struct core *core;
    int64_t now_us;
    char log[LOG_SIZE];
    double chance;
};

static void note(struct world *world, const char *sign, const char *what, const char *version)
{
    size_t used = strlen(world->log);

    (void)snprintf(world->log + used, LOG_SIZE - used, "%s%s%s%s%s", used ? " " : "", sign, what,
                   *version ? "@" : "", version);
}

static void on_changed(void *ctx, enum kube_event event, const cJSON *object)
{
    static const char *const signs[] = { "+", "~", "-" };
    const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(object, "metadata");

    assert_null(cJSON_GetObjectItemCaseSensitive(metadata, "managedFields"));
    assert_true(cJSON_HasObjectItem(object, "kind"));
    note(ctx, signs[event],
         cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(metadata, "name")),
         cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(metadata, "resourceVersion")));
}

static void on_synced(void *ctx)
{
    note(ctx, "", "synced", "");
}

static void on_reconnected(void *ctx, const char *reason, bool relist)
{
    note(ctx, relist ? "relist:" : "again:", reason, "");
}

static double chance_of(void *ctx)
{
    const struct world *world = ctx;

    return world->chance;
}

static void world_open(struct world *world, bool streaming)
{
    struct core_opts opts;

    world->user.resource = (struct kube_resource){ "", "v1", "pods", "Pod" };
    world->user.changed = on_changed;
    world->user.synced = on_synced;
    world->user.reconnected = on_reconnected;
    world->user.ctx = world;
    world->user.no_streaming_list = !streaming;
    world->now_us = INT64_C(1000000000);
    opts = (struct core_opts){
        .user = &world->user, .random = chance_of, .ctx = world, .now_us = world->now_us
    };
    world->core = core_new(&opts);
}

/* --- steps --- */

static int compare_words(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static char *sorted(const char *text)
{
    char *copy = xstrdup(text), *rest = copy, *out, *words[WORDS_MAX];
    size_t count = 0, used = 0;

    while (rest && *rest && count < WORDS_MAX)
        words[count++] = strsep(&rest, " ");
    qsort(words, count, sizeof(words[0]), compare_words);
    out = xcalloc(1, strlen(text) + 2);
    for (size_t i = 0; i < count; i++)
        used +=
            (size_t)snprintf(out + used, strlen(text) + 2 - used, "%s%s", i ? " " : "", words[i]);
    free(copy);
    return out;
}

static void check_told(const char *row, struct world *world, const struct step *step)
{
    AUTO_FREE char *got = step->op == ORDER ? xstrdup(world->log) : sorted(world->log);
    AUTO_FREE char *want = step->op == ORDER ? xstrdup(step->text) : sorted(step->text);

    CHECK_STR(row, got, want);
    world->log[0] = '\0';
}

static void check_next(const char *row, struct world *world, const struct step *step)
{
    AUTO_FREE char *got = NULL;
    struct core_todo todo;

    core_next(world->core, world->now_us, &todo);
    if (todo.act == CORE_WAIT)
        got = xasprintf("wait %u", todo.wait_ms);
    else
        got = xasprintf("%s %s", todo.act == CORE_LIST ? "list" : "watch", todo.query);
    if (step->text)
        CHECK_STR(row, got, step->text);
    if (step->number)
        CHECK_INT(row, todo.deadline_ms, step->number);
}

static void answer(struct world *world, const struct step *step)
{
    struct kube_status status = { .code = step->op == LIST ? 200 : (int)step->number };
    AUTO(cJSON) cJSON *doc = NULL;
    struct err err;

    if (step->op == LIST) {
        CHECK_OK(json_parse(&doc, step->text, strlen(step->text), &err), err);
    } else {
        (void)snprintf(status.reason, sizeof(status.reason), "%s", step->text ? step->text : "");
        (void)snprintf(status.cause, sizeof(status.cause), "%s", step->more ? step->more : "");
        (void)snprintf(status.message, sizeof(status.message), "no");
    }
    if (step->op == BREAK)
        core_ended(world->core, world->now_us, &status);
    else
        core_listed(world->core, world->now_us, &status, doc);
}

static void put(struct world *world, const char *text)
{
    AUTO(cJSON) cJSON *doc = NULL;
    struct err err;

    CHECK_OK(json_parse(&doc, text, strlen(text), &err), err);
    core_put(world->core, world->now_us, doc);
}

static void run_step(const char *row, struct world *world, const struct step *step)
{
    static const struct kube_status clean = { .code = 200 };

    switch (step->op) {
    case NEXT:
        check_next(row, world, step);
        break;
    case LIST:
    case REFUSE:
    case BREAK:
        answer(world, step);
        break;
    case OPEN:
        core_opened(world->core, world->now_us);
        break;
    case LINE:
    case LAST:
        CHECK_INT(row, core_line(world->core, world->now_us, step->text, strlen(step->text)),
                  step->op == LINE);
        break;
    case CLOSE:
        core_ended(world->core, world->now_us, &clean);
        break;
    case PASS:
        world->now_us += step->number * INT64_C(1000);
        break;
    case PUT:
        put(world, step->text);
        break;
    case GONE:
        core_gone(world->core, world->now_us, "n", step->text, step->more);
        break;
    case TOLD:
    case ORDER:
        check_told(row, world, step);
        break;
    case AT:
        CHECK_STR(row, core_version(world->core), step->text);
        break;
    case COUNTS:
        CHECK_INT(row, store_count(core_store(world->core)), step->number);
        break;
    case SILENT:
        CHECK_INT(row, core_is_silent(world->core, world->now_us), step->number);
        break;
    case CHANCE:
        world->chance = (double)step->number / 100;
        break;
    case END:
        break;
    }
}

static void run(const char *name, bool streaming, const struct step *steps)
{
    struct world *world = xcalloc(1, sizeof(*world));

    world_open(world, streaming);
    for (int i = 0; steps[i].op != END; i++) {
        AUTO_FREE char *row = xasprintf("%s, step %d", name, i);

        run_step(row, world, &steps[i]);
    }
    core_free(world->core);
    free(world);
}

#define RUN(streaming, ...)                                                                        \
    run(__func__, streaming, (const struct step[]){ __VA_ARGS__, { END, 0, 0, 0 } })
#define STEP(op, text)                                                                             \
    {                                                                                              \
        op, text, NULL, 0                                                                          \
    }
#define ENDED(name, uid)                                                                           \
    {                                                                                              \
        GONE, name, uid, 0                                                                         \
    }
#define NUMBER(op, number)                                                                         \
    {                                                                                              \
        op, NULL, NULL, number                                                                     \
    }
#define FAIL(op, code, reason)                                                                     \
    {                                                                                              \
        op, reason, NULL, code                                                                     \
    }

#define META(name, uid, version)                                                                   \
    "\"metadata\":{\"namespace\":\"n\",\"name\":\"" name "\",\"uid\":\"" uid                       \
    "\",\"resourceVersion\":\"" version "\",\"managedFields\":[{\"manager\":\"m\"}]}"
#define POD(name, uid, version)                                                                    \
    "{\"kind\":\"Pod\",\"apiVersion\":\"v1\"," META(name, uid, version) "}"
#define EVENT(type, name, uid, version)                                                            \
    "{\"type\":\"" type "\",\"object\":" POD(name, uid, version) "}"
#define BOOKMARK(version)                                                                          \
    "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{"     \
    "\"resourceVersion\":\"" version "\",\"creationTimestamp\":null}}}"
#define INITIAL_END(version)                                                                       \
    "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{"     \
    "\"resourceVersion\":\"" version                                                               \
    "\",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}"
#define ERROR_EVENT(code, reason, details)                                                         \
    "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":"        \
    "\"Failure\",\"message\":\"m\",\"reason\":\"" reason "\",\"code\":" code                       \
    ",\"details\":" details "}}"
/* Items of a list have neither kind nor apiVersion. */
#define ITEM(name, uid, version) "{" META(name, uid, version) "}"
#define PAGE(version, next, items)                                                                 \
    "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"" version     \
    "\",\"continue\":\"" next "\"},\"items\":[" items "]}"

#define WATCH_FROM(version)                                                                        \
    "watch watch=true&allowWatchBookmarks=true&timeoutSeconds=300&resourceVersion=" version
#define STREAM                                                                                     \
    "watch watch=true&allowWatchBookmarks=true&timeoutSeconds=300&sendInitialEvents=true&"         \
    "resourceVersionMatch=NotOlderThan"
#define STREAM_FROM(version) STREAM "&resourceVersion=" version
#define FIRST_LIST           "list limit=500&resourceVersion=0"

/* Listed a@5 and b@6 as of 10, watching, told. */
#define WATCHING                                                                                   \
    STEP(NEXT, FIRST_LIST),                                                                        \
        STEP(LIST, PAGE("10", "", ITEM("a", "ua", "5") "," ITEM("b", "ub", "6"))),                 \
        STEP(TOLD, "+a@5 +b@6 synced"), STEP(NEXT, WATCH_FROM("10")), NUMBER(OPEN, 0)

/* A server that fails, five times over: then it is asked for a list. */
#define FAILS FAIL(BREAK, 500, ""), NUMBER(PASS, 90000)
#define FAILS_FIVE                                                                                 \
    FAILS, NUMBER(NEXT, 0), FAILS, NUMBER(NEXT, 0), FAILS, NUMBER(NEXT, 0), FAILS,                 \
        NUMBER(NEXT, 0), FAILS

/* --- lists --- */

/* [L1, L2, L5] The watch begins at the list's version, which is no item's. */
static void test_first_list(void **state)
{
    (void)state;
    RUN(false, STEP(NEXT, FIRST_LIST),
        STEP(LIST, PAGE("100", "", ITEM("a", "ua", "7") "," ITEM("b", "ub", "300"))),
        STEP(TOLD, "+a@7 +b@300 synced"), STEP(AT, "100"), STEP(NEXT, WATCH_FROM("100")));
}

/* [L2] Nothing is seen before the last page. */
static void test_pages(void **state)
{
    (void)state;
    RUN(false, STEP(NEXT, FIRST_LIST), STEP(LIST, PAGE("100", "t/1=", ITEM("a", "ua", "1"))),
        STEP(TOLD, ""), NUMBER(COUNTS, 0), STEP(NEXT, "list limit=500&continue=t%2F1%3D"),
        STEP(LIST, PAGE("105", "t2", ITEM("b", "ub", "2"))),
        STEP(NEXT, "list limit=500&continue=t2"), STEP(LIST, PAGE("105", "", ITEM("c", "uc", "3"))),
        STEP(TOLD, "+a@1 +b@2 +c@3 synced"), STEP(AT, "100"), STEP(NEXT, WATCH_FROM("100")));
}

/* [L3] */
static void test_page_expires(void **state)
{
    (void)state;
    RUN(false, NUMBER(NEXT, 0), STEP(LIST, PAGE("100", "t", ITEM("a", "ua", "1"))),
        STEP(NEXT, "list limit=500&continue=t"), FAIL(REFUSE, 410, "Expired"),
        STEP(NEXT, "list resourceVersion=0"), NUMBER(COUNTS, 0),
        STEP(LIST, PAGE("110", "", ITEM("b", "ub", "2"))), STEP(TOLD, "+b@2 synced"),
        STEP(AT, "110"));
}

/* A page that the network lost is asked for again, the others are kept. */
static void test_page_is_lost(void **state)
{
    (void)state;
    RUN(false, NUMBER(NEXT, 0), STEP(LIST, PAGE("100", "t", ITEM("a", "ua", "1"))),
        STEP(NEXT, "list limit=500&continue=t"), NUMBER(REFUSE, 0), STEP(TOLD, "relist:network"),
        STEP(NEXT, "wait 801"), NUMBER(PASS, 801), STEP(NEXT, "list limit=500&continue=t"),
        STEP(LIST, PAGE("100", "", ITEM("b", "ub", "2"))), STEP(TOLD, "+a@1 +b@2 synced"));
}

/* [L1, L11] A list that is refused for its version is asked for without one, at once. */
static void test_list_version_gone(void **state)
{
    (void)state;
    RUN(false, WATCHING, FAILS_FIVE,
        STEP(TOLD, "again:server again:server again:server again:server relist:server"),
        STEP(NEXT, "list resourceVersion=10"),
        { REFUSE, "Timeout", "ResourceVersionTooLarge", 504 }, STEP(NEXT, "list limit=500"),
        FAIL(REFUSE, 410, "Expired"), STEP(TOLD, "relist:expired relist:expired"),
        NUMBER(PASS, 90000), STEP(NEXT, "list limit=500"), STEP(LIST, PAGE("30", "", "")),
        STEP(TOLD, "-a@5 -b@6"), STEP(NEXT, WATCH_FROM("30")), FAILS_FIVE,
        STEP(NEXT, "list resourceVersion=30"));
}

/* [L14] What is no list is a failure. */
static void test_not_a_list(void **state)
{
    (void)state;
    RUN(false, NUMBER(NEXT, 0), STEP(LIST, "{\"kind\":\"Table\",\"rows\":[]}"),
        STEP(TOLD, "relist:server"), STEP(NEXT, "wait 801"), NUMBER(PASS, 801),
        STEP(NEXT, FIRST_LIST), STEP(LIST, "{\"kind\":\"PodList\",\"metadata\":{},\"items\":[]}"),
        STEP(TOLD, "relist:server"), NUMBER(COUNTS, 0));
}

/* [L4, L19] The differences: gone, changed, another of the same name, new, the same. */
static void test_relist_differences(void **state)
{
    (void)state;
    RUN(false, WATCHING, STEP(LINE, EVENT("ADDED", "c", "uc", "11")),
        STEP(LINE, EVENT("ADDED", "d", "ud", "12")), STEP(TOLD, "+c@11 +d@12"),
        STEP(LAST, ERROR_EVENT("410", "Expired", "null")), STEP(TOLD, "relist:expired"),
        NUMBER(PASS, 801), STEP(NEXT, "list limit=500"),
        STEP(LIST, PAGE("20", "",
                        ITEM("a", "ua", "5") "," ITEM("b", "ub", "15") "," ITEM(
                            "c", "uc2", "16") "," ITEM("e", "ue", "17"))),
        STEP(TOLD, "-d@12 ~b@15 -c@11 +c@16 +e@17"), NUMBER(COUNTS, 4), STEP(AT, "20"),
        STEP(NEXT, WATCH_FROM("20")));
}

/* --- the list that streams --- */

/* [L12, L13] */
static void test_stream(void **state)
{
    (void)state;
    RUN(true, { NEXT, STREAM, NULL, 316000 }, NUMBER(OPEN, 0),
        STEP(LINE, EVENT("ADDED", "a", "ua", "5")), STEP(LINE, EVENT("ADDED", "b", "ub", "3")),
        STEP(LINE, BOOKMARK("4")), STEP(TOLD, ""), NUMBER(COUNTS, 0), STEP(AT, ""),
        STEP(LINE, EVENT("MODIFIED", "a", "ua", "6")), STEP(LINE, EVENT("ADDED", "c", "uc", "4")),
        STEP(LINE, EVENT("DELETED", "b", "ub", "7")), STEP(LINE, INITIAL_END("9")),
        STEP(TOLD, "+a@6 +c@4 synced"), STEP(AT, "9"),
        STEP(LINE, EVENT("MODIFIED", "c", "uc", "12")), STEP(ORDER, "~c@12"), STEP(AT, "12"),
        NUMBER(CLOSE, 0), STEP(TOLD, "again:end"), STEP(NEXT, WATCH_FROM("12")));
}

/* [L12] An old server refuses the question: pages, at once and for good. */
static void test_stream_refused(void **state)
{
    (void)state;
    RUN(true, STEP(NEXT, STREAM), FAIL(BREAK, 422, "Invalid"), STEP(NEXT, FIRST_LIST),
        STEP(LIST, PAGE("10", "", "")), STEP(TOLD, "synced"), STEP(NEXT, WATCH_FROM("10")),
        NUMBER(OPEN, 0), FAIL(BREAK, 410, "Gone"), NUMBER(PASS, 801), STEP(NEXT, "list limit=500"));
}

/* [L12] A stream that breaks in the middle leaves no half list; pages come next, streams again
 * later. */
static void test_stream_breaks(void **state)
{
    (void)state;
    RUN(true, STEP(NEXT, STREAM), NUMBER(OPEN, 0), STEP(LINE, EVENT("ADDED", "a", "ua", "5")),
        NUMBER(BREAK, 0), STEP(TOLD, "relist:network"), STEP(NEXT, "wait 801"), NUMBER(PASS, 801),
        STEP(NEXT, FIRST_LIST), STEP(LIST, PAGE("10", "", ITEM("b", "ub", "6"))),
        STEP(TOLD, "+b@6 synced"), STEP(NEXT, WATCH_FROM("10")), NUMBER(OPEN, 0),
        FAIL(BREAK, 410, ""), STEP(TOLD, "relist:expired"), NUMBER(PASS, 2000), STEP(NEXT, STREAM));
}

/* [L15] Nobody there: the same again. */
static void test_stream_not_connected(void **state)
{
    (void)state;
    RUN(true, STEP(NEXT, STREAM), NUMBER(BREAK, 0), STEP(NEXT, "wait 801"), NUMBER(PASS, 801),
        STEP(NEXT, STREAM), FAIL(BREAK, 429, "TooManyRequests"), STEP(NEXT, "wait 1601"),
        NUMBER(PASS, 1601), STEP(NEXT, STREAM));
}

/* A server that does not know the parameters sends all and never says that it did. */
static void test_stream_without_end(void **state)
{
    (void)state;
    RUN(true, STEP(NEXT, STREAM), NUMBER(OPEN, 0), NUMBER(PASS, 20000),
        STEP(LINE, EVENT("ADDED", "a", "ua", "5")), NUMBER(PASS, 20000), NUMBER(SILENT, 0),
        NUMBER(PASS, 10000), NUMBER(SILENT, 1), STEP(NEXT, "wait 801"), NUMBER(PASS, 801),
        STEP(NEXT, FIRST_LIST), NUMBER(COUNTS, 0), STEP(LIST, PAGE("10", "", "")),
        STEP(NEXT, WATCH_FROM("10")), NUMBER(OPEN, 0), NUMBER(PASS, 100000), NUMBER(SILENT, 0));
    RUN(true, STEP(NEXT, STREAM), NUMBER(OPEN, 0), STEP(LINE, EVENT("ADDED", "a", "ua", "5")),
        NUMBER(CLOSE, 0), NUMBER(PASS, 801), STEP(NEXT, FIRST_LIST), NUMBER(COUNTS, 0));
}

/* [L4, L12] Also here the differences come, and the version is the last one seen, unless lost. */
static void test_stream_again(void **state)
{
    (void)state;
    RUN(true, STEP(NEXT, STREAM), NUMBER(OPEN, 0), STEP(LINE, EVENT("ADDED", "a", "ua", "5")),
        STEP(LINE, EVENT("ADDED", "b", "ub", "6")), STEP(LINE, INITIAL_END("10")),
        STEP(TOLD, "+a@5 +b@6 synced"), STEP(LAST, ERROR_EVENT("410", "Gone", "{}")),
        NUMBER(PASS, 801), STEP(NEXT, STREAM), NUMBER(OPEN, 0),
        STEP(LINE, EVENT("ADDED", "b", "ub", "6")), STEP(LINE, EVENT("ADDED", "c", "uc", "11")),
        STEP(TOLD, "relist:expired"), NUMBER(COUNTS, 2), STEP(LINE, INITIAL_END("12")),
        STEP(TOLD, "-a@5 +c@11"), STEP(AT, "12"));
}

/* [L11] A stream from a version that is too new for a lagging server. */
static void test_stream_too_new(void **state)
{
    (void)state;
    RUN(true, STEP(NEXT, STREAM), NUMBER(OPEN, 0), STEP(LINE, INITIAL_END("10")),
        STEP(LAST, ERROR_EVENT("500", "InternalError", "{}")), NUMBER(PASS, 60000), NUMBER(NEXT, 0),
        FAIL(BREAK, 503, ""), NUMBER(PASS, 60000), NUMBER(NEXT, 0), FAIL(BREAK, 503, ""),
        NUMBER(PASS, 60000), NUMBER(NEXT, 0), FAIL(BREAK, 503, ""), NUMBER(PASS, 60000),
        NUMBER(NEXT, 0), FAIL(BREAK, 503, ""), NUMBER(PASS, 60000), STEP(NEXT, STREAM_FROM("10")),
        { BREAK, "Timeout", "ResourceVersionTooLarge", 504 }, NUMBER(PASS, 60000),
        STEP(NEXT, STREAM));
}

/* --- watches --- */

/* [L7] */
static void test_end_is_normal(void **state)
{
    (void)state;
    RUN(false, WATCHING, STEP(LINE, EVENT("MODIFIED", "a", "ua", "12")), NUMBER(PASS, 300000),
        NUMBER(CLOSE, 0), STEP(ORDER, "~a@12 again:end"), STEP(NEXT, WATCH_FROM("12")));
}

/* [L6] */
static void test_timeouts_are_random(void **state)
{
    (void)state;
    RUN(false, WATCHING, NUMBER(PASS, 2000), NUMBER(CHANCE, 99), NUMBER(CLOSE, 0),
        { NEXT, "watch watch=true&allowWatchBookmarks=true&timeoutSeconds=597&resourceVersion=10",
          NULL, 627850 },
        NUMBER(PASS, 2000), NUMBER(CHANCE, 50), NUMBER(CLOSE, 0),
        { NEXT, "watch watch=true&allowWatchBookmarks=true&timeoutSeconds=450&resourceVersion=10",
          NULL, 473500 });
}

/* [L8] */
static void test_bookmarks(void **state)
{
    (void)state;
    RUN(false, WATCHING, STEP(LINE, BOOKMARK("50")), STEP(TOLD, ""), STEP(AT, "50"),
        NUMBER(COUNTS, 2), NUMBER(PASS, 100), NUMBER(CLOSE, 0), STEP(TOLD, "again:end"),
        STEP(NEXT, WATCH_FROM("50")));
}

/* [L9] */
static void test_errors_in_the_stream(void **state)
{
    (void)state;
    RUN(false, WATCHING, STEP(LAST, ERROR_EVENT("410", "Expired", "{}")),
        STEP(TOLD, "relist:expired"), NUMBER(PASS, 801), STEP(NEXT, "list limit=500"));
    RUN(false, WATCHING, STEP(LAST, ERROR_EVENT("500", "Gone", "{}")),
        STEP(TOLD, "relist:expired"));
    RUN(false, WATCHING,
        STEP(LAST, ERROR_EVENT("429", "TooManyRequests", "{\"retryAfterSeconds\":7}")),
        STEP(TOLD, "again:server"), STEP(NEXT, "wait 7001"), NUMBER(PASS, 7001),
        STEP(NEXT, WATCH_FROM("10")));
    RUN(false, WATCHING, STEP(LAST, ERROR_EVENT("500", "InternalError", "{}")),
        STEP(TOLD, "again:server"), STEP(NEXT, "wait 801"), NUMBER(PASS, 801),
        STEP(NEXT, WATCH_FROM("10")));
    RUN(false, WATCHING,
        STEP(LAST, ERROR_EVENT("504", "Timeout",
                               "{\"causes\":[{\"reason\":\"ResourceVersionTooLarge\"}]}")),
        STEP(TOLD, "relist:expired"), NUMBER(PASS, 801), STEP(NEXT, "list limit=500"));
}

/* [L10] */
static void test_gone_on_request(void **state)
{
    (void)state;
    RUN(false, WATCHING, FAIL(BREAK, 410, "Expired"), STEP(TOLD, "relist:expired"),
        NUMBER(PASS, 801), STEP(NEXT, "list limit=500"));
}

/* [L15] However often nobody is there, there is no list. */
static void test_no_relist_while_away(void **state)
{
    (void)state;
    RUN(false, WATCHING, NUMBER(BREAK, 0), NUMBER(PASS, 60000), STEP(NEXT, WATCH_FROM("10")),
        NUMBER(BREAK, 0), NUMBER(PASS, 60000), STEP(NEXT, WATCH_FROM("10")), NUMBER(BREAK, 0),
        NUMBER(PASS, 60000), STEP(NEXT, WATCH_FROM("10")), NUMBER(BREAK, 0), NUMBER(PASS, 60000),
        STEP(NEXT, WATCH_FROM("10")), NUMBER(BREAK, 0), NUMBER(PASS, 60000),
        STEP(NEXT, WATCH_FROM("10")), FAIL(BREAK, 429, ""), NUMBER(PASS, 60000),
        STEP(NEXT, WATCH_FROM("10")), NUMBER(BREAK, 200), NUMBER(PASS, 60000),
        STEP(NEXT, WATCH_FROM("10")),
        STEP(TOLD, "again:network again:network again:network again:network again:network "
                   "again:network again:server"));
}

/* [L14] 0.8 s, doubled, at most 30 s; jitter up to as much again; anew after 2 min of health. */
static void test_backoff(void **state)
{
    (void)state;
    RUN(false, WATCHING, NUMBER(BREAK, 0), STEP(NEXT, "wait 801"), NUMBER(PASS, 801),
        NUMBER(NEXT, 0), NUMBER(BREAK, 0), STEP(NEXT, "wait 1601"), NUMBER(PASS, 1601),
        NUMBER(NEXT, 0), NUMBER(BREAK, 0), STEP(NEXT, "wait 3201"), NUMBER(PASS, 3201),
        NUMBER(NEXT, 0), NUMBER(BREAK, 0), STEP(NEXT, "wait 6401"), NUMBER(PASS, 6401),
        NUMBER(NEXT, 0), NUMBER(BREAK, 0), STEP(NEXT, "wait 12801"), NUMBER(PASS, 12801),
        NUMBER(NEXT, 0), NUMBER(BREAK, 0), STEP(NEXT, "wait 25601"), NUMBER(PASS, 25601),
        NUMBER(NEXT, 0), NUMBER(BREAK, 0), STEP(NEXT, "wait 30001"), NUMBER(PASS, 30001),
        NUMBER(NEXT, 0), NUMBER(CHANCE, 50), NUMBER(BREAK, 0), STEP(NEXT, "wait 45001"),
        NUMBER(PASS, 45001), NUMBER(CHANCE, 0), NUMBER(NEXT, 0), NUMBER(OPEN, 0),
        NUMBER(PASS, 119000), NUMBER(BREAK, 0), STEP(NEXT, "wait 30001"), NUMBER(PASS, 30001),
        NUMBER(NEXT, 0), NUMBER(OPEN, 0), NUMBER(PASS, 121000), NUMBER(BREAK, 0),
        STEP(NEXT, "wait 801"));
}

/* [L16] */
static void test_short_watch(void **state)
{
    (void)state;
    RUN(false, WATCHING, NUMBER(PASS, 900), NUMBER(CLOSE, 0), STEP(TOLD, "again:short"),
        STEP(NEXT, "wait 801"), NUMBER(PASS, 801), STEP(NEXT, WATCH_FROM("10")), NUMBER(OPEN, 0),
        STEP(LINE, EVENT("MODIFIED", "a", "ua", "12")), NUMBER(CLOSE, 0),
        STEP(TOLD, "~a@12 again:end"), STEP(NEXT, WATCH_FROM("12")), NUMBER(OPEN, 0),
        NUMBER(PASS, 1001), NUMBER(CLOSE, 0), STEP(TOLD, "again:end"));
}

/* [L17] */
static void test_strangers_are_ignored(void **state)
{
    (void)state;
    RUN(false, WATCHING,
        STEP(LINE, "{\"type\":\"ADDED\",\"object\":{\"kind\":\"Table\",\"apiVersion\":"
                   "\"meta.k8s.io/v1\",\"metadata\":{\"resourceVersion\":\"99\"}}}"),
        STEP(LINE, "{\"type\":\"ADDED\",\"object\":{\"kind\":\"Pod\",\"apiVersion\":\"v2\"," META(
                       "x", "ux", "99") "}}"),
        STEP(LINE, EVENT("RENAMED", "a", "ua", "99")),
        STEP(LINE, "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Node\",\"apiVersion\":\"v1\","
                   "\"metadata\":{\"resourceVersion\":\"99\"}}}"),
        STEP(LINE, "{\"object\":" POD("a", "ua", "99") "}"), STEP(TOLD, ""), STEP(AT, "10"),
        NUMBER(COUNTS, 2), STEP(LINE, EVENT("MODIFIED", "a", "ua", "11")), STEP(TOLD, "~a@11"));
}

/* What is no event ends the stream; a line that comes again each time ends in a list. */
static void test_broken_lines(void **state)
{
    (void)state;
    RUN(false, WATCHING, STEP(LAST, "{\"type\":"), STEP(TOLD, "again:server"), NUMBER(PASS, 60000),
        STEP(NEXT, WATCH_FROM("10")), STEP(LAST, "[]"), NUMBER(PASS, 60000), NUMBER(NEXT, 0),
        STEP(LAST, ""), NUMBER(PASS, 60000), NUMBER(NEXT, 0), STEP(LAST, "{\"type\":\"ADDED\"}"),
        NUMBER(PASS, 60000), NUMBER(NEXT, 0), STEP(LAST, "x"), NUMBER(PASS, 60000),
        STEP(NEXT, "list resourceVersion=10"));
}

/* [L18] */
static void test_old_news(void **state)
{
    (void)state;
    RUN(false, WATCHING, STEP(LINE, EVENT("MODIFIED", "a", "ua", "90")),
        STEP(LINE, EVENT("MODIFIED", "a", "ua", "100")), STEP(TOLD, "~a@90 ~a@100"),
        STEP(LINE, EVENT("MODIFIED", "a", "ua", "99")),
        STEP(LINE, EVENT("MODIFIED", "a", "ua", "100")),
        STEP(LINE, EVENT("DELETED", "a", "ua", "99")), STEP(TOLD, ""), NUMBER(COUNTS, 2),
        STEP(LINE, EVENT("DELETED", "a", "ua", "101")), STEP(ORDER, "-a@101"));
    /* Versions that are no numbers are only equal or not. */
    RUN(false, WATCHING, STEP(LINE, EVENT("MODIFIED", "a", "ua", "x9")),
        STEP(LINE, EVENT("MODIFIED", "a", "ua", "x8")),
        STEP(LINE, EVENT("MODIFIED", "a", "ua", "x8")), STEP(ORDER, "~a@x9 ~a@x8"));
}

/* [L19] */
static void test_successor(void **state)
{
    (void)state;
    RUN(false, WATCHING, STEP(LINE, EVENT("ADDED", "a", "ua2", "12")), STEP(ORDER, "-a@5 +a@12"),
        STEP(LINE, EVENT("DELETED", "a", "ua", "11")), STEP(TOLD, ""), NUMBER(COUNTS, 2),
        STEP(LINE, EVENT("DELETED", "a", "ua3", "15")), STEP(ORDER, "-a@12"), NUMBER(COUNTS, 1));
}

static void test_unknown_objects(void **state)
{
    (void)state;
    RUN(false, WATCHING, STEP(LINE, EVENT("MODIFIED", "z", "uz", "12")),
        STEP(LINE, EVENT("DELETED", "y", "uy", "13")), STEP(ORDER, "+z@12"), STEP(AT, "13"),
        STEP(LINE, EVENT("ADDED", "", "u", "14")), STEP(LINE, EVENT("ADDED", "q", "", "15")),
        STEP(TOLD, ""), NUMBER(COUNTS, 3));
}

/* --- our own writes --- */

static void test_put(void **state)
{
    (void)state;
    /* Newer than the cache: taken; what the watch says of the same is no news. */
    RUN(false, WATCHING, STEP(PUT, POD("a", "ua", "12")), STEP(PUT, POD("c", "uc", "13")),
        STEP(ORDER, "~a@12 +c@13"), STEP(AT, "10"), STEP(LINE, EVENT("MODIFIED", "a", "ua", "11")),
        STEP(LINE, EVENT("MODIFIED", "a", "ua", "12")), STEP(LINE, EVENT("ADDED", "c", "uc", "13")),
        STEP(TOLD, ""), STEP(AT, "13"), STEP(PUT, POD("a", "ua", "8")), STEP(TOLD, ""));
    /* A Status is no pod. */
    RUN(false, WATCHING, STEP(PUT, "{\"kind\":\"Status\",\"metadata\":{}}"), STEP(PUT, "{}"),
        STEP(TOLD, ""), NUMBER(COUNTS, 2));
}

/* What is deleted stays deleted, however late the answer. */
static void test_put_does_not_raise_the_dead(void **state)
{
    (void)state;
    RUN(false, WATCHING, STEP(LINE, EVENT("DELETED", "a", "ua", "20")), STEP(TOLD, "-a@20"),
        STEP(PUT, POD("a", "ua", "19")), STEP(TOLD, ""), NUMBER(COUNTS, 1));
    /* Also where versions cannot be compared. */
    RUN(false, WATCHING, STEP(LINE, EVENT("DELETED", "a", "ua", "x20")), STEP(TOLD, "-a@x20"),
        STEP(PUT, POD("a", "ua", "x19")), STEP(TOLD, ""), NUMBER(COUNTS, 1));
    /* Made and deleted between two lists: older than the cache, and not in it. */
    RUN(false, WATCHING, STEP(LINE, BOOKMARK("30")), STEP(PUT, POD("c", "uc", "29")),
        STEP(PUT, POD("c", "uc", "30")), STEP(TOLD, ""), STEP(PUT, POD("c", "uc", "31")),
        STEP(TOLD, "+c@31"));
    /* Deleted, as a list said by its silence. */
    RUN(false, WATCHING, FAIL(BREAK, 410, ""), NUMBER(PASS, 801), NUMBER(NEXT, 0),
        STEP(LIST, PAGE("x30", "", ITEM("b", "ub", "6"))), STEP(TOLD, "relist:expired -a@5"),
        STEP(PUT, POD("a", "ua", "x19")), STEP(TOLD, ""), NUMBER(COUNTS, 1));
    /* A successor is another. */
    RUN(false, WATCHING, STEP(LINE, EVENT("DELETED", "a", "ua", "20")),
        STEP(PUT, POD("a", "ua2", "21")), STEP(ORDER, "-a@20 +a@21"),
        STEP(PUT, POD("a", "ua", "22")), STEP(TOLD, ""));
    /* It left the selector and came back: it lives. */
    RUN(false, WATCHING, STEP(LINE, EVENT("DELETED", "a", "ua", "20")),
        STEP(LINE, EVENT("ADDED", "a", "ua", "21")), STEP(PUT, POD("a", "ua", "22")),
        STEP(ORDER, "-a@20 +a@21 ~a@22"));
}

/* A list that is older than our write takes nothing back: its watch will tell. */
/* An answer that told of an end: at once, of this object only, and for good. */
static void test_gone(void **state)
{
    (void)state;
    RUN(false, WATCHING, ENDED("a", "ua"), STEP(TOLD, "-a@5"), NUMBER(COUNTS, 1),
        STEP(PUT, POD("a", "ua", "30")), STEP(LINE, EVENT("DELETED", "a", "ua", "31")),
        STEP(TOLD, ""), ENDED("b", "other"), ENDED("nobody", "un"), STEP(TOLD, ""),
        NUMBER(COUNTS, 1));
}

static void test_put_while_listing(void **state)
{
    (void)state;
    RUN(false, STEP(PUT, POD("c", "uc", "13")), STEP(TOLD, "+c@13"), NUMBER(NEXT, 0),
        STEP(PUT, POD("a", "ua", "12")), STEP(LIST, PAGE("10", "", ITEM("a", "ua", "5"))),
        STEP(TOLD, "+a@12 synced"), NUMBER(COUNTS, 2), STEP(NEXT, WATCH_FROM("10")),
        STEP(LINE, EVENT("DELETED", "c", "uc", "14")), STEP(TOLD, "-c@14"));
}

/* A restored backup: versions begin anew, below ours; the newest list is right all the same. */
static void test_versions_begin_anew(void **state)
{
    (void)state;
    RUN(false, WATCHING, STEP(LINE, EVENT("MODIFIED", "a", "ua", "500")), STEP(TOLD, "~a@500"),
        { BREAK, "Timeout", "ResourceVersionTooLarge", 504 }, NUMBER(PASS, 801),
        STEP(NEXT, "list limit=500"), STEP(LIST, PAGE("9", "", ITEM("b", "ub", "4"))),
        STEP(TOLD, "relist:expired -a@500 ~b@4"), STEP(AT, "9"), STEP(NEXT, WATCH_FROM("9")),
        STEP(LINE, EVENT("MODIFIED", "b", "ub", "10")), STEP(TOLD, "~b@10"));
}

/* --- what is kept --- */

static void keep_little(void *ctx, cJSON *object)
{
    (void)ctx;
    cJSON_DeleteItemFromObjectCaseSensitive(object, "metadata");
    json_add_str(object, "kept", "yes");
}

/* keep() may take away even what says which object it is. */
static void test_keep(void **state)
{
    struct kube_reflector_opts user = { .resource = { "stereojob.io", "v1", "stereojobs",
                                                      "StereoJob" },
                                        .selector = "a=b,c in (d)",
                                        .no_streaming_list = true,
                                        .keep = keep_little };
    const struct core_opts opts = { .user = &user };
    const struct kube_status good = { .code = 200 };
    AUTO(core) struct core *core = core_new(&opts);
    AUTO(cJSON) cJSON *doc = NULL;
    AUTO_FREE char *text = NULL;
    struct core_todo todo;
    struct err err;
    static const char list[] =
        "{\"kind\":\"StereoJobList\",\"metadata\":{\"resourceVersion\":\"3\"},"
        "\"items\":[" ITEM("a", "ua", "1") "]}";
    static const char line[] = "{\"type\":\"MODIFIED\",\"object\":{\"kind\":\"StereoJob\","
                               "\"apiVersion\":\"stereojob.io/v1\"," META("a", "ua", "4") "}}";

    (void)state;
    core_next(core, 0, &todo);
    CHECK_STR("selector", todo.query,
              "labelSelector=a%3Db%2Cc%20in%20%28d%29&limit=500&resourceVersion=0");
    CHECK_OK(json_parse(&doc, list, strlen(list), &err), err);
    core_listed(core, 0, &good, doc);
    core_next(core, 0, &todo);
    assert_true(core_line(core, 0, line, strlen(line)));
    assert_int_equal(store_count(core_store(core)), 1);
    text = json_print(store_lend(core_store(core), "n/a"));
    CHECK_STR("kept", text,
              "{\"kind\":\"StereoJob\",\"apiVersion\":\"stereojob.io/v1\",\"kept\":\"yes\"}");
    CHECK_STR("kept", store_entry_version(store_find(core_store(core), "n/a")), "4");
}

/* What is lent outlives its entry until the turn ends. */
static void test_lending(void **state)
{
    AUTO(store) struct store *store = store_new();
    AUTO(cJSON) cJSON *one = cJSON_CreateObject(), *two = cJSON_CreateObject();
    const cJSON *lent, *later;

    (void)state;
    json_add_str(one, "n", "one");
    json_add_str(two, "n", "two");
    store_put(store, "a/b", "u", "1", one);
    lent = store_lend(store, "a/b");
    assert_ptr_equal(lent, store_lend(store, "a/b"));
    store_put(store, "a/b", "u", "2", two);
    later = store_lend(store, "a/b");
    CHECK_STR("lent", cJSON_GetObjectItem(lent, "n")->valuestring, "one");
    CHECK_STR("lent", cJSON_GetObjectItem(later, "n")->valuestring, "two");
    assert_true(store_remove(store, "a/b"));
    CHECK_STR("lent", cJSON_GetObjectItem(later, "n")->valuestring, "two");
    assert_null(store_lend(store, "a/b"));
    assert_true(store_has_lent(store));
    store_lent_free(store);
    assert_false(store_has_lent(store));
}

/* Many, in several turns, with changes in between. */
static void test_lending_many(void **state)
{
    enum { OBJECTS = 1000, TURN = 777 };
    AUTO(store) struct store *store = store_new();
    const cJSON *lent[TURN];
    char want[TURN][24];

    (void)state;
    for (int i = 0; i < 10 * TURN; i++) {
        AUTO(cJSON) cJSON *object = cJSON_CreateObject();
        AUTO_FREE char *key = xasprintf("a/%d", i * 7 % OBJECTS);
        int at = i % TURN;

        json_add_i64(object, "n", i);
        store_put(store, key, "u", "1", object);
        lent[at] = store_lend(store, key);
        assert_ptr_equal(lent[at], store_lend(store, key));
        (void)snprintf(want[at], sizeof(want[at]), "{\"n\":%d}", i);
        if (at < TURN - 1)
            continue;
        for (int j = 0; j < TURN; j++) {
            AUTO_FREE char *got = json_print(lent[j]);

            CHECK_STR(key, got, want[j]);
        }
        store_lent_free(store);
    }
}

/* --- memory --- */

static size_t heap_bytes(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return __sanitizer_get_current_allocated_bytes();
#else
    return mallinfo2().uordblks;
#endif
}

static char *slim_pod(int i)
{
    return xasprintf(
        "{\"type\":\"ADDED\",\"object\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{"
        "\"name\":\"a-film-of-some-length-convert-%05d-0\",\"namespace\":\"films\",\"uid\":"
        "\"6f1c1f5e-0000-4000-8000-0000000%05d\",\"resourceVersion\":\"123%05d\","
        "\"creationTimestamp\":\"2026-11-22T10:00:00Z\",\"labels\":{\"app.kubernetes.io/name\":"
        "\"stereojob\",\"stereojob.io/job\":\"a-film-of-some-length\",\"stereojob.io/stage\":"
        "\"convert\",\"stereojob.io/segment\":\"%05d\",\"stereojob.io/attempt\":\"0\"},"
        "\"ownerReferences\":[{\"apiVersion\":\"stereojob.io/v1\",\"kind\":\"StereoJob\",\"name\":"
        "\"a-film-of-some-length\",\"uid\":\"6f1c1f5e-0000-4000-8000-00000000abcd\","
        "\"controller\":true}],\"finalizers\":[\"stereojob.io/tracking\"]},\"spec\":{\"nodeName\":"
        "\"gpu-node-17.example.internal\"},\"status\":{\"phase\":\"Running\",\"startTime\":"
        "\"2026-11-22T10:00:05Z\",\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"True\"}],"
        "\"containerStatuses\":[{\"name\":\"worker\",\"restartCount\":0,\"state\":{\"running\":{"
        "\"startedAt\":\"2026-11-22T10:00:07Z\"}}}]}}}",
        i, i, i, i);
}

/* 10,000 pods of 1 KB in 64 MiB for the whole operator leave room for no more than this. */
static void test_memory(void **state)
{
    enum { PODS = 10000, BYTES_MAX = 1500 };
    struct world *world = xcalloc(1, sizeof(*world));
    size_t before, each;

    (void)state;
    world_open(world, true);
    world->user.changed = NULL;
    core_free(world->core);
    world->core = core_new(&(struct core_opts){ .user = &world->user });
    before = heap_bytes();
    check_next("memory", world, &(struct step){ NEXT, NULL, NULL, 0 });
    for (int i = 0; i < PODS; i++) {
        AUTO_FREE char *line = slim_pod(i);

        assert_true(core_line(world->core, 1, line, strlen(line)));
    }
    assert_true(
        core_line(world->core, 1, INITIAL_END("99999999"), strlen(INITIAL_END("99999999"))));
    assert_int_equal(store_count(core_store(world->core)), PODS);
    each = (heap_bytes() - before) / PODS;
    {
        AUTO_FREE char *line = slim_pod(1);

        print_message("a pod of %zu bytes of JSON takes %zu bytes; %d take %.1f MiB\n",
                      strlen(line), each, PODS, (double)each * PODS / 1048576);
    }
    assert_true(each < BYTES_MAX);
    for (int i = 0; i < PODS; i++) {
        AUTO_FREE char *key = xasprintf("films/a-film-of-some-length-convert-%05d-0", i);

        assert_non_null(store_lend(core_store(world->core), key));
    }
    print_message("%.1f MiB while all are looked at in one turn\n",
                  (double)(heap_bytes() - before) / 1048576);
    store_lent_free(core_store(world->core));
    assert_true((heap_bytes() - before) / PODS < BYTES_MAX);
    core_free(world->core);
    free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_list),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_page_expires),
        cmocka_unit_test(test_page_is_lost),
        cmocka_unit_test(test_list_version_gone),
        cmocka_unit_test(test_not_a_list),
        cmocka_unit_test(test_relist_differences),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_stream_refused),
        cmocka_unit_test(test_stream_breaks),
        cmocka_unit_test(test_stream_not_connected),
        cmocka_unit_test(test_stream_without_end),
        cmocka_unit_test(test_stream_again),
        cmocka_unit_test(test_stream_too_new),
        cmocka_unit_test(test_end_is_normal),
        cmocka_unit_test(test_timeouts_are_random),
        cmocka_unit_test(test_bookmarks),
        cmocka_unit_test(test_errors_in_the_stream),
        cmocka_unit_test(test_gone_on_request),
        cmocka_unit_test(test_no_relist_while_away),
        cmocka_unit_test(test_backoff),
        cmocka_unit_test(test_short_watch),
        cmocka_unit_test(test_strangers_are_ignored),
        cmocka_unit_test(test_broken_lines),
        cmocka_unit_test(test_old_news),
        cmocka_unit_test(test_successor),
        cmocka_unit_test(test_unknown_objects),
        cmocka_unit_test(test_put),
        cmocka_unit_test(test_put_does_not_raise_the_dead),
        cmocka_unit_test(test_gone),
        cmocka_unit_test(test_put_while_listing),
        cmocka_unit_test(test_versions_begin_anew),
        cmocka_unit_test(test_keep),
        cmocka_unit_test(test_lending),
        cmocka_unit_test(test_lending_many),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
