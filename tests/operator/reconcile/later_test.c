/* SPDX-License-Identifier: Apache-2.0
 *
 * reconcile on a cluster that answers later: order, how many acts are under way, and what a refusal
 * holds up. What the cluster was asked is a text, one word an act.
 */
#include "tests/common/check.h"

#include "common/buf.h"
#include "common/contract/fields.h"
#include "common/mem.h"
#include "operator/reconcile/reconcile.h"

#include <stdio.h>
#include <string.h>

enum { ASKED_MAX = 64, SEGMENTS = 20 };
#define UID "7c2f0b1e-5a64-4c2d-9a77-1f0f3c0d9e11"

struct later {
    struct cluster base; /* first */
    cJSON *job, *pods;
    char image[64];   /* of the pod created last */
    char asked[1000]; /* "status create create" since it was last looked at */
    struct cluster_reply waiting[ASKED_MAX];
    size_t count;
};

static struct later *of(struct cluster *cluster)
{
    return (struct later *)cluster;
}

static void ask(struct cluster *cluster, const char *what, struct cluster_reply reply)
{
    struct later *later = of(cluster);
    size_t len = strlen(later->asked);

    (void)snprintf(later->asked + len, sizeof(later->asked) - len, "%s%s", len ? " " : "", what);
    assert_true(later->count < ASKED_MAX);
    later->waiting[later->count++] = reply;
}

static const cJSON *op_job(struct cluster *cluster)
{
    return of(cluster)->job;
}

static const cJSON *op_pods(struct cluster *cluster)
{
    return of(cluster)->pods;
}

static void op_create(struct cluster *cluster, const cJSON *pod, struct cluster_reply reply)
{
    assert_true(cJSON_IsString(json_path(pod, "metadata.name")));
    (void)snprintf(of(cluster)->image, sizeof(of(cluster)->image), "%s",
                   json_path(pod, "spec.containers[0].image")->valuestring);
    ask(cluster, "create", reply);
}

static void op_annotate(struct cluster *cluster, const char *name, const char *key,
                        const char *value, struct cluster_reply reply)
{
    (void)name;
    (void)key;
    (void)value;
    ask(cluster, "annotate", reply);
}

static void op_delete(struct cluster *cluster, const char *name, struct cluster_reply reply)
{
    (void)name;
    ask(cluster, "delete", reply);
}

static void op_delete_succeeded(struct cluster *cluster, const uint32_t *indexes, size_t count,
                                struct cluster_reply reply)
{
    char what[64] = "together";

    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(what);

        (void)snprintf(what + len, sizeof(what) - len, ":%u", indexes[i]);
    }
    ask(cluster, what, reply);
}

static void op_release(struct cluster *cluster, const char *name, struct cluster_reply reply)
{
    (void)name;
    ask(cluster, "release", reply);
}

static void op_status(struct cluster *cluster, const cJSON *status, struct cluster_reply reply)
{
    struct later *later = of(cluster);

    json_path_set(later->job, "status", cJSON_Duplicate(status, true));
    ask(cluster, "status", reply);
}

static const struct cluster_ops ops = { .job = op_job,
                                        .pods = op_pods,
                                        .create_pod = op_create,
                                        .annotate_pod = op_annotate,
                                        .delete_pod = op_delete,
                                        .delete_succeeded = op_delete_succeeded,
                                        .release_pod = op_release,
                                        .write_status = op_status };

static const char job_text[] =
    "{\"apiVersion\":\"stereojob.io/v1\",\"kind\":\"StereoJob\",\"metadata\":{\"name\":\"film\","
    "\"namespace\":\"a\",\"uid\":\"" UID "\"},\"spec\":{\"source\":{\"uri\":\"s3://b/i.mp4\"},"
    "\"output\":{\"uri\":\"s3://b/o.mp4\"},\"parallelism\":7}}";

struct turn {
    struct later later;
    struct reconcile_opts opts;
    int ends, rc;
    enum err_code code;
    enum phase phase;
};

