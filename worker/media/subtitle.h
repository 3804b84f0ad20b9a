/* SPDX-License-Identifier: Apache-2.0
 *
 * subtitle.h - text subtitles from one codec to the other that a container takes: mov_text in
 * MP4/MOV, srt in Matroska, WebVTT for HLS. One packet in, at most one out. One thread.
 */
#ifndef WORKER_MEDIA_SUBTITLE_H
#define WORKER_MEDIA_SUBTITLE_H

#include "worker/media/av.h"

struct media_subtitle;

/* in is borrowed: its parameters and time base. ERR_INPUT: cannot be decoded. */
int media_subtitle_open(struct media_subtitle **out, const AVStream *in, enum AVCodecID to,
                        struct err *err);
void media_subtitle_free(struct media_subtitle *subtitle);
AUTO_DEFINE(media_subtitle, struct media_subtitle *, media_subtitle_free)
/* What a muxer has to know beside the codec: borrowed bytes; NULL and 0: nothing. */
const uint8_t *media_subtitle_extradata(const struct media_subtitle *subtitle, size_t *len);
/* Replaces packet's text. *some is false when there is nothing to show (a gap sample). ERR_INPUT:
 * this one cannot be read or written, others may. */
int media_subtitle_convert(struct media_subtitle *subtitle, AVPacket *packet, bool *some,
                           struct err *err);
#endif
