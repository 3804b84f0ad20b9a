/* SPDX-License-Identifier: Apache-2.0
 *
 * package_parts.h - what the files of the package share: one track on its way from the MP4 to its
 * own file. For package*.c only.
 */
#ifndef WORKER_MEDIA_PACKAGE_PARTS_H
#define WORKER_MEDIA_PACKAGE_PARTS_H

#include "worker/media/output_parts.h"
#include "worker/media/package.h"
#include "worker/media/subtitle.h"

struct package_track {
    struct media_package_track facts; /* pieces owned */
    AVStream *in;                     /* borrowed */
    struct store_writer *writer;      /* borrowed; the I/O's until that is finished */
    struct output_io *io;             /* owned; outlives ctx */
    AVFormatContext *ctx;             /* owned; NULL for text */
    struct media_subtitle *subtitle;  /* owned; text */
    int64_t shift;                    /* added to every time, ticks of in */
    int64_t begin, end;               /* of the piece that is open, ticks of in, shifted */
    bool open;                        /* there is such a piece */
    struct media_output_times times;  /* of what was written, ticks of in from the first on */
};

/* package_codec.c. ERR_INTERNAL: a codec that a plan for HLS does not choose. */
int package_codec(char *out, size_t size, const AVCodecParameters *par, struct err *err);

/* package_cmaf.c: pictures and sound. packet: times on the film's clock; it is used up. */
int package_cmaf_open(struct package_track *track, struct err *err);
int package_cmaf_write(struct package_track *track, AVPacket *packet, struct err *err);
int package_cmaf_finish(struct package_track *track, struct err *err);
int package_cmaf_check(struct package_track *track, struct err *err);

/* package_text.c: WebVTT, one piece. */
int package_text_open(struct package_track *track, struct err *err);
int package_text_write(struct package_track *track, AVPacket *packet, struct err *err);
void package_text_finish(struct package_track *track, int64_t film_us);

void package_piece(struct media_package_track *facts, uint64_t offset, uint64_t end,
                   int64_t duration_us);
#endif
