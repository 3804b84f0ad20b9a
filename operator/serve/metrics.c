/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/serve/metrics.h"

#include "common/buf.h"
#include "common/map.h"
#include "common/mem.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { PRINT_MAX_BYTES = 64 << 20, NUMBER_SIZE = 40 };

const double metric_seconds[] = { 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60 };
const size_t metric_seconds_count = sizeof(metric_seconds) / sizeof(metric_seconds[0]);
const double metric_queue_seconds[] = { 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3,
                                        1e-2, 0.1,  1,    10,   100,  1000 };
const size_t metric_queue_seconds_count =
    sizeof(metric_queue_seconds) / sizeof(metric_queue_seconds[0]);

struct series {
    char *labels; /* owned: `controller="job",result="success"`, or "" */
    double value; /* of a histogram: the sum */
    uint64_t count;
    uint64_t *buckets; /* owned; not cumulative; one more than bounds */
    struct series *next;
};

struct metric {
    enum metric_kind kind;
    const char *name, *help;
    char *label_names[METRIC_LABELS_MAX]; /* owned */
    size_t label_count;
    const double *bounds;
    size_t bound_count;
    struct map by_labels; /* text -> series */
    struct series *first, **last;
    size_t series_count;
    struct metric *next;
};

struct metrics {
    struct map by_name;
    struct metric *first, **last;
};

struct metrics *metrics_new(void)
{
    struct metrics *metrics = xcalloc(1, sizeof(*metrics));

    metrics->last = &metrics->first;
    return metrics;
}

static void metric_free(struct metric *metric)
{
    struct series *series = metric->first;

    while (series) {
        struct series *next = series->next;

        free(series->labels);
        free(series->buckets);
        free(series);
        series = next;
    }
    for (size_t i = 0; i < metric->label_count; i++)
        free(metric->label_names[i]);
    map_clear(&metric->by_labels);
    free(metric);
}

void metrics_free(struct metrics *metrics)
{
    if (!metrics)
        return;
    while (metrics->first) {
        struct metric *next = metrics->first->next;

        metric_free(metrics->first);
        metrics->first = next;
    }
    map_clear(&metrics->by_name);
    free(metrics);
}

static void put(struct buf *out, const char *text)
{
    struct err err;

    if (buf_append(out, text, strlen(text), &err) < 0)
        abort(); /* labels and series are bounded */
}

/* A label's value between quotes, or a help text. */
static void put_escaped(struct buf *out, const char *text, bool quotes)
{
    for (; *text; text++) {
        if (*text == '\n')
            put(out, "\\n");
        else if (*text == '\\' || (quotes && *text == '"'))
            put(out, *text == '"' ? "\\\"" : "\\\\");
        else
            put(out, (const char[]){ *text, '\0' });
    }
}

static char *labels_format(const struct metric *metric, const char *const *values)
{
    struct buf out;

    buf_init(&out, PRINT_MAX_BYTES);
    for (size_t i = 0; i < metric->label_count; i++) {
        put(&out, i ? "," : "");
        put(&out, metric->label_names[i]);
        put(&out, "=\"");
        put_escaped(&out, values[i], true);
        put(&out, "\"");
    }
    return buf_take(&out);
}

static struct series *series_add(struct metric *metric, char *labels)
{
    struct series *series = xcalloc(1, sizeof(*series));

    series->labels = labels;
    if (metric->kind == METRIC_HISTOGRAM)
        series->buckets = xcalloc(metric->bound_count + 1, sizeof(series->buckets[0]));
    *metric->last = series;
    metric->last = &series->next;
    metric->series_count++;
    map_put(&metric->by_labels, labels, series);
    return series;
}

static struct series *series_get(struct metric *metric, const char *const *values)
{
    static const char *const other[METRIC_LABELS_MAX] = { "other", "other", "other", "other" };
    AUTO_FREE char *labels = labels_format(metric, values);
    struct series *series = map_get(&metric->by_labels, labels);

    if (series)
        return series;
    if (metric->series_count >= METRIC_SERIES_MAX) {
        free(labels);
        labels = labels_format(metric, other);
        series = map_get(&metric->by_labels, labels);
    }
    return series ? series : series_add(metric, TAKE(labels));
}

static void labels_split(struct metric *metric, const char *labels)
{
    while (*labels) {
        size_t len = strcspn(labels, ",");

        if (metric->label_count == METRIC_LABELS_MAX)
            abort();
        metric->label_names[metric->label_count++] = xstrndup(labels, len);
        labels += len + (labels[len] == ',');
    }
}

