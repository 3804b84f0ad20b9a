/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/convert/pipeline.h"

#include "common/clock.h"
#include "common/failpoint.h"
#include "common/log.h"
#include "common/mem.h"
#include "worker/convert/provider.h"
#include "worker/media/piece.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#define POLL_US 20000 /* how often should_stop is looked at */

typedef int stage_fn(struct pipeline *pipeline, struct pipeline_clock *clock, struct err *err);

static const struct {
    const char *name;
    stage_fn *run;
} stages[PIPELINE_STAGES] = {
    [AT_DECODE] = { "decode", stage_decode },
    [AT_DEPTH] = { "depth", stage_depth },
    [AT_WARP] = { "warp", stage_warp },
    [AT_ENCODE] = { "encode", stage_encode },
};

struct worker { /* one thread's view */
    struct pipeline *pipeline;
    int stage;
};

void deep_frame_free(struct deep_frame *deep)
{
    if (!deep)
        return;
    media_frame_unref(&deep->frame);
    free(deep->depth.px);
    free(deep);
}

static void drop_frame(void *item)
{
    struct media_frame *frame = item;

    media_frame_unref(&frame);
}

static void drop_deep(void *item)
{
    deep_frame_free(item);
}

int pipeline_give(struct pipeline_clock *clock, struct queue *queue, void *item)
{
    int64_t begin = clock_mono_us();
    int rc = queue_push(queue, item);

    clock->waited_us += clock_mono_us() - begin;
    return rc;
}

int pipeline_take(struct pipeline_clock *clock, struct queue *queue, void **item)
{
    int64_t begin = clock_mono_us();
    int rc = queue_pop(queue, item);

    clock->waited_us += clock_mono_us() - begin;
    return rc;
}

static int open_reader(struct pipeline *p, const char **what, struct err *err)
{
    const struct plan *plan = p->plan;

    if (plan->pieces) {
        *what = plan->piece[p->job->id.index];
        if (store_reader_open(&p->film, p->job->store, *what, err) == 0)
            return 0;
        if (err->code == ERR_NOT_FOUND)
            err->code = ERR_INTERNAL; /* plan wrote it */
        return -1;
    }
    *what = "spec.source.uri";
    if (store_reader_open_uri(&p->film, STORE_SOURCE, plan->source.uri, *what, err) == 0)
        return 0;
    if (err->code == ERR_NOT_FOUND)
        err->code = ERR_CONFIG;
    return -1;
}

static int load_repair(struct pipeline *p, int stream, struct err *err)
{
    bool matches;

    if (repair_load(&p->repair, &matches, p->source, p->plan, p->segment, stream, err) < 0)
        return -1;
    if (matches)
        return 0;
    return err_set(
        err, ERR_INPUT,
        "the film is damaged, and where its packets are read again from pts %lld on, their "
        "times are not those of the plan: `ffmpeg -i IN -c copy OUT.mkv` may mend it",
        (long long)p->segment->seek_pts);
}

static int open_film(struct pipeline *p, struct err *err)
{
    const struct plan_video *video = &p->plan->video;
    struct media_source_opts source = { .format = p->plan->source.format };
    struct media_decoder_opts opts = {
        .stream = p->plan->pieces ? 0 : video->stream,
        .bit_depth = video->bit_depth,
        .rotation = video->rotation,
        .flipped = video->flipped,
        .deinterlace = video->interlaced,
        .width = video->width,
        .height = video->height,
    };
    int rc;

    if (open_reader(p, &source.what, err) < 0)
        return -1;
    rc = p->plan->pieces ? media_source_open_piece(&p->source, p->film, source.what, err)
                         : media_source_open(&p->source, p->film, &source, err);
    if (rc < 0)
        return -1;
    if (opts.stream >= media_source_streams(p->source))
        return err_set(err, ERR_INPUT, "%s: stream %d is not there any more", source.what,
                       opts.stream);
    if (FP("convert.probe"))
        return err_set(err, ERR_INTERNAL, "failpoint convert.probe");
    if (p->repairing && load_repair(p, opts.stream, err) < 0)
        return -1;
    if (media_decoder_open(&p->decoder, p->source, &opts, err) < 0 ||
        media_decoder_seek(p->decoder, p->segment->seek_pts, p->segment->seek_dts, err) < 0)
        return err_wrap(err, "%s", source.what);
    return 0;
}

static int open_depth(struct pipeline *p, struct err *err)
{
    if (provider_open(&p->depth, &p->depth_film, p->job->spec, p->plan, p->segment, err) < 0)
        return -1;
    p->screen_low = p->depth->follows ? UINT16_MAX : 0;
    return 0;
}

