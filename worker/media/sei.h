/* SPDX-License-Identifier: Apache-2.0
 *
 * sei.h - messages in a coded stream that an encoder does not write by itself. For the files of
 * this room.
 */
#ifndef WORKER_MEDIA_SEI_H
#define WORKER_MEDIA_SEI_H

#include <libavcodec/avcodec.h>
#include <stdbool.h>

/* Puts HEVC's frame packing arrangement message (H.265 D.2.16: left view first) in front of an
 * Annex B packet that starts a coded video sequence. 0, or libav's error. */
int sei_prepend_hevc_packing(AVPacket *packet, bool top_bottom);
/* Puts A/53's closed captions (triplets, MEDIA_CAPTIONS_MAX bytes at most; user data of ITU-T T.35)
 * in front of an Annex B packet of H.264 or HEVC. 0, or libav's error. */
int sei_prepend_captions(AVPacket *packet, enum AVCodecID codec, const uint8_t *captions,
                         size_t len);
#endif
