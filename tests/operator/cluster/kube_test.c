/* SPDX-License-Identifier: Apache-2.0
 *
 * The writes of cluster/kube against tests/kube/fake_api.py (kube_scenario.json): what was sent,
 * what the caches hold when the reply comes, and which error says what to do next. Each namespace
 * is a case.
 */
#include "operator/cluster/kube/kube.h"

#include "tests/common/check.h"
#include "tests/operator/kube/fake.h"

#include "common/contract/names.h"
#include "common/mem.h"

#include <stdlib.h>

static struct fake fake;

struct scene {
    struct world world;
    struct cluster_kube_api api;
    struct pod_index *index;
    struct cluster_kube *kube;
    int synced;
    int replies, rc;
    struct err err;
};

static void pod_changed(void *ctx, enum kube_event event, const cJSON *pod)
{
    struct scene *scene = ctx;

    if (event == KUBE_DELETED)
        pod_index_remove(scene->index, pod);
    else
        pod_index_add(scene->index, pod);
}

static void job_changed(void *ctx, enum kube_event event, const cJSON *job)
{
    (void)ctx;
    (void)event;
    (void)job;
}

static void on_synced(void *ctx)
{
    ((struct scene *)ctx)->synced++;
}

static int begin(void **state)
{
    struct scene *scene = xcalloc(1, sizeof(*scene));
    struct kube_reflector_opts opts = { .resource = cluster_kube_jobs,
                                        .keep = cluster_kube_keep_job,
                                        .changed = job_changed,
                                        .synced = on_synced,
                                        .no_streaming_list = true,
                                        .ctx = scene };
    struct err err;

    world_begin(&scene->world, fake.url);
    world_open(&scene->world, 0);
    opts.client = scene->api.client = scene->world.client;
    scene->api.index = scene->index = pod_index_new();
    CHECK_OK(kube_reflector_open(&scene->api.jobs, &opts, &err), err);
    opts.resource = cluster_kube_pods;
    opts.selector = CLUSTER_KUBE_SELECTOR;
    opts.keep = NULL;
    opts.wanted = cluster_kube_pod_wanted;
    opts.changed = pod_changed;
    CHECK_OK(kube_reflector_open(&scene->api.pods, &opts, &err), err);
    world_wait(&scene->world, &scene->synced, 2, 20);
    *state = scene;
    return 0;
}

static int end(void **state)
{
    struct scene *scene = *state;

    cluster_kube_free(scene->kube);
    kube_reflector_close(scene->api.jobs);
    kube_reflector_close(scene->api.pods);
    pod_index_free(scene->index);
    world_end(&scene->world);
    free(scene);
    return 0;
}

static struct cluster *at(struct scene *scene, const char *space)
{
    cluster_kube_free(scene->kube);
    scene->kube = cluster_kube_new(&scene->api, space, "film", "u-1");
    scene->replies = 0;
    scene->rc = 7;
    scene->err = (struct err){ 0 };
    return cluster_kube_base(scene->kube);
}

static void on_reply(void *ctx, int rc, const struct err *err)
{
    struct scene *scene = ctx;

    scene->replies++;
    scene->rc = rc;
    if (rc < 0)
        scene->err = *err;
}

static struct cluster_reply reply_to(struct scene *scene)
{
    return (struct cluster_reply){ on_reply, scene };
}

/* ERR_NONE: it must have gone well. */
static void check_reply(struct scene *scene, const char *row, enum err_code want)
{
    world_wait(&scene->world, &scene->replies, 1, 20);
    CHECK_INT(row, scene->replies, 1);
    CHECK_INT(row, scene->rc, want == ERR_NONE ? 0 : -1);
    if (want != ERR_NONE && scene->err.code != want)
        fail_msg("[%s] code %d, want %d: %s", row, scene->err.code, want, scene->err.msg);
}

static const char *text(const cJSON *doc, const char *path)
{
    const cJSON *item = json_path(doc, path);

    return cJSON_IsString(item) ? item->valuestring : "(none)";
}

static int pods_at(struct scene *scene)
{
    struct cluster *cluster = cluster_kube_base(scene->kube);

    return cJSON_GetArraySize(cluster->ops->pods(cluster));
}

