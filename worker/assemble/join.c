/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/assemble/join.h"

#include "common/clock.h"
#include "common/failpoint.h"
#include "common/log.h"
#include "common/mem.h"
#include "worker/assemble/dts.h"
#include "worker/assemble/joints.h"
#include "worker/assemble/moov.h"
#include "worker/media/output.h"
#include "worker/media/readback.h"

#include <inttypes.h>
#include <string.h>

#define MOOV_TRIES   3
#define MOOV_MAX     (1u << 30)
#define REPORT_EVERY 64 /* packets */
#define JOIN_SCRATCH "joined.mp4"

/* A segment file; its packets are read ahead while the one before it is joined. */
struct open_part {
    struct store_reader *file;     /* owned */
    struct segment_reader *reader; /* owned; reads file */
};

struct join {
    const struct join_opts *opts;
    const struct plan *plan;
    struct store_reader *film;               /* owned */
    struct media_source *source;             /* owned; reads film */
    struct media_output *output;             /* owned */
    struct dts *dts;                         /* owned */
    struct joints *joints;                   /* owned */
    struct open_part now, next;              /* owned */
    struct media_packet *wait[DTS_MAX_WAIT]; /* owned; ring, in decode order */
    unsigned head, count;
    uint32_t sorted; /* the segment that play order has come to */
    int64_t sorted_frames;
    uint32_t sorted_crc;
    int64_t frames, bytes, reported;
};

static void close_part(struct open_part *part)
{
    segment_reader_free(part->reader);
    store_reader_free(part->file);
    *part = (struct open_part){ NULL, NULL };
}

static void join_free(struct join *join)
{
    if (!join)
        return;
    for (unsigned i = 0; i < join->count; i++)
        media_packet_free(join->wait[(join->head + i) % DTS_MAX_WAIT]);
    media_output_free(join->output);
    media_source_free(join->source);
    store_reader_free(join->film);
    dts_free(join->dts);
    joints_free(join->joints);
    close_part(&join->now);
    close_part(&join->next);
    free(join);
}
AUTO_DEFINE(join, struct join *, join_free)

static int check_stop(const struct job *job, struct err *err)
{
    if (job->should_stop && *job->should_stop)
        return err_set(err, ERR_INTERRUPTED, "told to stop while joining");
    return 0;
}

static void report(struct join *join, int64_t bytes, bool now)
{
    struct job *job = join->opts->job;

    join->bytes += bytes;
    if (!job->report || (!now && join->frames % REPORT_EVERY != 0))
        return;
    report_progress(job->report, join->bytes - join->reported);
    report_frames(job->report, join->frames, join->plan->video.frames);
    join->reported = join->bytes;
}

/* The film in play order: each segment must have exactly the frames that the plan gave it. */
static int check_segment(const struct join *join, struct err *err)
{
    const struct plan_segment *segment = &join->plan->segments[join->sorted];

    if (join->sorted_frames != segment->frames)
        return err_set(err, ERR_INTERNAL, "segment %u has %" PRId64 " frames, the plan %" PRId64,
                       join->sorted, join->sorted_frames, segment->frames);
    if (join->sorted_crc != segment->pts_crc)
        return err_set(err, ERR_INTERNAL, "segment %u has not the frame times of the plan",
                       join->sorted);
    return 0;
}

static int next_sorted(void *ctx, int64_t pts, struct err *err)
{
    struct join *join = ctx;
    uint8_t bytes[8];

    if (pts >= join->plan->segments[join->sorted].end_pts) {
        if (check_segment(join, err) < 0)
            return -1;
        join->sorted++;
        join->sorted_frames = 0;
        join->sorted_crc = 0;
    }
    if (join->sorted == join->plan->segment_count ||
        pts < join->plan->segments[join->sorted].start_pts ||
        pts >= join->plan->segments[join->sorted].end_pts)
        return err_set(err, ERR_INTERNAL, "a frame at pts %" PRId64 " belongs to no segment", pts);
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)((uint64_t)pts >> (8 * i));
    join->sorted_crc = hash_crc32(join->sorted_crc, bytes, sizeof(bytes));
    join->sorted_frames++;
    return 0;
}

static int open_source(struct join *join, struct err *err)
{
    const struct plan_source *source = &join->plan->source;
    struct media_source_opts opts = {
        .format = source->format,
        .no_pictures = true, /* the plan knows of them, and only the rest is copied */
        .what = "spec.source.uri",
    };
    char digest[HASH_HEX_SIZE];

    if (store_reader_open_uri(&join->film, STORE_SOURCE, source->uri, opts.what, err) < 0)
        return -1;
    if (store_reader_digest(join->film, digest, err) < 0)
        return err_wrap(err, "%s", opts.what);
    if (store_reader_stat(join->film)->size != source->size || strcmp(digest, source->digest) != 0)
        return err_set(err, ERR_INPUT, "%s changed after it was planned", opts.what);
    return media_source_open(&join->source, join->film, &opts, err);
}

