/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/assemble/parts.h"

#include "common/mem.h"
#include "worker/job.h"

#include <inttypes.h>
#include <string.h>

void parts_free(struct parts *parts)
{
    if (!parts)
        return;
    free(parts->part);
    free(parts);
}

static int load_record(struct record *record, struct store *store, const struct plan *plan,
                       uint32_t index, struct err *err)
{
    if (job_find_record(record, store, plan, index, err) == 0)
        return 0;
    if (err->code != ERR_NOT_FOUND)
        return -1;
    return err_set(err, ERR_DEPENDENCY, "no commit record of segment %u", index);
}

static int differs(struct err *err, const char *what, int64_t got, int64_t want)
{
    return err_set(err, ERR_INTERNAL,
                   "%s is %" PRId64 " in the commit record, %" PRId64 " in the plan", what, got,
                   want);
}

static int check_plan(const struct record *record, const struct plan *plan, uint32_t index,
                      struct err *err)
{
    const struct plan_segment *segment = &plan->segments[index];

    if (record->id.stage != STAGE_CONVERT || record->id.index != index)
        return err_set(err, ERR_INTERNAL, "the commit record is of %s %u",
                       stage_name(record->id.stage), record->id.index);
    if (record->frames != segment->frames)
        return differs(err, "frames", record->frames, segment->frames);
    if (record->pts_crc != segment->pts_crc)
        return differs(err, "ptsCrc", record->pts_crc, segment->pts_crc);
    if (record->start_pts != segment->start_pts)
        return differs(err, "startPts", record->start_pts, segment->start_pts);
    if (record->end_pts != segment->end_pts)
        return differs(err, "endPts", record->end_pts, segment->end_pts);
    if (record->time_base.num != plan->video.time_base.num ||
        record->time_base.den != plan->video.time_base.den)
        return err_set(err, ERR_INTERNAL,
                       "timeBase is %" PRId64 "/%" PRId64 " in the commit record, %" PRId64
                       "/%" PRId64 " in the plan",
                       record->time_base.num, record->time_base.den, plan->video.time_base.num,
                       plan->video.time_base.den);
    return 0;
}

static int add(struct parts *parts, const struct record *record, const char *uid, struct err *err)
{
    struct part *part = &parts->part[parts->count];

    if (strcmp(record->uid, uid) != 0)
        return err_set(err, ERR_INTERNAL, "the commit record is of job %s", record->uid);
    if (!record->object[0] || record->bytes == 0)
        return err_set(err, ERR_INTERNAL, "the commit record names no segment file");
    if (parts->count == 0)
        memcpy(parts->extradata_sha256, record->extradata_sha256, sizeof(parts->extradata_sha256));
    if (strcmp(parts->extradata_sha256, record->extradata_sha256) != 0)
        return err_set(err, ERR_INTERNAL,
                       "its decoder header (extradata) differs from segment 0's");
    memcpy(part->object, record->object, sizeof(part->object));
    part->crc32c = record->crc32c;
    part->bytes = record->bytes;
    parts->bytes += record->bytes;
    parts->damaged += record->damaged;
    parts->scaled += record->scaled;
    if (record->reorder > parts->reorder)
        parts->reorder = record->reorder;
    parts->count++;
    return 0;
}

int parts_load(struct parts **out, struct store *store, const struct plan *plan, const char *uid,
               struct err *err)
{
    AUTO(parts) struct parts *parts = xcalloc(1, sizeof(*parts));

    parts->part = xcalloc(plan->segment_count, sizeof(*parts->part));
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        struct record record = { 0 };

        if (load_record(&record, store, plan, i, err) < 0 ||
            check_plan(&record, plan, i, err) < 0 || add(parts, &record, uid, err) < 0)
            return err_wrap(err, "segment %u", i);
    }
    *out = TAKE(parts);
    return 0;
}
