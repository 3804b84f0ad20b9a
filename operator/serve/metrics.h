/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics.h - counters, gauges and histograms, printed in Prometheus' text format. Families are
 * made once and live as long as the registry; a family holds at most METRIC_SERIES_MAX series, what
 * comes after them is counted in one whose labels are all "other". One thread.
 */
#ifndef OPERATOR_SERVE_METRICS_H
#define OPERATOR_SERVE_METRICS_H

#include "common/auto.h"

#include <stddef.h>
#include <stdint.h>

enum { METRIC_LABELS_MAX = 4, METRIC_SERIES_MAX = 500 };

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metrics;
struct metric; /* one family */

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics); /* and its families; NULL is fine */
AUTO_DEFINE(metrics, struct metrics *, metrics_free)

/* name, help and labels ("controller,result", "" for none) are borrowed for ever. A name that is
 * there already is a broken promise and aborts. A family without labels shows 0 from the start. */
struct metric *metrics_add(struct metrics *metrics, enum metric_kind kind, const char *name,
                           const char *help, const char *labels);
/* bounds: ascending upper bounds, borrowed for ever; +Inf follows of itself. */
struct metric *metrics_add_histogram(struct metrics *metrics, const char *name, const char *help,
                                     const char *labels, const double *bounds, size_t bound_count);

/* One value for each label of the family, in its order; copied. NULL for a family without. */
#define METRIC_VALUES(...) ((const char *const[]){ __VA_ARGS__ })
void metric_inc(struct metric *metric, const char *const *values);
void metric_add(struct metric *metric, double by, const char *const *values); /* by >= 0 */
/* Of a gauge; of a counter whose total is kept elsewhere. */
void metric_set(struct metric *metric, double value, const char *const *values);
void metric_observe(struct metric *metric, double value, const char *const *values);

/* Of a histogram whose counts are kept elsewhere: one for each bound (not above it), one for more.
 */
void metric_set_buckets(struct metric *metric, const uint64_t *buckets, size_t bucket_count,
                        double sum, const char *const *values);

/* Seconds of work: 5 ms to 60 s. */
extern const double metric_seconds[];
extern const size_t metric_seconds_count;
/* Of queues, as client-go has them: 10 ns to 10 s, by tens, then to 1000 s. */
extern const double metric_queue_seconds[];
extern const size_t metric_queue_seconds_count;

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"
char *metrics_print(const struct metrics *metrics, size_t *len); /* caller frees */
#endif
