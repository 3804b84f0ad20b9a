/* SPDX-License-Identifier: Apache-2.0
 *
 * What a decoding process says of a film, with bytes of it changed: input is triples of a place
 * (two bytes) and a value. Whatever is taken must be fit to be looked at, and to be said again.
 */
#include "tests/fuzz/fuzz.h"

#include "common/mem.h"
#include "worker/media/remote_parts.h"

#include <stdlib.h>
#include <string.h>

/* A list of their own: the right one first. */
static void set_channels(AVChannelLayout *out)
{
    out->order = AV_CHANNEL_ORDER_CUSTOM;
    out->nb_channels = 2;
    out->u.map = av_calloc(2, sizeof(*out->u.map));
    out->u.map[0].id = AV_CHAN_FRONT_RIGHT;
    out->u.map[1].id = AV_CHAN_FRONT_LEFT;
}

static void add_stream(AVFormatContext *ctx, enum AVMediaType type, enum AVCodecID codec)
{
    AVStream *stream = avformat_new_stream(ctx, NULL);
    uint8_t *matrix = compat_stream_side_data_new(stream, AV_PKT_DATA_DISPLAYMATRIX, 36);

    memset(matrix, 0, 36);
    stream->codecpar->codec_type = type;
    stream->codecpar->codec_id = codec;
    stream->codecpar->extradata = av_mallocz(8 + AV_INPUT_BUFFER_PADDING_SIZE);
    stream->codecpar->extradata_size = 8;
    if (type == AVMEDIA_TYPE_AUDIO)
        set_channels(&stream->codecpar->ch_layout);
    stream->time_base = (AVRational){ 1, 1000 };
    (void)av_dict_set(&stream->metadata, "language", "eng", 0);
    (void)av_add_index_entry(stream, 100, 7, 10, 0, AVINDEX_KEYFRAME);
}

static void describe(struct wire_out *out)
{
    struct remote_facts facts = { .ctx = avformat_alloc_context(), .stream_count = 3 };

    facts.ctx->iformat = av_find_input_format("mov");
    add_stream(facts.ctx, AVMEDIA_TYPE_VIDEO, AV_CODEC_ID_H264);
    add_stream(facts.ctx, AVMEDIA_TYPE_AUDIO, AV_CODEC_ID_AAC);
    add_stream(facts.ctx, AVMEDIA_TYPE_SUBTITLE, AV_CODEC_ID_MOV_TEXT);
    (void)av_new_packet(&facts.ctx->streams[2]->attached_pic, 5);
    memset(facts.ctx->streams[2]->attached_pic.data, 1, 5);
    facts.ctx->chapters = av_calloc(1, sizeof(AVChapter *));
    facts.ctx->chapters[0] = av_mallocz(sizeof(AVChapter));
    facts.ctx->chapters[0]->time_base = (AVRational){ 1, 1000 };
    facts.ctx->nb_chapters = 1;
    (void)av_dict_set(&facts.ctx->metadata, "title", "a film", 0);
    facts.streams = xcalloc(3, sizeof(*facts.streams));
    for (int i = 0; i < 3; i++) {
        facts.streams[i].index = i;
        facts.streams[i].time_base = (struct ratio){ 1, 1000 };
    }
    remote_facts_put(out, &facts);
    av_packet_unref(&facts.ctx->streams[2]->attached_pic);
    facts.ctx->iformat = NULL;
    remote_facts_clear(&facts);
}

static void look(const struct remote_facts *facts)
{
    AUTO_WIRE struct wire_out again;

    for (int i = 0; i < facts->stream_count; i++) {
        const struct media_stream *stream = &facts->streams[i];
        const AVChannelLayout *channels = &facts->ctx->streams[i]->codecpar->ch_layout;
        char text[256];

        if (stream->time_base.num < 1 || stream->time_base.den < 1 ||
            facts->ctx->streams[i]->time_base.num < 1 || stream->index != i ||
            memchr(stream->codec, 0, sizeof(stream->codec)) == NULL)
            abort();
        (void)av_channel_layout_describe(channels, text, sizeof(text));
    }
    wire_out_init(&again);
    remote_facts_put(&again, facts);
    if (again.failed)
        abort();
}

static bool swapped(const AVChannelLayout *channels)
{
    return av_channel_layout_channel_from_index(channels, 0) == AV_CHAN_FRONT_RIGHT &&
           av_channel_layout_channel_from_index(channels, 1) == AV_CHAN_FRONT_LEFT;
}

/* Was it taken for a film? whole: as it was described. */
static bool read_back(const struct wire_out *out, size_t len, bool whole)
{
    struct wire_in in = { .data = (const uint8_t *)out->buf.data, .len = len };
    struct remote_facts facts;

    if (!remote_facts_get(&in, &facts))
        return false;
    look(&facts);
    if (whole)
        FUZZ_CHECK(swapped(&facts.ctx->streams[1]->codecpar->ch_layout));
    remote_facts_clear(&facts);
    return true;
}

/* The empty input stands for each byte in turn. */
static void change_each(struct wire_out *out)
{
    static const uint8_t values[] = { 0, 1, 0x80, 0xff };

    for (size_t at = 0; at < out->buf.len; at++) {
        char was = out->buf.data[at];

        for (size_t i = 0; i < sizeof(values); i++) {
            out->buf.data[at] = (char)values[i];
            (void)read_back(out, out->buf.len, false);
        }
        out->buf.data[at] = was;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_WIRE struct wire_out out;
    size_t len;

    wire_out_init(&out);
    describe(&out);
    if (size == 0) {
        FUZZ_CHECK(read_back(&out, out.buf.len, true)); /* what was not touched is a film */
        change_each(&out);
    }
    for (size_t i = 0; i + 3 <= size; i += 3)
        out.buf.data[((size_t)data[i] << 8 | data[i + 1]) % out.buf.len] = (char)data[i + 2];
    len = size % 3 == 1 ? out.buf.len * data[size - 1] / 256 : out.buf.len; /* cut off, too */
    (void)read_back(&out, len, false);
    return 0;
}
