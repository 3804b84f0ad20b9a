/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/package_parts.h"

#include <stdio.h>

enum { AVCC_MIN = 4, HVCC_MIN = 13, AV1C_MIN = 4, AOT_ESCAPE = 31, AOT_LC = 2 };

/* ISO/IEC 14496-15, annex E.3: the compatibility flags as one number, its bits in reverse. */
static unsigned reversed(const uint8_t *flags)
{
    unsigned out = 0;

    for (unsigned i = 0; i < 32; i++)
        if (flags[i / 8] & 0x80 >> i % 8)
            out |= 1U << i;
    return out;
}

static void name_hevc(char *out, size_t size, const uint8_t *hvcc)
{
    static const char *const spaces[] = { "", "A", "B", "C" };
    const uint8_t *constraints = hvcc + 6;
    int last = 5, at;

    at = snprintf(out, size, "hvc1.%s%u.%X.%c%u", spaces[hvcc[1] >> 6], hvcc[1] & 0x1fU,
                  reversed(hvcc + 2), hvcc[1] & 0x20 ? 'H' : 'L', hvcc[12]);
    while (last >= 0 && constraints[last] == 0)
        last--;
    for (int i = 0; i <= last && at > 0 && (size_t)at < size; i++)
        at += snprintf(out + at, size - (size_t)at, ".%X", constraints[i]);
}

static void name_av1(char *out, size_t size, const uint8_t *av1c)
{
    bool high = av1c[2] & 0x40, twelve = av1c[2] & 0x20;

    (void)snprintf(out, size, "av01.%u.%02u%c.%02d", av1c[1] >> 5, av1c[1] & 0x1fU,
                   av1c[2] & 0x80 ? 'H' : 'M',
                   !high    ? 8
                   : twelve ? 12
                            : 10);
}

static void name_aac(char *out, size_t size, const AVCodecParameters *par)
{
    unsigned type = AOT_LC;

    if (par->extradata_size > 0)
        type = par->extradata[0] >> 3;
    if (type == AOT_ESCAPE && par->extradata_size > 1)
        type = 32 + ((par->extradata[0] & 7U) << 3 | par->extradata[1] >> 5);
    (void)snprintf(out, size, "mp4a.40.%u", type);
}

static const char *plain_name(enum AVCodecID codec)
{
    switch (codec) {
    case AV_CODEC_ID_AC3:
        return "ac-3";
    case AV_CODEC_ID_EAC3:
        return "ec-3";
    case AV_CODEC_ID_FLAC:
        return "fLaC";
    case AV_CODEC_ID_ALAC:
        return "alac";
    case AV_CODEC_ID_OPUS:
        return "Opus";
    default:
        return NULL;
    }
}

int package_codec(char *out, size_t size, const AVCodecParameters *par, struct err *err)
{
    const uint8_t *extra = par->extradata;
    const char *name = plain_name(par->codec_id);

    if (name)
        (void)snprintf(out, size, "%s", name);
    else if (par->codec_id == AV_CODEC_ID_MP3) /* as libavformat writes it: MPEG-1, or -2 */
        (void)snprintf(out, size, "mp4a.%s", par->sample_rate > 24000 ? "6B" : "69");
    else if (par->codec_id == AV_CODEC_ID_AAC)
        name_aac(out, size, par);
    else if (par->codec_id == AV_CODEC_ID_H264 && par->extradata_size >= AVCC_MIN)
        (void)snprintf(out, size, "avc1.%02X%02X%02X", extra[1], extra[2], extra[3]);
    else if (par->codec_id == AV_CODEC_ID_HEVC && par->extradata_size >= HVCC_MIN)
        name_hevc(out, size, extra);
    else if (par->codec_id == AV_CODEC_ID_AV1 && par->extradata_size >= AV1C_MIN)
        name_av1(out, size, extra);
    else
        return err_set(err, ERR_INTERNAL, "HLS has no name for %s",
                       avcodec_get_name(par->codec_id));
    return 0;
}

bool media_package_takes(const char *encoder)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(encoder);

    return codec && (codec->id == AV_CODEC_ID_H264 || codec->id == AV_CODEC_ID_HEVC ||
                     codec->id == AV_CODEC_ID_AV1);
}