/* The last body that was sent there; caller owns. */
static cJSON *sent(const char *target, const char *method)
{
    AUTO(cJSON) cJSON *all = fake_requests(&fake, target);
    cJSON *found = NULL;
    const cJSON *item;
    struct err err;

    cJSON_ArrayForEach(item, all)
    {
        const char *body = text(item, "body");

        if (strcmp(text(item, "method"), method) != 0)
            continue;
        cJSON_Delete(found);
        found = NULL;
        CHECK_OK(json_parse(&found, body, strlen(body), &err), err);
    }
    assert_non_null(found);
    return found;
}

static void create(struct scene *scene, const char *space)
{
    struct cluster *cluster = at(scene, space);
    AUTO(cJSON) cJSON *manifest = cJSON_CreateObject();

    json_path_set(manifest, "metadata.name", cJSON_CreateString("new"));
    cluster->ops->create_pod(cluster, manifest, reply_to(scene));
}

static void test_create(void **state)
{
    static const struct {
        const char *space;
        enum err_code want;
        int pods, posts, gets; /* afterwards; what it sent */
    } rows[] = {
        { "made", ERR_NONE, 1, 1, 0 },          { "ours", ERR_CONFLICT, 1, 1, 1 },
        { "others", ERR_CONFIG, 0, 1, 1 },      { "hidden", ERR_CONFIG, 0, 1, 1 },
        { "briefly", ERR_DEPENDENCY, 0, 1, 1 }, { "silent", ERR_CONFLICT, 0, 1, 1 },
        { "quota", ERR_DEPENDENCY, 0, 1, 0 },   { "ending", ERR_DEPENDENCY, 0, 1, 0 },
        { "denied", ERR_CONFIG, 0, 1, 0 },      { "wrong", ERR_CONFIG, 0, 1, 0 },
        { "unheard", ERR_DEPENDENCY, 0, 1, 0 },
    };
    struct scene *scene = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_FREE char *pods = xasprintf("/api/v1/namespaces/%s/pods", rows[i].space);
        AUTO_FREE char *one = xasprintf("%s/new", pods);

        create(scene, rows[i].space);
        check_reply(scene, rows[i].space, rows[i].want);
        CHECK_INT(rows[i].space, pods_at(scene), rows[i].pods);
        CHECK_INT(rows[i].space, fake_count(&fake, pods) - fake_count(&fake, one), rows[i].posts);
        CHECK_INT(rows[i].space, fake_count(&fake, one) > 0, rows[i].gets);
        CHECK_INT(rows[i].space, kube_reflector_get(scene->api.pods, rows[i].space, "new") != NULL,
                  rows[i].pods);
    }
}

static void test_a_name_that_is_taken_is_told(void **state)
{
    struct scene *scene = *state;

    create(scene, "others");
    check_reply(scene, "others", ERR_CONFIG);
    CHECK_HAS("others", scene->err.msg, "the name new is taken");
}

static void release(struct scene *scene, const char *space)
{
    struct cluster *cluster = at(scene, space);

    cluster->ops->release_pod(cluster, "held", reply_to(scene));
}

static void test_release(void **state)
{
    struct scene *scene = *state;
    AUTO(cJSON) cJSON *patch = NULL;
    const cJSON *pod;

    release(scene, "freed");
    check_reply(scene, "freed", ERR_NONE);
    patch = sent("/api/v1/namespaces/freed/pods/held", "PATCH");
    assert_int_equal(cJSON_GetArraySize(patch), 3);
    CHECK_STR("uid", text(cJSON_GetArrayItem(patch, 0), "value"), "p-1");
    CHECK_STR("place", text(cJSON_GetArrayItem(patch, 1), "path"), "/metadata/finalizers/1");
    CHECK_STR("whose", text(cJSON_GetArrayItem(patch, 1), "value"), NAME_FINALIZER);
    CHECK_STR("then", text(cJSON_GetArrayItem(patch, 2), "op"), "remove");
    CHECK_STR("then", text(cJSON_GetArrayItem(patch, 2), "path"), "/metadata/finalizers/1");
    pod = kube_reflector_get(scene->api.pods, "freed", "held");
    CHECK_STR("others stay", text(pod, "metadata.finalizers[0]"), "others/one");
    assert_int_equal(cJSON_GetArraySize(json_path(pod, "metadata.finalizers")), 1);

    release(scene, "freed"); /* nothing is left to be done, and nothing is sent */
    check_reply(scene, "freed again", ERR_NONE);
    assert_int_equal(fake_count(&fake, "/api/v1/namespaces/freed/pods/held"), 1);
}

