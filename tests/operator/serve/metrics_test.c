/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "operator/serve/metrics.h"
#include "operator/serve/names.h"

static void all_kinds_are_printed(void **state)
{
    static const double bounds[] = { 0.1, 2.5 };
    AUTO(metrics) struct metrics *metrics = metrics_new();
    struct metric *plain = metrics_add(metrics, METRIC_COUNTER, "a_total", "Of a\\b\nc.", "");
    struct metric *gauge = metrics_add(metrics, METRIC_GAUGE, "g", "G.", "x,y");
    struct metric *times = metrics_add_histogram(metrics, "t_seconds", "T.", "v", bounds, 2);
    AUTO_FREE char *text = NULL;
    size_t len;

    (void)state;
    (void)metrics_add(metrics, METRIC_GAUGE, "never", "Not printed.", "x");
    metric_inc(plain, NULL);
    metric_add(plain, 0.5, NULL);
    metric_set(gauge, -3, METRIC_VALUES("a\"\\\n", "2"));
    metric_set(gauge, 7e9, METRIC_VALUES("a", "2"));
    metric_set(gauge, 8, METRIC_VALUES("a", "2"));
    metric_observe(times, 0.1, METRIC_VALUES("GET")); /* a bound is in its bucket */
    metric_observe(times, 2, METRIC_VALUES("GET"));
    metric_observe(times, 99, METRIC_VALUES("GET"));
    text = metrics_print(metrics, &len);
    assert_int_equal(len, strlen(text));
    assert_string_equal(text, "# HELP a_total Of a\\\\b\\nc.\n"
                              "# TYPE a_total counter\n"
                              "a_total 1.5\n"
                              "# HELP g G.\n"
                              "# TYPE g gauge\n"
                              "g{x=\"a\\\"\\\\\\n\",y=\"2\"} -3\n"
                              "g{x=\"a\",y=\"2\"} 8\n"
                              "# HELP t_seconds T.\n"
                              "# TYPE t_seconds histogram\n"
                              "t_seconds_bucket{v=\"GET\",le=\"0.1\"} 1\n"
                              "t_seconds_bucket{v=\"GET\",le=\"2.5\"} 2\n"
                              "t_seconds_bucket{v=\"GET\",le=\"+Inf\"} 3\n"
                              "t_seconds_sum{v=\"GET\"} 101.1\n"
                              "t_seconds_count{v=\"GET\"} 3\n");
}

static void series_are_bounded(void **state)
{
    AUTO(metrics) struct metrics *metrics = metrics_new();
    struct metric *metric = metrics_add(metrics, METRIC_COUNTER, "m_total", "M.", "job");
    AUTO_FREE char *text = NULL;
    size_t len, lines = 0;

    (void)state;
    for (int i = 0; i < METRIC_SERIES_MAX + 7; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "job-%d", i);
        metric_inc(metric, METRIC_VALUES(name));
    }
    metric_inc(metric, METRIC_VALUES("job-3"));
    text = metrics_print(metrics, &len);
    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n';
    assert_int_equal(lines, METRIC_SERIES_MAX + 3); /* HELP, TYPE, other */
    CHECK_HAS("full", text, "m_total{job=\"other\"} 7\n");
    CHECK_HAS("known", text, "m_total{job=\"job-3\"} 2\n");
}

static void the_operators_names_are_the_usual_ones(void **state)
{
    static const char *const lines[] = {
        "controller_runtime_reconcile_total{controller=\"stereojob\",result=\"success\"} 1\n",
        "controller_runtime_reconcile_total{controller=\"stereojob\",result=\"error\"} 2\n",
        "controller_runtime_reconcile_total{controller=\"stereojob\",result=\"requeue_after\"} 1\n",
        "controller_runtime_reconcile_errors_total{controller=\"stereojob\"} 2\n",
        "controller_runtime_terminal_reconcile_errors_total{controller=\"stereojob\"} 1\n",
        "controller_runtime_reconcile_time_seconds_count{controller=\"stereojob\"} 4\n",
        "controller_runtime_active_workers{controller=\"stereojob\"} 2\n",
        "workqueue_depth{name=\"stereojob\",controller=\"stereojob\"} 3\n",
        "workqueue_adds_total{name=\"stereojob\",controller=\"stereojob\"} 9\n",
        "workqueue_queue_duration_seconds_bucket{name=\"stereojob\",controller=\"stereojob\",le="
        "\"1\"} "
        "4\n",
        "workqueue_queue_duration_seconds_bucket{name=\"stereojob\",controller=\"stereojob\",le="
        "\"10\"} "
        "7\n",
        "workqueue_queue_duration_seconds_sum{name=\"stereojob\",controller=\"stereojob\"} 12.5\n",
        "workqueue_queue_duration_seconds_count{name=\"stereojob\",controller=\"stereojob\"} 9\n",
        ("workqueue_longest_running_processor_seconds{name=\"stereojob\",controller=\"stereojob\"} "
         "0.5\n"),
        "rest_client_requests_total{code=\"200\",method=\"GET\",host=\"h:1\"} 1\n",
        "rest_client_requests_total{code=\"<error>\",method=\"PUT\",host=\"h:1\"} 1\n",
        "rest_client_request_duration_seconds_count{verb=\"GET\",host=\"h:1\"} 1\n",
        "rest_client_request_retries_total{code=\"<error>\",verb=\"PUT\",host=\"h:1\"} 1\n",
        "leader_election_master_status{name=\"stereo-operator\"} 1\n",
        "stereo_watch_reconnects_total{resource=\"pods\",reason=\"expired\"} 2\n",
        "stereo_relist_total{resource=\"pods\",reason=\"expired\"} 1\n",
        "process_open_fds ",
        "process_cpu_seconds_total ",
    };
    const struct work_stats stats = { .depth = 3,
                                      .under_way = 2,
                                      .adds = 9,
                                      .longest_running_s = 0.5,
                                      .waited = { { [8] = 4, [9] = 3, [12] = 2 }, 12.5 } };
    AUTO(names) struct names *names = names_new("https://h:1/path");
    AUTO_FREE char *text = NULL;
    size_t len;

    (void)state;
    names_reconciled(names, 0, ERR_NONE, false, false, 0.1);
    names_reconciled(names, 0, ERR_NONE, true, true, 0.1);
    names_reconciled(names, -1, ERR_DEPENDENCY, true, false, 0.1);
    names_reconciled(names, -1, ERR_CONFIG, false, false, 0.1);
    names_work(names, &stats, 10);
    names_request(names, "GET", 200, 0.1, false);
    names_request(names, "PUT", 0, 0.1, true);
    names_leader(names, "stereo-operator", true);
    names_reconnected(names, "pods", "expired", true);
    names_reconnected(names, "pods", "expired", false);
    names_process(names);
    text = metrics_print(names->metrics, &len);
    for (size_t i = 0; i < COUNT(lines); i++)
        CHECK_HAS("names", text, lines[i]);
    assert_null(strstr(text, "process_open_fds 0\n"));
    assert_null(strstr(text, "process_resident_memory_bytes 0\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds_are_printed),
        cmocka_unit_test(series_are_bounded),
        cmocka_unit_test(the_operators_names_are_the_usual_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
