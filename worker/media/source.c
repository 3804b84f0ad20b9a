/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/source.h"

#include "common/mem.h"
#include "worker/media/av.h"
#include "worker/media/piece.h"
#include "worker/media/remake.h"
#include "worker/media/remote_parts.h"

#include <libavutil/dict.h>
#include <libavutil/mathematics.h>
#include <stdio.h>
#include <string.h>

/* Containers that films come in. Nothing that reads other files (playlists, image sequences) or has
 * no times (raw streams). */
#define FORMATS                                                                                    \
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,avi,flv,asf,ogg,nut,mxf,yuv4mpegpipe"
#define PROBE_BYTES "20000000"
#define ANALYZE_US  "10000000"
#define SEEK_TRIES  24
#define MAX_STREAMS PLAN_MAX_STREAMS

struct media_source {
    AVFormatContext *ctx;         /* owned */
    struct media_io *io;          /* owned; outlives ctx */
    struct media_stream *streams; /* owned; stream_count of them */
    int stream_count;
    bool indexed;
    char format[32];
    int wanted;                    /* -1 = all */
    AVPacket *ahead;               /* owned; read by a seek, given by the next read; or NULL */
    struct media_remake **remakes; /* owned; of streams that are made anew; or NULL */
    bool ended;                    /* these know it */
    struct media_timeline timeline;
    struct media_piece piece;    /* time_base.den 0 when the source is a film */
    struct media_remote *remote; /* owned; reads, while ctx only describes; or NULL */
};

void media_source_free(struct media_source *source)
{
    if (!source)
        return;
    av_packet_free(&source->ahead);
    for (int i = 0; source->remakes && i < source->stream_count; i++)
        media_remake_free(source->remakes[i]);
    free(source->remakes);
    if (source->remote)
        avformat_free_context(TAKE(source->ctx));
    media_remote_free(source->remote);
    avformat_close_input(&source->ctx);
    media_timeline_clear(&source->timeline);
    media_io_free(source->io);
    free(source->streams);
    free(source);
}

static int open_io(struct media_source *source, struct store_reader *reader,
                   const struct media_source_opts *opts, struct err *err)
{
    AUTO_FREE struct media_span *holes = NULL;
    size_t count = 0;

    if (opts->index_only && media_boxes_holes(&holes, &count, reader, err) < 0)
        return err_wrap(err, "%s", opts->what);
    source->indexed = count > 0;
    return media_io_open_read(&source->io, reader, TAKE(holes), count, err);
}

static int alloc_ctx(struct media_source *source, struct err *err)
{
    source->ctx = avformat_alloc_context();
    if (!source->ctx || !(source->ctx->format_whitelist = av_strdup(FORMATS)) ||
        !(source->ctx->protocol_whitelist = av_strdup("none")))
        return err_set(err, ERR_NOMEM, "no memory to open a film");
    source->ctx->pb = source->io->avio;
    source->ctx->io_open = media_io_refuse;
    source->ctx->max_streams = MAX_STREAMS;
    source->ctx->flags |= AVFMT_FLAG_CUSTOM_IO;
    source->ctx->flags |=
        source->indexed ? AVFMT_FLAG_NOPARSE | AVFMT_FLAG_NOFILLIN : AVFMT_FLAG_GENPTS;
    return 0;
}

static int open_input(struct media_source *source, const struct media_source_opts *opts,
                      struct err *err)
{
    const char *name = source->indexed ? "mov" : opts->format;
    const AVInputFormat *format = name ? av_find_input_format(name) : NULL;
    AVDictionary *options = NULL;
    int rc;

    if (name && !format)
        return err_set(err, ERR_INPUT, "%s: this build has no reader for %s", opts->what, name);
    (void)av_dict_set(&options, "probesize", PROBE_BYTES, 0);
    (void)av_dict_set(&options, "analyzeduration", ANALYZE_US, 0);
    rc = avformat_open_input(&source->ctx, NULL, format, &options); /* frees ctx when it fails */
    av_dict_free(&options);
    if (rc == AVERROR(EINVAL) && !source->io->failed)
        return err_set(err, ERR_INPUT,
                       "%s: not a film in a container known here (MP4, MOV, "
                       "Matroska, WebM, MPEG-TS, MPEG-PS, AVI, FLV, ASF, Ogg, MXF, NUT, Y4M)",
                       opts->what);
    if (rc == AVERROR_INVALIDDATA && !source->io->failed)
        return err_set(err, ERR_INPUT, "%s: not a film, or damaged at its start", opts->what);
    if (rc == AVERROR(ENOMEM) && !source->io->failed) /* what demuxers say of too many streams */
        return err_set(err, ERR_INPUT, "%s: more than %d streams, or more memory than a film takes",
                       opts->what, MAX_STREAMS);
    if (rc < 0)
        return media_io_fail(source->io, err, ERR_INPUT, rc, opts->what);
    return 0;
}

