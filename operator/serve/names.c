/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/serve/names.h"

#include "common/clock.h"
#include "common/file.h"
#include "common/mem.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define CONTROLLER "stereojob"
#define QUEUE      METRIC_VALUES(CONTROLLER, CONTROLLER)

static void controller_add(struct names *names)
{
    struct metrics *m = names->metrics;

    names->reconciles = metrics_add(m, METRIC_COUNTER, "controller_runtime_reconcile_total",
                                    "Passes over StereoJobs, by result.", "controller,result");
    names->reconcile_errors =
        metrics_add(m, METRIC_COUNTER, "controller_runtime_reconcile_errors_total",
                    "Passes that failed.", "controller");
    names->terminal_errors =
        metrics_add(m, METRIC_COUNTER, "controller_runtime_terminal_reconcile_errors_total",
                    "Passes that failed and are not tried again.", "controller");
    names->reconcile_seconds =
        metrics_add_histogram(m, "controller_runtime_reconcile_time_seconds", "Time of one pass.",
                              "controller", metric_seconds, metric_seconds_count);
    names->workers_max =
        metrics_add(m, METRIC_GAUGE, "controller_runtime_max_concurrent_reconciles",
                    "Passes that may be under way at a time.", "controller");
    names->workers_active = metrics_add(m, METRIC_GAUGE, "controller_runtime_active_workers",
                                        "Passes under way.", "controller");
}

static void queue_add(struct names *names)
{
    struct metrics *m = names->metrics;

    names->depth =
        metrics_add(m, METRIC_GAUGE, "workqueue_depth", "StereoJobs that wait.", "name,controller");
    names->adds = metrics_add(m, METRIC_COUNTER, "workqueue_adds_total",
                              "StereoJobs that came to the queue.", "name,controller");
    names->retries = metrics_add(m, METRIC_COUNTER, "workqueue_retries_total",
                                 "StereoJobs that came again after a failure.", "name,controller");
    names->queue_seconds =
        metrics_add_histogram(m, "workqueue_queue_duration_seconds", "Time in the queue.",
                              "name,controller", metric_queue_seconds, metric_queue_seconds_count);
    names->work_seconds =
        metrics_add_histogram(m, "workqueue_work_duration_seconds", "Time under way.",
                              "name,controller", metric_queue_seconds, metric_queue_seconds_count);
    names->unfinished = metrics_add(m, METRIC_GAUGE, "workqueue_unfinished_work_seconds",
                                    "Time that what is under way has taken.", "name,controller");
    names->longest = metrics_add(m, METRIC_GAUGE, "workqueue_longest_running_processor_seconds",
                                 "The longest of what is under way.", "name,controller");
}

static void client_add(struct names *names)
{
    struct metrics *m = names->metrics;

    names->requests = metrics_add(m, METRIC_COUNTER, "rest_client_requests_total",
                                  "Requests to the API server.", "code,method,host");
    names->request_seconds = metrics_add_histogram(
        m, "rest_client_request_duration_seconds", "Time of requests to the API server.",
        "verb,host", metric_seconds, metric_seconds_count);
    names->request_retries =
        metrics_add(m, METRIC_COUNTER, "rest_client_request_retries_total",
                    "Requests to the API server that were sent again.", "code,verb,host");
    names->leader = metrics_add(m, METRIC_GAUGE, "leader_election_master_status",
                                "1: this process holds the Lease.", "name");
    names->watch_reconnects =
        metrics_add(m, METRIC_COUNTER, "stereo_watch_reconnects_total",
                    "Watches that were begun again, by reason.", "resource,reason");
    names->relists = metrics_add(m, METRIC_COUNTER, "stereo_relist_total",
                                 "Lists after the first, by reason.", "resource,reason");
    names->cache_age =
        metrics_add(m, METRIC_GAUGE, "stereo_cache_age_seconds",
                    "Time since a watch brought an event or a bookmark.", "resource");
}

static void ours_add(struct names *names)
{
    struct metrics *m = names->metrics;

    names->jobs = metrics_add(m, METRIC_GAUGE, "stereo_jobs", "StereoJobs, by phase.", "phase");
    names->pods = metrics_add(m, METRIC_GAUGE, "stereo_pods", "Pods of StereoJobs.", "");
    names->redis_up = metrics_add(m, METRIC_GAUGE, "stereo_redis_up", "1: Redis answers.", "");
    names->events_dropped =
        metrics_add(m, METRIC_COUNTER, "stereo_events_dropped_total",
                    "Kubernetes Events that were not written: the queue was full.", "");
}

