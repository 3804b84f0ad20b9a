/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/api/crd.h"

#include "common/contract/fields.h"
#include "operator/api/schema.h"

#include <stddef.h>

/* What `kubectl get` shows; from the priority 1 on only with -o wide. */
static const struct column {
    const char *name, *type, *path, *doc;
    int priority;
} columns[] = {
    { "Phase", "string", ".status.phase", "Where the job is.", 0 },
    { "Segments", "string", ".status.segments", "Segments done of all.", 0 },
    { "Progress", "string", ".status.progress", "How much of the film is converted.", 0 },
    { "ETA", "string", ".status.eta", "How long it will still take.", 0 },
    { "Failed", "string", ".status.failedIndexes", "Segments that were given up.", 1 },
    { "Retries", "integer", ".status.failedPods", "Attempts that failed.", 1 },
    { "Output", "string", ".spec.output.uri", "Where the 3D film goes.", 1 },
    { "Age", "date", ".metadata.creationTimestamp", "Since when the job is there.", 0 },
};

/* `kubectl get sj --field-selector` takes these. */
static const char *const selectable[] = { ".status.phase", ".spec.source.uri" };

static void add_list(cJSON *parent, const char *key, const char *only)
{
    cJSON_AddItemToArray(cJSON_AddArrayToObject(parent, key), cJSON_CreateString(only));
}

static cJSON *names_build(void)
{
    cJSON *names = cJSON_CreateObject();

    json_add_str(names, "kind", "StereoJob");
    json_add_str(names, "listKind", "StereoJobList");
    json_add_str(names, "plural", "stereojobs");
    json_add_str(names, "singular", "stereojob");
    add_list(names, "shortNames", "sj");
    add_list(names, "categories", "stereo");
    return names;
}

/* Of metadata only the name may be bounded; it becomes a label of the pods. */
static cJSON *metadata_build(void)
{
    cJSON *metadata = cJSON_CreateObject();
    cJSON *name;

    json_add_str(metadata, "type", "object");
    name = cJSON_AddObjectToObject(cJSON_AddObjectToObject(metadata, "properties"), "name");
    json_add_str(name, "type", "string");
    json_add_i64(name, "maxLength", (int64_t)fields_find("metadata.name")->max);
    return metadata;
}

static cJSON *schema_build(void)
{
    cJSON *root = cJSON_CreateObject();
    cJSON *properties;

    json_add_str(root, "description", "A flat film that becomes a stereo 3D film.");
    json_add_str(root, "type", "object");
    properties = cJSON_AddObjectToObject(root, "properties");
    json_add_str(cJSON_AddObjectToObject(properties, "apiVersion"), "type", "string");
    json_add_str(cJSON_AddObjectToObject(properties, "kind"), "type", "string");
    cJSON_AddItemToObject(properties, "metadata", metadata_build());
    schema_add_rows(root, "spec", fields, fields_count);
    schema_add_rows(root, "status", status_fields, status_fields_count);
    status_finish(root);
    rules_add(root);
    return root;
}

static cJSON *columns_build(void)
{
    cJSON *list = cJSON_CreateArray();

    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        cJSON *item = cJSON_CreateObject();

        json_add_str(item, "name", columns[i].name);
        json_add_str(item, "type", columns[i].type);
        json_add_str(item, "jsonPath", columns[i].path);
        json_add_str(item, "description", columns[i].doc);
        if (columns[i].priority)
            json_add_i64(item, "priority", columns[i].priority);
        cJSON_AddItemToArray(list, item);
    }
    return list;
}

static cJSON *selectable_build(void)
{
    cJSON *list = cJSON_CreateArray();

    for (size_t i = 0; i < sizeof(selectable) / sizeof(selectable[0]); i++) {
        cJSON *item = cJSON_CreateObject();

        json_add_str(item, "jsonPath", selectable[i]);
        cJSON_AddItemToArray(list, item);
    }
    return list;
}

static cJSON *version_build(void)
{
    cJSON *version = cJSON_CreateObject();

    json_add_str(version, "name", "v1");
    json_add_bool(version, "served", true);
    json_add_bool(version, "storage", true);
    cJSON_AddObjectToObject(cJSON_AddObjectToObject(version, "subresources"), "status");
    cJSON_AddItemToObject(version, "additionalPrinterColumns", columns_build());
    cJSON_AddItemToObject(version, "selectableFields", selectable_build());
    cJSON_AddItemToObject(cJSON_AddObjectToObject(version, "schema"), "openAPIV3Schema",
                          schema_build());
    return version;
}

cJSON *crd_build(void)
{
    cJSON *crd = cJSON_CreateObject();
    cJSON *spec;

    json_add_str(crd, "apiVersion", "apiextensions.k8s.io/v1");
    json_add_str(crd, "kind", "CustomResourceDefinition");
    json_add_str(cJSON_AddObjectToObject(crd, "metadata"), "name", "stereojobs.stereojob.io");
    spec = cJSON_AddObjectToObject(crd, "spec");
    json_add_str(spec, "group", "stereojob.io");
    json_add_str(spec, "scope", "Namespaced");
    cJSON_AddItemToObject(spec, "names", names_build());
    cJSON_AddItemToArray(cJSON_AddArrayToObject(spec, "versions"), version_build());
    return crd;
}
