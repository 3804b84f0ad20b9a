/* SPDX-License-Identifier: Apache-2.0
 *
 * readback.h - the output read back before it is published: every packet of every stream, the
 * video's times and places against what was written, and the decoder over the joints. Of an MP4 or
 * MOV only the index and the joints' packets are read for this: that the media behind it are what
 * was written is left to the kernel or the server, as after any write. One thread.
 */
#ifndef WORKER_MEDIA_READBACK_H
#define WORKER_MEDIA_READBACK_H

#include "worker/media/output.h"

struct media_readback;

/* Video packets first .. first + count - 1, in the order of the file, are decoded together. first
 * is a keyframe; every packet must give a frame. */
struct media_window {
    int64_t first, count;
    bool goes_on; /* by the decoder of the window before */
};

struct media_readback_opts {
    const char *container;
    const struct media_window *windows; /* borrowed; ascending, disjoint */
    size_t window_count;
    int width, height; /* of the packed frame */
};

/* writer is borrowed: finished, not committed. ERR_INTERNAL: what is in there is not a film. */
int media_readback_open(struct media_readback **out, struct store_writer *writer,
                        const struct media_readback_opts *opts, struct err *err);
void media_readback_free(struct media_readback *readback);
AUTO_DEFINE(media_readback, struct media_readback *, media_readback_free)
/* One packet further; *bytes is its size, or -1 at the end. ERR_INTERNAL says what is wrong. */
int media_readback_step(struct media_readback *readback, int64_t *bytes, struct err *err);
/* So far. */
int64_t media_readback_decode_us(const struct media_readback *readback);
/* After the end. */
struct media_output_times media_readback_times(const struct media_readback *readback);
int64_t media_readback_packets(const struct media_readback *readback, int stream);
#endif
