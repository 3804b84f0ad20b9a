/* SPDX-License-Identifier: Apache-2.0
 *
 * nals.h - H.264 and HEVC as MP4 and Matroska hold them: every unit behind its length, not behind a
 * start code, and avcC or hvcC for a decoder header. Encoders give start codes; whoever joins
 * segments would have to look for them in every byte of the film. For encoder.c only.
 */
#ifndef WORKER_MEDIA_NALS_H
#define WORKER_MEDIA_NALS_H

#include "worker/media/av.h"

/* Whether a stream with these parameters has start codes. */
bool nals_has_start_codes(const AVCodecParameters *par);
/* Makes avcC or hvcC of its extradata. */
int nals_convert_header(AVCodecParameters *par, struct err *err);
/* Zeros before a start code, and what is before the first, belong to no unit and go. */
int nals_convert_packet(AVPacket *packet, struct err *err);
#endif
