/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/nals.h"

#include <libavutil/intreadwrite.h>
#include <string.h>

enum { CODE_BYTES = 3, LENGTH_BYTES = 4, BOX_HEAD = 8 };

struct unit {
    const uint8_t *data;
    size_t size;
};

/* The next 00 00 01, or end. */
static const uint8_t *find_code(const uint8_t *at, const uint8_t *end)
{
    static const uint8_t code[CODE_BYTES] = { 0, 0, 1 };
    const uint8_t *found = memmem(at, (size_t)(end - at), code, sizeof(code));

    return found ? found : end;
}

/* The unit behind the start code at *at, which moves on to the next; false: there is none. */
static bool next_unit(struct unit *unit, const uint8_t **at, const uint8_t *end)
{
    while (*at < end) {
        const uint8_t *start = *at + CODE_BYTES, *stop = find_code(start, end);

        *at = stop;
        while (stop > start && stop[-1] == 0) /* a unit ends in a set bit */
            stop--;
        if (stop > start) {
            *unit = (struct unit){ start, (size_t)(stop - start) };
            return true;
        }
    }
    return false;
}

bool nals_has_start_codes(const AVCodecParameters *par)
{
    return (par->codec_id == AV_CODEC_ID_H264 || par->codec_id == AV_CODEC_ID_HEVC) &&
           par->extradata_size > LENGTH_BYTES &&
           (AV_RB24(par->extradata) == 1 || AV_RB32(par->extradata) == 1);
}

int nals_convert_packet(AVPacket *packet, struct err *err)
{
    const uint8_t *end = packet->data + packet->size, *first = find_code(packet->data, end);
    AUTO(av_packet) AVPacket *to = av_packet_alloc();
    const uint8_t *at = first;
    struct unit unit;
    size_t size = 0;
    uint8_t *out;

    while (next_unit(&unit, &at, end))
        size += LENGTH_BYTES + unit.size;
    if (size == 0 || size > INT32_MAX)
        return err_set(err, ERR_GPU, "the encoder gave a packet of %d bytes without a unit",
                       packet->size);
    if (!to || av_new_packet(to, (int)size) < 0 || av_packet_copy_props(to, packet) < 0)
        return err_set(err, ERR_NOMEM, "no memory for a packet");
    out = to->data;
    for (at = first; next_unit(&unit, &at, end); out += LENGTH_BYTES + unit.size) {
        AV_WB32(out, (uint32_t)unit.size);
        memcpy(out + LENGTH_BYTES, unit.data, unit.size);
    }
    av_packet_unref(packet);
    av_packet_move_ref(packet, to);
    return 0;
}

/* The start of an MP4 with this stream: its index comes before the first packet. */
static int write_mp4(AVFormatContext *ctx, const AVCodecParameters *par)
{
    AVStream *stream = avformat_new_stream(ctx, NULL);
    AVDictionary *options = NULL;
    int rc = stream ? avcodec_parameters_copy(stream->codecpar, par) : AVERROR(ENOMEM);

    if (rc < 0)
        return rc;
    stream->time_base = (AVRational){ 1, 25 };
    stream->codecpar->codec_tag = /* all of the decoder's sets are in the header */
        par->codec_id == AV_CODEC_ID_HEVC ? MKTAG('h', 'v', 'c', '1') : 0;
    ctx->flags |= AVFMT_FLAG_BITEXACT;
    ctx->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL;
    rc = av_dict_set(&options, "movflags", "empty_moov", 0);
    if (rc >= 0)
        rc = avformat_write_header(ctx, &options);
    av_dict_free(&options);
    return rc;
}

static int take_box(AVCodecParameters *par, const uint8_t *mp4, size_t size)
{
    const char *name = par->codec_id == AV_CODEC_ID_HEVC ? "hvcC" : "avcC";
    const uint8_t *found = mp4 && size > 0 ? memmem(mp4, size, name, 4) : NULL;
    size_t len = found && found - mp4 >= 4 ? AV_RB32(found - 4) : 0;
    uint8_t *header;

    if (len <= BOX_HEAD || len - 4 > size - (size_t)(found - mp4) || found[4] != 1)
        return AVERROR_INVALIDDATA;
    len -= BOX_HEAD;
    header = av_mallocz(len + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!header)
        return AVERROR(ENOMEM);
    memcpy(header, found + 4, len);
    av_free(par->extradata);
    par->extradata = header;
    par->extradata_size = (int)len;
    return 0;
}

/* What libavformat makes of it when it writes an MP4. */
int nals_convert_header(AVCodecParameters *par, struct err *err)
{
    AVFormatContext *ctx = NULL;
    uint8_t *mp4 = NULL;
    int rc = avformat_alloc_output_context2(&ctx, NULL, "mp4", NULL), size = 0;

    if (rc >= 0)
        rc = avio_open_dyn_buf(&ctx->pb);
    if (rc >= 0) {
        rc = write_mp4(ctx, par);
        size = avio_close_dyn_buf(ctx->pb, &mp4);
        ctx->pb = NULL;
        if (rc >= 0)
            rc = take_box(par, mp4, size > 0 ? (size_t)size : 0);
    }
    av_free(mp4);
    avformat_free_context(ctx);
    return rc < 0 ? media_av_fail(err, ERR_GPU, rc, "the encoder's header") : 0;
}
