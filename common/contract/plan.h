/* SPDX-License-Identifier: Apache-2.0
 *
 * plan.h - plan.json: who owns which frames. Written once by the plan stage, read by convert and
 * assemble. Times are presentation timestamps in units of video.time_base. Pure.
 */
#ifndef CONTRACT_PLAN_H
#define CONTRACT_PLAN_H

#include "common/auto.h"
#include "common/err.h"
#include "common/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAN_VERSION      1
#define PLAN_MAX_BYTES    (64u << 20)
#define PLAN_MAX_SEGMENTS 20000
#define PLAN_MAX_STREAMS  256

struct ratio {
    int64_t num, den; /* den >= 1 */
};

struct plan_hdr {        /* "" where the film does not say it; written as x264 and x265 read it */
    char mastering[128]; /* "G(x,y)B(x,y)R(x,y)WP(x,y)L(max,min)" */
    char light[24];      /* "MaxCLL,MaxFALL" */
};

struct plan_video {
    int stream;        /* index in the source */
    char codec[32];    /* libav decoder's codec name, "h264" */
    int width, height; /* of the decoded picture after rotation, >= 2, even */
    int rotation;      /* degrees clockwise to apply to pixels: 0, 90, 180, 270 */
    struct ratio time_base, sar, frame_rate; /* frame_rate 0/1 when unknown; informative */
    int bit_depth;                           /* of our working format: 8 or 10 */
    int color_range, color_primaries, color_trc, color_space, chroma_location; /* H.273 / libav */
    int64_t frames;
    int64_t start_pts, end_pts; /* first frame; last frame's end */
    bool interlaced;            /* fields become whole pictures, one for two */
    bool flipped;               /* mirrored left to right, before the rotation */
    struct plan_hdr hdr;
};

struct plan_segment {
    int64_t start_pts, end_pts; /* owns the frames with start <= pts < end */
    int64_t frames;             /* how many those are, >= 1 */
    int64_t lead_pts;           /* first frame to decode for windows: R frames before, or less */
    int64_t tail_pts;           /* decode while pts < tail_pts: R frames after, or less */
    int64_t seek_pts;           /* pts of a keyframe at or before lead_pts that decodes it */
    int64_t seek_dts;           /* its dts; what is given to the demuxer's seek */
    uint32_t pts_crc;           /* CRC-32 of the owned pts as little-endian int64, ascending */
};

struct plan_copy { /* a stream taken over, as it is where it can be */
    int stream;
    char type; /* 'a' audio, 's' subtitle, 't' attachment, 'd' data, 'v' cover picture */
    char codec[32];
    int64_t packets, bytes; /* upper bounds for the moov; 0 when not known */
    bool convert;           /* mov_text <-> srt; a sound: to `becomes` */
    char becomes[16];       /* the codec that a converted sound gets; else "" */
    int64_t longest_ms;     /* its longest packet; 0: not known */
};

struct plan_source {
    char *uri;       /* owned */
    char format[64]; /* demuxer to force */
    uint64_t size;
    int64_t mtime_ns;           /* 0 where the store has none */
    char digest[HASH_HEX_SIZE]; /* of size + first and last 64 KiB: what convert compares */
};

struct plan {
    struct plan_source source;
    struct plan_video video;
    char codec[32]; /* the encoder, resolved from auto */
    int packed_width, packed_height;
    bool cut_start;        /* --from: all that is before video.start_pts is left out */
    bool cut_end;          /* --to: all from video.end_pts on */
    struct ratio max_fps;  /* frames are left out as pace.h says; num 0: none */
    uint32_t window;       /* R, frames */
    uint64_t memory_bytes; /* estimate of one convert attempt */
    char build[64];
    bool store_races;         /* two creates of one key may both win: see name_record_of */
    bool pieces;              /* segment.mode Copy: convert i reads pieces[i] */
    char **piece;             /* owned array of segment_count store keys, or NULL */
    struct plan_copy *copies; /* owned */
    size_t copy_count;
    char **dropped; /* owned: "stream 3 (dvd_subtitle): MP4 cannot hold it" */
    size_t dropped_count;
    uint32_t segment_count;
    struct plan_segment *segments; /* owned, in play order, contiguous */
};

void plan_free(struct plan *plan);
AUTO_DEFINE(plan, struct plan *, plan_free)
/* Checks everything a reader relies on: contiguous, ascending, counts add up. ERR_INTERNAL names
 * the place ("segments[3]: ..."). */
int plan_parse(struct plan **out, const char *text, size_t len, struct err *err);
char *plan_format(const struct plan *plan); /* caller frees */

/* What plan has to know of a frame: from packets only. */
struct plan_frame {
    int64_t pts, dts;
    bool key;
};

struct plan_cut_opts {
    int64_t target;  /* wanted segment length, time base units, >= 1 */
    uint32_t window; /* R */
    bool asked;      /* the length was asked for: no pre-roll cap */
    bool capped;     /* film over 10 minutes */
};
/*
 * Cuts frames (sorted by pts, strictly ascending, count >= 1) into segments: a boundary is a
 * keyframe within 25 % of the wanted place, else any frame. Pre-roll beyond R is capped at half of
 * the film's frames by making fewer segments, when capped and not asked. end_pts of the last
 * segment is `end`. Caller frees *out. Pure; ERR_INPUT above PLAN_MAX_SEGMENTS.
 */
int plan_cut(struct plan_segment **out, uint32_t *count, const struct plan_frame *frames,
             size_t frame_count, int64_t end, const struct plan_cut_opts *opts, struct err *err);
#endif
