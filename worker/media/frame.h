/* SPDX-License-Identifier: Apache-2.0
 *
 * frame.h - a decoded or converted picture, counted, and a coded packet, owned. They hide libav's
 * types: outside of worker/media nobody includes libav. A frame is written only by the one that
 * made it, before it is passed on; after that it is read-only. Counting is thread safe.
 */
#ifndef WORKER_MEDIA_FRAME_H
#define WORKER_MEDIA_FRAME_H

#include "common/auto.h"
#include "common/err.h"
#include "worker/image.h"

#include <stdbool.h>
#include <stdint.h>

struct media_frame;
struct media_packet;

/* A blank frame; memory comes from a pool per size. ERR_NOMEM. Caller owns one count. */
int media_frame_new(struct media_frame **out, int width, int height, int bit_depth,
                    struct err *err);
/* A blank 4:4:4 frame, for packed anaglyphs. */
int media_frame_new_full_chroma(struct media_frame **out, int width, int height, int bit_depth,
                                struct err *err);
struct media_frame *media_frame_ref(struct media_frame *frame);
/* The same picture once more, at another time and without its captions. ERR_NOMEM. */
int media_frame_again(struct media_frame **out, const struct media_frame *frame, int64_t pts,
                      struct err *err);
/* The rows from top on, as a frame of its own: same time, captions and memory. top and rows are
 * even unless the frame has full chroma. ERR_NOMEM. */
int media_frame_rows(struct media_frame **out, const struct media_frame *frame, int top, int rows,
                     struct err *err);
void media_frame_unref(struct media_frame **frame); /* NULL-safe; clears the pointer */
static inline void media_frame_auto_(struct media_frame **frame)
{
    media_frame_unref(frame);
}
struct image media_frame_image(const struct media_frame *frame); /* borrowed planes */
int64_t media_frame_pts(const struct media_frame *frame);        /* in the stream's time base */
void media_frame_set_pts(struct media_frame *frame, int64_t pts);
/* from's closed captions behind those of `to`, before that is passed on. What one picture can hold
 * (31 triplets of A/53) is kept, padding gives way first. ERR_NOMEM. */
int media_frame_add_captions(struct media_frame *to, const struct media_frame *from,
                             struct err *err);

void media_packet_free(struct media_packet *packet);
AUTO_DEFINE(media_packet, struct media_packet *, media_packet_free)
int64_t media_packet_pts(const struct media_packet *packet);
int64_t media_packet_dts(const struct media_packet *packet);
void media_packet_set_times(struct media_packet *packet, int64_t pts, int64_t dts);
int64_t media_packet_duration(const struct media_packet *packet);
int media_packet_stream(const struct media_packet *packet);
bool media_packet_is_key(const struct media_packet *packet);
bool media_packet_is_discarded(const struct media_packet *packet); /* decoded, never shown */
size_t media_packet_size(const struct media_packet *packet);
const uint8_t *media_packet_data(const struct media_packet *packet); /* borrowed */
#endif
