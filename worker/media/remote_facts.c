/* SPDX-License-Identifier: Apache-2.0
 *
 * A film's description as bytes, and back: codec parameters, tags, chapters, side data, covers.
 * The parent makes a context of it that can be looked at as one that a demuxer filled.
 */
#include "common/mem.h"
#include "worker/media/remote_parts.h"

#include <libavutil/mastering_display_metadata.h>
#include <libavutil/replaygain.h>
#include <libavutil/spherical.h>
#include <libavutil/stereo3d.h>
#include <stdio.h>
#include <string.h>

#define MAX_TAGS     4096
#define MAX_CHAPTERS 65536
#define MAX_CHANNELS 1024
#define MAX_SIDE     64
#define PAD          AV_INPUT_BUFFER_PADDING_SIZE
#define TEXT_MAX     (1u << 20)

/* Of AVCodecParameters: all that fit into an int. */
#define EACH_NUMBER(DO)                                                                            \
    DO(codec_type)                                                                                 \
    DO(codec_id)                                                                                   \
    DO(codec_tag)                                                                                  \
    DO(format)                                                                                     \
    DO(bits_per_coded_sample)                                                                      \
    DO(bits_per_raw_sample)                                                                        \
    DO(profile)                                                                                    \
    DO(level)                                                                                      \
    DO(width)                                                                                      \
    DO(height)                                                                                     \
    DO(field_order)                                                                                \
    DO(color_range)                                                                                \
    DO(color_primaries)                                                                            \
    DO(color_trc)                                                                                  \
    DO(color_space)                                                                                \
    DO(chroma_location)                                                                            \
    DO(video_delay)                                                                                \
    DO(sample_rate)                                                                                \
    DO(block_align)                                                                                \
    DO(frame_size)                                                                                 \
    DO(initial_padding)                                                                            \
    DO(trailing_padding)                                                                           \
    DO(seek_preroll)

/* Side data that goes on, with the size below which its readers would read past it. Others may hold
 * pointers. */
static const struct {
    enum AVPacketSideDataType type;
    size_t least;
} sides[] = {
    { AV_PKT_DATA_NEW_EXTRADATA, 1 },
    { AV_PKT_DATA_SKIP_SAMPLES, 10 },
    { AV_PKT_DATA_PARAM_CHANGE, 4 },
    { AV_PKT_DATA_JP_DUALMONO, 1 },
    { AV_PKT_DATA_STRINGS_METADATA, 1 },
    { AV_PKT_DATA_SUBTITLE_POSITION, 16 },
    { AV_PKT_DATA_MATROSKA_BLOCKADDITIONAL, 8 },
    { AV_PKT_DATA_WEBVTT_IDENTIFIER, 1 },
    { AV_PKT_DATA_WEBVTT_SETTINGS, 1 },
    { AV_PKT_DATA_MPEGTS_STREAM_ID, 1 },
    { AV_PKT_DATA_PALETTE, AVPALETTE_SIZE },
    { AV_PKT_DATA_REPLAYGAIN, sizeof(AVReplayGain) },
    { AV_PKT_DATA_DISPLAYMATRIX, 36 },
    { AV_PKT_DATA_STEREO3D, sizeof(AVStereo3D) },
    { AV_PKT_DATA_SPHERICAL, sizeof(AVSphericalMapping) },
    { AV_PKT_DATA_AUDIO_SERVICE_TYPE, sizeof(enum AVAudioServiceType) },
    { AV_PKT_DATA_MASTERING_DISPLAY_METADATA, sizeof(AVMasteringDisplayMetadata) },
    { AV_PKT_DATA_CONTENT_LIGHT_LEVEL, sizeof(AVContentLightMetadata) },
};

static bool goes_on(int64_t type, size_t size)
{
    for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++)
        if (sides[i].type == type)
            return size >= sides[i].least;
    return false;
}

static void put_ratio(struct wire_out *out, AVRational q)
{
    wire_put_i64(out, q.num);
    wire_put_i64(out, q.den);
}

static AVRational get_ratio(struct wire_in *in)
{
    int num = (int)wire_get_range(in, INT32_MIN, INT32_MAX);

    return (AVRational){ num, (int)wire_get_range(in, 0, INT32_MAX) };
}

static AVRational get_time_base(struct wire_in *in)
{
    int num = (int)wire_get_range(in, 1, INT32_MAX);

    return (AVRational){ num, (int)wire_get_range(in, 1, INT32_MAX) };
}