static int64_t longest_ms(const struct join *join)
{
    const struct plan_video *video = &join->plan->video;
    int64_t ticks = video->end_pts - (video->start_pts < 0 ? video->start_pts : 0);
    double film = (double)ticks * (double)video->time_base.num / (double)video->time_base.den;
    int64_t container = media_source_duration_us(join->source) / 1000;
    int64_t ms = (int64_t)(film * 1000);

    return (ms > container ? ms : container) + 60000;
}

/* Never less than a count that the plan knows; where it knows none, a guess that join_run doubts.
 */
static uint64_t moov_room(struct join *join, struct segment_reader *first)
{
    const struct plan *plan = join->plan;
    AUTO_FREE struct moov_track *copies = xcalloc(plan->copy_count + 1, sizeof(*copies));
    struct moov_film film = {
        .fixed_bytes = media_output_fixed_bytes(join->source, first),
        .duration_ms = longest_ms(join),
        .video = { .packets = plan->video.frames, .bytes = join->opts->parts->bytes },
        .copies = copies,
        .copy_count = plan->copy_count,
        .chapters = media_source_chapters(join->source),
    };

    for (size_t i = 0; i < plan->copy_count; i++) {
        const struct plan_copy *copy = &plan->copies[i];

        copies[i].packets = copy->packets;
        copies[i].bytes = copy->bytes > 0 ? (uint64_t)copy->bytes : 0;
        copies[i].text = copy->type == 's';
        copies[i].heavy = strcmp(copy->codec, "aac") != 0 && strcmp(copy->codec, "ac3") != 0;
    }
    return moov_bound(&film);
}

static int films(const struct join *join)
{
    return layout_films(join->opts->job->spec->layout);
}

static int open_part(struct join *join, uint32_t index, struct open_part *out, struct err *err)
{
    const struct part *part = &join->opts->parts->part[index];
    struct segment_opts opts = { join->plan->video.time_base, join->plan->segments[index].start_pts,
                                 films(join) };
    char hex[HASH_HEX_SIZE];

    if (store_reader_open(&out->file, join->opts->job->store, part->object, err) < 0) {
        if (err->code == ERR_NOT_FOUND)
            err->code = ERR_DEPENDENCY;
        return -1;
    }
    if (store_reader_stat(out->file)->size != part->bytes)
        return err_set(err, ERR_INTERNAL, "%s has %" PRIu64 " bytes, %" PRIu64 " were committed",
                       part->object, store_reader_stat(out->file)->size, part->bytes);
    if (segment_reader_open(&out->reader, out->file, join->opts->film, &opts, err) < 0)
        return -1;
    segment_reader_extradata_sha256(out->reader, hex);
    if (strcmp(hex, join->opts->parts->extradata_sha256) != 0)
        return err_set(err, ERR_INTERNAL, "%s has not the decoder header of its commit record",
                       part->object);
    return 0;
}

/* Of the bytes that the packets came from. */
static int check_sum(const struct part *part, struct segment_reader *reader, struct err *err)
{
    uint32_t crc32c;

    if (segment_reader_crc32c(reader, &crc32c, err) < 0)
        return -1;
    if (crc32c != part->crc32c)
        return err_set(err, ERR_INTERNAL,
                       "%s has CRC-32C %08" PRIx32 ", %08" PRIx32 " was committed", part->object,
                       crc32c, part->crc32c);
    return 0;
}

/* Writes every packet whose times are complete. */
static int drain(struct join *join, struct err *err)
{
    struct dts_times times;

    while (dts_pop(join->dts, &times)) {
        AUTO(media_packet) struct media_packet *packet = join->wait[join->head];

        join->head = (join->head + 1) % DTS_MAX_WAIT;
        join->count--;
        media_packet_set_times(packet, times.pts, times.dts);
        join->frames++;
        report(join, (int64_t)media_packet_size(packet), false);
        if (media_output_video(join->output, packet, times.duration, err) < 0)
            return -1;
    }
    return 0;
}

