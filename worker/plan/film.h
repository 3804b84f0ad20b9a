/* SPDX-License-Identifier: Apache-2.0
 *
 * film.h - everything that plan learns of a film: its streams, its packets in decode order, its
 * frames in presentation order. Read from the container's index where that is enough (MP4, MOV: no
 * media byte is read), else by reading all packets once. One thread.
 */
#ifndef WORKER_PLAN_FILM_H
#define WORKER_PLAN_FILM_H

#include "common/auto.h"
#include "common/contract/plan.h"
#include "common/err.h"
#include "worker/media/source.h"
#include "worker/report/report.h"
#include "worker/store/store.h"

#include <signal.h>

#define FILM_NO_TIME INT64_MIN

struct film_packet { /* of the stream to convert, in decode order */
    int64_t pts, dts, duration;
    bool key;
    bool shown; /* gives a frame: false for what an edit list hides, second fields, ... */
};

struct film_count {
    int64_t packets, bytes;
    int64_t longest_ms; /* the longest packet; 0: not known */
};

struct film {
    struct store_reader *reader; /* owned */
    char *uri;                   /* owned */
    const char *what;            /* names the film in messages; borrowed */
    char digest[HASH_HEX_SIZE];
    char format[32];
    bool indexed;
    struct media_stream *streams; /* owned; stream_count of them */
    struct film_count *counts;    /* owned; of each stream, 0 when not known */
    int stream_count, video, chapters;
    struct film_packet *packets; /* owned */
    size_t packet_count, packet_room;
    struct plan_frame *frames; /* owned; ascending pts; dts is the packet's ordinal */
    size_t frame_count;
    int64_t end;              /* of the last frame */
    int64_t told_us, last_us; /* how long the header says it lasts; where the last packet ends */
    size_t untimed;           /* packets that gave a frame but had no pts */
    size_t shared;            /* frames left out: another has the same pts */
    bool captions;            /* closed ones, in the first pictures */
    size_t undecodable;       /* leading pictures without their references, left out */
    size_t left_out;          /* frames whose times the damage took */
    int jumps;
    bool decoded;   /* the whole film had to be decoded to learn its frames */
    bool restamped; /* packets[].pts are ours, not the file's: only pieces can carry them */
    const volatile sig_atomic_t *should_stop; /* borrowed, or NULL */
    struct report *report;                    /* borrowed, or NULL */
};

struct film_opts {
    const char *uri;
    const char *what; /* "spec.source.uri" */
    const volatile sig_atomic_t *should_stop;
    struct report *report;
};

/* Errors: ERR_CONFIG (not there, denied), ERR_INPUT, ERR_INTERRUPTED, the store's. */
int film_open(struct film **out, const struct film_opts *opts, struct err *err);
void film_free(struct film *film);
AUTO_DEFINE(film, struct film *, film_free)
static inline const struct media_stream *film_video(const struct film *film)
{
    return &film->streams[film->video];
}
/* The film opened once more, plainly, with its demuxer forced. */
int film_source(const struct film *film, struct media_source **out, struct err *err);
bool film_needs_pieces(const struct film *film);
bool film_is_vfr(const struct film *film);
int film_check_stop(const struct film *film, struct err *err); /* ERR_INTERRUPTED */

/* frames.c: frames from packets. ERR_NOMEM, ERR_INPUT when there are none. */
int film_build_frames(struct film *film, struct err *err);
/* verify.c: does the decoder give the frames that the packets promise? Where that is not certain
 * from the container alone the first frames are decoded, and all of them when those differ. */
int film_verify(struct film *film, struct err *err);
/* verify.c: what only the first pictures can tell: fields, HDR metadata, captions. */
int film_look(struct film *film, struct err *err);
#endif