static void add_index_counts(struct media_stream *out, AVStream *stream)
{
    int count = avformat_index_get_entries_count(stream);

    out->packets = count;
    for (int i = 0; i < count; i++)
        out->bytes += avformat_index_get_entry(stream, i)->size;
}

/* These name their streams up front, and no stream's clock hangs on another's. */
static bool knows_streams(const AVFormatContext *ctx)
{
    return strncmp(ctx->iformat->name, "mov,", 4) == 0 ||
           strncmp(ctx->iformat->name, "matroska,", 9) == 0;
}

static bool has_pictures(const AVStream *stream)
{
    return stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO &&
           !(stream->disposition & AV_DISPOSITION_ATTACHED_PIC);
}

/* Of no pictures: what libav takes for data it asks no decoder about. */
static int find_other_info(AVFormatContext *ctx)
{
    unsigned count = ctx->nb_streams;
    AUTO_FREE AVCodecParameters **hidden = xcalloc(count + 1, sizeof(AVCodecParameters *));
    int rc = 0;

    for (unsigned i = 0; i < count && rc >= 0; i++) {
        AVCodecParameters *par = ctx->streams[i]->codecpar;

        if (!has_pictures(ctx->streams[i]))
            continue;
        hidden[i] = avcodec_parameters_alloc();
        rc = hidden[i] ? avcodec_parameters_copy(hidden[i], par) : AVERROR(ENOMEM);
        par->codec_type = AVMEDIA_TYPE_DATA;
        par->codec_id = AV_CODEC_ID_NONE;
    }
    if (rc >= 0)
        rc = avformat_find_stream_info(ctx, NULL);
    for (unsigned i = 0; i < count; i++) {
        if (hidden[i] && rc >= 0)
            rc = avcodec_parameters_copy(ctx->streams[i]->codecpar, hidden[i]);
        avcodec_parameters_free(&hidden[i]);
    }
    return rc;
}

static int collect(struct media_source *source, bool no_pictures, const char *what, struct err *err)
{
    AVFormatContext *ctx = source->ctx;

    if (!source->indexed) {
        int rc = no_pictures && knows_streams(ctx) ? find_other_info(ctx)
                                                   : avformat_find_stream_info(ctx, NULL);

        if (rc < 0 || source->io->failed)
            return media_io_fail(source->io, err, ERR_INPUT, rc, what);
    }
    if (ctx->nb_streams > MAX_STREAMS)
        return err_set(err, ERR_INPUT, "%s: %u streams, %d are the limit", what, ctx->nb_streams,
                       MAX_STREAMS);
    source->stream_count = (int)ctx->nb_streams;
    source->streams = xcalloc(ctx->nb_streams + 1, sizeof(*source->streams));
    for (unsigned i = 0; i < ctx->nb_streams; i++) {
        media_facts(&source->streams[i], ctx, ctx->streams[i], source->indexed);
        if (strncmp(ctx->iformat->name, "mov,", 4) == 0)
            add_index_counts(&source->streams[i], ctx->streams[i]);
    }
    (void)snprintf(source->format, sizeof(source->format), "%.*s",
                   (int)strcspn(ctx->iformat->name, ","), ctx->iformat->name);
    media_timeline_init(&source->timeline, ctx);
    return 0;
}

static int open_remote(struct media_source *source, struct store_reader *reader,
                       const struct media_source_opts *opts, bool piece, struct err *err)
{
    struct remote_facts facts;

    if (media_remote_open(&source->remote, reader, opts, piece, &facts, err) < 0)
        return -1;
    source->ctx = facts.ctx;
    source->streams = facts.streams;
    source->stream_count = facts.stream_count;
    source->indexed = facts.indexed;
    memcpy(source->format, facts.format, sizeof(source->format));
    return 0;
}

int media_source_open(struct media_source **out, struct store_reader *reader,
                      const struct media_source_opts *opts, struct err *err)
{
    AUTO(media_source) struct media_source *source = xcalloc(1, sizeof(*source));

    source->wanted = -1;
    if (media_remote_is_on()) {
        if (open_remote(source, reader, opts, false, err) < 0)
            return -1;
        *out = TAKE(source);
        return 0;
    }
    if (open_io(source, reader, opts, err) < 0 || alloc_ctx(source, err) < 0 ||
        open_input(source, opts, err) < 0 ||
        collect(source, opts->no_pictures, opts->what, err) < 0)
        return -1;
    *out = TAKE(source);
    return 0;
}

