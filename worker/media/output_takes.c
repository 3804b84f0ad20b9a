/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/output_parts.h"

#include <stdio.h>
#include <string.h>

enum family { MP4 = 1, MOV = 2, MKV = 4, HLS = 8 }; /* HLS: fragments of MP4, and WebVTT */

/* First row that fits decides; no row: audio and text that the muxer knows are taken. */
static const struct rule {
    char type;
    const char *codec; /* NULL: any */
    int families;
    char answer;
} rules[] = {
    /* text: each container has one codec that every player reads */
    { 's', "mov_text", MP4 | MOV, 'y' },
    { 's', "mov_text", MKV, 'c' },
    { 's', "subrip", MKV, 'y' },
    { 's', "subrip", MP4 | MOV, 'c' },
    { 's', "srt", MP4 | MOV, 'c' },
    { 's', "text", MP4 | MOV, 'c' },
    { 's', "webvtt", MP4 | MOV, 'c' },
    { 's', "ass", MP4 | MOV, 'c' },
    { 's', "ssa", MP4 | MOV, 'c' },
    { 's', "text", MKV, 'y' },
    { 's', "webvtt", MKV, 'y' },
    { 's', "ass", MKV, 'y' },
    { 's', "ssa", MKV, 'y' },
    { 's', "dvd_subtitle", MKV, 'y' },
    { 's', "dvb_subtitle", MKV, 'y' },
    { 's', "hdmv_pgs_subtitle", MKV, 'y' },
    { 's', "hdmv_text_subtitle", MKV, 'y' },
    { 's', "dvd_subtitle", MP4, 'y' },
    { 's', "mov_text", HLS, 'y' },
    { 's', "subrip", HLS, 'c' },
    { 's', "srt", HLS, 'c' },
    { 's', "text", HLS, 'c' },
    { 's', "webvtt", HLS, 'c' },
    { 's', "ass", HLS, 'c' },
    { 's', "ssa", HLS, 'c' },
    { 's', NULL, MP4 | MOV | MKV | HLS, 'n' },
    /* cover pictures: an ilst item in MP4, an attachment in Matroska, none in MOV */
    { 'v', "mjpeg", MP4 | MKV, 'y' },
    { 'v', "png", MP4 | MKV, 'y' },
    { 'v', "bmp", MP4, 'y' },
    { 'v', NULL, MP4 | MOV | MKV | HLS, 'n' },
    { 't', NULL, MKV, 'y' },
    { 't', NULL, MP4 | MOV | HLS, 'n' },
    { 'd', NULL, MP4 | MOV | MKV | HLS, 'n' },
    /* audio that a muxer knows but cannot carry whole */
    { 'a', "truehd", MOV, 'c' },
    { 'a', "mlp", MP4 | MOV, 'c' },
    { 'a', "vorbis", MP4 | MOV, 'c' },
    { 'a', "opus", MOV, 'c' },
    { 'a', "flac", MOV, 'c' },
    { 'a', "dts", MOV, 'c' },
    /* audio that players of HLS know (RFC 6381 names of package_codec.c) */
    { 'a', "aac", HLS, 'y' },
    { 'a', "ac3", HLS, 'y' },
    { 'a', "eac3", HLS, 'y' },
    { 'a', "mp3", HLS, 'y' },
    { 'a', "flac", HLS, 'y' },
    { 'a', "alac", HLS, 'y' },
    { 'a', "opus", HLS, 'y' },
};

#define MAX_CHANNELS  8
#define FLAC_MAX_RATE 65535 /* any below can be written */

static int family_of(const char *container)
{
    if (strcmp(container, "mp4") == 0)
        return MP4;
    if (strcmp(container, "mov") == 0)
        return MOV;
    if (container_is_hls(container))
        return HLS;
    return strcmp(container, "matroska") == 0 ? MKV : 0;
}

char media_output_takes(const char *container, char type, const char *codec)
{
    int family = family_of(container);
    const AVOutputFormat *format =
        family ? av_guess_format(family == HLS ? "mp4" : container, NULL, NULL) : NULL;
    const AVCodecDescriptor *desc = avcodec_descriptor_get_by_name(codec);

    if (type == 'c')
        type = 'v';
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (rules[i].type == type && rules[i].families & family &&
            (!rules[i].codec || strcmp(rules[i].codec, codec) == 0))
            return rules[i].answer;
    if (type != 'a' || !format || !desc || desc->type != AVMEDIA_TYPE_AUDIO)
        return 'n';
    if (family == MP4 && strncmp(codec, "pcm_", 4) == 0)
        return 'c'; /* libavformat 60.16 and later write it, but few players look for it there */
    if (family != HLS && avformat_query_codec(format, desc->id, FF_COMPLIANCE_NORMAL) == 1)
        return 'y';
    return avcodec_find_decoder(desc->id) ? 'c' : 'n';
}

