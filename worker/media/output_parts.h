/* SPDX-License-Identifier: Apache-2.0
 *
 * output_parts.h - what the files of the output share: the I/O over a store_writer, one copied
 * stream, and the muxer's state. For output*.c and readback.c only.
 */
#ifndef WORKER_MEDIA_OUTPUT_PARTS_H
#define WORKER_MEDIA_OUTPUT_PARTS_H

#include "worker/media/av.h"
#include "worker/media/output.h"

#define OUTPUT_RUN_MS    500     /* MP4: a copied track is written in runs this long */
#define OUTPUT_RUN_BYTES 0x80000 /* or this large */

/* output_io.c: large blocks, written by a thread that has the writer to itself until _finish. */
struct output_io;
int output_io_open_write(struct output_io **out, struct store_writer *writer, struct err *err);
/* After avio_flush: all is with the store. Its error, or 0. */
int output_io_finish(struct output_io *io, struct err *err);
void output_io_free(struct output_io *io);
AUTO_DEFINE(output_io, struct output_io *, output_io_free)
/* The muxer is about to be given this packet (NULL: it is done with it): its bytes need not be
 * copied to be written. */
void output_io_lend(struct output_io *io, const AVPacket *packet);
AVIOContext *output_io_avio(const struct output_io *io);
/* The store's own error where there is one, else libav's words for rc. Always -1. */
int output_io_fail(const struct output_io *io, struct err *err, enum err_code code, int rc,
                   const char *what);

struct output_track {     /* one of plan->copies, in that order */
    AVStream *in, *out;   /* borrowed; out NULL: it went into the header */
    AVRational tb;        /* of the packets read */
    bool remade_sound;    /* the source makes it anew, counted from the film's start */
    int64_t hidden;       /* packets that end up to here are left out; ticks of tb */
    int64_t shift;        /* added to every time, ticks of out */
    int64_t last_dts;     /* AV_NOPTS_VALUE before the first */
    int64_t rescale_last; /* state of av_rescale_delta */
    int64_t packets;      /* written */
    AVPacket **run;       /* owned; waiting to be written together */
    size_t run_len, run_cap, run_bytes;
};

struct media_output {
    AVFormatContext *ctx;        /* owned */
    struct output_io *io;        /* owned; outlives ctx */
    struct store_writer *writer; /* borrowed; the I/O's until that is finished */
    const struct plan *plan;     /* borrowed */
    struct media_source *source; /* borrowed */
    AVFormatContext *in;         /* borrowed from source */
    enum layout layout;
    bool mp4, mov; /* mp4: MP4 or MOV; else Matroska */
    bool header;   /* written */
    bool outgrown;
    uint64_t moov_bytes;
    AVStream *video;     /* borrowed from ctx; stream 0 */
    int64_t video_shift; /* ticks of video */
    int64_t shift;       /* added to every time, in ticks of shift_tb */
    AVRational shift_tb;
    struct output_track *tracks; /* owned; plan->copy_count */
    AVPacket *ahead;             /* owned; read from the source, waiting */
    bool waiting, ended;
    struct media_output_times times;
};

/* output_tracks.c */
int output_tracks_add(struct media_output *output, struct err *err);   /* before the header */
int output_tracks_start(struct media_output *output, struct err *err); /* after the header */
/* Everything of the copied streams up to time (in tb); INT64_MAX: to the end. */
int output_tracks_pump(struct media_output *output, int64_t time, AVRational tb, struct err *err);
void output_tracks_free(struct media_output *output);
/* What a packet's times count that the source gave. */
AVRational output_time_base_of(const struct media_output *output, const AVPacket *packet);
int output_write(struct media_output *output, AVPacket *packet, enum err_code code,
                 struct err *err);

/* output_marks.c: SAR, colour, HDR, 3D marks and tags of the video stream; global tags, chapters.
 */
int output_marks_video(struct media_output *output, struct err *err);
void output_marks_title(const struct media_output *output, AVStream *stream);
void output_marks_language(const struct media_output *output, AVStream *stream);
int output_marks_film(struct media_output *output, struct err *err);
int output_marks_tags(AVDictionary **out, const AVDictionary *in, bool mp4, bool copied,
                      struct err *err);

/* output_cut.c: a part of the film. _trim: for subtitles and chapters, which may begin before it or
 * end behind it; times of the source. _is_over: nothing that comes after this is wanted. */
bool output_cut_takes(const struct media_output *output, const struct output_track *track,
                      const AVPacket *packet);
void output_cut_trim(const struct media_output *output, AVRational tb, int64_t *time,
                     int64_t *duration);
bool output_cut_is_over(const struct media_output *output, const AVPacket *packet);
/* The source goes to before the part that is asked for, where that leaves nothing out. */
int output_cut_skip(struct media_output *output, struct err *err);
bool output_cut_takes_chapter(const struct media_output *output, const AVChapter *chapter);

/* output_st3d.c: the 3D mark of a finished MOV, left eye first. */
int output_st3d_add(struct store_writer *writer, bool top_bottom, struct err *err);

/* output_times.c: where the film starts on the output's clock. */
void output_times_note(struct media_output_times *times, int64_t pts, int64_t duration);
void output_times_note_end(struct media_output_times *times, int64_t pos);
void output_times_set_shift(struct media_output *output);
int output_times_scale(struct ratio time_base); /* of an MP4 video track */
int64_t output_times_shift(const struct media_output *output, AVRational tb);
/* Matroska cannot hide sound, MP4's edit lists can: packets of `in` that end at this time or before
 * were never heard and are left out. INT64_MIN: none; a codec's priming stays. */
int64_t output_times_hidden(const struct media_output *output, AVStream *in);
int output_times_movie_scale(const struct media_output *output);
#endif
