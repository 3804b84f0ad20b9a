/* SPDX-License-Identifier: Apache-2.0
 *
 * The CRD is what crds/ says, and `stereo` refuses what an API server with it refuses: the cases go
 * through both (the other half is test_crd.py).
 */
#include "tests/common/check.h"
#include "tests/operator/api/full_status.h"

#include "common/contract/fields.h"
#include "common/file.h"
#include "common/mem.h"
#include "common/ranges.h"
#include "common/yaml.h"
#include "operator/api/crd.h"
#include "operator/api/schema.h"
#include "operator/pods/pods.h"

#include <stdio.h>
#include <stdlib.h>

static char *file_text(const char *path)
{
    struct err err;
    char *text = NULL;
    size_t len;

    CHECK_OK(file_read(&text, &len, path, 1 << 20, &err), err);
    return text;
}

static void the_file_is_what_the_table_gives(void **state)
{
    AUTO_FREE char *text = file_text(CRD_FILE);
    AUTO(yaml_places) struct yaml_places *places = NULL;
    AUTO(cJSON) cJSON *crd = crd_build();
    AUTO(cJSON) cJSON *read = NULL;
    AUTO_FREE char *printed = yaml_print(crd);
    const char *body; /* the first line says where it is from */
    struct err err;

    (void)state;
    body = text + strcspn(text, "\n") + 1;
    if (strcmp(body, printed) != 0)
        fail_msg("%s is not what the field table gives; make crds", CRD_FILE);
    CHECK_OK(yaml_parse(&read, &places, text, strlen(text), &err), err);
    assert_true(cJSON_Compare(read, crd, true));
}

/* A merge patch: null takes away. */
static void merge(cJSON *to, const cJSON *patch)
{
    const cJSON *item; /* borrowed from patch */

    cJSON_ArrayForEach(item, patch)
    {
        cJSON *old = cJSON_GetObjectItemCaseSensitive(to, item->string);

        if (cJSON_IsObject(item) && cJSON_IsObject(old)) {
            merge(old, item);
            continue;
        }
        cJSON_DeleteItemFromObjectCaseSensitive(to, item->string);
        if (!cJSON_IsNull(item))
            cJSON_AddItemToObject(to, item->string, cJSON_Duplicate(item, true));
    }
}

static cJSON *job_of(const cJSON *patch)
{
    cJSON *job = cJSON_Parse("{\"apiVersion\":\"stereojob.io/v1\",\"kind\":\"StereoJob\","
                             "\"metadata\":{\"name\":\"film\"},\"spec\":{"
                             "\"source\":{\"uri\":\"s3://films/in.mp4\"},"
                             "\"output\":{\"uri\":\"s3://films/out.mp4\"}}}");
    AUTO(cJSON) cJSON *changes = cJSON_Duplicate(patch, true);

    cJSON_DeleteItemFromObjectCaseSensitive(changes, "name");
    cJSON_DeleteItemFromObjectCaseSensitive(changes, "field");
    merge(job, changes);
    return job;
}

static bool is_named(const struct fields_report *report, const char *field)
{
    for (size_t i = 0; i < report->count; i++) {
        if (strstr(report->problems[i].text, field))
            return true;
    }
    return false;
}

static void the_check_before_a_cluster_agrees(void **state)
{
    AUTO_FREE char *text = file_text(CASES_FILE);
    AUTO(cJSON) cJSON *cases = cJSON_Parse(text);
    const cJSON *item; /* borrowed from cases */

    (void)state;
    assert_true(cJSON_GetArraySize(cases) > 40);
    cJSON_ArrayForEach(item, cases)
    {
        const char *name = json_path(item, "name")->valuestring;
        const char *field = json_path(item, "field")->valuestring;
        AUTO(cJSON) cJSON *job = job_of(item);
        struct fields_report report;
        struct err err;
        int rc = fields_check(job, NULL, false, &report, &err);

        if (field[0] == '\0' && rc < 0)
            fail_msg("[%s] %s", name, err.msg);
        if (field[0] != '\0' && !is_named(&report, field))
            fail_msg("[%s] %s is not named: %s", name, field, rc < 0 ? err.msg : "taken");
        fields_report_clear(&report);
    }
}

static bool is_of(const char *type, const cJSON *value)
{
    if (strcmp(type, "object") == 0 || strcmp(type, "array") == 0)
        return strcmp(type, "object") == 0 ? cJSON_IsObject(value) : cJSON_IsArray(value);
    return strcmp(type, "string") == 0 ? cJSON_IsString(value) : cJSON_IsNumber(value);
}

/* Every key of value has a place in the schema, down to the leaves, and texts fit. */
static void check_known(const cJSON *schema, const cJSON *value, const char *path)
{
    const cJSON *most = json_path(schema, "maxLength"), *item;

    if (!is_of(json_path(schema, "type")->valuestring, value))
        fail_msg("%s: has another type than the schema", path);
    if (cJSON_IsString(value) && cJSON_IsNumber(most) &&
        strlen(value->valuestring) > (size_t)most->valuedouble)
        fail_msg("%s: %zu bytes do not fit", path, strlen(value->valuestring));
    cJSON_ArrayForEach(item, value)
    {
        bool in_list = cJSON_IsArray(value);
        AUTO_FREE char *at =
            in_list ? xasprintf("%s[]", path) : xasprintf("%s.%s", path, item->string);
        const cJSON *below =
            in_list
                ? json_path(schema, "items")
                : cJSON_GetObjectItemCaseSensitive(json_path(schema, "properties"), item->string);

        if (!below)
            fail_msg("%s is written and not in the schema: the API server would drop it", at);
        check_known(below, item, at);
    }
}

static void all_that_is_written_has_a_place(void **state)
{
    AUTO(cJSON) cJSON *crd = crd_build();
    AUTO(cJSON) cJSON *json = full_status();
    cJSON *root = cJSON_GetObjectItemCaseSensitive(
        (cJSON *)json_path(crd, "spec.versions[0].schema"), "openAPIV3Schema");
    const cJSON *phases = json_path(schema_at(root, "status.phase"), "enum");

    (void)state;
    check_known(schema_at(root, "status"), json, "status");
    CHECK_INT("phases", cJSON_GetArraySize(phases), PHASE_COUNT);
    for (int i = 0; i < PHASE_COUNT; i++)
        CHECK_STR("phase", cJSON_GetArrayItem(phases, i)->valuestring, phase_name((enum phase)i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_is_what_the_table_gives),
        cmocka_unit_test(the_check_before_a_cluster_agrees),
        cmocka_unit_test(all_that_is_written_has_a_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
