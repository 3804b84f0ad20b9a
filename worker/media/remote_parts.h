/* SPDX-License-Identifier: Apache-2.0
 *
 * remote_parts.h - what parent and child of remote.h say to each other, and the parent's side of it
 * for source.c and decoder.c. The child is not believed: what it says is read within bounds, what
 * libav's muxers take for granted of it is checked, pictures are read-only and of known size.
 */
#ifndef WORKER_MEDIA_REMOTE_PARTS_H
#define WORKER_MEDIA_REMOTE_PARTS_H

#include "worker/media/av.h"
#include "worker/media/decoder.h"
#include "worker/sandbox/child.h"

enum {
    /* orders */
    REMOTE_OPEN = 1,
    REMOTE_READ,
    REMOTE_SEEK,
    REMOTE_DECODER,
    REMOTE_DECODER_SEEK,
    REMOTE_NEXT,
    REMOTE_REMAKE,
    REMOTE_SKIP,
    REMOTE_BYTES, /* the answer to REMOTE_PULL */
    /* answers */
    REMOTE_HELLO = 64,
    REMOTE_FACTS,
    REMOTE_PACKETS,
    REMOTE_DONE,
    REMOTE_FRAME,
    REMOTE_END,
    REMOTE_FAILED,
    REMOTE_PULL,
};

#define REMOTE_SLOTS      96         /* pictures that may be in use here at a time */
#define REMOTE_PULL_BYTES (1u << 20) /* of the film, at a time */

/* remote_facts.c: a film's description, both ways. _get makes ctx (freed by avformat_free_context)
 * and streams (freed by free) out of it; false when it is none. */
struct remote_facts {
    AVFormatContext *ctx;         /* described; nothing can be read from it */
    struct media_stream *streams; /* stream_count of them */
    int stream_count;
    char format[32];
    bool indexed;
};
void remote_facts_put(struct wire_out *out, const struct remote_facts *facts);
bool remote_facts_get(struct wire_in *in, struct remote_facts *out);
void remote_facts_clear(struct remote_facts *facts);
void remote_packet_put(struct wire_out *out, const AVPacket *packet);
/* NULL: none, or no memory. The caller's. */
AVPacket *remote_packet_get(struct wire_in *in, int streams);

/* remote_frame.c: where a picture lies within a slot; both sides compute it. */
struct remote_layout {
    int width, height, bit_depth;
    size_t stride[3], offset[3], rows[3], row_bytes[3];
    size_t slot_bytes; /* whole pages */
};
int remote_layout(struct remote_layout *out, int width, int height, int bit_depth, struct err *err);
/* As decoder.c gives them: what opts ask for, or the stream's, made even. */
int remote_picture_size(const struct media_stream *stream, const struct media_decoder_opts *opts,
                        int *width, int *height, struct err *err);
struct remote_slots; /* the parent's mapping; lives as long as a frame of it does */
/* memfd is sized and sealed. ERR_INPUT when somebody else did so. */
int remote_slots_open(struct remote_slots **out, int memfd, const struct remote_layout *layout,
                      struct err *err);
void remote_slots_free(struct remote_slots *slots);
AUTO_DEFINE(remote_slots, struct remote_slots *, remote_slots_free)
int remote_slots_take(struct remote_slots *slots); /* one to be written next */
/* Nothing came of it. */
void remote_slots_drop(struct remote_slots *slots, int slot);
/* What was written into it, as a frame. The slot is free again with the frame's end, or now when
 * this fails. */
int remote_slots_frame(struct remote_slots *slots, int slot, int64_t pts, struct media_frame **out,
                       struct err *err);

/* remote.c: the parent's side of one film. */
struct media_remote;
bool media_remote_is_on(void);
/* facts are filled and the caller's. piece: media_source_open_piece. */
int media_remote_open(struct media_remote **out, struct store_reader *reader,
                      const struct media_source_opts *opts, bool piece, struct remote_facts *facts,
                      struct err *err);
void media_remote_free(struct media_remote *remote);
AUTO_DEFINE(media_remote, struct media_remote *, media_remote_free)
/* *out NULL at the end. ctx: whose streams' discard counts. */
int media_remote_read(struct media_remote *remote, const AVFormatContext *ctx, int wanted,
                      struct media_packet **out, struct err *err);
/* *extradata is borrowed until the next order. */
int media_remote_remake(struct media_remote *remote, int stream, int codec,
                        const uint8_t **extradata, size_t *len, struct err *err);
int media_remote_skip(struct media_remote *remote, int stream, int64_t time, struct err *err);
int media_remote_jumps(const struct media_remote *remote);
int media_remote_seek(struct media_remote *remote, int stream, int64_t pts, int64_t dts,
                      struct err *err);
int media_remote_decoder(struct media_remote *remote, const struct media_stream *stream,
                         const struct media_decoder_opts *opts, struct err *err);
int media_remote_decoder_seek(struct media_remote *remote, int64_t pts, int64_t dts,
                              struct err *err);
int media_remote_next(struct media_remote *remote, struct media_frame **out, struct err *err);
/* media_decoder_damaged, and media_decoder_seen where out is not NULL. */
int64_t media_remote_seen(const struct media_remote *remote, struct media_seen *out);

/* source.c: NULL when the source reads by itself. */
struct media_remote *media_source_remote(struct media_source *source);
#endif