static struct metric *family_add(struct metrics *metrics, const struct metric *what,
                                 const char *labels)
{
    struct metric *metric = xcalloc(1, sizeof(*metric));

    if (map_get(&metrics->by_name, what->name))
        abort();
    *metric = *what;
    metric->last = &metric->first;
    labels_split(metric, labels);
    *metrics->last = metric;
    metrics->last = &metric->next;
    map_put(&metrics->by_name, metric->name, metric);
    if (!metric->label_count)
        (void)series_get(metric, NULL);
    return metric;
}

struct metric *metrics_add(struct metrics *metrics, enum metric_kind kind, const char *name,
                           const char *help, const char *labels)
{
    const struct metric what = { .kind = kind, .name = name, .help = help };

    if (kind == METRIC_HISTOGRAM)
        abort();
    return family_add(metrics, &what, labels);
}

struct metric *metrics_add_histogram(struct metrics *metrics, const char *name, const char *help,
                                     const char *labels, const double *bounds, size_t bound_count)
{
    const struct metric what = { .kind = METRIC_HISTOGRAM,
                                 .name = name,
                                 .help = help,
                                 .bounds = bounds,
                                 .bound_count = bound_count };

    return family_add(metrics, &what, labels);
}

void metric_inc(struct metric *metric, const char *const *values)
{
    series_get(metric, values)->value++;
}

void metric_add(struct metric *metric, double by, const char *const *values)
{
    series_get(metric, values)->value += by;
}

void metric_set(struct metric *metric, double value, const char *const *values)
{
    series_get(metric, values)->value = value;
}

void metric_observe(struct metric *metric, double value, const char *const *values)
{
    struct series *series = series_get(metric, values);
    size_t bucket = 0;

    while (bucket < metric->bound_count && value > metric->bounds[bucket])
        bucket++;
    series->buckets[bucket]++;
    series->value += value;
    series->count++;
}

void metric_set_buckets(struct metric *metric, const uint64_t *buckets, size_t bucket_count,
                        double sum, const char *const *values)
{
    struct series *series = series_get(metric, values);

    if (bucket_count != metric->bound_count + 1)
        abort();
    series->value = sum;
    series->count = 0;
    for (size_t i = 0; i < bucket_count; i++) {
        series->buckets[i] = buckets[i];
        series->count += buckets[i];
    }
}

/* Printing -------------------------------------------------------------------------------------*/

/* The shortest text that reads back as the same number. */
static void number_format(char out[NUMBER_SIZE], double value)
{
    if (isnan(value) || isinf(value)) {
        (void)snprintf(out, NUMBER_SIZE, "%s", isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(out, NUMBER_SIZE, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            return;
    }
}

static void sample_print(struct buf *out, const struct metric *metric, const char *suffix,
                         const char *labels, const char *more, double value)
{
    char number[NUMBER_SIZE];

    number_format(number, value);
    put(out, metric->name);
    put(out, suffix);
    if (*labels || *more) {
        put(out, "{");
        put(out, labels);
        put(out, *labels && *more ? "," : "");
        put(out, more);
        put(out, "}");
    }
    put(out, " ");
    put(out, number);
    put(out, "\n");
}

static void histogram_print(struct buf *out, const struct metric *metric,
                            const struct series *series)
{
    uint64_t below = 0;

    for (size_t i = 0; i <= metric->bound_count; i++) {
        char bound[NUMBER_SIZE], more[NUMBER_SIZE + 8];

        number_format(bound, i < metric->bound_count ? metric->bounds[i] : INFINITY);
        (void)snprintf(more, sizeof(more), "le=\"%s\"", bound);
        below += series->buckets[i];
        sample_print(out, metric, "_bucket", series->labels, more, (double)below);
    }
    sample_print(out, metric, "_sum", series->labels, "", series->value);
    sample_print(out, metric, "_count", series->labels, "", (double)series->count);
}

static void family_print(struct buf *out, const struct metric *metric)
{
    static const char *const kinds[] = { "counter", "gauge", "histogram" };

    if (!metric->first)
        return;
    put(out, "# HELP ");
    put(out, metric->name);
    put(out, " ");
    put_escaped(out, metric->help, false);
    put(out, "\n# TYPE ");
    put(out, metric->name);
    put(out, " ");
    put(out, kinds[metric->kind]);
    put(out, "\n");
    for (const struct series *series = metric->first; series; series = series->next) {
        if (metric->kind == METRIC_HISTOGRAM)
            histogram_print(out, metric, series);
        else
            sample_print(out, metric, "", series->labels, "", series->value);
    }
}

char *metrics_print(const struct metrics *metrics, size_t *len)
{
    struct buf out;

    buf_init(&out, PRINT_MAX_BYTES);
    for (const struct metric *metric = metrics->first; metric; metric = metric->next)
        family_print(&out, metric);
    *len = out.len;
    return buf_take(&out);
}
