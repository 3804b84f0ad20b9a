/* SPDX-License-Identifier: Apache-2.0
 *
 * decide_speed_test.c - prints how long a pass of a large job takes, and fails only when the work
 * does not grow in proportion to the job (a loop in a loop).
 */
#include "tests/common/check.h"

#include "common/clock.h"
#include "operator/decide/status.h"

#include <stdlib.h>

#define NOW INT64_C(1700000000000)

struct job {
    struct job_spec spec;
    struct job_status status;
    struct pod_view *pods;
    struct record *done;
    struct observed seen;
};

/* Half of the segments done and in Redis; a tenth has pods: a third run, a third succeeded, a
 * third failed. */
static void job_init(struct job *job, uint32_t segments)
{
    uint32_t pods = segments / 10;
    struct record plan = { .segments = segments };

    memset(job, 0, sizeof(*job));
    job->spec.parallelism = pods;
    job->spec.backoff_limit_per_index = 3;
    job->spec.stall_s = 120;
    job->status.phase = PHASE_CONVERTING;
    job->status.start_ms = NOW - 1;
    job_status_plan(&job->status, &plan);
    job->done = calloc(segments / 2, sizeof(job->done[0]));
    job->pods = calloc(pods, sizeof(job->pods[0]));
    assert_true(job->done && job->pods);
    for (uint32_t i = 0; i < segments / 2; i++) {
        job->done[i].id = (struct attempt_id){ .stage = STAGE_CONVERT, .index = i };
        job->status.completed[i] = i % 100 != 0;
    }
    for (uint32_t i = 0; i < pods; i++) {
        struct pod_view *pod = &job->pods[i];

        pod->id = (struct attempt_id){ .stage = STAGE_CONVERT, .index = segments / 2 + i };
        pod->phase = i % 3 == 0 ? POD_RUNNING : i % 3 == 1 ? POD_SUCCEEDED : POD_FAILED;
        pod->has_finalizer = true;
        pod->created_ms = pod->started_ms = NOW - 50000;
        pod->finished_ms = i % 3 ? NOW - 1000 : 0;
        pod->has_record = i % 3 == 1;
        pod->record.id = pod->id;
        pod->cls = i % 3 == 2 ? CLASS_DEPENDENCY : CLASS_DONE;
    }
    job->seen = (struct observed){ .now_ms = NOW,
                                   .tracking_wanted = true,
                                   .tracking_up_ms = 1,
                                   .pods = job->pods,
                                   .pod_count = pods,
                                   .done = job->done,
                                   .done_count = segments / 2 };
}

static void job_clear(struct job *job)
{
    job_status_clear(&job->status);
    free(job->pods);
    free(job->done);
}

static double pass_ms(uint32_t segments)
{
    struct job job;
    int64_t best_us = INT64_MAX;
    size_t acts = 0;

    job_init(&job, segments);
    for (int i = 0; i < 9; i++) {
        struct decision decision;
        int64_t begin_us = clock_mono_us(), took_us;

        decide(&decision, &job.spec, &job.status, &job.seen);
        took_us = clock_mono_us() - begin_us;
        if (took_us < best_us)
            best_us = took_us;
        acts = decision.action_count;
        decision_clear(&decision);
    }
    print_message("%5u segments, %4u pods, %5zu actions: %.3f ms\n", segments, segments / 10, acts,
                  (double)best_us / 1000);
    job_clear(&job);
    return (double)best_us / 1000;
}

static void a_pass_grows_with_the_job(void **state)
{
    double small, large;

    (void)state;
    small = pass_ms(1000);
    large = pass_ms(10000);
    (void)pass_ms(20000);
    /* Ten times the job: much less than the hundred times of a loop in a loop, on any machine. */
    assert_true(large < 50 * small + 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_pass_grows_with_the_job) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
