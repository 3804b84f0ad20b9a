/* SPDX-License-Identifier: Apache-2.0 */
#include "common/mem.h"
#include "worker/media/av.h"

/* A clock never runs back within a stream, but muxers round; and no broadcast pauses for long. */
#define BACK_MS 500
#define ON_MS   10000

void media_timeline_init(struct media_timeline *timeline, const AVFormatContext *ctx)
{
    AVRational tb = ctx->nb_streams ? ctx->streams[0]->time_base : (AVRational){ 0, 1 };

    if (!(ctx->iformat->flags & AVFMT_TS_DISCONT) || tb.num < 1)
        return;
    for (unsigned i = 1; i < ctx->nb_streams; i++)
        if (av_cmp_q(ctx->streams[i]->time_base, tb) != 0)
            return;
    timeline->count = (int)ctx->nb_streams;
    timeline->streams = xcalloc(ctx->nb_streams, sizeof(*timeline->streams));
    for (unsigned i = 0; i < ctx->nb_streams; i++) {
        enum AVMediaType type = ctx->streams[i]->codecpar->codec_type;

        timeline->streams[i].leads = type == AVMEDIA_TYPE_VIDEO || type == AVMEDIA_TYPE_AUDIO;
    }
    timeline->back_limit = av_rescale(BACK_MS, tb.den, 1000 * (int64_t)tb.num);
    timeline->on_limit = av_rescale(ON_MS, tb.den, 1000 * (int64_t)tb.num);
}

void media_timeline_clear(struct media_timeline *timeline)
{
    free(timeline->streams);
    timeline->streams = NULL;
    timeline->count = 0;
}

void media_timeline_restart(struct media_timeline *timeline)
{
    for (int i = 0; i < timeline->count; i++)
        timeline->streams[i].seen = false;
    timeline->offset = timeline->previous = 0;
    timeline->jumper = NULL;
    timeline->jumps = 0;
}

static bool is_near(const struct media_timeline *timeline, int64_t at, int64_t expected)
{
    return at >= expected - timeline->back_limit && at <= expected + timeline->on_limit;
}

/* It still counts: a film with such a time cannot be sought, its first packet may be that one. */
static void undo_jump(struct media_timeline *timeline)
{
    for (int i = 0; i < timeline->count; i++)
        if (&timeline->streams[i] != timeline->jumper)
            timeline->streams[i].seen = false; /* those that came since were put where it was */
    timeline->offset = timeline->previous;
    timeline->jumper = NULL;
}

/* Around a jump packets of both clocks come mixed: the one that fits better is taken. But within a
 * stream the old clock does not come again: the stream that seemed to jump had one wrong time. */
static int64_t offset_for(struct media_timeline *timeline,
                          const struct media_timeline_stream *stream, int64_t at)
{
    int64_t now = at + timeline->offset, before = at + timeline->previous;

    if (!stream->leads || !stream->seen)
        return timeline->offset;
    if (timeline->jumps && is_near(timeline, before, stream->next) &&
        llabs(before - stream->next) < llabs(now - stream->next)) {
        if (stream == timeline->jumper)
            undo_jump(timeline);
        return timeline->previous;
    }
    if (is_near(timeline, now, stream->next))
        return timeline->offset;
    timeline->previous = timeline->offset;
    timeline->offset = stream->next - at;
    timeline->jumper = stream;
    timeline->jumps++;
    return timeline->offset;
}

void media_timeline_apply(struct media_timeline *timeline, AVPacket *packet)
{
    int64_t at = packet->dts != AV_NOPTS_VALUE ? packet->dts : packet->pts, offset;
    struct media_timeline_stream *stream;

    if (packet->stream_index >= timeline->count)
        return;
    stream = &timeline->streams[packet->stream_index];
    offset = at == AV_NOPTS_VALUE ? timeline->offset : offset_for(timeline, stream, at);
    if (packet->pts != AV_NOPTS_VALUE)
        packet->pts += offset;
    if (packet->dts != AV_NOPTS_VALUE)
        packet->dts += offset;
    if (at == AV_NOPTS_VALUE)
        return;
    stream->seen = true;
    stream->next = at + offset + (packet->duration > 0 ? packet->duration : 0);
}
