/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "common/contract/plan.h"

#include <string.h>

/* What a reader relies on, looked at once more. */
static void check(const struct plan *plan)
{
    int64_t at = plan->video.start_pts, frames = 0;

    FUZZ_CHECK(plan->segment_count >= 1 && plan->segment_count <= PLAN_MAX_SEGMENTS);
    FUZZ_CHECK(plan->video.time_base.den >= 1 && plan->video.time_base.num >= 1);
    FUZZ_CHECK(plan->pieces == (plan->piece != NULL));
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct plan_segment *s = &plan->segments[i];

        FUZZ_CHECK(s->start_pts == at && s->end_pts > at && s->frames >= 1);
        FUZZ_CHECK(s->seek_pts <= s->lead_pts && s->lead_pts <= at && s->tail_pts >= s->end_pts);
        FUZZ_CHECK(!plan->pieces || plan->piece[i]);
        at = s->end_pts;
        frames += s->frames;
    }
    FUZZ_CHECK(at == plan->video.end_pts && frames == plan->video.frames);
}

/* What was taken is sound, and what is printed of it is taken as the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(plan) struct plan *plan = NULL, *back = NULL;
    AUTO_FREE char *text = NULL, *again = NULL;
    struct err err = { 0 };

    if (plan_parse(&plan, (const char *)data, size, &err) < 0) {
        FUZZ_CHECK(!plan && err.code == ERR_INTERNAL && err.msg[0]);
        return 0;
    }
    check(plan);
    text = plan_format(plan);
    FUZZ_CHECK(plan_parse(&back, text, strlen(text), &err) == 0);
    again = plan_format(back);
    FUZZ_CHECK(strcmp(text, again) == 0);
    return 0;
}