/* A job whose plan is known: everything is to be converted. */
static void turn_init(struct turn *turn)
{
    struct job_status status = { .phase = PHASE_CONVERTING, .start_ms = 1, .epoch_start_ms = 1 };
    struct err err;

    *turn = (struct turn){ .later.base.ops = &ops };
    CHECK_OK(json_parse(&turn->later.job, job_text, strlen(job_text), &err), err);
    fields_default(turn->later.job);
    turn->later.pods = cJSON_CreateArray();
    status.planned = true;
    (void)snprintf(status.plan.uid, sizeof(status.plan.uid), "%s", UID);
    status.plan.segments = SEGMENTS;
    status.plan.frames = SEGMENTS;
    status.completed = xcalloc(SEGMENTS, 1);
    status.failed = xcalloc(SEGMENTS, 1);
    json_path_set(turn->later.job, "status", status_to_json(&status));
    job_status_clear(&status);
    turn->opts = (struct reconcile_opts){
        .cluster = &turn->later.base,
        .tracking_wanted = true,
        .token_hex = "00",
        .pods = { .image = "worker", .work_uri = "s3://b/w/", .build = "", .secret = "t" },
    };
}

static void turn_clear(struct turn *turn)
{
    cJSON_Delete(turn->later.job);
    cJSON_Delete(turn->later.pods);
}

static void ended(void *ctx, int rc, const struct reconcile_result *result, const struct err *err)
{
    struct turn *turn = ctx;

    turn->ends++;
    turn->rc = rc;
    turn->code = rc < 0 ? err->code : ERR_NONE;
    if (rc == 0)
        turn->phase = result->status->phase;
}

static void start(struct turn *turn)
{
    turn->ends = 0;
    reconcile_start(&turn->opts, 1000000, (struct reconcile_end){ ended, turn });
}

/* Answers everything asked so far; code ERR_NONE is a yes. Leaves what that made be asked. */
static void reply_all(struct turn *turn, enum err_code code)
{
    struct cluster_reply waiting[ASKED_MAX];
    size_t count = turn->later.count;
    struct err err;

    memcpy(waiting, turn->later.waiting, sizeof(waiting));
    turn->later.count = 0;
    turn->later.asked[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (code == ERR_NONE)
            waiting[i].call(waiting[i].ctx, 0, NULL);
        else
            waiting[i].call(waiting[i].ctx, err_set(&err, code, "no"), &err);
    }
}

static uint32_t creates(const struct turn *turn)
{
    uint32_t count = 0;

    for (const char *at = turn->later.asked; (at = strstr(at, "create")); at++)
        count++;
    return count;
}

static void the_status_is_written_first_and_creates_start_slowly(void **state)
{
    static const uint32_t waves[] = { 1, 2, 4 }; /* seven at a time */
    struct turn turn;

    (void)state;
    turn_init(&turn);
    start(&turn);
    CHECK_STR("first", turn.later.asked, "status"); /* Degraded: nothing is tracked */
    reply_all(&turn, ERR_NONE);
    for (size_t i = 0; i < COUNT(waves); i++) {
        CHECK_INT("wave", creates(&turn), waves[i]);
        assert_int_equal(turn.ends, 0);
        reply_all(&turn, ERR_NONE);
    }
    assert_int_equal(turn.ends, 1);
    assert_int_equal(turn.rc, 0);
    assert_int_equal(turn.phase, PHASE_CONVERTING);
    assert_int_equal(turn.later.count, 0);
    turn_clear(&turn);
}

static void a_status_that_was_not_written_stops_everything(void **state)
{
    struct turn turn;

    (void)state;
    turn_init(&turn);
    start(&turn);
    reply_all(&turn, ERR_CONFLICT);
    assert_int_equal(turn.ends, 1);
    assert_int_equal(turn.rc, -1);
    assert_int_equal(turn.code, ERR_CONFLICT);
    assert_int_equal(turn.later.count, 0);
    turn_clear(&turn);
}

static void one_refused_create_is_the_last(void **state)
{
    static const struct row {
        enum err_code code;
        int rc;
    } rows[] = { { ERR_CONFIG, -1 }, { ERR_DEPENDENCY, -1 }, { ERR_CONFLICT, 0 } };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint32_t asked = 0;
        struct turn turn;

        turn_init(&turn);
        start(&turn);
        reply_all(&turn, ERR_NONE);
        while (!turn.ends) {
            asked += creates(&turn);
            reply_all(&turn, rows[i].code);
        }
        CHECK_INT("creates", asked,
                  rows[i].rc < 0 ? 1 : 7); /* a name that exists refuses nothing */
        CHECK_INT("rc", turn.rc, rows[i].rc);
        turn_clear(&turn);
    }
}

