/* SPDX-License-Identifier: Apache-2.0 */
#include "common/contract/fields.h"

#include "common/contract/fields_check.h"
#include "common/contract/fields_value.h"
#include "common/contract/members.h"
#include "common/mem.h"
#include "common/suggest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBLEMS_MAX  100
#define SIBLINGS_MAX  64
#define MAP_KEY_MAX   317    /* bytes: a DNS prefix of 253, a slash, a name of 63 */
#define MAP_VALUE_MAX 262144 /* bytes: what Kubernetes allows all annotations together */
#define NAME_SHOWN    80

/* What the API server writes into an object and `kubectl get -o yaml` shows: nothing to say. */
static const char *const served[] = {
    "status",
    "metadata.creationTimestamp",
    "metadata.deletionGracePeriodSeconds",
    "metadata.deletionTimestamp",
    "metadata.finalizers",
    "metadata.generation",
    "metadata.managedFields",
    "metadata.ownerReferences",
    "metadata.resourceVersion",
    "metadata.selfLink",
    "metadata.uid",
};

static void check_below(struct fields_check *check, const struct field *field, const cJSON *value,
                        const char *path);

static bool is_served(const char *path)
{
    for (size_t i = 0; i < sizeof(served) / sizeof(served[0]); i++) {
        if (strcmp(served[i], path) == 0)
            return true;
    }
    return false;
}

/* Caller frees. */
static char *join(const char *parent, const char *name)
{
    return *parent ? xasprintf("%s.%s", parent, name) : xstrdup(name);
}

/* The last part of a row's path when it is right below parent, else NULL. */
static const char *name_below(const struct field *row, const char *parent)
{
    size_t len = strlen(parent);
    const char *name = row->path;

    if (len > 0) {
        if (strncmp(row->path, parent, len) != 0 || row->path[len] != '.')
            return NULL;
        name += len + 1;
    }
    return strchr(name, '.') || strchr(name, '[') ? NULL : name;
}

static const struct field *row_below(const char *parent, const char *name)
{
    for (size_t i = 0; i < fields_count; i++) {
        const char *row = name_below(&fields[i], parent);

        if (row && strcmp(row, name) == 0)
            return &fields[i];
    }
    return NULL;
}

/* A field that stands elsewhere by this very name: "layout" for spec.stereo.layout. */
static const struct field *row_elsewhere(const char *name)
{
    for (size_t i = 0; i < fields_count; i++) {
        const char *dot = strrchr(fields[i].path, '.');

        if (dot && strcmp(dot + 1, name) == 0 && !strchr(fields[i].path, '['))
            return &fields[i];
    }
    return NULL;
}

static void unknown(struct fields_check *check, const char *parent, const char *path,
                    const char *name)
{
    const char *names[SIBLINGS_MAX] = { NULL }, *near;
    const struct field *elsewhere = row_elsewhere(name);
    size_t count = 0;

    for (size_t i = 0; i < fields_count && count < SIBLINGS_MAX; i++) {
        const char *row = name_below(&fields[i], parent);

        if (row)
            names[count++] = row;
    }
    near = suggest_nearest(name, names, count);
    if (elsewhere)
        fields_problem(check, path, "unknown field; did you mean %s?", elsewhere->path);
    else if (near)
        fields_problem(check, path, "unknown field; did you mean %s?", near);
    else
        fields_problem(check, path, "unknown field");
}

static void add_note(struct fields_check *check, const char *path)
{
    struct fields_report *report = check->report;

    report->notes = xrealloc(report->notes, (report->note_count + 1) * sizeof(*report->notes));
    report->notes[report->note_count++] =
        xasprintf("%s: means nothing on one machine; ignored", path);
}

/* is_noted: a parent is ignored, and that was said. */
static bool check_local(struct fields_check *check, const struct field *row,
                        const struct field *parent, const char *path)
{
    bool is_noted = parent && parent->local == LOCAL_IGNORED;

    if (check->local && row->local == LOCAL_REFUSED) {
        fields_problem(check, path, "needs a cluster");
        return false;
    }
    if (check->local && row->local == LOCAL_IGNORED && !is_noted)
        add_note(check, path);
    return true;
}

static void check_value(struct fields_check *check, const struct field *row, const cJSON *value,
                        const char *path)
{
    char why[FIELD_WHY_SIZE];

    if (cJSON_IsNull(value))
        fields_problem(check, path, "is empty; give it a value or leave it out");
    else if (field_value_check(why, row, value) < 0)
        fields_problem(check, path, "%s", why);
    else if (!check->local && row->cluster_pattern &&
             !field_value_matches(value->valuestring, row->cluster_pattern))
        fields_problem(check, path, "must be %s", row->cluster_words); /* it may hold credentials */
    else
        check_below(check, row, value, path);
}

/* Fields of an object: of row's, of the document (row NULL, rows ""), of a list's item ("x[]"). */
static void check_members(struct fields_check *check, const struct field *row, const char *rows,
                          const cJSON *object, const char *path)
{
    const cJSON *item; /* borrowed from object */

    cJSON_ArrayForEach(item, object)
    {
        const struct field *below = row_below(rows, item->string);
        AUTO_FREE char *item_path = join(path, item->string);

        if (is_served(item_path))
            continue;
        if (!below)
            unknown(check, rows, item_path, item->string);
        else if (check_local(check, below, row, item_path))
            check_value(check, below, item, item_path);
    }
    for (size_t i = 0; i < fields_count; i++) {
        const char *name = name_below(&fields[i], rows);

        if (name && fields[i].required && !json_has(object, name)) {
            AUTO_FREE char *missing = join(path, name);

            fields_problem(check, missing, "is missing");
        }
    }
}

