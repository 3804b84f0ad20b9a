/* SPDX-License-Identifier: Apache-2.0
 *
 * compat.h - every difference between FFmpeg 5.1 (Debian 12) and 7.1 (Debian 13) that this room
 * meets. No other file looks at a libav version.
 */
#ifndef WORKER_MEDIA_COMPAT_H
#define WORKER_MEDIA_COMPAT_H

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

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
    const AVPacketSideData *data =
        av_packet_side_data_get(stream->codecpar->coded_side_data,
                                stream->codecpar->nb_coded_side_data, type);

    *size = data ? data->size : 0;
    return data ? data->data : NULL;
#else
    return av_stream_get_side_data(stream, type, size);
#endif
}
#endif