static int open_encoder(struct pipeline *p, int film, struct err *err)
{
    const struct plan *plan = p->plan;
    const struct job_spec *spec = p->job->spec;
    struct media_encoder_opts opts = media_encoder_opts_for(plan, spec);

    (void)prctl(PR_SET_NAME, stages[AT_ENCODE].name); /* its threads inherit it */
    if (media_encoder_open(&p->encoder[film], &opts, err) < 0)
        return -1;
    (void)prctl(PR_SET_NAME, "check");
    return media_checker_open(&p->checker[film], p->encoder[film], err);
}

/* One decoder header is in the commit record, for all of the segment's films. */
static int open_encoders(struct pipeline *p, struct err *err)
{
    struct encoder_facts first, facts;

    p->films = layout_films(p->job->spec->layout);
    for (int film = 0; film < p->films; film++) {
        if (open_encoder(p, film, err) < 0)
            return -1;
        media_encoder_facts(p->encoder[0], &first);
        media_encoder_facts(p->encoder[film], &facts);
        if (encoder_facts_compare(&first, &facts, err) < 0)
            return err_wrap(err, "the right eye's encoder");
    }
    return 0;
}

/* Threads made from now on leave signals to this one; encoders and decoders make theirs. */
static void hold_signals(sigset_t *old)
{
    sigset_t all;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, old);
}

static int open_parts(struct pipeline *p, struct err *err)
{
    const struct job_spec *spec = p->job->spec;
    struct warp_opts warp = {
        .width = p->plan->video.width,
        .height = p->plan->video.height,
        .bit_depth = p->plan->video.bit_depth,
        .color_space = p->plan->video.color_space,
        .color_range = p->plan->video.color_range,
        .layout = spec->layout,
        .synthetic = spec->synthetic_view,
        .divergence = spec->divergence,
        .convergence = spec->convergence,
        .ipd_offset = spec->ipd_offset,
        .foreground_scale = spec->foreground_scale,
        .edge_dilation = spec->edge_dilation,
        .preserve_border = spec->preserve_border,
    };

    if (open_film(p, err) < 0 || warp_new(&p->warp, &warp, err) < 0 || open_depth(p, err) < 0)
        return -1;
    return open_encoders(p, err);
}

int pipeline_open(struct pipeline *p, struct err *err)
{
    char name[16] = "";
    pthread_condattr_t attr;
    sigset_t old;
    int rc;

    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_cond_init(&p->ended, &attr);
    (void)pthread_condattr_destroy(&attr);
    p->decoded = queue_new(PIPELINE_QUEUE_FRAMES, drop_frame);
    p->deep = queue_new(PIPELINE_QUEUE_FRAMES, drop_deep);
    p->warped = queue_new(PIPELINE_QUEUE_FRAMES, drop_frame);
    hold_signals(&old);
    (void)prctl(PR_GET_NAME, name);
    rc = open_parts(p, err);
    (void)prctl(PR_SET_NAME, name);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc;
}

int pipeline_open_output(struct pipeline *p, struct store_writer *file, struct err *err)
{
    struct segment_opts opts = { p->plan->video.time_base, p->segment->start_pts, p->films };

    p->file = file;
    return segment_writer_open(&p->writer, file, p->encoder, &opts, err);
}

void pipeline_clear(struct pipeline *p)
{
    if (!p->decoded)
        return; /* never opened */
    queue_free(p->decoded);
    queue_free(p->deep);
    queue_free(p->warped);
    segment_writer_free(p->writer);
    store_writer_free(p->file);
    for (int film = 0; film < LAYOUT_FILMS_MAX; film++) {
        media_checker_free(p->checker[film]);
        media_encoder_free(p->encoder[film]);
    }
    warp_free(p->warp);
    depth_free(p->depth);
    media_decoder_free(p->decoder);
    repair_clear(&p->repair);
    media_source_free(p->source);
    store_reader_free(p->film);
    (void)pthread_mutex_destroy(&p->lock);
    (void)pthread_cond_destroy(&p->ended);
}

/* The lock is held. */
static void fail(struct pipeline *p, const struct err *err)
{
    if (p->failed)
        return;
    p->failed = true;
    p->err = *err;
    atomic_store(&p->stop, true);
    queue_abort(p->decoded);
    queue_abort(p->deep);
    queue_abort(p->warped);
}

