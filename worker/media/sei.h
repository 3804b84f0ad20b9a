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
#endif