static void put_tags(struct wire_out *out, const AVDictionary *tags)
{
    const AVDictionaryEntry *tag = NULL;

    wire_put_i64(out, av_dict_count(tags));
    while ((tag = av_dict_get(tags, "", tag, AV_DICT_IGNORE_SUFFIX))) {
        wire_put_text(out, tag->key);
        wire_put_text(out, tag->value);
    }
}

/* Tags keep their line ends: the text is no message. */
static char *get_tag_text(struct wire_in *in)
{
    size_t len;
    const char *text = wire_get_bytes(in, &len);

    if (!text || len > TEXT_MAX) {
        in->failed = true;
        return NULL;
    }
    return xstrndup(text, len);
}

static void get_tags(struct wire_in *in, AVDictionary **out)
{
    int64_t count = wire_get_range(in, 0, MAX_TAGS);

    for (int64_t i = 0; i < count && !in->failed; i++) {
        AUTO_FREE char *key = get_tag_text(in);
        AUTO_FREE char *value = get_tag_text(in);

        if (!in->failed && av_dict_set(out, key, value, AV_DICT_MULTIKEY) < 0)
            in->failed = true;
    }
}

static void put_side(struct wire_out *out, int type, const void *data, size_t size)
{
    wire_put_i64(out, type);
    wire_put_bytes(out, data, size);
}

static void put_stream_sides(struct wire_out *out, const AVStream *stream)
{
    int count;
    const AVPacketSideData *list = compat_stream_side_data_list(stream, &count);

    wire_put_i64(out, count < MAX_SIDE ? count : MAX_SIDE);
    for (int i = 0; i < count && i < MAX_SIDE; i++)
        put_side(out, (int)list[i].type, list[i].data, list[i].size);
}

static void get_stream_sides(struct wire_in *in, AVStream *stream)
{
    int64_t count = wire_get_range(in, 0, MAX_SIDE);

    for (int64_t i = 0; i < count; i++) {
        int64_t type = wire_get_i64(in);
        size_t size;
        const void *data = wire_get_bytes(in, &size);
        uint8_t *copy;

        if (in->failed || !goes_on(type, size))
            continue;
        copy = compat_stream_side_data_new(stream, (enum AVPacketSideDataType)type, size);
        if (copy)
            memcpy(copy, data, size);
    }
}

/* Names that a film gives its channels stay behind; which is which goes on. */
static void put_layout(struct wire_out *out, const AVChannelLayout *layout)
{
    bool listed = layout->order == AV_CHANNEL_ORDER_CUSTOM;

    wire_put_i64(out, layout->order);
    wire_put_i64(out, layout->nb_channels);
    wire_put_i64(out, listed ? 0 : (int64_t)layout->u.mask);
    for (int i = 0; listed && i < layout->nb_channels; i++)
        wire_put_i64(out, layout->u.map[i].id);
}

/* out keeps the list. */
static void get_channel_list(struct wire_in *in, AVChannelLayout *out)
{
    AVChannelCustom *map = av_calloc((size_t)out->nb_channels, sizeof(*map));

    if (!map) {
        in->failed = true;
        return;
    }
    for (int i = 0; i < out->nb_channels; i++)
        map[i].id = (enum AVChannel)wire_get_range(in, 0, AV_CHAN_AMBISONIC_END);
    out->order = AV_CHANNEL_ORDER_CUSTOM;
    out->u.map = map;
}

static void get_layout(struct wire_in *in, AVChannelLayout *out)
{
    int order = (int)wire_get_range(in, AV_CHANNEL_ORDER_UNSPEC, AV_CHANNEL_ORDER_AMBISONIC);
    int channels = (int)wire_get_range(in, 0, MAX_CHANNELS);
    uint64_t mask = (uint64_t)wire_get_i64(in);

    *out = (AVChannelLayout){ .order = AV_CHANNEL_ORDER_UNSPEC, .nb_channels = channels };
    if (in->failed || order == AV_CHANNEL_ORDER_UNSPEC || channels == 0)
        return;
    if (order == AV_CHANNEL_ORDER_CUSTOM) {
        get_channel_list(in, out);
    } else {
        out->order = (enum AVChannelOrder)order;
        out->u.mask = mask;
    }
    if (!av_channel_layout_check(out))
        in->failed = true;
}