static void check_entry(struct fields_check *check, const struct field *values, const cJSON *item,
                        const char *path)
{
    size_t key_len = strlen(item->string);
    char why[FIELD_WHY_SIZE];

    if (key_len == 0 || key_len > MAP_KEY_MAX) {
        fields_problem(check, path, "a name must have 1..%d bytes", MAP_KEY_MAX);
        return;
    }
    if (field_value_check(why, values, item) < 0)
        fields_problem(check, path, "%s", why);
}

static void check_entries(struct fields_check *check, const struct field *row, const cJSON *map,
                          const char *path)
{
    static const struct field text = { .type = FIELD_STRING, .max = MAP_VALUE_MAX };
    const struct field *values = row_below(row->path, "*");
    const cJSON *item; /* borrowed from map */

    cJSON_ArrayForEach(item, map)
    {
        AUTO_FREE char *item_path = join(path, item->string);

        check_entry(check, values ? values : &text, item, item_path);
    }
}

static void check_items(struct fields_check *check, const struct field *row, const cJSON *list,
                        const char *path)
{
    AUTO_FREE char *rows = xasprintf("%s[]", row->path);
    const cJSON *item; /* borrowed from list */
    unsigned index = 0;

    cJSON_ArrayForEach(item, list)
    {
        AUTO_FREE char *item_path = xasprintf("%s[%u]", path, index++);

        if (cJSON_IsObject(item))
            check_members(check, row, rows, item, item_path);
        else
            fields_problem(check, item_path, "must be an object");
    }
}

static void check_below(struct fields_check *check, const struct field *field, const cJSON *value,
                        const char *path)
{
    if (field->type == FIELD_OBJECT)
        check_members(check, field, field->path, value, path);
    else if (field->type == FIELD_MAP)
        check_entries(check, field, value, path);
    else if (field->type == FIELD_LIST)
        check_items(check, field, value, path);
}

/* Of the field itself, or of the nearest parent: a missing field has no place of its own. */
static void find_place(const struct yaml_places *places, const char *path, int *line, int *column)
{
    AUTO_FREE char *at = xstrdup(path);

    for (;;) {
        char *dot;

        yaml_place(places, at, line, column);
        dot = strrchr(at, '.');
        if (*line > 0 || !dot)
            return;
        *dot = '\0';
    }
}

static void add_problem(struct fields_report *report, const char *text)
{
    report->problems = xrealloc(report->problems, (report->count + 1) * sizeof(*report->problems));
    text_copy(report->problems[report->count++].text, sizeof(report->problems->text), text);
}

void fields_problem(struct fields_check *check, const char *path, const char *fmt, ...)
{
    char what[FIELD_WHY_SIZE], text[FIELD_WHY_SIZE], place[64] = "";
    int line = 0, column = 0;
    va_list ap;

    if (check->report->count == PROBLEMS_MAX) {
        check->left_out++;
        return;
    }
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    find_place(check->places, path, &line, &column);
    if (line > 0)
        (void)snprintf(place, sizeof(place), "line %d, column %d: ", line, column);
    field_say(text, "%s%.*s%s: %s", place, NAME_SHOWN, path, strlen(path) > NAME_SHOWN ? "..." : "",
              what);
    add_problem(check->report, text);
}

const struct field *fields_find(const char *path)
{
    for (size_t i = 0; i < fields_count; i++) {
        if (strcmp(fields[i].path, path) == 0)
            return &fields[i];
    }
    return NULL;
}

void fields_report_clear(struct fields_report *report)
{
    for (size_t i = 0; i < report->note_count; i++)
        free(report->notes[i]);
    free(report->notes);
    free(report->problems);
    *report = (struct fields_report){ 0 };
}

int fields_check(const cJSON *job, const struct yaml_places *places, bool local,
                 struct fields_report *report, struct err *err)
{
    struct fields_check check = { .places = places, .local = local, .report = report };
    size_t count;

    *report = (struct fields_report){ 0 };
    if (!cJSON_IsObject(job)) {
        add_problem(report, "the document must be an object with apiVersion, kind, metadata, spec");
    } else {
        check_members(&check, NULL, "", job, "");
        fields_rules(&check, job);
    }
    if (report->count == 0)
        return 0;
    count = report->count + check.left_out;
    if (check.left_out > 0) {
        AUTO_FREE char *more = xasprintf("and %zu more problems", check.left_out);

        add_problem(report, more);
    }
    if (count == 1)
        return err_set(err, ERR_CONFIG, "%s", report->problems[0].text);
    return err_set(err, ERR_CONFIG, "%s (the first of %zu problems)", report->problems[0].text,
                   count);
}

static void default_put(cJSON *job, const char *path, const char *def)
{
    const char *dot = strrchr(path, '.');
    AUTO_FREE char *parent = dot ? xstrndup(path, (size_t)(dot - path)) : NULL;
    struct err err;
    cJSON *value;

    if (!def || !parent || !cJSON_IsObject(json_path(job, parent)) || json_path(job, path))
        return;
    if (json_parse(&value, def, strlen(def), &err) < 0)
        mem_abort(); /* the default is ours, and every one is parsed in the tests */
    json_path_set(job, path, value);
}

void fields_default(cJSON *job)
{
    for (size_t i = 0; i < fields_count; i++)
        default_put(job, fields[i].path, fields[i].def);
}

void fields_default_cluster(cJSON *job)
{
    fields_default(job);
    for (size_t i = 0; i < fields_count; i++)
        default_put(job, fields[i].path, fields[i].cluster_def);
}
