/* SPDX-License-Identifier: Apache-2.0
 *
 * source.h - a film opened through our own I/O: its streams, its packets. libav opens nothing by
 * itself (io_open refuses; protocols none). One thread.
 *
 * Index-only opening (MP4/MOV): reads inside mdat are answered with zeros, unfetched, so that
 * pts, dts and key flags come from moov alone (AVFMT_FLAG_NOPARSE | AVFMT_FLAG_NOFILLIN).
 * Errors: ERR_INPUT (not a film, unsupported), the reader's own errors pass through.
 */
#ifndef WORKER_MEDIA_SOURCE_H
#define WORKER_MEDIA_SOURCE_H

#include "common/contract/plan.h"
#include "worker/media/frame.h"
#include "worker/store/store.h"

#define MEDIA_MAX_PIXELS (1 << 27) /* of a picture: 16384 x 8192; larger ones are meant to hurt */

struct media_source;

struct media_stream { /* what we see; values of libav enums are libav's */
    int index;
    char type; /* 'v' 'a' 's' 'd' 't' (attachment); 'c' = cover picture */
    char codec[32];
    char language[8]; /* "" when not told */
    char title[64];
    bool is_default;
    int disposition; /* libav's flags: forced, comment, dub, ... */
    uint32_t tag; /* the container's own name of the codec, first byte lowest; 0 when it has none */
    struct ratio time_base;
    int64_t start_pts; /* INT64_MIN when not known */
    int64_t duration;  /* time base units; 0 when not known */
    int64_t packets;   /* from the index; 0 when not known */
    int64_t bytes;
    /* video */
    int width, height;
    int rotation; /* degrees clockwise to turn the pictures by: 0, 90, 180, 270 */
    bool flipped; /* mirrored left to right before that */
    struct ratio sar, frame_rate;
    int bit_depth; /* of the source: 8, 10, 12 */
    char pix_fmt[24];
    int color_range, color_primaries, color_trc, color_space, chroma_location;
    bool interlaced; /* or may be: H.264 and MPEG-2 say for each picture */
    bool scan_known; /* false: nothing said so far whether it is interlaced */
    struct plan_hdr hdr;
    int dolby_profile; /* Dolby Vision: its profile, 0 when it has none */
    bool dolby_only;   /* ... and no plain picture below it */
    /* audio */
    int sample_rate, channels;
};

struct media_source_opts {
    const char *format; /* demuxer to force, or NULL: probe */
    bool index_only;    /* zero-filled mdat where the format allows it, else a plain open */
    bool no_pictures;   /* nobody asks what the pictures are: where the format allows it none is
                         * decoded to know, and facts of theirs may be missing */
    const char *what;   /* names the film in messages; borrowed while opening */
};

/* reader is borrowed and must outlive the source. Caller owns *out. */
int media_source_open(struct media_source **out, struct store_reader *reader,
                      const struct media_source_opts *opts, struct err *err);
void media_source_free(struct media_source *source);
AUTO_DEFINE(media_source, struct media_source *, media_source_free)

const char *media_source_format(const struct media_source *source);  /* demuxer name */
bool media_source_is_indexed(const struct media_source *source);     /* zero-filled mdat in force */
int64_t media_source_duration_us(const struct media_source *source); /* 0 = not known */
int media_source_chapters(const struct media_source *source);
int media_source_streams(const struct media_source *source);
const struct media_stream *media_source_stream(const struct media_source *source, int index);
/* The stream to convert: the first that is video, decodable and not a cover. -1 = none. */
int media_source_video(const struct media_source *source);

/* Places where the clock of an MPEG-TS or -PS jumped so far (reading from the start). Times after
 * one go on where those before ended; a film with jumps cannot be sought. */
int media_source_jumps(const struct media_source *source);

/* Next packet of a wanted stream (all, if none was chosen); *out NULL at the end. */
int media_source_read(struct media_source *source, struct media_packet **out, struct err *err);
void media_source_want(struct media_source *source, int stream); /* others are discarded */
/* From here on this stream's packets are of another codec (libav's id): remake.h. par (an
 * AVCodecParameters, as void, empty) is what they are; a sound's times count its samples. Before
 * the first read; a source that makes a sound anew cannot be sought. */
int media_source_remake(struct media_source *source, int stream, int codec, void *par,
                        struct err *err);
/* To the keyframe with this pts: the next packet read is it, or the film's first when it is not
 * found again (then everything before it is decoded as well). */
int media_source_seek(struct media_source *source, int stream, int64_t pts, int64_t dts,
                      struct err *err);

/* To somewhere before `time` (ticks of stream), by the container's index: of every stream, whatever
 * plays at `time` or later follows, as long as the index is right: if it is seen not to be, or
 * leads nowhere near, reading starts at the beginning. Only MP4/MOV and Matroska move. Before the
 * first read; not where a stream is made anew. */
int media_source_skip(struct media_source *source, int stream, int64_t time, struct err *err);

/* "lavc59.37.100 x264.164 x265.199": the libraries that make results comparable. Static. */
const char *media_build(void);

void media_quiet(void); /* libav says nothing on stderr by itself; once, before threads */

/* For other files of this room: the AVFormatContext, borrowed, as void. */
void *media_source_context(struct media_source *source);
#endif
