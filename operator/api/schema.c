/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/api/schema.h"

#include "common/mem.h"

#include <stdint.h>
#include <string.h>

#define QUANTITY_PATTERN                                                                           \
    "^[+]?([0-9]+([.][0-9]*)?|[.][0-9]+)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][-+]?[0-9]+)?$"
#define OPAQUE_PROPERTIES_MAX 16
#define VALUE_MAX             253 /* bytes, of a map or list of which no row says more */

static cJSON *child(cJSON *parent, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(parent, key);
}

static cJSON *child_make(cJSON *parent, const char *key)
{
    cJSON *found = child(parent, key);

    return found ? found : cJSON_AddObjectToObject(parent, key);
}

/* One step down: "name", "name[]", "*". */
static cJSON *step(cJSON *schema, const char *name, size_t len, bool make)
{
    bool is_list = len > 2 && strncmp(name + len - 2, "[]", 2) == 0;
    AUTO_FREE char *key = xstrndup(name, is_list ? len - 2 : len);
    cJSON *below;

    if (strcmp(key, "*") == 0)
        return make ? child_make(schema, "additionalProperties")
                    : child(schema, "additionalProperties");
    below = make ? child_make(schema, "properties") : child(schema, "properties");
    below = make ? child_make(below, key) : child(below, key);
    if (!is_list)
        return below;
    return make ? child_make(below, "items") : child(below, "items");
}

static cJSON *walk(cJSON *root, const char *path, bool make)
{
    cJSON *schema = root;

    while (*path && schema) {
        size_t len = strcspn(path, ".");

        schema = step(schema, path, len, make);
        path += len + (path[len] == '.');
    }
    return schema;
}

cJSON *schema_at(cJSON *root, const char *path)
{
    return walk(root, path, false);
}

static void add_number(cJSON *schema, const char *key, double value)
{
    cJSON_AddItemToObject(schema, key, cJSON_CreateNumber(value));
}

static void add_bounds(cJSON *schema, const struct field *row, const char *min, const char *max)
{
    if (!(row->min < row->max))
        return;
    if (row->min != 0 || strcmp(min, "minimum") == 0)
        add_number(schema, min, row->min);
    add_number(schema, max, row->max);
}

static void put_type(cJSON *schema, const char *type, const char *format)
{
    json_add_str(schema, "type", type);
    if (format)
        json_add_str(schema, "format", format);
}

static void fill_enum(cJSON *schema, const struct field *row)
{
    cJSON *values;

    put_type(schema, "string", NULL);
    values = cJSON_AddArrayToObject(schema, "enum");
    for (size_t i = 0; row->values[i]; i++)
        cJSON_AddItemToArray(values, cJSON_CreateString(row->values[i]));
}

static void fill_string(cJSON *schema, const struct field *row)
{
    put_type(schema, "string", NULL);
    add_bounds(schema, row, "minLength", "maxLength");
    if (row->pattern)
        json_add_str(schema, "pattern", row->pattern);
}

/* 8Gi or 2. */
static void fill_quantity(cJSON *schema, const struct field *row)
{
    static const char *const types[] = { "integer", "string" };
    cJSON *any = cJSON_AddArrayToObject(schema, "anyOf");

    for (size_t i = 0; i < 2; i++) {
        cJSON *one = cJSON_CreateObject();

        json_add_str(one, "type", types[i]);
        cJSON_AddItemToArray(any, one);
    }
    json_add_bool(schema, "x-kubernetes-int-or-string", true);
    json_add_str(schema, "pattern", QUANTITY_PATTERN);
    add_number(schema, "minimum", 0);
    add_number(schema, "maxLength", row->max);
}

/* The row of what is inside fills it in anew. */
static void fill_inside(cJSON *schema, const char *key)
{
    cJSON *inside = cJSON_AddObjectToObject(schema, key);

    put_type(inside, "string", NULL);
    add_number(inside, "maxLength", VALUE_MAX);
}

