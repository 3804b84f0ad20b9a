/* SPDX-License-Identifier: Apache-2.0
 *
 * output_sub.h - text subtitles from one codec to the other that a container takes: mov_text in
 * MP4/MOV, srt in Matroska, WebVTT for HLS. One packet in, at most one out. For output*.c and
 * package*.c only. One thread.
 */
#ifndef WORKER_MEDIA_OUTPUT_SUB_H
#define WORKER_MEDIA_OUTPUT_SUB_H

#include "worker/media/av.h"

struct output_sub;

int output_sub_open(struct output_sub **out, const AVStream *in, enum AVCodecID to,
                    struct err *err);
void output_sub_free(struct output_sub *sub);
int output_sub_parameters(const struct output_sub *sub, AVCodecParameters *out, struct err *err);
/* Replaces packet's text. *some is false when there is nothing to show (a gap sample). */
int output_sub_convert(struct output_sub *sub, AVPacket *packet, bool *some, struct err *err);
#endif
