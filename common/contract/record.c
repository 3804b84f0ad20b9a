/* SPDX-License-Identifier: Apache-2.0 */
#include "common/contract/record.h"

#include "common/contract/identity.h"
#include "common/contract/mac.h"
#include "common/contract/members.h"

#include <stdlib.h>
#include <string.h>

#define PLAN_BIT     (1u << STAGE_PLAN)
#define CONVERT_BIT  (1u << STAGE_CONVERT)
#define ASSEMBLE_BIT (1u << STAGE_ASSEMBLE)
#define FILM_BITS    (PLAN_BIT | CONVERT_BIT | ASSEMBLE_BIT)
#define FILE_BITS    (CONVERT_BIT | ASSEMBLE_BIT)

#define ROW(when, type, key, field, min, max)                                                      \
    MEMBER_WHEN(when, MEMBER_##type, key, struct record, field, min, max)

/* The order is the order in the text. */
static const struct member members[] = {
    ROW(PLAN_BIT, U32, "segments", segments, 1, PLAN_MAX_SEGMENTS),
    ROW(PLAN_BIT, U64, "memoryBytes", memory_bytes, 0, INT64_MAX),
    ROW(PLAN_BIT, TEXT, "build", build, 0, 0),
    ROW(PLAN_BIT, TEXT, "codec", codec, 0, 0),
    ROW(PLAN_BIT, INT, "packedWidth", packed_width, 0, 1 << 20),
    ROW(PLAN_BIT, INT, "packedHeight", packed_height, 0, 1 << 20),
    ROW(PLAN_BIT, TEXT, "warning", warning, 0, 0),
    ROW(FILM_BITS, I64, "frames", frames, 0, INT64_MAX),
    ROW(CONVERT_BIT, TEXT, "object", object, 0, 0),
    ROW(CONVERT_BIT, I64, "startPts", start_pts, PTS_MIN, PTS_MAX),
    ROW(CONVERT_BIT, I64, "endPts", end_pts, PTS_MIN, PTS_MAX),
    ROW(CONVERT_BIT, RATIO, "timeBase", time_base, 0, INT32_MAX),
    ROW(CONVERT_BIT, U32, "ptsCrc", pts_crc, 0, UINT32_MAX),
    ROW(CONVERT_BIT, INT, "reorder", reorder, 0, 64),
    ROW(CONVERT_BIT, HEX, "extradataSha256", extradata_sha256, 0, 0),
    ROW(FILE_BITS, U64, "bytes", bytes, 0, INT64_MAX),
    { .key = "rightBytes",
      .type = MEMBER_U64,
      .when = ASSEMBLE_BIT,
      .may_lack = true,
      .offset = offsetof(struct record, right_bytes),
      .max = INT64_MAX },
    ROW(CONVERT_BIT, U32, "crc32c", crc32c, 0, UINT32_MAX),
    ROW(CONVERT_BIT, HEX, "sha256", sha256, 0, 0),
    { .key = "damagedFrames",
      .type = MEMBER_I64,
      .when = FILE_BITS,
      .may_lack = true,
      .offset = offsetof(struct record, damaged),
      .max = INT64_MAX },
    { .key = "scaledFrames",
      .type = MEMBER_I64,
      .when = FILE_BITS,
      .may_lack = true,
      .offset = offsetof(struct record, scaled),
      .max = INT64_MAX },
    ROW(FILM_BITS, I64, "durationMs", duration_ms, 0, INT64_MAX),
    ROW(0, I64, "wallMs", wall_ms, 0, INT64_MAX),
};
enum { MEMBERS = sizeof(members) / sizeof(members[0]) };

static char *print(const struct record *record, const char *token_hex)
{
    AUTO(cJSON) cJSON *obj = cJSON_CreateObject();

    json_add_str(obj, "uid", record->uid);
    identity_add(obj, &record->id);
    members_add(obj, members, MEMBERS, 1u << record->id.stage, record);
    return mac_print(obj, token_hex);
}

static int read_record(struct record *out, const cJSON *obj, struct err *err)
{
    struct record record = { 0 };

    if (json_str(record.uid, sizeof(record.uid), obj, "uid", err) < 0 ||
        identity_read(&record.id, obj, err) < 0 ||
        members_read(&record, obj, members, MEMBERS, 1u << record.id.stage, err) < 0)
        return -1;
    *out = record;
    return 0;
}

/* Only the warning can make it too long (when it is full of what JSON escapes). */
char *record_format(const struct record *record, const char *token_hex)
{
    struct record shorter = *record;
    char *text = print(record, token_hex);

    while (strlen(text) > RECORD_MAX_BYTES && shorter.warning[0]) {
        free(text);
        text_copy(shorter.warning, strlen(shorter.warning) / 2 + 1, record->warning);
        text = print(&shorter, token_hex);
    }
    return text;
}

int record_parse(struct record *out, const char *text, size_t len, const char *token_hex,
                 struct err *err)
{
    AUTO(cJSON) cJSON *obj = NULL;
    struct record record;

    if (len > RECORD_MAX_BYTES)
        return err_set(err, ERR_INTERNAL, "record: has %zu bytes, at most %d", len,
                       RECORD_MAX_BYTES);
    if (json_parse(&obj, text, len, err) < 0 || read_record(&record, obj, err) < 0) {
        err->code = ERR_INTERNAL;
        return err_wrap(err, "record");
    }
    if (token_hex && !mac_is_right(text, len, token_hex))
        return err_set(err, ERR_CONFLICT, "record: its mac is not of this job's token");
    *out = record;
    return 0;
}