int media_source_open_piece(struct media_source **out, struct store_reader *reader,
                            const char *what, struct err *err)
{
    AUTO(media_source) struct media_source *source = xcalloc(1, sizeof(*source));
    struct media_source_opts opts = { .format = "nut", .what = what };

    source->wanted = -1;
    if (media_remote_is_on()) {
        if (open_remote(source, reader, &opts, true, err) < 0)
            return -1;
        *out = TAKE(source);
        return 0;
    }
    if (open_io(source, reader, &opts, err) < 0 || alloc_ctx(source, err) < 0)
        return -1;
    source->ctx->flags &= ~AVFMT_FLAG_GENPTS;
    source->ctx->flags |= AVFMT_FLAG_NOPARSE | AVFMT_FLAG_NOFILLIN;
    if (open_input(source, &opts, err) < 0)
        return -1;
    if (source->ctx->nb_streams != 1 || media_piece_facts(&source->piece, source->ctx) < 0)
        return err_set(err, ERR_INTERNAL, "%s: not a piece of ours", what);
    source->ctx->streams[0]->codecpar->codec_id = source->piece.codec_id;
    source->ctx->streams[0]->codecpar->codec_tag = source->piece.codec_tag;
    source->indexed = true; /* no packets are read to find facts */
    if (collect(source, false, what, err) < 0)
        return -1;
    source->indexed = false;
    source->streams[0].time_base = source->piece.time_base;
    *out = TAKE(source);
    return 0;
}

const char *media_source_format(const struct media_source *source)
{
    return source->format;
}

bool media_source_is_indexed(const struct media_source *source)
{
    return source->indexed;
}

int64_t media_source_duration_us(const struct media_source *source)
{
    return source->ctx->duration > 0 ? source->ctx->duration : 0;
}

int media_source_chapters(const struct media_source *source)
{
    return (int)source->ctx->nb_chapters;
}

int media_source_streams(const struct media_source *source)
{
    return source->stream_count;
}

const struct media_stream *media_source_stream(const struct media_source *source, int index)
{
    return &source->streams[index];
}

int media_source_video(const struct media_source *source)
{
    for (int i = 0; i < source->stream_count; i++) {
        if (source->streams[i].type == 'v' &&
            avcodec_find_decoder(source->ctx->streams[i]->codecpar->codec_id))
            return i;
    }
    return -1;
}

/* rc of av_read_frame; packets of streams that came up while reading are not ours. */
static int read_raw(struct media_source *source, AVPacket *packet)
{
    for (;;) {
        int rc = av_read_frame(source->ctx, packet);

        if (rc == AVERROR(EAGAIN))
            continue;
        if (rc < 0)
            return source->io->failed || rc != AVERROR_EOF ? rc : AVERROR_EOF;
        if (packet->stream_index < source->stream_count &&
            (source->wanted < 0 || packet->stream_index == source->wanted))
            break;
        av_packet_unref(packet);
    }
    if (source->piece.time_base.den)
        media_piece_times(&source->piece, source->ctx->streams[0], packet);
    media_timeline_apply(&source->timeline, packet);
    return 0;
}

int media_source_jumps(const struct media_source *source)
{
    return source->remote ? media_remote_jumps(source->remote) : source->timeline.jumps;
}

int media_source_remake(struct media_source *source, int stream, int codec, void *par,
                        struct err *err)
{
    const AVStream *in = source->ctx->streams[stream];
    enum AVCodecID to = (enum AVCodecID)codec;
    const uint8_t *extradata = NULL;
    size_t len = 0;

    if (source->remote) {
        if (media_remote_remake(source->remote, stream, codec, &extradata, &len, err) < 0)
            return -1;
        return media_remake_parameters(par, in->codecpar, to, extradata, len, err);
    }
    if (!source->remakes)
        source->remakes = xcalloc((size_t)source->stream_count, sizeof(*source->remakes));
    if (source->remakes[stream])
        return err_set(err, ERR_INTERNAL, "stream %d is made anew already", stream);
    if (media_remake_open(&source->remakes[stream], in, to, err) < 0)
        return -1;
    extradata = media_remake_extradata(source->remakes[stream], &len);
    return media_remake_parameters(par, in->codecpar, to, extradata, len, err);
}

