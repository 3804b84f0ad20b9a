/* SPDX-License-Identifier: Apache-2.0
 *
 * A piece is a fragment: it begins with a keyframe and is as long as TARGET_S, or as the distance
 * of two keyframes. There is no edit list: nothing is hidden, and a sound's priming is heard as
 * what it is, silence. Nor are there composition offsets below zero, which libavformat reads as a
 * later track: all tracks begin late enough that the earliest decode time is zero.
 */
#include "common/mem.h"
#include "worker/media/feed.h"
#include "worker/media/package_parts.h"

#include <libavutil/mathematics.h>
#include <string.h>

#define TARGET_S 6

static const AVRational microseconds = { 1, 1000000 };

static int64_t us(const struct package_track *track, int64_t ticks)
{
    return av_rescale_q(ticks, track->in->time_base, microseconds);
}

static int copy_side_data(AVStream *out, const AVStream *in, struct err *err)
{
    int count;
    const AVPacketSideData *list = compat_stream_side_data_list(in, &count);

    for (int i = 0; i < count; i++) {
        uint8_t *data = compat_stream_side_data_new(out, list[i].type, list[i].size);

        if (!data)
            return err_set(err, ERR_NOMEM, "no memory for a stream");
        memcpy(data, list[i].data, list[i].size);
    }
    return 0;
}

static int add_stream(struct package_track *track, struct err *err)
{
    AVStream *out = avformat_new_stream(track->ctx, NULL);
    int rc = out ? avcodec_parameters_copy(out->codecpar, track->in->codecpar) : AVERROR(ENOMEM);

    if (rc < 0)
        return media_av_fail(err, ERR_NOMEM, rc, "a stream");
    out->time_base = track->in->time_base;
    out->avg_frame_rate = track->in->avg_frame_rate;
    out->sample_aspect_ratio = track->in->sample_aspect_ratio;
    out->disposition = AV_DISPOSITION_DEFAULT; /* each track is alone */
    if (av_dict_copy(&out->metadata, track->in->metadata, 0) < 0)
        return err_set(err, ERR_NOMEM, "no memory for a stream");
    return copy_side_data(out, track->in, err);
}

static int write_header(struct package_track *track, struct err *err)
{
    AVDictionary *options = NULL;
    int rc = av_dict_set(&options, "movflags",
                         "+frag_custom+empty_moov+delay_moov+default_base_moof+frag_discont+"
                         "skip_trailer",
                         0);

    if (rc >= 0)
        rc = av_dict_set(&options, "brand", "cmfc", 0);
    if (rc >= 0)
        rc = av_dict_set_int(&options, "use_editlist", 0, 0);
    if (rc >= 0 && track->facts.kind == PACKAGE_VIDEO)
        rc = av_dict_set_int(&options, "video_track_timescale", track->in->time_base.den, 0);
    if (rc >= 0)
        rc = avformat_write_header(track->ctx, &options);
    av_dict_free(&options);
    return rc < 0 ? output_io_fail(track->io, err, ERR_INTERNAL, rc, "a track's header") : 0;
}

int package_cmaf_open(struct package_track *track, struct err *err)
{
    int rc = avformat_alloc_output_context2(&track->ctx, NULL, "mp4", NULL);

    if (rc < 0)
        return media_av_fail(err, ERR_NOMEM, rc, "the mp4 writer");
    if (output_io_open_write(&track->io, track->writer, err) < 0)
        return -1;
    track->ctx->pb = output_io_avio(track->io);
    track->ctx->io_open = media_io_refuse;
    track->ctx->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT;
    track->ctx->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL; /* st3d; FLAC in MP4 */
    track->ctx->avoid_negative_ts = AVFMT_AVOID_NEG_TS_DISABLED;
    if (add_stream(track, err) < 0)
        return -1;
    return write_header(track, err);
}

/* What was written since the last time goes out as one fragment. */
static int flush(struct package_track *track, struct err *err)
{
    AVIOContext *pb = track->ctx->pb;
    int64_t begin;
    int rc = 0;

    if (!track->facts.init_bytes) { /* the moov waits for the first packets, which it describes */
        rc = av_write_frame(track->ctx, NULL);
        track->facts.init_bytes = (uint64_t)avio_tell(pb);
    }
    begin = avio_tell(pb);
    if (rc >= 0)
        rc = av_write_frame(track->ctx, NULL);
    if (rc >= 0 && pb->error < 0)
        rc = pb->error;
    if (rc < 0)
        return output_io_fail(track->io, err, ERR_INTERNAL, rc, "writing a fragment");
    package_piece(&track->facts, (uint64_t)begin, (uint64_t)avio_tell(pb),
                  us(track, track->end) - us(track, track->begin));
    track->open = false;
    return 0;
}

