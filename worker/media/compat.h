/* SPDX-License-Identifier: Apache-2.0
 *
 * compat.h - every difference between FFmpeg 5.1 (Debian 12) and 7.1 (Debian 13) that this room
 * meets. No other file looks at a libav version.
 */
#ifndef WORKER_MEDIA_COMPAT_H
#define WORKER_MEDIA_COMPAT_H

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/stereo3d.h>
#include <stdbool.h>

/* AVIO's write callback takes const bytes from libavformat 61 on. */
#if LIBAVFORMAT_VERSION_MAJOR >= 61
typedef const uint8_t compat_avio_byte;
#else
typedef uint8_t compat_avio_byte;
#endif

/* A stream's side data (display matrix, HDR, stereo): NULL when it has none of this type. */
static inline const uint8_t *compat_stream_side_data(const AVStream *stream,
                                                     enum AVPacketSideDataType type, size_t *size)
{
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 100)
    const AVPacketSideData *data = av_packet_side_data_get(
        stream->codecpar->coded_side_data, stream->codecpar->nb_coded_side_data, type);

    *size = data ? data->size : 0;
    return data ? data->data : NULL;
#else
    return av_stream_get_side_data(stream, type, size);
#endif
}

/* Room for side data of an output stream, to be filled in; NULL without memory. */
static inline uint8_t *compat_stream_side_data_new(AVStream *stream, enum AVPacketSideDataType type,
                                                   size_t size)
{
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 100)
    AVPacketSideData *data = av_packet_side_data_new(
        &stream->codecpar->coded_side_data, &stream->codecpar->nb_coded_side_data, type, size, 0);

    return data ? data->data : NULL;
#else
    return av_stream_new_side_data(stream, type, size);
#endif
}

/* Flags of a frame that were members of it once. */
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 7, 100)
static inline bool compat_frame_interlaced(const AVFrame *frame)
{
    return frame->flags & AV_FRAME_FLAG_INTERLACED;
}
static inline bool compat_frame_top_first(const AVFrame *frame)
{
    return frame->flags & AV_FRAME_FLAG_TOP_FIELD_FIRST;
}
static inline void compat_frame_set_progressive(AVFrame *frame)
{
    frame->flags &= ~(AV_FRAME_FLAG_INTERLACED | AV_FRAME_FLAG_TOP_FIELD_FIRST);
}
#else
static inline bool compat_frame_interlaced(const AVFrame *frame)
{
    return frame->interlaced_frame;
}
static inline bool compat_frame_top_first(const AVFrame *frame)
{
    return frame->top_field_first;
}
static inline void compat_frame_set_progressive(AVFrame *frame)
{
    frame->interlaced_frame = frame->top_field_first = 0;
}
#endif

/* All of a stream's side data; borrowed. */
static inline const AVPacketSideData *compat_stream_side_data_list(const AVStream *stream,
                                                                   int *count)
{
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 100)
    *count = stream->codecpar->nb_coded_side_data;
    return stream->codecpar->coded_side_data;
#else
    *count = stream->nb_side_data;
    return stream->side_data;
#endif
}

/* Codec parameters have a frame rate from libavcodec 60.11 on. */
static inline AVRational compat_par_framerate(const AVCodecParameters *par)
{
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 11, 100)
    return par->framerate;
#else
    (void)par;
    return (AVRational){ 0, 1 };
#endif
}
static inline void compat_par_set_framerate(AVCodecParameters *par, AVRational rate)
{
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 11, 100)
    par->framerate = rate;
#else
    (void)par, (void)rate;
#endif
}

/* Caller frees with av_free; NULL without memory. */
static inline AVStereo3D *compat_stereo3d_alloc(size_t *size)
{
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(59, 0, 100)
    AVStereo3D *stereo = av_stereo3d_alloc_size(size);

    if (stereo)
        stereo->view = AV_STEREO3D_VIEW_PACKED;
    return stereo;
#else
    *size = sizeof(AVStereo3D);
    return av_stereo3d_alloc();
#endif
}

/* Audio samples that a Matroska reader takes off the stored times (CodecDelay), as our muxer writes
 * it: for Opus only in 5.1, which then forgets to add them; 7.1 adds them for every codec. */
static inline int compat_matroska_delay(const AVCodecParameters *par)
{
#if LIBAVFORMAT_VERSION_MAJOR >= 61
    return par->initial_padding;
#else
    return par->codec_id == AV_CODEC_ID_OPUS ? par->initial_padding : 0;
#endif
}
static inline int compat_matroska_delay_missing(const AVCodecParameters *par)
{
#if LIBAVFORMAT_VERSION_MAJOR >= 61
    (void)par;
    return 0;
#else
    return compat_matroska_delay(par);
#endif
}
#endif
