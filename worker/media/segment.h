/* SPDX-License-Identifier: Apache-2.0
 *
 * segment.h - one converted segment as a NUT file: pts - segment.start_pts, video_delay set,
 * avoid_negative_ts disabled. The demuxed time base may be finer (rescale exactly) and its dts are
 * ignored; absolute start and time base stand in the commit record. Where a job makes two films, it
 * holds a stream for each, of the same times. One thread.
 */
#ifndef WORKER_MEDIA_SEGMENT_H
#define WORKER_MEDIA_SEGMENT_H

#include "worker/media/encoder.h"
#include "worker/store/store.h"

struct segment_writer;
struct segment_reader;

struct segment_opts {
    struct ratio time_base; /* of the film */
    int64_t base;           /* pts that the segment starts at */
    int films;              /* streams of the file, 1..LAYOUT_FILMS_MAX */
};

/* writer and the encoders, one for each film, are borrowed. Times given to _write are absolute;
 * base is subtracted. */
int segment_writer_open(struct segment_writer **out, struct store_writer *writer,
                        struct media_encoder *const *encoders, const struct segment_opts *opts,
                        struct err *err);
void segment_writer_free(struct segment_writer *writer);
AUTO_DEFINE(segment_writer, struct segment_writer *, segment_writer_free)
int segment_writer_write(struct segment_writer *writer, int film, const struct media_packet *packet,
                         struct err *err);
int segment_writer_finish(struct segment_writer *writer, struct err *err);

/* reader is borrowed and read once, in order, by a thread that runs ahead from _open on; nobody
 * else may use it meanwhile. opts as when written; the packets of this film come with absolute pts
 * in time_base, dts INT64_MIN, in decode order; *out NULL at the end. ERR_INTERNAL: not a segment
 * of so many films. */
int segment_reader_open(struct segment_reader **out, struct store_reader *reader, int film,
                        const struct segment_opts *opts, struct err *err);
void segment_reader_free(struct segment_reader *reader);
AUTO_DEFINE(segment_reader, struct segment_reader *, segment_reader_free)
int segment_reader_read(struct segment_reader *reader, struct media_packet **out, struct err *err);
void segment_reader_extradata_sha256(const struct segment_reader *reader, char hex[HASH_HEX_SIZE]);
/* Of the whole file, of the same read as the packets; at most once, after the last packet. */
int segment_reader_crc32c(struct segment_reader *reader, uint32_t *out, struct err *err);
/* For other files of this room: the AVCodecParameters (borrowed), as void. */
void *segment_reader_parameters(struct segment_reader *reader);
#endif
