/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/output_parts.h"

#include <string.h>

enum family { MP4 = 1, MOV = 2, MKV = 4 };

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
    { 's', NULL, MP4 | MOV | MKV, 'n' },
    /* cover pictures: an ilst item in MP4, an attachment in Matroska, none in MOV */
    { 'v', "mjpeg", MP4 | MKV, 'y' },
    { 'v', "png", MP4 | MKV, 'y' },
    { 'v', "bmp", MP4, 'y' },
    { 'v', NULL, MP4 | MOV | MKV, 'n' },
    { 't', NULL, MKV, 'y' },
    { 't', NULL, MP4 | MOV, 'n' },
    { 'd', NULL, MP4 | MOV | MKV, 'n' },
    /* audio that a muxer knows but cannot carry whole */
    { 'a', "truehd", MOV, 'n' },
    { 'a', "mlp", MP4 | MOV, 'n' },
    { 'a', "vorbis", MP4 | MOV, 'n' },
    { 'a', "opus", MOV, 'n' },
    { 'a', "flac", MOV, 'n' },
    { 'a', "dts", MOV, 'n' },
};

static int family_of(const char *container)
{
    if (strcmp(container, "mp4") == 0)
        return MP4;
    if (strcmp(container, "mov") == 0)
        return MOV;
    return strcmp(container, "matroska") == 0 ? MKV : 0;
}

char media_output_takes(const char *container, char type, const char *codec)
{
    int family = family_of(container);
    const AVOutputFormat *format = family ? av_guess_format(container, NULL, NULL) : NULL;
    const AVCodecDescriptor *desc = avcodec_descriptor_get_by_name(codec);

    if (type == 'c')
        type = 'v';
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (rules[i].type == type && rules[i].families & family &&
            (!rules[i].codec || strcmp(rules[i].codec, codec) == 0))
            return rules[i].answer;
    if (type != 'a' || !format || !desc || desc->type != AVMEDIA_TYPE_AUDIO)
        return 'n';
    return avformat_query_codec(format, desc->id, FF_COMPLIANCE_NORMAL) == 1 ? 'y' : 'n';
}