static void put_parameters(struct wire_out *out, const AVCodecParameters *par)
{
#define PUT(name) wire_put_i64(out, (int64_t)par->name);
    EACH_NUMBER(PUT)
#undef PUT
    wire_put_i64(out, par->bit_rate);
    put_ratio(out, par->sample_aspect_ratio);
    put_ratio(out, compat_par_framerate(par));
    put_layout(out, &par->ch_layout);
    wire_put_bytes(out, par->extradata, par->extradata_size > 0 ? (size_t)par->extradata_size : 0);
}

static void get_parameters(struct wire_in *in, AVCodecParameters *par)
{
    size_t size;
    const void *extra;

#define GET(name) par->name = (__typeof__(par->name))wire_get_range(in, INT32_MIN, UINT32_MAX);
    EACH_NUMBER(GET)
#undef GET
    par->bit_rate = wire_get_i64(in);
    par->sample_aspect_ratio = get_ratio(in);
    compat_par_set_framerate(par, get_ratio(in));
    get_layout(in, &par->ch_layout);
    extra = wire_get_bytes(in, &size);
    if (par->codec_type < AVMEDIA_TYPE_UNKNOWN || par->codec_type >= AVMEDIA_TYPE_NB ||
        par->width < 0 || par->height < 0 || par->sample_rate < 0 || par->block_align < 0 ||
        par->frame_size < 0 || par->initial_padding < 0)
        in->failed = true;
    if (in->failed || size == 0)
        return;
    par->extradata = av_mallocz(size + PAD);
    if (!par->extradata) {
        in->failed = true;
        return;
    }
    memcpy(par->extradata, extra, size);
    par->extradata_size = (int)size;
}

void remote_packet_put(struct wire_out *out, const AVPacket *packet)
{
    wire_put_i64(out, packet->stream_index);
    wire_put_i64(out, packet->pts);
    wire_put_i64(out, packet->dts);
    wire_put_i64(out, packet->duration);
    wire_put_i64(out, packet->pos);
    wire_put_i64(out, packet->flags);
    wire_put_bytes(out, packet->data, packet->size > 0 ? (size_t)packet->size : 0);
    wire_put_i64(out, packet->side_data_elems < MAX_SIDE ? packet->side_data_elems : MAX_SIDE);
    for (int i = 0; i < packet->side_data_elems && i < MAX_SIDE; i++)
        put_side(out, (int)packet->side_data[i].type, packet->side_data[i].data,
                 packet->side_data[i].size);
}

static void get_packet_sides(struct wire_in *in, AVPacket *packet)
{
    int64_t count = wire_get_range(in, 0, MAX_SIDE);

    for (int64_t i = 0; i < count; i++) {
        int64_t type = wire_get_i64(in);
        size_t size;
        const void *data = wire_get_bytes(in, &size);
        uint8_t *copy;

        if (in->failed || !goes_on(type, size))
            continue;
        copy = av_packet_new_side_data(packet, (enum AVPacketSideDataType)type, size);
        if (copy)
            memcpy(copy, data, size);
    }
}

AVPacket *remote_packet_get(struct wire_in *in, int streams)
{
    AUTO(av_packet) AVPacket *packet = av_packet_alloc();
    struct {
        int64_t stream, pts, dts, duration, pos, flags;
    } said;
    const void *data;
    size_t size;

    said.stream = wire_get_range(in, 0, streams - 1);
    said.pts = wire_get_i64(in);
    said.dts = wire_get_i64(in);
    said.duration = wire_get_i64(in);
    said.pos = wire_get_i64(in);
    said.flags = wire_get_i64(in);
    data = wire_get_bytes(in, &size);
    if (!packet || in->failed || av_new_packet(packet, (int)size) < 0)
        return NULL;
    if (size > 0)
        memcpy(packet->data, data, size);
    packet->stream_index = (int)said.stream;
    packet->pts = said.pts;
    packet->dts = said.dts;
    packet->duration = said.duration;
    packet->pos = said.pos;
    packet->flags = (int)(said.flags & (AV_PKT_FLAG_KEY | AV_PKT_FLAG_CORRUPT |
                                        AV_PKT_FLAG_DISCARD | AV_PKT_FLAG_DISPOSABLE));
    get_packet_sides(in, packet);
    return in->failed ? NULL : TAKE(packet);
}