static int add_packet(struct join *join, struct media_packet **packet, bool starts, struct err *err)
{
    bool key = media_packet_is_key(*packet);

    if (starts && !key)
        return err_set(err, ERR_INTERNAL, "does not start with a keyframe");
    joints_packet(join->joints, key, starts);
    if (dts_push(join->dts, media_packet_pts(*packet), err) < 0)
        return -1;
    join->wait[(join->head + join->count++) % DTS_MAX_WAIT] = TAKE(*packet);
    return drain(join, err);
}

static int join_part(struct join *join, uint32_t index, struct err *err)
{
    struct segment_reader *reader = join->now.reader;
    int64_t count = 0;

    for (;; count++) {
        AUTO(media_packet) struct media_packet *packet = NULL;

        if (check_stop(join->opts->job, err) < 0 || segment_reader_read(reader, &packet, err) < 0)
            return -1;
        if (!packet)
            break;
        if (add_packet(join, &packet, count == 0, err) < 0)
            return -1;
    }
    if (count != join->plan->segments[index].frames)
        return err_set(err, ERR_INTERNAL,
                       "holds %" PRId64 " packets, the plan gave it %" PRId64 " frames", count,
                       join->plan->segments[index].frames);
    return check_sum(&join->opts->parts->part[index], reader, err);
}

static int open_output(struct join *join, struct store_writer *writer, struct segment_reader *first,
                       unsigned factor, struct err *err)
{
    const struct plan *plan = join->plan;
    bool has_moov = strcmp(join->opts->container, "matroska") != 0;
    uint64_t room = has_moov ? moov_room(join, first) * factor : 0;
    struct media_output_opts opts = {
        .container = join->opts->container,
        .plan = plan,
        .layout = join->opts->job->spec->layout,
        .reorder = join->opts->parts->reorder,
        .moov_bytes = room < MOOV_MAX ? room : MOOV_MAX,
    };

    return media_output_open(&join->output, writer, join->source, first, &opts, err);
}

/* Makes part `index` the present one and begins to read the one behind it. */
static int step_to(struct join *join, uint32_t index, struct err *err)
{
    close_part(&join->now);
    join->now = join->next;
    join->next = (struct open_part){ NULL, NULL };
    if (index == 0 && open_part(join, 0, &join->now, err) < 0)
        return err_wrap(err, "segment 0");
    if (index + 1 < join->plan->segment_count && open_part(join, index + 1, &join->next, err) < 0)
        return err_wrap(err, "segment %u", index + 1);
    return 0;
}

static int join_parts(struct join *join, struct store_writer *writer, unsigned factor,
                      struct err *err)
{
    for (uint32_t i = 0; i < join->plan->segment_count; i++) {
        if (step_to(join, i, err) < 0)
            return -1;
        if ((i == 0 && open_output(join, writer, join->now.reader, factor, err) < 0) ||
            join_part(join, i, err) < 0)
            return err_wrap(err, "segment %u", i);
        if (i == join->plan->segment_count / 2 && FP("assemble.mid"))
            return err_set(err, ERR_INTERNAL, "failpoint assemble.mid");
    }
    close_part(&join->now);
    if (dts_finish(join->dts, join->plan->video.end_pts, err) < 0 || drain(join, err) < 0)
        return -1;
    if (join->count > 0 || join->sorted != join->plan->segment_count - 1)
        return err_set(err, ERR_INTERNAL, "%u packets are left over", join->count);
    if (check_segment(join, err) < 0)
        return -1;
    return media_output_finish(join->output, err);
}

static int join_open(struct join **out, const struct join_opts *opts, struct err *err)
{
    AUTO(join) struct join *join = xcalloc(1, sizeof(*join));
    const struct plan_segment *first = &opts->plan->segments[0];
    int64_t step = (first->end_pts - first->start_pts) / first->frames;

    join->opts = opts;
    join->plan = opts->plan;
    join->joints = joints_new(opts->plan->segment_count);
    if (open_source(join, err) < 0 ||
        dts_new(&join->dts, opts->parts->reorder, step > 0 ? step : 1, next_sorted, join, err) < 0)
        return -1;
    *out = TAKE(join);
    return 0;
}

/* A track without a packet is left out of an MP4, unless it is text: that gets an empty one. */
static bool keeps_empty(const struct join *join, const struct plan_copy *copy)
{
    return copy->type == 's' || strcmp(join->opts->container, "matroska") == 0;
}

/* What was copied must be there again; text tracks may gain empty samples. Readers count pictures
 * and attachments last. */
static int check_copies(const struct join *join, const struct media_readback *readback,
                        struct err *err)
{
    int stream = 1;

