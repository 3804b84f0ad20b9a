/* SPDX-License-Identifier: Apache-2.0 */
#include "common/contract/identity.h"

#include "common/contract/plan.h"

void identity_add(cJSON *obj, const struct attempt_id *id)
{
    json_add_str(obj, "stage", stage_name(id->stage));
    json_add_i64(obj, "index", id->index);
    json_add_i64(obj, "epoch", id->epoch);
    json_add_i64(obj, "attempt", id->attempt);
}

int identity_read(struct attempt_id *out, const cJSON *obj, struct err *err)
{
    struct attempt_id id;
    char stage[16];

    if (json_str(stage, sizeof(stage), obj, "stage", err) < 0 ||
        json_u32(&id.index, obj, "index", 0, PLAN_MAX_SEGMENTS - 1, err) < 0 ||
        json_u32(&id.epoch, obj, "epoch", 0, UINT32_MAX, err) < 0 ||
        json_u32(&id.attempt, obj, "attempt", 0, UINT32_MAX, err) < 0)
        return -1;
    if (stage_of_name(&id.stage, stage) < 0)
        return err_set(err, ERR_INTERNAL, "stage: '%s' is none", stage);
    *out = id;
    return 0;
}