/* A muxer asks for where an MP4's sound begins. */
static void put_first_entry(struct wire_out *out, AVStream *stream)
{
    const AVIndexEntry *entry = avformat_index_get_entry(stream, 0);

    wire_put_i64(out, entry != NULL);
    if (!entry)
        return;
    wire_put_i64(out, entry->pos);
    wire_put_i64(out, entry->timestamp);
    wire_put_i64(out, entry->size);
    wire_put_i64(out, entry->flags & AVINDEX_KEYFRAME);
}

static void get_first_entry(struct wire_in *in, AVStream *stream)
{
    int64_t pos, timestamp, size, flags;

    if (!wire_get_i64(in))
        return;
    pos = wire_get_i64(in);
    timestamp = wire_get_i64(in);
    size = wire_get_range(in, 0, (1 << 29) - 1);
    flags = wire_get_i64(in);
    if (!in->failed &&
        av_add_index_entry(stream, pos, timestamp, (int)size, 0, (int)flags & AVINDEX_KEYFRAME) < 0)
        in->failed = true;
}

static void put_stream(struct wire_out *out, AVStream *stream, const struct media_stream *facts)
{
    wire_put_bytes(out, facts, sizeof(*facts));
    put_parameters(out, stream->codecpar);
    put_stream_sides(out, stream);
    put_ratio(out, stream->time_base);
    put_ratio(out, stream->sample_aspect_ratio);
    put_ratio(out, stream->avg_frame_rate);
    put_ratio(out, stream->r_frame_rate);
    wire_put_i64(out, stream->id);
    wire_put_i64(out, stream->start_time);
    wire_put_i64(out, stream->duration);
    wire_put_i64(out, stream->nb_frames);
    wire_put_i64(out, stream->disposition);
    wire_put_i64(out, stream->event_flags);
    put_tags(out, stream->metadata);
    put_first_entry(out, stream);
    remote_packet_put(out, &stream->attached_pic);
}

static void end_text(char *text, size_t size)
{
    text[size - 1] = '\0';
}

static void fix_bool(bool *value)
{
    unsigned char byte;

    memcpy(&byte, value, 1);
    *value = byte != 0;
}

static void check_ratio(struct wire_in *in, const struct ratio *ratio, int64_t least)
{
    if (least <= 0 && ratio->num == 0 && ratio->den == 0)
        return; /* not told */
    if (ratio->num < least || ratio->num > INT32_MAX || ratio->den < 1 || ratio->den > INT32_MAX)
        in->failed = true;
}

/* Made by the same program: whoever adds a member looks here. */
static void get_stream_facts(struct wire_in *in, struct media_stream *out, int index)
{
    size_t size;
    const void *data = wire_get_bytes(in, &size);

    if (!data || size != sizeof(*out)) {
        in->failed = true;
        return;
    }
    memcpy(out, data, size);
    end_text(out->codec, sizeof(out->codec));
    end_text(out->language, sizeof(out->language));
    end_text(out->title, sizeof(out->title));
    end_text(out->pix_fmt, sizeof(out->pix_fmt));
    end_text(out->hdr.mastering, sizeof(out->hdr.mastering));
    end_text(out->hdr.light, sizeof(out->hdr.light));
    fix_bool(&out->is_default);
    fix_bool(&out->flipped);
    fix_bool(&out->interlaced);
    fix_bool(&out->scan_known);
    fix_bool(&out->dolby_only);
    check_ratio(in, &out->time_base, 1);
    check_ratio(in, &out->sar, INT32_MIN);
    check_ratio(in, &out->frame_rate, INT32_MIN);
    if (out->index != index || out->width < 0 || out->height < 0 || out->rotation < 0 ||
        out->rotation > 270 || out->rotation % 90 != 0 || out->bit_depth < 0 || out->bit_depth > 32)
        in->failed = true;
}

static void get_cover(struct wire_in *in, AVStream *stream, int streams)
{
    AUTO(av_packet) AVPacket *cover = remote_packet_get(in, streams);

    if (cover && cover->size > 0)
        av_packet_move_ref(&stream->attached_pic, cover);
}