static void test_release_elsewhere(void **state)
{
    struct scene *scene = *state;

    release(scene, "moved");
    check_reply(scene, "moved", ERR_CONFLICT);
    CHECK_STR(
        "moved",
        text(kube_reflector_get(scene->api.pods, "moved", "held"), "metadata.resourceVersion"),
        "121");
    release(scene, "gone");
    check_reply(scene, "gone", ERR_NONE);
    release(scene, "lost");
    check_reply(scene, "lost", ERR_DEPENDENCY);
    release(scene, "nowhere");
    check_reply(scene, "nowhere", ERR_NONE);
}

static void delete_held(struct scene *scene, const char *space)
{
    struct cluster *cluster = at(scene, space);

    cluster->ops->delete_pod(cluster, "held", reply_to(scene));
}

static void test_delete(void **state)
{
    struct scene *scene = *state;
    AUTO(cJSON) cJSON *options = NULL;
    int before;

    delete_held(scene, "freed");
    check_reply(scene, "freed", ERR_NONE);
    options = sent("/api/v1/namespaces/freed/pods/held", "DELETE");
    CHECK_STR("uid", text(options, "preconditions.uid"), "p-1");
    CHECK_STR("policy", text(options, "propagationPolicy"), "Background");
    before = fake_count(&fake, "/api/v1/namespaces/freed/pods/held");
    delete_held(scene, "freed"); /* it is going already */
    check_reply(scene, "freed again", ERR_NONE);
    assert_int_equal(fake_count(&fake, "/api/v1/namespaces/freed/pods/held"), before);

    delete_held(scene, "gone");
    check_reply(scene, "gone", ERR_NONE);
    delete_held(scene, "moved");
    check_reply(scene, "moved", ERR_CONFLICT);
    delete_held(scene, "lost");
    check_reply(scene, "lost", ERR_DEPENDENCY);
}

#define SEGMENTS                                                                                   \
    "?labelSelector=app.kubernetes.io%2Fmanaged-by%3Dstereo-operator%2Cstereojob.io%2Fjob-uid%"    \
    "3Du-1"                                                                                        \
    "%2Cstereojob.io%2Fstage%3Dconvert%2Cstereojob.io%2Findex%20in%20%283%2C7%29"                  \
    "&fieldSelector=status.phase%3DSucceeded"

/* The answer names three: one is gone, one is held by others, one has a successor of its name. */
static void test_delete_succeeded(void **state)
{
    static const uint32_t indexes[] = { 3, 7 };
    struct scene *scene = *state;
    struct cluster *cluster = at(scene, "many");
    AUTO(cJSON) cJSON *options = NULL;

    assert_int_equal(pods_at(scene), 3);
    cluster->ops->delete_succeeded(cluster, indexes, 2, reply_to(scene));
    check_reply(scene, "many", ERR_NONE);
    assert_int_equal(fake_count(&fake, "/api/v1/namespaces/many/pods" SEGMENTS), 1);
    options = sent("/api/v1/namespaces/many/pods" SEGMENTS, "DELETE");
    CHECK_STR("policy", text(options, "propagationPolicy"), "Background");
    assert_null(json_path(options, "preconditions"));
    assert_int_equal(pods_at(scene), 2);
    assert_null(cluster->ops->pod(cluster, "alone"));

    cluster = at(scene, "denied");
    cluster->ops->delete_succeeded(cluster, indexes, 2, reply_to(scene));
    check_reply(scene, "denied", ERR_CONFIG);
    cluster = at(scene, "lost");
    cluster->ops->delete_succeeded(cluster, indexes, 2, reply_to(scene));
    check_reply(scene, "lost", ERR_DEPENDENCY);
}

