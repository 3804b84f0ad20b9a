/* SPDX-License-Identifier: Apache-2.0 */
#include "common/clock.h"
#include "common/failpoint.h"
#include "worker/job.h"
#include "worker/media/encoder.h"
#include "worker/media/remote.h"
#include "worker/plan/draft.h"
#include "worker/plan/pieces.h"

#include <stdio.h>
#include <string.h>

#define WHAT "spec.source.uri"

static void fill_record(struct record *record, const struct job *job, const struct plan *plan)
{
    const struct plan_video *video = &plan->video;

    memcpy(record->uid, job->uid, sizeof(record->uid));
    record->id = job->id;
    record->segments = plan->segment_count;
    record->memory_bytes = plan->memory_bytes;
    (void)snprintf(record->build, sizeof(record->build), "%s", plan->build);
    (void)snprintf(record->codec, sizeof(record->codec), "%s", plan->codec);
    record->packed_width = plan->packed_width;
    record->packed_height = plan->packed_height;
    record->frames = video->frames;
    record->start_pts = video->start_pts;
    record->end_pts = video->end_pts;
    record->time_base = video->time_base;
    record->duration_ms = (int64_t)((double)(video->end_pts - video->start_pts) * 1000.0 *
                                    (double)video->time_base.num / (double)video->time_base.den);
}

/* A plan that is there stands, if it is of this film. *found says whether there is one. */
static int use_existing(const struct job *job, struct record *record, bool *found, struct err *err)
{
    AUTO_BUF struct buf text;
    AUTO(plan) struct plan *plan = NULL;
    AUTO(store_reader) struct store_reader *reader = NULL;
    char digest[HASH_HEX_SIZE];
    struct err missing;

    *found = false;
    buf_init(&text, PLAN_MAX_BYTES);
    if (store_get(job->store, NAME_PLAN, PLAN_MAX_BYTES, &text, &missing) < 0) {
        if (missing.code == ERR_NOT_FOUND)
            return 0;
        *err = missing;
        return -1;
    }
    if (plan_parse(&plan, text.data, text.len, err) < 0)
        return err_wrap(err, "%s", NAME_PLAN);
    if (store_reader_open_uri(&reader, STORE_SOURCE, job->spec->source_uri, WHAT, err) < 0 ||
        store_reader_digest(reader, digest, err) < 0) {
        if (err->code == ERR_NOT_FOUND)
            err->code = ERR_CONFIG;
        return -1;
    }
    if (!hash_equal(digest, plan->source.digest))
        return err_set(err, ERR_CONFIG,
                       WHAT ": the film is not the one that this job was planned for; it has "
                            "changed since");
    fill_record(record, job, plan);
    *found = true;
    return 0;
}

/* Somebody may have been faster: then theirs is the plan. */
static int write_plan(const struct job *job, const struct plan *plan, bool *lost, struct err *err)
{
    AUTO_FREE char *text = plan_format(plan);

    *lost = false;
    if (FP("plan.write.before"))
        return err_set(err, ERR_INTERNAL, "failpoint plan.write.before");
    if (store_create(job->store, NAME_PLAN, text, strlen(text), err) == 0) {
        (void)FP("plan.write.after");
        return 0;
    }
    if (err->code != ERR_CONFLICT)
        return err_wrap(err, "%s", NAME_PLAN);
    *lost = true;
    return 0;
}

/* A wrong option is told now, not by every segment. An encoder that wants a device may have none
 * here: then convert has the word. */
static int try_encoder(const struct plan *plan, const struct job_spec *spec, struct err *err)
{
    struct media_encoder_opts opts = media_encoder_opts_for(plan, spec);
    AUTO(media_encoder) struct media_encoder *encoder = NULL;
    struct err refused;

    if (!media_encoder_is_known(plan->codec))
        return err_set(err, ERR_CONFIG,
                       "spec.encode.codec: this build of libavcodec has no encoder %s; "
                       "auto takes libx264 or libx265",
                       plan->codec);
    if (strncmp(spec->pix_fmt, "yuv444", 6) == 0 && !opts.full_chroma)
        return err_set(err, ERR_CONFIG,
                       "spec.encode.pixFmt: %s with spec.encode.codec %s; libx264 and libx265 take "
                       "it",
                       spec->pix_fmt, plan->codec);
    if (media_encoder_open(&encoder, &opts, &refused) == 0 || refused.code != ERR_CONFIG)
        return 0;
    *err = refused;
    return -1;
}

/* All later stages write as the plan says that this store has to be written. */
static int try_store(const struct job *job, struct plan *plan, struct err *err)
{
    struct store_abilities abilities;

    if (store_probe(job->store, &abilities, err) < 0)
        return -1;
    plan->store_races = !abilities.creates_once;
    store_set_abilities(job->store, &abilities);
    return 0;
}

static void add_weakness(char *warning, size_t size)
{
    const char *words = media_remote_weakness();
    size_t used = strlen(warning);

    if (*words && used + strlen(words) + 2 <= size)
        (void)snprintf(warning + used, size - used, "%s%s", used ? "\n" : "", words);
}

/* Only what cannot be kept is worth a look at the pictures. */
static int look_for_captions(struct film *film, const struct plan *plan, struct err *err)
{
    return media_encoder_keeps_captions(plan->codec) ? 0 : film_look(film, err);
}

static int make_plan(struct job *job, struct record *record, bool *lost, struct err *err)
{
    AUTO(film) struct film *film = NULL;
    AUTO(plan) struct plan *plan = NULL;
    struct film_opts opts = { job->spec->source_uri, WHAT, job->should_stop, job->report };

    if (job->report)
        report_step(job->report, "read");
    if (film_open(&film, &opts, err) < 0 || plan_draft(&plan, film, job->spec, err) < 0 ||
        try_encoder(plan, job->spec, err) < 0 || look_for_captions(film, plan, err) < 0)
        return -1;
    if (plan->pieces) {
        if (job->report)
            report_step(job->report, "cut");
        if (plan_write_pieces(job, film, plan, err) < 0)
            return -1;
    }
    if (job->report)
        report_step(job->report, "commit");
    if (try_store(job, plan, err) < 0 || write_plan(job, plan, lost, err) < 0)
        return -1;
    fill_record(record, job, plan);
    plan_warning(record->warning, sizeof(record->warning), film, plan);
    add_weakness(record->warning, sizeof(record->warning));
    plan_warning_stereo(record->warning, sizeof(record->warning), plan, job->spec);
    return 0;
}

int plan_run(struct job *job, struct record *record, struct err *err)
{
    int64_t started = clock_mono_us();
    bool found, lost;

    *record = (struct record){ .frames = 0 };
    if (FP("plan.start"))
        return err_set(err, ERR_INTERNAL, "failpoint plan.start");
    if (use_existing(job, record, &found, err) < 0)
        return -1;
    if (!found) {
        if (make_plan(job, record, &lost, err) < 0)
            return -1;
        if (lost && use_existing(job, record, &found, err) < 0)
            return -1;
        if (lost && !found)
            return err_set(err, ERR_DEPENDENCY, "%s: there and not there", NAME_PLAN);
    }
    record->wall_ms = (clock_mono_us() - started) / 1000;
    return 0;
}