/* A pod of segment `index`, done or running. */
static void pod_add(struct turn *turn, uint32_t index, const char *phase)
{
    struct pods_context context = turn->opts.pods;
    const struct action action = { .kind = ACTION_CREATE, .id = { STAGE_CONVERT, index, 0, 0 } };
    cJSON *pod;

    context.job = turn->later.job;
    pod = pods_manifest(&context, &action);
    json_path_set(pod, "status.phase", cJSON_CreateString(phase));
    json_path_set(pod, "metadata.creationTimestamp", cJSON_CreateString("1970-01-01T00:10:00Z"));
    cJSON_AddItemToArray(turn->later.pods, pod);
}

static void a_cancelled_job_releases_then_deletes(void **state)
{
    struct turn turn;

    (void)state;
    turn_init(&turn);
    pod_add(&turn, 0, "Failed");
    pod_add(&turn, 1, "Running");
    pod_add(&turn, 2, "Running");
    json_path_set(turn.later.job, "spec.cancel", cJSON_CreateTrue());
    start(&turn);
    CHECK_STR("first", turn.later.asked, "status");
    reply_all(&turn, ERR_NONE);
    CHECK_STR("then", turn.later.asked, "release");
    reply_all(&turn, ERR_NOT_FOUND); /* gone is fine */
    CHECK_STR("then", turn.later.asked, "delete delete");
    reply_all(&turn, ERR_NONE);
    assert_int_equal(turn.ends, 1);
    assert_int_equal(turn.rc, 0);
    assert_int_equal(turn.phase, PHASE_CANCELLED);
    turn_clear(&turn);
}

/* Cancelled, with `done` pods that have Succeeded, of which `kept` stay, and one that runs: up to
 * where pods are deleted. */
static void turn_cancelled(struct turn *turn, uint32_t done, uint32_t kept)
{
    turn_init(turn);
    for (uint32_t i = 0; i < done; i++)
        pod_add(turn, i, "Succeeded"); /* without a record: for people to look at */
    pod_add(turn, 9, "Running");
    json_path_set(turn->later.job, "spec.podRetention", cJSON_CreateNumber(kept));
    json_path_set(turn->later.job, "spec.cancel", cJSON_CreateTrue());
    start(turn);
    reply_all(turn, ERR_NONE);
    CHECK_INT("released", turn->later.count, done);
    reply_all(turn, ERR_NONE);
}

static void what_has_succeeded_is_deleted_at_once(void **state)
{
    struct turn turn;

    (void)state;
    turn_cancelled(&turn, 5, 0);
    CHECK_STR("together, and nothing beside it", turn.later.asked, "together:0:1:2:3:4");
    reply_all(&turn, ERR_NONE);
    CHECK_STR("then the other", turn.later.asked, "delete");
    reply_all(&turn, ERR_NONE);
    assert_int_equal(turn.ends, 1);
    assert_int_equal(turn.rc, 0);
    turn_clear(&turn);

    turn_cancelled(&turn, 5, 2);
    CHECK_STR("two stay, and for three it does not pay", turn.later.asked,
              "delete delete delete delete");
    reply_all(&turn, ERR_NONE);
    turn_clear(&turn);
}

static void what_stays_is_not_among_those_that_go(void **state)
{
    struct turn turn;

    (void)state;
    turn_cancelled(&turn, 6, 2);
    CHECK_STR("two stay", turn.later.asked, "together:0:1:2:3");
    reply_all(&turn, ERR_NONE);
    CHECK_STR("the running one", turn.later.asked, "delete");
    reply_all(&turn, ERR_NONE);
    turn_clear(&turn);
}

static void who_may_not_delete_at_once_deletes_one_by_one(void **state)
{
    struct turn turn;

    (void)state;
    turn_cancelled(&turn, 5, 0);
    reply_all(&turn, ERR_CONFIG);
    CHECK_STR("each", turn.later.asked, "delete delete delete delete delete delete");
    reply_all(&turn, ERR_NONE);
    assert_int_equal(turn.ends, 1);
    assert_int_equal(turn.rc, 0);
    turn_clear(&turn);

    turn_cancelled(&turn, 5, 0);
    reply_all(&turn, ERR_DEPENDENCY);
    CHECK_STR("the cluster is away", turn.later.asked, "");
    assert_int_equal(turn.ends, 1);
    assert_int_equal(turn.code, ERR_DEPENDENCY);
    turn_clear(&turn);
}