static int next_packet(struct media_source *source, struct media_packet **out, struct err *err)
{
    AUTO(av_packet) AVPacket *packet = source->ahead ? TAKE(source->ahead) : NULL;
    int rc = 0;

    *out = NULL;
    if (!packet) {
        packet = av_packet_alloc();
        if (!packet)
            return err_set(err, ERR_NOMEM, "no memory for a packet");
        rc = read_raw(source, packet);
    }
    if (source->io->failed)
        return media_io_fail(source->io, err, ERR_DEPENDENCY, rc, "reading");
    if (rc == AVERROR(ENOMEM))
        return media_av_fail(err, ERR_NOMEM, rc, "reading");
    if (rc < 0)
        return 0; /* the end, or damage that libav does not read past */
    return media_packet_wrap(out, packet, err);
}

static int take_made(struct media_source *source, struct media_packet **out, struct err *err)
{
    for (int i = 0; i < source->stream_count; i++) {
        AUTO(av_packet)
        AVPacket *made = source->remakes[i] ? media_remake_receive(source->remakes[i]) : NULL;

        if (made)
            return media_packet_wrap(out, made, err);
    }
    *out = NULL;
    return 0;
}

static int end_remakes(struct media_source *source, struct err *err)
{
    for (int i = 0; i < source->stream_count; i++)
        if (source->remakes[i] && media_remake_send(source->remakes[i], NULL, err) < 0)
            return -1;
    source->ended = true;
    return 0;
}

static int read_remaking(struct media_source *source, struct media_packet **out, struct err *err)
{
    for (;;) {
        AUTO(media_packet) struct media_packet *packet = NULL;
        struct media_remake *remake;

        if (take_made(source, out, err) < 0)
            return -1;
        if (*out || source->ended)
            return 0;
        if (next_packet(source, &packet, err) < 0 || (!packet && end_remakes(source, err) < 0))
            return -1;
        remake = packet ? source->remakes[media_packet_stream(packet)] : NULL;
        if (packet && !remake) {
            *out = TAKE(packet);
            return 0;
        }
        if (remake && media_remake_send(remake, media_packet_av(packet), err) < 0)
            return -1;
    }
}

int media_source_read(struct media_source *source, struct media_packet **out, struct err *err)
{
    if (source->remote)
        return media_remote_read(source->remote, source->ctx, source->wanted, out, err);
    return source->remakes ? read_remaking(source, out, err) : next_packet(source, out, err);
}

void media_source_want(struct media_source *source, int stream)
{
    source->wanted = stream;
    for (unsigned i = 0; i < source->ctx->nb_streams; i++)
        source->ctx->streams[i]->discard =
            stream < 0 || (int)i == stream ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
}

/* Reads on to the packet wanted. 1: it is `packet`; 0: it is not ahead of here; -1: rc. */
static int read_to(struct media_source *source, AVPacket *packet, int stream, int64_t pts,
                   int64_t dts)
{
    for (;;) {
        int rc = read_raw(source, packet);
        int64_t at;

        if (rc < 0)
            return source->io->failed ? -1 : 0;
        if (packet->stream_index == stream) {
            if (packet->pts == pts && packet->flags & AV_PKT_FLAG_KEY)
                return 1;
            at = packet->dts != AV_NOPTS_VALUE ? packet->dts : packet->pts;
            if (at != AV_NOPTS_VALUE && at > (dts != AV_NOPTS_VALUE ? dts : pts))
                return 0;
        }
        av_packet_unref(packet);
    }
}

/* To the first packet; what works for it differs from demuxer to demuxer. */
static int seek_start(struct media_source *source, int stream)
{
    AVStream *st = source->ctx->streams[stream];
    const AVIndexEntry *first = avformat_index_get_entry(st, 0);
    int rc = av_seek_frame(source->ctx, stream, INT64_MIN / 4, AVSEEK_FLAG_BACKWARD);

    if (rc < 0 && first)
        rc = av_seek_frame(source->ctx, stream, first->timestamp, AVSEEK_FLAG_BACKWARD);
    if (rc < 0)
        rc = av_seek_frame(source->ctx, stream,
                           st->start_time != AV_NOPTS_VALUE ? st->start_time : 0,
                           AVSEEK_FLAG_BACKWARD);
    if (rc < 0)
        rc = av_seek_frame(source->ctx, -1, 0, AVSEEK_FLAG_BYTE);
    return rc;
}

/* One jump to about `target`; *last is set where nothing lies further back. */
static int seek_once(struct media_source *source, int stream, int64_t target, bool *last)
{
    int rc = -1;

    av_packet_free(&source->ahead);
    if (!*last)
        rc = av_seek_frame(source->ctx, stream, target, AVSEEK_FLAG_BACKWARD);
    if (rc < 0) {
        *last = true;
        rc = seek_start(source, stream);
    }
    media_timeline_restart(&source->timeline);
    return rc;
}

