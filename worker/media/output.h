/* SPDX-License-Identifier: Apache-2.0
 *
 * output.h - the final film: one video stream from segments' packets, and the source's audio,
 * subtitles, chapters, attachments and tags copied. moov up front by the bound given. One thread.
 */
#ifndef WORKER_MEDIA_OUTPUT_H
#define WORKER_MEDIA_OUTPUT_H

#include "worker/media/segment.h"
#include "worker/media/source.h"

struct media_output;

struct media_output_opts {
    const char *container;   /* "mp4", "mov", "matroska" */
    const struct plan *plan; /* borrowed: video facts, copies, SAR, colour */
    enum layout layout;
    int reorder;         /* frames, of the encoder */
    uint64_t moov_bytes; /* upper bound to keep free at the front; 0 for matroska */
};

/* writer, source (opened plainly), first (the first segment: parameters) are borrowed. */
int media_output_open(struct media_output **out, struct store_writer *writer,
                      struct media_source *source, struct segment_reader *first,
                      const struct media_output_opts *opts, struct err *err);
void media_output_free(struct media_output *output);
AUTO_DEFINE(media_output, struct media_output *, media_output_free)
/* A video packet with absolute pts and rebuilt dts, plan's video time base; in decode order.
 * Audio and the rest are read from the source and interleaved up to that time by this call. */
int media_output_video(struct media_output *output, struct media_packet *packet, int64_t duration,
                       struct err *err);
/* The rest of the copied streams and the trailer. */
int media_output_finish(struct media_output *output, struct err *err);
/* After a failed _finish: the moov did not fit into moov_bytes; write again with more. */
bool media_output_outgrown(const struct media_output *output);
/* Packets written for plan->copies[i]; for the report and the checks. */
int64_t media_output_copied(const struct media_output *output, size_t copy);

/* The video as it was written, on the container's own clock and in the order of the file. What a
 * reader of the file must find again (readback.h). */
struct media_output_times {
    int64_t packets;
    uint32_t pts_crc;            /* CRC-32 of the pts as little-endian int64 */
    uint32_t end_crc;            /* the same of the offsets where they end; Matroska: 0 */
    int64_t first_pts, last_end; /* smallest pts; largest pts + duration */
};
struct media_output_times media_output_times(const struct media_output *output);
/* Upper bound of everything in a moov that does not grow with the packets: tags, titles, cover
 * pictures, decoder headers. */
uint64_t media_output_fixed_bytes(struct media_source *source, struct segment_reader *first);
/* Can the container take this codec as it is ('y'), converted ('c'), or not ('n')? For plan. */
char media_output_takes(const char *container, char type, const char *codec);
/* The codec that a sound of this kind is converted to, a libav name; NULL: there is none. */
const char *media_output_sound(const char *container, const struct media_stream *sound);
/* What a stream is marked as ("forced, comment") that the container cannot say; "": nothing. */
void media_output_lost_marks(char *out, size_t size, const char *container,
                             const struct media_stream *stream);
bool media_output_sound_is_exact(const char *codec); /* such a sound, to FLAC or PCM: bit for bit */
#endif
