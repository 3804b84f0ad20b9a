/* SPDX-License-Identifier: Apache-2.0
 *
 * piece.h - a stretch of one video stream copied out of a film, as NUT: what `segment.mode: Copy`
 * gives to convert, and what is made of films that cannot be sought. Times come back exactly, in
 * the time base they were written in; the piece is read as a media_source with one stream, 0.
 * One thread.
 */
#ifndef WORKER_MEDIA_PIECE_H
#define WORKER_MEDIA_PIECE_H

#include "worker/media/source.h"
#include "worker/store/store.h"

struct media_piece_writer;

/* Stream `stream` of source: its codec parameters and time base. base: no pts written is below it.
 * writer and source are borrowed. */
int media_piece_open(struct media_piece_writer **out, struct store_writer *writer,
                     struct media_source *source, int stream, int64_t base, struct err *err);
void media_piece_free(struct media_piece_writer *piece);
AUTO_DEFINE(media_piece, struct media_piece_writer *, media_piece_free)
/* In decode order; the packet must have a pts >= base. */
int media_piece_write(struct media_piece_writer *piece, const struct media_packet *packet,
                      struct err *err);
int media_piece_finish(struct media_piece_writer *piece, struct err *err);

/* reader is borrowed and must outlive the source. Packets and frames have the film's pts in the
 * film's time base; dts are not known; seeking goes to the start. */
int media_source_open_piece(struct media_source **out, struct store_reader *reader,
                            const char *what, struct err *err);

/* For source.c. */
struct AVFormatContext;
struct AVStream;
struct AVPacket;
struct media_piece { /* what the file says of itself */
    struct ratio time_base;
    int64_t base;
    int codec_id;       /* libav's */
    unsigned codec_tag; /* the film's */
};
int media_piece_facts(struct media_piece *out, const struct AVFormatContext *ctx);
void media_piece_times(const struct media_piece *piece, const struct AVStream *stream,
                       struct AVPacket *packet);
#endif