static void get_stream(struct wire_in *in, struct remote_facts *facts, int index)
{
    AVStream *stream = avformat_new_stream(facts->ctx, NULL);

    if (!stream) {
        in->failed = true;
        return;
    }
    get_stream_facts(in, &facts->streams[index], index);
    get_parameters(in, stream->codecpar);
    get_stream_sides(in, stream);
    stream->time_base = get_time_base(in);
    stream->sample_aspect_ratio = get_ratio(in);
    stream->avg_frame_rate = get_ratio(in);
    stream->r_frame_rate = get_ratio(in);
    stream->id = (int)wire_get_i64(in);
    stream->start_time = wire_get_i64(in);
    stream->duration = wire_get_i64(in);
    stream->nb_frames = wire_get_i64(in);
    stream->disposition = (int)wire_get_i64(in);
    stream->event_flags = (int)wire_get_i64(in);
    get_tags(in, &stream->metadata);
    get_first_entry(in, stream);
    get_cover(in, stream, facts->stream_count);
}

static void put_chapters(struct wire_out *out, const AVFormatContext *ctx)
{
    unsigned count = ctx->nb_chapters < MAX_CHAPTERS ? ctx->nb_chapters : MAX_CHAPTERS;

    wire_put_i64(out, count);
    for (unsigned i = 0; i < count; i++) {
        const AVChapter *chapter = ctx->chapters[i];

        wire_put_i64(out, chapter->id);
        put_ratio(out, chapter->time_base);
        wire_put_i64(out, chapter->start);
        wire_put_i64(out, chapter->end);
        put_tags(out, chapter->metadata);
    }
}

static void get_chapters(struct wire_in *in, AVFormatContext *ctx)
{
    int64_t count = wire_get_range(in, 0, MAX_CHAPTERS);

    ctx->chapters = count > 0 ? av_calloc((size_t)count, sizeof(AVChapter *)) : NULL;
    for (int64_t i = 0; ctx->chapters && i < count && !in->failed; i++) {
        AVChapter *chapter = av_mallocz(sizeof(*chapter));

        if (!chapter)
            break;
        ctx->chapters[ctx->nb_chapters++] = chapter;
        chapter->id = wire_get_i64(in);
        chapter->time_base = get_time_base(in);
        chapter->start = wire_get_i64(in);
        chapter->end = wire_get_i64(in);
        get_tags(in, &chapter->metadata);
    }
    if (ctx->nb_chapters != count)
        in->failed = true;
}

void remote_facts_put(struct wire_out *out, const struct remote_facts *facts)
{
    const AVFormatContext *ctx = facts->ctx;

    wire_put_text(out, facts->format);
    wire_put_i64(out, facts->indexed);
    wire_put_text(out, ctx->iformat->name);
    wire_put_i64(out, ctx->duration);
    wire_put_i64(out, ctx->start_time);
    wire_put_i64(out, ctx->bit_rate);
    put_tags(out, ctx->metadata);
    wire_put_i64(out, facts->stream_count);
    for (int i = 0; i < facts->stream_count; i++)
        put_stream(out, ctx->streams[i], &facts->streams[i]);
    put_chapters(out, ctx);
}

void remote_facts_clear(struct remote_facts *facts)
{
    avformat_free_context(facts->ctx);
    free(facts->streams);
    *facts = (struct remote_facts){ .ctx = NULL };
}

/* The name is a list; any of it finds the format again. */
static const AVInputFormat *get_format(struct wire_in *in)
{
    const AVInputFormat *format;
    char name[64];

    wire_get_text(in, name, sizeof(name));
    name[strcspn(name, ",")] = '\0';
    format = av_find_input_format(name);
    if (!format)
        in->failed = true;
    return format;
}

bool remote_facts_get(struct wire_in *in, struct remote_facts *out)
{
    const AVInputFormat *format;

    *out = (struct remote_facts){ .ctx = avformat_alloc_context() };
    if (!out->ctx)
        return false;
    wire_get_text(in, out->format, sizeof(out->format));
    out->indexed = wire_get_i64(in);
    format = get_format(in);
    out->ctx->duration = wire_get_i64(in);
    out->ctx->start_time = wire_get_i64(in);
    out->ctx->bit_rate = wire_get_i64(in);
    get_tags(in, &out->ctx->metadata);
    out->stream_count = (int)wire_get_range(in, 0, PLAN_MAX_STREAMS);
    out->streams = xcalloc((size_t)out->stream_count + 1, sizeof(*out->streams));
    for (int i = 0; i < out->stream_count && !in->failed; i++)
        get_stream(in, out, i);
    if (!in->failed)
        get_chapters(in, out->ctx);
    out->ctx->iformat = format; /* last: it has no private data */
    if (wire_is_done(in))
        return true;
    remote_facts_clear(out);
    return false;
}