static void process_add(struct names *names)
{
    struct metrics *m = names->metrics;

    names->cpu =
        metrics_add(m, METRIC_COUNTER, "process_cpu_seconds_total", "User and system time.", "");
    names->resident =
        metrics_add(m, METRIC_GAUGE, "process_resident_memory_bytes", "Memory in use.", "");
    names->virtual = metrics_add(m, METRIC_GAUGE, "process_virtual_memory_bytes",
                                 "Memory that is mapped.", "");
    names->fds = metrics_add(m, METRIC_GAUGE, "process_open_fds", "Open files.", "");
    names->fds_max = metrics_add(m, METRIC_GAUGE, "process_max_fds", "Files that may be open.", "");
    names->started = metrics_add(m, METRIC_GAUGE, "process_start_time_seconds",
                                 "When this process was started, since 1970.", "");
    metric_set(names->started, (double)clock_unix_ms() / 1000, NULL);
}

struct names *names_new(const char *server)
{
    struct names *names = xcalloc(1, sizeof(*names));
    const char *host = strstr(server, "://");

    host = host ? host + 3 : server;
    names->host = xstrndup(host, strcspn(host, "/"));
    names->metrics = metrics_new();
    controller_add(names);
    queue_add(names);
    client_add(names);
    ours_add(names);
    process_add(names);
    return names;
}

void names_free(struct names *names)
{
    if (!names)
        return;
    metrics_free(names->metrics);
    free(names->host);
    free(names);
}

void names_reconciled(struct names *names, int rc, enum err_code code, bool again, bool later,
                      double seconds)
{
    const char *result = rc < 0 ? "error" : later ? "requeue_after" : again ? "requeue" : "success";

    metric_inc(names->reconciles, METRIC_VALUES(CONTROLLER, result));
    metric_observe(names->reconcile_seconds, seconds, METRIC_VALUES(CONTROLLER));
    if (rc == 0)
        return;
    metric_inc(names->reconcile_errors, METRIC_VALUES(CONTROLLER));
    if (code != ERR_CONFLICT && code != ERR_DEPENDENCY)
        metric_inc(names->terminal_errors, METRIC_VALUES(CONTROLLER));
}

void names_work(struct names *names, const struct work_stats *stats, size_t at_once)
{
    metric_set(names->depth, (double)stats->depth, QUEUE);
    metric_set(names->adds, (double)stats->adds, QUEUE);
    metric_set(names->retries, (double)stats->retries, QUEUE);
    metric_set(names->unfinished, stats->unfinished_s, QUEUE);
    metric_set(names->longest, stats->longest_running_s, QUEUE);
    metric_set_buckets(names->queue_seconds, stats->waited.buckets, WORK_BOUNDS + 1,
                       stats->waited.sum_s, QUEUE);
    metric_set_buckets(names->work_seconds, stats->worked.buckets, WORK_BOUNDS + 1,
                       stats->worked.sum_s, QUEUE);
    metric_set(names->workers_active, (double)stats->under_way, METRIC_VALUES(CONTROLLER));
    metric_set(names->workers_max, (double)at_once, METRIC_VALUES(CONTROLLER));
}

void names_request(void *ctx, const char *method, int code, double seconds, bool again)
{
    struct names *names = ctx;
    char text[16] = "<error>";

    if (code)
        (void)snprintf(text, sizeof(text), "%d", code);
    metric_inc(names->requests, METRIC_VALUES(text, method, names->host));
    metric_observe(names->request_seconds, seconds, METRIC_VALUES(method, names->host));
    if (again)
        metric_inc(names->request_retries, METRIC_VALUES(text, method, names->host));
}

void names_reconnected(struct names *names, const char *resource, const char *reason, bool relist)
{
    metric_inc(names->watch_reconnects, METRIC_VALUES(resource, reason));
    if (relist)
        metric_inc(names->relists, METRIC_VALUES(resource, reason));
}

void names_leader(struct names *names, const char *lease, bool leads)
{
    metric_set(names->leader, leads, METRIC_VALUES(lease));
}

static size_t fds_count(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;

    if (!folder)
        return 0;
    while (readdir(folder))
        count++;
    (void)closedir(folder);
    return count > 3 ? count - 3 : 0; /* ".", ".." and the folder's own */
}

void names_process(struct names *names)
{
    AUTO_FREE char *text = NULL;
    unsigned long pages = 0, resident = 0;
    double page_bytes = (double)sysconf(_SC_PAGESIZE);
    struct timespec cpu;
    struct rlimit limit;
    struct err err;
    size_t len;

    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0)
        metric_set(names->cpu, (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9, NULL);
    if (file_read(&text, &len, "/proc/self/statm", 4096, &err) == 0 &&
        sscanf(text, "%lu %lu", &pages, &resident) == 2) {
        metric_set(names->virtual, (double)pages * page_bytes, NULL);
        metric_set(names->resident, (double)resident * page_bytes, NULL);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        metric_set(names->fds_max, (double)limit.rlim_cur, NULL);
    metric_set(names->fds, (double)fds_count(), NULL);
}