static void a_kind_that_failed_is_followed_by_none(void **state)
{
    struct turn turn;

    (void)state;
    turn_init(&turn);
    pod_add(&turn, 0, "Failed");
    pod_add(&turn, 1, "Running");
    json_path_set(turn.later.job, "spec.cancel", cJSON_CreateTrue());
    start(&turn);
    reply_all(&turn, ERR_NONE);
    CHECK_STR("then", turn.later.asked, "release");
    reply_all(&turn, ERR_DEPENDENCY);
    CHECK_STR("deletes", turn.later.asked, "");
    assert_int_equal(turn.ends, 1);
    assert_int_equal(turn.code, ERR_DEPENDENCY);
    turn_clear(&turn);
}

/* An upgraded operator has another image; a job that was begun keeps its own. */
static void a_job_keeps_the_image_it_was_begun_with(void **state)
{
    static const struct pods_cluster in_a_cluster;

    (void)state;
    for (int begun = 0; begun < 2; begun++) {
        struct turn turn;

        turn_init(&turn);
        turn.opts.pods.cluster = &in_a_cluster;
        if (begun)
            json_path_set(turn.later.job, "status.workerImage",
                          cJSON_CreateString("worker:before"));
        start(&turn);
        while (!turn.ends)
            reply_all(&turn, ERR_NONE);
        CHECK_STR("image", turn.later.image, begun ? "worker:before" : "worker");
        CHECK_STR("kept", json_path(turn.later.job, "status.workerImage")->valuestring,
                  begun ? "worker:before" : "worker");
        turn_clear(&turn);
    }
}

/* A job whose first pods found no image: the operator was given another one since. */
static void a_job_that_has_nothing_takes_the_image_of_now(void **state)
{
    static const struct pods_cluster in_a_cluster;
    static const struct {
        const char *phase, *image;
    } cases[] = { { NULL, "worker" },
                  { "Failed", "worker" },
                  { "Pending", "worker:before" },
                  { "Succeeded", "worker:before" } };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct turn turn;

        turn_init(&turn);
        turn.opts.pods.cluster = &in_a_cluster;
        json_path_set(turn.later.job, "status", cJSON_CreateObject());
        json_path_set(turn.later.job, "status.phase", cJSON_CreateString("Pending"));
        json_path_set(turn.later.job, "status.workerImage", cJSON_CreateString("worker:before"));
        if (cases[i].phase)
            pod_add(&turn, 0, cases[i].phase);
        start(&turn);
        while (!turn.ends)
            reply_all(&turn, ERR_NONE);
        CHECK_STR("kept", json_path(turn.later.job, "status.workerImage")->valuestring,
                  cases[i].image);
        turn_clear(&turn);
    }
}

static void a_job_that_is_gone_ends_the_pass(void **state)
{
    struct turn turn;

    (void)state;
    turn_init(&turn);
    start(&turn);
    cJSON_Delete(turn.later.job); /* while its status is being written */
    turn.later.job = NULL;
    reply_all(&turn, ERR_NONE);
    assert_int_equal(turn.ends, 1);
    assert_int_equal(turn.later.count, 0);
    start(&turn);
    assert_int_equal(turn.ends, 1);
    assert_int_equal(turn.code, ERR_NOT_FOUND);
    turn_clear(&turn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_status_is_written_first_and_creates_start_slowly),
        cmocka_unit_test(a_status_that_was_not_written_stops_everything),
        cmocka_unit_test(one_refused_create_is_the_last),
        cmocka_unit_test(a_cancelled_job_releases_then_deletes),
        cmocka_unit_test(what_has_succeeded_is_deleted_at_once),
        cmocka_unit_test(what_stays_is_not_among_those_that_go),
        cmocka_unit_test(who_may_not_delete_at_once_deletes_one_by_one),
        cmocka_unit_test(a_kind_that_failed_is_followed_by_none),
        cmocka_unit_test(a_job_keeps_the_image_it_was_begun_with),
        cmocka_unit_test(a_job_that_has_nothing_takes_the_image_of_now),
        cmocka_unit_test(a_job_that_is_gone_ends_the_pass),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