/* Step back further each time: a demuxer's index may be sparse, or by pts where we mean dts. */
int media_source_seek(struct media_source *source, int stream, int64_t pts, int64_t dts,
                      struct err *err)
{
    AUTO(av_packet) AVPacket *packet = av_packet_alloc();
    const struct media_stream *st = &source->streams[stream];
    int64_t step = av_rescale(1, st->time_base.den, st->time_base.num) / 4 + 1;
    int64_t target = dts != AV_NOPTS_VALUE && dts < pts ? dts : pts, back = 0;
    bool last = source->piece.time_base.den != 0;

    if (source->remote)
        return media_remote_seek(source->remote, stream, pts, dts, err);
    if (!packet)
        return err_set(err, ERR_NOMEM, "no memory for a packet");
    for (int i = 0; i < SEEK_TRIES; i++, back = back ? 2 * back : step) {
        int rc, found;

        last |= i == SEEK_TRIES - 1;
        rc = seek_once(source, stream, target - back, &last);
        if (rc < 0)
            return media_io_fail(source->io, err, ERR_INPUT, rc, "seeking");
        av_packet_unref(packet);
        found = read_to(source, packet, stream, pts, dts);
        if (found < 0)
            return media_io_fail(source->io, err, ERR_DEPENDENCY, AVERROR_EXTERNAL, "seeking");
        if (found) {
            source->ahead = TAKE(packet);
            return 0;
        }
        if (last)
            break;
    }
    av_packet_unref(packet);
    return media_source_seek_near(source, stream, target, &last, err);
}

int media_source_seek_near(struct media_source *source, int stream, int64_t target, bool *start,
                           struct err *err)
{
    int rc;

    *start |= source->piece.time_base.den != 0;
    rc = seek_once(source, stream, target, start);
    if (rc < 0)
        return media_io_fail(source->io, err, ERR_INPUT, rc, "seeking");
    return 0;
}

/* Is there an index that knows what lies at `time`? A fragmented film's ends with what was read.
 * Matroska's is not read before it is needed; without one the way there is read through. */
static bool is_indexed_to(const struct media_source *source, AVStream *st, int64_t time)
{
    int count = avformat_index_get_entries_count(st);
    const AVIndexEntry *last = count > 0 ? avformat_index_get_entry(st, count - 1) : NULL;

    if (strncmp(source->ctx->iformat->name, "matroska,", 9) == 0)
        return true;
    return strncmp(source->ctx->iformat->name, "mov,", 4) == 0 && last && last->timestamp >= time;
}

/* Where an index is wrong, what it left out would be missed. */
static bool has_come_before(struct media_source *source, int stream, int64_t time)
{
    AUTO(av_packet) AVPacket *packet = av_packet_alloc();
    const AVFormatContext *ctx = source->ctx;
    int64_t at;

    if (!packet || read_raw(source, packet) < 0)
        return false;
    at = packet->dts != AV_NOPTS_VALUE ? packet->dts : packet->pts;
    if (at == AV_NOPTS_VALUE || av_compare_ts(at, ctx->streams[packet->stream_index]->time_base,
                                              time, ctx->streams[stream]->time_base) > 0)
        return false;
    source->ahead = TAKE(packet);
    return true;
}

int media_source_skip(struct media_source *source, int stream, int64_t time, struct err *err)
{
    AVStream *st = source->ctx->streams[stream];
    enum AVDiscard discard = st->discard;
    bool start = false;

    if (source->remote)
        return media_remote_skip(source->remote, stream, time, err);
    if (!is_indexed_to(source, st, time))
        return 0;
    st->discard = AVDISCARD_DEFAULT; /* Matroska's reader adds nothing to the index of others */
    if (media_source_seek_near(source, stream, time, &start, err) < 0)
        return -1;
    if (!start && !has_come_before(source, stream, time)) {
        start = true;
        if (source->io->failed)
            return media_io_fail(source->io, err, ERR_DEPENDENCY, AVERROR_EXTERNAL, "seeking");
        if (media_source_seek_near(source, stream, time, &start, err) < 0)
            return -1;
    }
    st->discard = discard;
    return 0;
}

bool media_source_found_hidden(const struct media_source *source)
{
    return source->ahead && source->ahead->flags & AV_PKT_FLAG_DISCARD;
}

struct media_remote *media_source_remote(struct media_source *source)
{
    return source->remote;
}

void *media_source_context(struct media_source *source)
{
    return source->ctx;
}