static bool is_lossy(const char *codec)
{
    const AVCodecDescriptor *desc = avcodec_descriptor_get_by_name(codec);

    return !desc || (desc->props & AV_CODEC_PROP_LOSSY && strncmp(codec, "adpcm_", 6) != 0 &&
                     strncmp(codec, "pcm_", 4) != 0); /* 8 bits by a table, but samples */
}

/* AAC has a table of rates; its encoder takes no others. */
static bool is_aac_rate(int rate)
{
    static const int rates[] = { 96000, 88200, 64000, 48000, 44100, 32000, 24000,
                                 22050, 16000, 12000, 11025, 8000,  7350 };

    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
        if (rates[i] == rate)
            return true;
    return false;
}

/* Without loss what came so: FLAC, or PCM where the container has no FLAC. What has lost already
 * would only grow: AAC, except in Matroska, which takes all that matters as it is. */
const char *media_output_sound(const char *container, const struct media_stream *sound)
{
    int family = family_of(container);

    if (sound->channels < 1 || sound->channels > MAX_CHANNELS || sound->sample_rate < 1)
        return NULL;
    if (family != MKV && is_lossy(sound->codec) && is_aac_rate(sound->sample_rate))
        return "aac";
    if (family == MOV)
        return "pcm_s16le";
    if (sound->sample_rate <= FLAC_MAX_RATE ||
        (sound->sample_rate % 1000 == 0 && sound->sample_rate < 255000))
        return "flac";
    return NULL;
}

/* Not of 32 bits, nor of floating point; 24 are kept. */
bool media_output_sound_is_exact(const char *codec)
{
    const AVCodecDescriptor *desc = avcodec_descriptor_get_by_name(codec);

    return desc && !is_lossy(codec) && !strstr(codec, "32") && !strstr(codec, "64");
}

void media_output_lost_marks(char *out, size_t size, const char *container,
                             const struct media_stream *stream)
{
    static const int said = AV_DISPOSITION_DUB | AV_DISPOSITION_ORIGINAL | AV_DISPOSITION_COMMENT |
                            AV_DISPOSITION_LYRICS | AV_DISPOSITION_KARAOKE | AV_DISPOSITION_FORCED |
                            AV_DISPOSITION_HEARING_IMPAIRED | AV_DISPOSITION_VISUAL_IMPAIRED |
                            AV_DISPOSITION_CLEAN_EFFECTS | AV_DISPOSITION_CAPTIONS |
                            AV_DISPOSITION_DESCRIPTIONS;
    int lost = stream->disposition & said, family = family_of(container);
    const int common = AV_DISPOSITION_DUB | AV_DISPOSITION_COMMENT | AV_DISPOSITION_FORCED |
                       AV_DISPOSITION_HEARING_IMPAIRED | AV_DISPOSITION_VISUAL_IMPAIRED;

    if (family == MP4)
        lost &= ~(common | AV_DISPOSITION_CAPTIONS | AV_DISPOSITION_DESCRIPTIONS);
    if (family == HLS && stream->type == 's')
        lost &= ~(AV_DISPOSITION_FORCED | AV_DISPOSITION_HEARING_IMPAIRED);
    if (family == HLS && stream->type == 'a')
        lost &= ~AV_DISPOSITION_VISUAL_IMPAIRED;
    if (family == MKV)
        lost &= ~(common | AV_DISPOSITION_ORIGINAL |
                  (stream->type == 's' ? AV_DISPOSITION_DESCRIPTIONS : 0));
    *out = '\0';
    for (int bit = 1; bit > 0 && bit <= lost; bit <<= 1) {
        const char *word = lost & bit ? av_disposition_to_string(bit) : NULL;
        size_t len = strlen(out);

        if (word && len + strlen(word) + 3 < size)
            (void)snprintf(out + len, size - len, "%s%s", len ? ", " : "", word);
    }
}
