/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cluster/print.h"

#include "cli/cluster/jobs.h"
#include "common/auto.h"
#include "common/clock.h"
#include "common/contract/names.h"
#include "common/contract/spec.h"
#include "common/mem.h"
#include "common/yaml.h"

#include <stdio.h>
#include <string.h>

enum { COLUMNS_MAX = 10, CELL = 64, GAP = 3 };

struct table {
    char (*cells)[COLUMNS_MAX][CELL]; /* owned; the first row is the head */
    size_t rows, columns;
};

static void cell(struct table *table, const char *text)
{
    size_t at = table->columns++;

    (void)snprintf(table->cells[table->rows][at], CELL, "%s", text[0] ? text : "-");
}

static void row_end(struct table *table)
{
    table->rows++;
    table->columns = 0;
}

static void table_print(struct table *table, size_t columns, size_t from)
{
    int widths[COLUMNS_MAX] = { 0 };

    for (size_t row = 0; row < table->rows; row++) {
        for (size_t i = 0; i < columns; i++) {
            int len = (int)strlen(table->cells[row][i]);

            widths[i] = len > widths[i] ? len : widths[i];
        }
    }
    for (size_t row = from; row < table->rows; row++) {
        for (size_t i = 0; i + 1 < columns; i++)
            (void)printf("%-*s", widths[i] + GAP, table->cells[row][i]);
        (void)printf("%s\n", table->cells[row][columns - 1]);
    }
    free(table->cells);
}

static struct table table_new(const cJSON *items)
{
    return (struct table){ .cells = xcalloc((size_t)cJSON_GetArraySize(items) + 1,
                                            sizeof(char[COLUMNS_MAX][CELL])) };
}

static void number_cell(struct table *table, const cJSON *doc, const char *path)
{
    const cJSON *item = json_path(doc, path);
    char text[24];

    (void)snprintf(text, sizeof(text), "%.0f", cJSON_IsNumber(item) ? item->valuedouble : 0.0);
    cell(table, text);
}

static void job_row(struct table *table, const cJSON *job, bool spaces, bool wide)
{
    char text[32], age[24];

    if (spaces)
        cell(table, json_text(job, "metadata.namespace"));
    cell(table, json_text(job, "metadata.name"));
    cell(table, json_text(job, "status.phase"));
    jobs_segments(text, job);
    cell(table, text);
    (void)snprintf(text, sizeof(text), "%d%%", jobs_percent(job));
    cell(table, text);
    cell(table, json_text(job, "status.eta"));
    jobs_age(age, json_text(job, "metadata.creationTimestamp"), clock_unix_ms());
    cell(table, age);
    if (wide) {
        number_cell(table, job, "status.failedPods");
        number_cell(table, job, "status.interruptedPods");
        cell(table, json_text(job, "spec.output.uri"));
    }
}

void print_table(const cJSON *items, bool spaces, bool wide, bool head)
{
    static const char *const heads[] = { "NAMESPACE", "NAME", "PHASE",  "SEGMENTS",    "PROGRESS",
                                         "ETA",       "AGE",  "FAILED", "INTERRUPTED", "OUTPUT" };
    struct table table = table_new(items);
    size_t columns = 0;
    const cJSON *job;

    for (size_t i = spaces ? 0 : 1; i < (wide ? 10u : 7u); i++)
        cell(&table, heads[i]);
    columns = table.columns;
    row_end(&table);
    cJSON_ArrayForEach(job, items)
    {
        job_row(&table, job, spaces, wide);
        row_end(&table);
    }
    table_print(&table, columns, head ? 0 : 1);
}

static void line(const char *name, const char *value)
{
    while (value[0]) { /* further lines stand below the first */
        int len = (int)strcspn(value, "\n");

        (void)printf("%-14s %.*s\n", name, len, value);
        value += len + (value[len] == '\n');
        name = "";
    }
}

static void describe_damage(const cJSON *job)
{
    const cJSON *damaged = json_path(job, "status.output.damagedFrames");
    char text[64];

    if (!cJSON_IsNumber(damaged) || damaged->valuedouble < 1)
        return;
    (void)snprintf(text, sizeof(text), "%.0f frames, damaged in the source", damaged->valuedouble);
    line("Damaged:", text);
}

static void describe_scaled(const cJSON *job)
{
    const cJSON *scaled = json_path(job, "status.output.scaledFrames");
    char text[64];

    if (!cJSON_IsNumber(scaled) || scaled->valuedouble < 1)
        return;
    (void)snprintf(text, sizeof(text), "%.0f frames, of another size in the source",
                   scaled->valuedouble);
    line("Scaled:", text);
}

static void describe_right(const cJSON *job)
{
    AUTO_FREE char *right = NULL;

    if (strcmp(json_text(job, "spec.stereo.layout"), "LeftRight") != 0)
        return;
    right = output_right(json_text(job, "spec.output.uri"));
    line("Right eye:", right);
}