static void fill(cJSON *schema, const struct field *row)
{
    switch (row->type) {
    case FIELD_OBJECT:
        put_type(schema, "object", NULL);
        break;
    case FIELD_LIST:
        put_type(schema, "array", NULL);
        add_bounds(schema, row, "minItems", "maxItems");
        json_add_str(schema, "x-kubernetes-list-type", "atomic");
        fill_inside(schema, "items");
        break;
    case FIELD_MAP:
        put_type(schema, "object", NULL);
        add_bounds(schema, row, "minProperties", "maxProperties");
        fill_inside(schema, "additionalProperties");
        break;
    case FIELD_STRING:
        fill_string(schema, row);
        break;
    case FIELD_ENUM:
        fill_enum(schema, row);
        break;
    case FIELD_INT:
        put_type(schema, "integer", row->max > INT32_MAX ? "int64" : "int32");
        add_bounds(schema, row, "minimum", "maximum");
        break;
    case FIELD_NUMBER:
        put_type(schema, "number", NULL);
        add_bounds(schema, row, "minimum", "maximum");
        break;
    case FIELD_BOOL:
        put_type(schema, "boolean", NULL);
        break;
    case FIELD_QUANTITY:
        fill_quantity(schema, row);
        break;
    case FIELD_OPAQUE:
        put_type(schema, "object", NULL);
        json_add_bool(schema, "x-kubernetes-preserve-unknown-fields", true);
        add_number(schema, "maxProperties", OPAQUE_PROPERTIES_MAX);
        break;
    }
}

static void put_default(cJSON *schema, const char *text)
{
    struct err err;
    cJSON *value;

    if (json_parse(&value, text, strlen(text), &err) < 0)
        return; /* ours, and every one is parsed in the tests */
    cJSON_AddItemToObject(schema, "default", value);
}

/* What holds the row: an object, a list's items, a map's values. */
static cJSON *parent_make(cJSON *root, const char *path)
{
    const char *dot = strrchr(path, '.');
    AUTO_FREE char *parent = xstrndup(path, dot ? (size_t)(dot - path) : 0);
    cJSON *schema = walk(root, parent, true);
    const cJSON *type = child(schema, "type");

    if (strcmp(parent, "") != 0 && !(type && strcmp(type->valuestring, "object") == 0)) {
        while (schema->child)
            cJSON_Delete(cJSON_DetachItemViaPointer(schema, schema->child));
        put_type(schema, "object", NULL);
    }
    return schema;
}

static void require(cJSON *parent, const char *name)
{
    cJSON *list = child(parent, "required");

    if (!list)
        list = cJSON_AddArrayToObject(parent, "required");
    cJSON_AddItemToArray(list, cJSON_CreateString(name));
}

static void add_row(cJSON *root, const struct field *row)
{
    const char *dot = strrchr(row->path, '.');
    const char *name = dot ? dot + 1 : row->path;
    cJSON *parent = parent_make(root, row->path);
    cJSON *schema = step(parent, name, strlen(name), true);

    while (schema->child)
        cJSON_Delete(cJSON_DetachItemViaPointer(schema, schema->child));
    json_add_str(schema, "description", row->doc);
    fill(schema, row);
    if (row->def || row->cluster_def)
        put_default(schema, row->def ? row->def : row->cluster_def);
    if (row->required)
        require(parent, name);
}

void schema_add_rows(cJSON *root, const char *top, const struct field *rows, size_t count)
{
    size_t len = strlen(top);

    for (size_t i = 0; i < count; i++) {
        if (strncmp(rows[i].path, top, len) == 0 &&
            (!rows[i].path[len] || rows[i].path[len] == '.'))
            add_row(root, &rows[i]);
    }
}

void schema_add_rule(cJSON *schema, const char *rule, const char *message, const char *field)
{
    cJSON *rules = child(schema, "x-kubernetes-validations");
    cJSON *item = cJSON_CreateObject();

    if (!rules)
        rules = cJSON_AddArrayToObject(schema, "x-kubernetes-validations");
    json_add_str(item, "rule", rule);
    json_add_str(item, "message", message);
    if (field)
        json_add_str(item, "fieldPath", field);
    cJSON_AddItemToArray(rules, item);
}
