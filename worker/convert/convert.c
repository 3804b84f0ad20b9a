/* SPDX-License-Identifier: Apache-2.0 */
#include "common/clock.h"
#include "common/failpoint.h"
#include "common/log.h"
#include "worker/convert/commit.h"
#include "worker/convert/pipeline.h"
#include "worker/job.h"

#include <stdio.h>
#include <string.h>

/* The plan was made for one film: is it still that one? */
static int check_film(const struct plan *plan, struct err *err)
{
    AUTO(store_reader) struct store_reader *reader = NULL;
    char digest[HASH_HEX_SIZE];

    if (store_reader_open_uri(&reader, STORE_SOURCE, plan->source.uri, "spec.source.uri", err) <
        0) {
        if (err->code == ERR_NOT_FOUND)
            err->code = ERR_CONFIG;
        return -1;
    }
    if (store_reader_digest(reader, digest, err) < 0)
        return -1;
    if (store_reader_stat(reader)->size != plan->source.size ||
        !hash_equal(digest, plan->source.digest))
        return err_set(err, ERR_INPUT,
                       "spec.source.uri: %s has changed since it was planned (%llu bytes then, "
                       "%llu now)",
                       plan->source.uri, (unsigned long long)plan->source.size,
                       (unsigned long long)store_reader_stat(reader)->size);
    return 0;
}

static int64_t to_ms(int64_t units, struct ratio tb)
{
    return (int64_t)((__int128)units * tb.num * 1000 / tb.den);
}

static void fill_record(const struct pipeline *p, struct record *record)
{
    const struct plan_segment *segment = p->segment;
    struct encoder_facts facts;
    struct media_seen seen;

    media_encoder_facts(p->encoder[0], &facts);
    media_decoder_seen(p->decoder, &seen);
    record->frames = p->frames;
    record->damaged = p->damaged;
    record->scaled = seen.scaled < p->frames ? seen.scaled : p->frames; /* a lead counts too */
    record->start_pts = segment->start_pts;
    record->end_pts = segment->end_pts;
    record->time_base = p->plan->video.time_base;
    record->pts_crc = p->pts_crc;
    record->reorder = media_encoder_reorder(p->encoder[0]);
    memcpy(record->extradata_sha256, facts.extradata_sha256, sizeof(facts.extradata_sha256));
    record->duration_ms = to_ms(segment->end_pts - segment->start_pts, record->time_base);
}

static int check_stop(const struct job *job, struct err *err)
{
    return *job->should_stop ? err_set(err, ERR_INTERRUPTED, "told to stop") : 0;
}

static void tell_scaled(const struct pipeline *p)
{
    const struct plan_video *video = &p->plan->video;
    struct media_seen seen;

    media_decoder_seen(p->decoder, &seen);
    if (seen.scaled > 0)
        log_warn("segment %u: %lld pictures were of another size; they were scaled to %dx%d",
                 p->job->id.index, (long long)seen.scaled, video->width, video->height);
}

static int run(struct pipeline *p, struct record *record, int64_t begin_us, struct err *err)
{
    const struct job *job = p->job;
    struct store_writer *file = NULL;
    struct encoder_facts facts;

    report_step(job->report, "open");
    report_frames(job->report, 0, p->segment->frames);
    if (pipeline_open(p, err) < 0 || check_stop(job, err) < 0)
        return -1;
    media_encoder_facts(p->encoder[0], &facts);
    if (commit_facts(job, &facts, err) < 0 ||
        commit_open_file(job, record->object, &file, err) < 0 ||
        pipeline_open_output(p, file, err) < 0)
        return -1;
    if (pipeline_run(p, err) < 0 || check_stop(job, err) < 0)
        return -1;
    tell_scaled(p);
    report_step(job->report, "commit");
    fill_record(p, record);
    record->wall_ms = (clock_mono_us() - begin_us) / 1000;
    return commit_segment(job, p->plan, p->file, record, err);
}

static void start_record(const struct job *job, struct record *record)
{
    *record = (struct record){ .id = job->id };
    memcpy(record->uid, job->uid, sizeof(record->uid));
    name_segment(record->object, &job->id);
}

/* Once more, with pictures for the frames that did not come; *err says why, and then how it ended.
 */
static int run_again(struct job *job, const struct plan *plan, struct record *record,
                     int64_t begin_us, struct err *err)
{
    struct pipeline pipeline = {
        .job = job, .plan = plan, .segment = &plan->segments[job->id.index], .repairing = true
    };
    int rc;

    log_warn("segment %u: %s; it is made once more, with the frame before in the place of each "
             "that does not come",
             job->id.index, err->msg);
    rc = run(&pipeline, record, begin_us, err);
    if (rc == 0)
        log_warn("segment %u: %lld of its %lld frames are damaged", job->id.index,
                 (long long)record->damaged, (long long)record->frames);
    pipeline_clear(&pipeline);
    return rc;
}

int convert_run(struct job *job, struct record *record, struct err *err)
{
    AUTO(plan) struct plan *plan = NULL;
    struct pipeline pipeline = { .job = job };
    struct record own;
    int64_t begin_us = clock_mono_us();
    bool found, incomplete;
    int rc;

    if (FP("convert.start"))
        return err_set(err, ERR_INTERNAL, "failpoint convert.start");
    if (check_stop(job, err) < 0 || job_load_plan(job, &plan, err) < 0)
        return -1;
    if (job->id.index >= plan->segment_count)
        return err_set(err, ERR_INTERNAL, "segment %u of a plan of %u", job->id.index,
                       plan->segment_count);
    if (check_film(plan, err) < 0 || commit_find(job, plan, record, &found, err) < 0)
        return -1;
    if (found) {
        log_info("segment %u is done already, by epoch %u, attempt %u", job->id.index,
                 record->id.epoch, record->id.attempt);
        return 0;
    }
    start_record(job, &own);
    pipeline.plan = plan;
    pipeline.segment = &plan->segments[job->id.index];
    rc = run(&pipeline, &own, begin_us, err);
    incomplete = pipeline.incomplete;
    pipeline_clear(&pipeline);
    if (rc < 0 && incomplete)
        rc = run_again(job, plan, &own, begin_us, err);
    if (rc < 0)
        return err_wrap(err, "segment %u", job->id.index);
    *record = own;
    return 0;
}
