/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "operator/api/crd.h"
#include "operator/api/fit.h"

/* What an API server makes of our kind, as far as it is compared. */
static cJSON *served(void)
{
    AUTO(cJSON) cJSON *crd = crd_build();
    const cJSON *schema = json_path(crd, "spec.versions[0].schema.openAPIV3Schema");
    cJSON *doc = cJSON_CreateObject(), *components = cJSON_AddObjectToObject(doc, "components");

    cJSON_AddItemToObject(cJSON_AddObjectToObject(components, "schemas"),
                          "io.stereojob.v1.StereoJob", cJSON_Duplicate(schema, true));
    return doc;
}

static cJSON *properties(cJSON *doc, const char *path)
{
    cJSON *schemas = cJSON_GetObjectItem(cJSON_GetObjectItem(doc, "components"), "schemas");
    const cJSON *kind = cJSON_GetObjectItem(schemas, "io.stereojob.v1.StereoJob");

    return (cJSON *)json_path(kind, path);
}

static void our_own_kind_fits(void **state)
{
    AUTO(cJSON) cJSON *doc = served();
    struct err err;

    (void)state;
    CHECK_OK(fit_check(doc, &err), err);
    cJSON_AddObjectToObject(properties(doc, "properties.spec.properties"), "newer");
    CHECK_OK(fit_check(doc, &err), err); /* a newer kind knows more */
}

static void what_an_older_one_lacks_is_named(void **state)
{
    static const struct {
        const char *in, *key, *words;
    } rows[] = {
        { "properties.status.properties", "progress", "status.progress" },
        { "properties.spec.properties.stereo.properties", "layout", "spec.stereo.layout" },
        { "properties.status.properties.deadLetters.items.properties", "class",
          "status.deadLetters.class" },
        { "properties", "status", "has no status" },
    };
    AUTO(cJSON) cJSON *none = cJSON_CreateObject();
    struct err err;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(cJSON) cJSON *doc = served();

        cJSON_DeleteItemFromObject(properties(doc, rows[i].in), rows[i].key);
        CHECK_ERR(fit_check(doc, &err), err, ERR_CONFIG);
        CHECK_HAS(rows[i].key, err.msg, rows[i].words);
    }
    CHECK_ERR(fit_check(none, &err), err, ERR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_own_kind_fits),
        cmocka_unit_test(what_an_older_one_lacks_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