static void test_annotate(void **state)
{
    struct scene *scene = *state;
    struct cluster *cluster = at(scene, "freed");
    AUTO(cJSON) cJSON *patch = NULL;
    const cJSON *notes;

    cluster->ops->annotate_pod(cluster, "held", ANNOTATION_VERDICT, "Stalled", reply_to(scene));
    check_reply(scene, "freed", ERR_NONE);
    patch = sent("/api/v1/namespaces/freed/pods/held", "PATCH");
    CHECK_STR("uid", text(patch, "metadata.uid"), "p-1");
    notes = json_path(patch, "metadata.annotations");
    assert_string_equal(cJSON_GetObjectItemCaseSensitive(notes, ANNOTATION_VERDICT)->valuestring,
                        "Stalled");
}

static void status_write(struct scene *scene, const char *space)
{
    struct cluster *cluster = at(scene, space);
    AUTO(cJSON) cJSON *status = cJSON_CreateObject();

    json_add_str(status, "phase", "Planning");
    cluster->ops->write_status(cluster, status, reply_to(scene));
}

static void test_status(void **state)
{
    struct scene *scene = *state;
    struct cluster *cluster;
    AUTO(cJSON) cJSON *body = NULL;

    status_write(scene, "stored");
    check_reply(scene, "stored", ERR_NONE);
    body = sent("/apis/stereojob.io/v1/namespaces/stored/", "PUT");
    CHECK_STR("uid", text(body, "metadata.uid"), "u-1");
    CHECK_STR("version", text(body, "metadata.resourceVersion"), "50");
    CHECK_STR("phase", text(body, "status.phase"), "Planning");
    cluster = cluster_kube_base(scene->kube);
    CHECK_STR("cache", text(cluster->ops->job(cluster), "metadata.resourceVersion"), "130");

    status_write(scene, "changed"); /* what was changed meanwhile is in the cache at the reply */
    check_reply(scene, "changed", ERR_CONFLICT);
    cluster = cluster_kube_base(scene->kube);
    assert_true(cJSON_IsTrue(json_path(cluster->ops->job(cluster), "spec.cancel")));

    status_write(scene, "absent");
    check_reply(scene, "absent", ERR_NOT_FOUND);
    status_write(scene, "again"); /* of the same name, and another */
    check_reply(scene, "again", ERR_NOT_FOUND);
    assert_int_equal(fake_count(&fake, "/apis/stereojob.io/v1/namespaces/again/"), 0);
}

/* A pod of another namespace is no pod of the job, whatever its labels say. */
static void test_index(void **state)
{
    struct scene *scene = *state;
    AUTO(cJSON) cJSON *forged = NULL;
    struct err err;
    const char *json = "{\"metadata\":{\"name\":\"held\",\"namespace\":\"tenant\",\"labels\":"
                       "{\"stereojob.io/job-uid\":\"u-1\"}}}";

    CHECK_OK(json_parse(&forged, json, strlen(json), &err), err);
    (void)at(scene, "lost");
    assert_int_equal(pods_at(scene), 1);
    pod_index_add(scene->index, forged);
    assert_int_equal(pods_at(scene), 1);
    pod_index_remove(scene->index, forged);
    assert_int_equal(pods_at(scene), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_create, begin, end),
        cmocka_unit_test_setup_teardown(test_a_name_that_is_taken_is_told, begin, end),
        cmocka_unit_test_setup_teardown(test_release, begin, end),
        cmocka_unit_test_setup_teardown(test_release_elsewhere, begin, end),
        cmocka_unit_test_setup_teardown(test_delete, begin, end),
        cmocka_unit_test_setup_teardown(test_delete_succeeded, begin, end),
        cmocka_unit_test_setup_teardown(test_annotate, begin, end),
        cmocka_unit_test_setup_teardown(test_status, begin, end),
        cmocka_unit_test_setup_teardown(test_index, begin, end),
    };
    int rc;

    fake_start(&fake, "../cluster/kube_scenario.json", NULL);
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    fake_stop(&fake);
    return rc;
}