static void describe_head(const cJSON *job)
{
    char text[32], age[24];

    line("Name:", json_text(job, "metadata.name"));
    line("Namespace:", json_text(job, "metadata.namespace"));
    jobs_age(age, json_text(job, "metadata.creationTimestamp"), clock_unix_ms());
    line("Age:", age);
    line("Source:", json_text(job, "spec.source.uri"));
    line("Output:", json_text(job, "spec.output.uri"));
    describe_right(job);
    line("Layout:", json_text(job, "spec.stereo.layout"));
    line("Phase:", json_text(job, "status.phase"));
    line("Reason:", json_text(job, "status.reason"));
    line("Message:", json_text(job, "status.message"));
    jobs_segments(text, job);
    line("Segments:", text);
    line("Completed:", json_text(job, "status.completedIndexes"));
    line("Failed:", json_text(job, "status.failedIndexes"));
    line("ETA:", json_text(job, "status.eta"));
    line("Warning:", json_text(job, "status.plan.warning"));
    describe_damage(job);
    describe_scaled(job);
}

static void describe_conditions(const cJSON *job)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, json_path(job, "status.conditions"))
    {
        (void)printf("%-14s %s=%s %s: %s\n", "Condition:", json_text(item, "type"),
                     json_text(item, "status"), json_text(item, "reason"),
                     json_text(item, "message"));
    }
    cJSON_ArrayForEach(item, json_path(job, "status.deadLetters"))
    {
        (void)printf("%-14s %s %d: %s: %s\n", "Dead letter:", json_text(item, "stage"),
                     json_path(item, "index") ? json_path(item, "index")->valueint : 0,
                     json_text(item, "class"), json_text(item, "message"));
    }
}

static const char *pod_reason(const cJSON *pod)
{
    static const char *const paths[] = { "status.containerStatuses[0].state.waiting.reason",
                                         "status.containerStatuses[0].state.terminated.reason",
                                         "status.reason" };

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (json_text(pod, paths[i])[0])
            return json_text(pod, paths[i]);
    }
    return "";
}

static void describe_pods(const cJSON *pods)
{
    static const char *const heads[] = {
        "POD", "STAGE", "INDEX", "PHASE", "REASON", "NODE", "AGE"
    };
    struct table table = table_new(pods);
    const cJSON *pod;

    if (cJSON_GetArraySize(pods) == 0) {
        free(table.cells);
        return;
    }
    for (size_t i = 0; i < 7; i++)
        cell(&table, heads[i]);
    row_end(&table);
    cJSON_ArrayForEach(pod, pods)
    {
        const cJSON *labels = json_path(pod, "metadata.labels");
        char age[24];

        cell(&table, json_text(pod, "metadata.name"));
        cell(&table, json_member(labels, LABEL_STAGE));
        cell(&table, json_member(labels, LABEL_INDEX));
        cell(&table, json_text(pod, "status.phase"));
        cell(&table, pod_reason(pod));
        cell(&table, json_text(pod, "spec.nodeName"));
        jobs_age(age, json_text(pod, "metadata.creationTimestamp"), clock_unix_ms());
        cell(&table, age);
        row_end(&table);
    }
    (void)printf("\n");
    table_print(&table, 7, 0);
}

static void describe_events(const cJSON *events)
{
    const cJSON *event;

    if (cJSON_GetArraySize(events) > 0)
        (void)printf("\nEVENTS\n");
    cJSON_ArrayForEach(event, events)
    {
        const char *seen = json_text(event, "series.lastObservedTime");
        char age[24];

        jobs_age(age, seen[0] ? seen : json_text(event, "eventTime"), clock_unix_ms());
        (void)printf("%6s  %-8s %-18s %s\n", age, json_text(event, "type"),
                     json_text(event, "reason"), json_text(event, "note"));
    }
}

void print_describe(const cJSON *job, const cJSON *pods, const cJSON *events)
{
    describe_head(job);
    describe_conditions(job);
    describe_pods(pods);
    describe_events(events);
}

void print_document(const cJSON *doc, enum flags_output output)
{
    AUTO_FREE char *text = output == OUTPUT_YAML ? yaml_print(doc) : json_print_pretty(doc);

    (void)fputs(text, stdout);
}

void print_changed(const cJSON *job, const char *done, enum flags_output output)
{
    if (output == OUTPUT_JSON || output == OUTPUT_YAML)
        print_document(job, output);
    else if (output == OUTPUT_NAME)
        (void)printf("stereojob.stereojob.io/%s\n", json_text(job, "metadata.name"));
    else
        (void)printf("stereojob.stereojob.io/%s %s\n", json_text(job, "metadata.name"), done);
}