    for (size_t i = 0; i < join->plan->copy_count; i++) {
        const struct plan_copy *copy = &join->plan->copies[i];
        int64_t wrote = media_output_copied(join->output, i);
        int64_t found = media_readback_packets(readback, stream);

        if (copy->type == 'v' || copy->type == 't' || (wrote == 0 && !keeps_empty(join, copy)))
            continue;
        stream++;
        if (copy->type == 'a' && wrote != found)
            return err_set(err, ERR_INTERNAL,
                           "stream %d: %" PRId64 " packets were written, %" PRId64 " are found",
                           copy->stream, wrote, found);
    }
    return 0;
}

static int read_all(struct join *join, struct media_readback *readback, struct err *err)
{
    int64_t bytes = 0;

    join->frames = 0;
    for (;;) {
        if (check_stop(join->opts->job, err) < 0 || media_readback_step(readback, &bytes, err) < 0)
            return -1;
        if (bytes < 0)
            return 0;
        join->frames = media_readback_times(readback).packets;
        report(join, bytes, false);
    }
}

static int verify(struct join *join, struct store_writer *writer, struct done *done,
                  int64_t *decode_us, struct err *err)
{
    AUTO(media_readback) struct media_readback *readback = NULL;
    struct media_output_times wrote = media_output_times(join->output), found;
    struct media_readback_opts opts = {
        .container = join->opts->container,
        .width = join->plan->packed_width,
        .height = join->plan->packed_height / films(join),
    };

    opts.windows = joints_windows(join->joints, &opts.window_count);
    if (media_readback_open(&readback, writer, &opts, err) < 0 || read_all(join, readback, err) < 0)
        return -1;
    found = media_readback_times(readback);
    if (found.packets != wrote.packets || found.packets != join->plan->video.frames)
        return err_set(err, ERR_INTERNAL,
                       "the output has %" PRId64 " frames, %" PRId64
                       " were written, the plan has %" PRId64,
                       found.packets, wrote.packets, join->plan->video.frames);
    if (found.pts_crc != wrote.pts_crc)
        return err_set(err, ERR_INTERNAL, "the output has other frame times than were written");
    if (found.end_crc != wrote.end_crc)
        return err_set(err, ERR_INTERNAL, "the output's index does not lead to what was written");
    if (check_copies(join, readback, err) < 0)
        return -1;
    report(join, 0, true);
    *decode_us = media_readback_decode_us(readback);
    done->frames = found.packets;
    done->damaged = join->opts->parts->damaged;
    done->scaled = join->opts->parts->scaled;
    return done_note_file(done, writer, err);
}

static int64_t film_ms(const struct plan_video *video)
{
    __int128 ticks = video->end_pts - video->start_pts;

    return (int64_t)(ticks * 1000 * video->time_base.num / video->time_base.den);
}

static int try_once(struct store_writer **out, struct done *done, const struct join_opts *opts,
                    unsigned factor, bool *outgrown, struct err *err)
{
    AUTO(store_writer) struct store_writer *writer = NULL;
    AUTO(join) struct join *join = NULL;
    int64_t started_us = clock_mono_us(), joined_us, decode_us = 0;

    if ((opts->scratch
             ? store_writer_open(&writer, opts->scratch, JOIN_SCRATCH, err)
             : store_writer_open_uri(&writer, opts->uri, opts->job->spec->overwrite, err)) < 0 ||
        join_open(&join, opts, err) < 0)
        return -1;
    if (opts->job->report)
        report_step(opts->job->report, "join");
    if (join_parts(join, writer, factor, err) < 0) {
        *outgrown = join->output && media_output_outgrown(join->output);
        return -1;
    }
    joined_us = clock_mono_us();
    if (opts->job->report)
        report_step(opts->job->report, "verify");
    if (verify(join, writer, done, &decode_us, err) < 0)
        return err_wrap(err, "verifying");
    log_info("%" PRIu64 " of the source's %" PRIu64 " bytes were read",
             store_reader_bytes(join->film), store_reader_stat(join->film)->size);
    log_info("joined in %" PRId64 " ms, read back in %" PRId64 " ms, %" PRId64
             " of them decoding the joints",
             (joined_us - started_us) / 1000, (clock_mono_us() - joined_us) / 1000,
             decode_us / 1000);
    done->duration_ms = film_ms(&opts->plan->video);
    *out = TAKE(writer);
    return 0;
}

int join_run(struct store_writer **out, struct done *done, const struct join_opts *opts,
             struct err *err)
{
    unsigned factor = 1;

    for (int i = 0; i < MOOV_TRIES; i++, factor *= 8) {
        bool outgrown = false;

        if (try_once(out, done, opts, factor, &outgrown, err) == 0)
            return 0;
        if (!outgrown)
            break;
    }
    return -1;
}
