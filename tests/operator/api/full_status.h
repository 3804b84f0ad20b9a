/* SPDX-License-Identifier: Apache-2.0
 *
 * full_status.h - the fullest status that the operator could write, for tests.
 */
#ifndef TESTS_OPERATOR_API_FULL_STATUS_H
#define TESTS_OPERATOR_API_FULL_STATUS_H

#include "common/mem.h"
#include "operator/pods/pods.h"

#include <string.h>

static inline void record_fill(struct record *record, enum stage stage)
{
    *record = (struct record){ .id = { .stage = stage, .index = 1, .epoch = 1, .attempt = 1 },
                               .segments = 20000,
                               .memory_bytes = 1,
                               .packed_width = 1,
                               .packed_height = 1,
                               .frames = 1,
                               .damaged = 1,
                               .scaled = 1,
                               .bytes = 1,
                               .right_bytes = 1,
                               .duration_ms = 1,
                               .wall_ms = 1 };
    memset(record->uid, 'u', sizeof(record->uid) - 1);
    memset(record->build, 'b', sizeof(record->build) - 1);
    memset(record->codec, 'c', sizeof(record->codec) - 1);
    memset(record->warning, 'w', sizeof(record->warning) - 1);
    memset(record->sha256, 'f', sizeof(record->sha256) - 1);
}

static inline void status_fill(struct job_status *status)
{
    memset(status->reason, 'R', sizeof(status->reason) - 1);
    memset(status->message, 'm', sizeof(status->message) - 1);
    memset(status->observed_retry, 't', sizeof(status->observed_retry) - 1);
    status->start_ms = status->epoch_start_ms = status->completion_ms = 1;
    status->planned = status->assembled = true;
    record_fill(&status->plan, STAGE_PLAN);
    record_fill(&status->output, STAGE_ASSEMBLE);
    status->completed = xcalloc(status->plan.segments, 1);
    status->failed = xcalloc(status->plan.segments, 1);
    for (uint32_t i = 0; i < status->plan.segments; i++)
        (i % 2 ? status->completed : status->failed)[i] = 1;
    status->dead_count = DECIDE_MAX_DEAD_LETTERS;
    for (uint32_t i = 0; i < status->dead_count; i++) {
        status->dead[i] = (struct dead_letter){ .id = { STAGE_CONVERT, i, 1, 2 }, .at_ms = 1 };
        memset(status->dead[i].message, 'w', DECIDE_TEXT - 1);
    }
    status->memory_percent = 225;
    for (int i = 0; i < CONDITION_COUNT; i++) {
        status->conditions[i].set = true;
        status->conditions[i].since_ms = 1;
        memset(status->conditions[i].reason, 'R', sizeof(status->conditions[i].reason) - 1);
    }
}

/* Caller owns. */
static inline cJSON *full_status(void)
{
    struct job_status status = { .phase = PHASE_FAILED };
    cJSON *json;

    status_fill(&status);
    json = status_to_json(&status);
    status_put_extra(json, &(struct status_extra){ .generation = 1, .progress = 1, .eta_ms = 1 });
    job_status_clear(&status);
    return json;
}
#endif