int package_cmaf_write(struct package_track *track, AVPacket *packet, struct err *err)
{
    AVRational in = track->in->time_base, out = track->ctx->streams[0]->time_base;
    int64_t pts = packet->pts + track->shift, end = pts + packet->duration;
    bool key = packet->flags & AV_PKT_FLAG_KEY;
    int rc;

    if (track->open && key && us(track, pts) - us(track, track->begin) >= TARGET_S * 1000000LL) {
        track->end = pts; /* where the next one begins: no hole is heard of */
        if (flush(track, err) < 0)
            return -1;
    }
    if (!track->open)
        track->begin = track->end = pts;
    /* All playlists count from the film's start: what begins later has a longer first piece. */
    if (track->facts.count == 0 && track->begin > track->shift)
        track->begin = track->shift;
    track->open = true;
    if (track->end < end)
        track->end = end;
    output_times_note(&track->times, pts, packet->duration);
    packet->pts = av_rescale_q(pts, in, out);
    packet->dts = av_rescale_q(packet->dts + track->shift, in, out);
    packet->duration = av_rescale_q(packet->duration, in, out);
    packet->stream_index = 0;
    packet->pos = -1;
    output_io_lend(track->io, packet);
    rc = av_write_frame(track->ctx, packet);
    output_io_lend(track->io, NULL);
    return rc < 0 ? output_io_fail(track->io, err, ERR_INTERNAL, rc, "writing a packet") : 0;
}

int package_cmaf_finish(struct package_track *track, struct err *err)
{
    int rc;

    if (track->open && flush(track, err) < 0)
        return -1;
    rc = av_write_trailer(track->ctx);
    avio_flush(track->ctx->pb);
    if (output_io_finish(track->io, err) < 0)
        return err_wrap(err, "writing a track");
    return rc < 0 ? output_io_fail(track->io, err, ERR_INTERNAL, rc, "a track's end") : 0;
}

static int read_times(struct media_feed *feed, AVFormatContext *ctx, AVRational tb,
                      struct media_output_times *times, struct err *err)
{
    AUTO(av_packet) AVPacket *packet = av_packet_alloc();
    int rc = packet ? 0 : AVERROR(ENOMEM);

    while (rc >= 0 && (rc = av_read_frame(ctx, packet)) >= 0) {
        int64_t pts = av_rescale_q(packet->pts, ctx->streams[0]->time_base, tb);

        output_times_note(times, pts, packet->duration);
        av_packet_unref(packet);
    }
    if (media_feed_failed(feed, err))
        return err_wrap(err, "reading a track back");
    return rc == AVERROR_EOF ? 0 : media_av_fail(err, ERR_INTERNAL, rc, "a track read back");
}

int package_cmaf_check(struct package_track *track, struct err *err)
{
    AUTO(media_feed) struct media_feed *feed = NULL;
    AVFormatContext *ctx = avformat_alloc_context();
    struct media_output_times found = { 0 };
    int rc;

    if (!ctx)
        return err_set(err, ERR_NOMEM, "no memory to read a track back");
    if (media_feed_open(&feed, track->writer, err) < 0) {
        avformat_free_context(ctx);
        return -1;
    }
    ctx->pb = media_feed_avio(feed);
    ctx->io_open = media_io_refuse;
    ctx->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_NOPARSE | AVFMT_FLAG_NOFILLIN;
    rc = avformat_open_input(&ctx, NULL, av_find_input_format("mov"), NULL);
    if (rc < 0)
        return media_av_fail(err, ERR_INTERNAL, rc, "a track read back");
    rc = read_times(feed, ctx, track->in->time_base, &found, err);
    avformat_close_input(&ctx);
    if (rc < 0)
        return -1;
    if (found.packets != track->times.packets || found.pts_crc != track->times.pts_crc)
        return err_set(err, ERR_INTERNAL,
                       "%lld packets are found, %lld were written, or they have other times",
                       (long long)found.packets, (long long)track->times.packets);
    return 0;
}