static int64_t cpu_us(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void *run_stage(void *arg)
{
    struct worker *worker = arg;
    struct pipeline *p = worker->pipeline;
    struct pipeline_clock *clock = &p->clocks[worker->stage];
    int64_t begin = clock_mono_us();
    struct err err;
    int rc;

    /* Seen in top -H; what the stage's libraries start bears its name as well. */
    (void)prctl(PR_SET_NAME, stages[worker->stage].name);
    rc = stages[worker->stage].run(p, clock, &err);
    clock->wall_us = clock_mono_us() - begin;
    clock->cpu_us = cpu_us();
    (void)pthread_mutex_lock(&p->lock);
    if (rc < 0)
        fail(p, &err);
    p->running--;
    (void)pthread_cond_signal(&p->ended);
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* Waits for the threads, and for the order to stop. */
static void watch(struct pipeline *p)
{
    (void)pthread_mutex_lock(&p->lock);
    while (p->running > 0) {
        struct timespec until;

        if (*p->job->should_stop && !p->failed) {
            struct err err;

            (void)err_set(&err, ERR_INTERRUPTED, "told to stop");
            fail(p, &err);
        }
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += POLL_US * 1000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        (void)pthread_cond_timedwait(&p->ended, &p->lock, &until);
    }
    (void)pthread_mutex_unlock(&p->lock);
}

/* The stage that worked all the time is what bounds the speed. */
static void log_clocks(const struct pipeline *p)
{
    for (int i = 0; i < PIPELINE_STAGES; i++) {
        const struct pipeline_clock *clock = &p->clocks[i];

        log_info("segment %u: %s worked %.3f s of %.3f s, CPU of its own thread %.3f s",
                 p->job->id.index, stages[i].name,
                 (double)(clock->wall_us - clock->waited_us) / 1e6, (double)clock->wall_us / 1e6,
                 (double)clock->cpu_us / 1e6);
    }
    if (p->screen_low <= p->screen_high && p->depth->follows)
        log_info("segment %u: the screen lay at depths %.3f to %.3f", p->job->id.index,
                 p->screen_low / 65535., p->screen_high / 65535.);
}

/* Is what was encoded what the segment owns? */
static int check_frames(struct pipeline *p, struct err *err)
{
    const struct plan_segment *segment = p->segment;
    int64_t damaged = media_decoder_damaged(p->decoder);
    bool same = p->frames == segment->frames && p->pts_crc == segment->pts_crc;

    if (same)
        return 0;
    p->incomplete = !p->repairing && p->frames < segment->frames;
    if (damaged > 0)
        return err_set(err, ERR_INPUT,
                       "the film is damaged: %lld packets do not decode, and %lld frames came of "
                       "%lld (pts %lld to %lld); after pts %lld %lld units are missing",
                       (long long)damaged, (long long)p->frames, (long long)segment->frames,
                       (long long)segment->start_pts, (long long)segment->end_pts,
                       (long long)p->gap_pts, (long long)p->gap);
    if (p->frames != segment->frames || p->first_pts != segment->start_pts)
        return err_set(err, ERR_INTERNAL,
                       "%lld frames from pts %lld to %lld were decoded, the plan has %lld from "
                       "%lld; the widest step is %lld after pts %lld",
                       (long long)p->frames, (long long)p->first_pts, (long long)p->last_pts,
                       (long long)segment->frames, (long long)segment->start_pts, (long long)p->gap,
                       (long long)p->gap_pts);
    return err_set(err, ERR_INTERNAL,
                   "the frames' times are not the plan's: CRC %08x for %08x over %lld frames from "
                   "pts %lld to %lld; the widest step is %lld after pts %lld",
                   p->pts_crc, segment->pts_crc, (long long)p->frames, (long long)p->first_pts,
                   (long long)p->last_pts, (long long)p->gap, (long long)p->gap_pts);
}

int pipeline_run(struct pipeline *p, struct err *err)
{
    pthread_t threads[PIPELINE_STAGES];
    struct worker workers[PIPELINE_STAGES];
    sigset_t old;
    int started = 0, rc = 0;

    hold_signals(&old);
    (void)pthread_mutex_lock(&p->lock);
    for (; started < PIPELINE_STAGES; started++) {
        workers[started] = (struct worker){ p, started };
        rc = pthread_create(&threads[started], NULL, run_stage, &workers[started]);
        if (rc != 0)
            break;
        p->running++;
    }
    if (rc != 0) {
        (void)err_errno(err, ERR_DEPENDENCY, rc, "starting a thread");
        fail(p, err);
    }
    (void)pthread_mutex_unlock(&p->lock);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    watch(p);
    for (int i = 0; i < started; i++)
        (void)pthread_join(threads[i], NULL);
    log_clocks(p);
    if (p->failed) {
        *err = p->err;
        return -1;
    }
    return check_frames(p, err);
}
