/* SPDX-License-Identifier: Apache-2.0 */
#include "common/contract/identity.h"
#include "common/contract/mac.h"
#include "common/contract/members.h"
#include "common/contract/record.h"

#define ROW(type, key, field, min, max) MEMBER(MEMBER_##type, key, struct beat, field, min, max)

static const struct member members[] = {
    ROW(TEXT, "pod", pod, 0, 0),
    ROW(TEXT, "step", step, 0, 0),
    ROW(I64, "progress", progress, 0, INT64_MAX),
    ROW(I64, "framesDone", frames_done, 0, INT64_MAX),
    ROW(I64, "framesTotal", frames_total, 0, INT64_MAX),
    ROW(I64, "atMs", at_unix_ms, 0, INT64_MAX),
};
enum { MEMBERS = sizeof(members) / sizeof(members[0]) };

char *beat_format(const struct beat *beat, const char *token_hex)
{
    AUTO(cJSON) cJSON *obj = cJSON_CreateObject();

    identity_add(obj, &beat->id);
    members_add(obj, members, MEMBERS, 0, beat);
    return mac_print(obj, token_hex);
}

int beat_parse(struct beat *out, const char *text, size_t len, const char *token_hex,
               struct err *err)
{
    AUTO(cJSON) cJSON *obj = NULL;
    struct beat beat = { 0 };

    if (len > RECORD_MAX_BYTES)
        return err_set(err, ERR_INTERNAL, "beat: has %zu bytes, at most %d", len, RECORD_MAX_BYTES);
    if (json_parse(&obj, text, len, err) < 0 || identity_read(&beat.id, obj, err) < 0 ||
        members_read(&beat, obj, members, MEMBERS, 0, err) < 0) {
        err->code = ERR_INTERNAL;
        return err_wrap(err, "beat");
    }
    if (token_hex && !mac_is_right(text, len, token_hex))
        return err_set(err, ERR_CONFLICT, "beat: its mac is not of this job's token");
    *out = beat;
    return 0;
}
