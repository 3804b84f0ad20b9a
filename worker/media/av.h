/* SPDX-License-Identifier: Apache-2.0
 *
 * av.h - libav's types behind frame.h and source.h, for the files of this room only: who owns what
 * is inside, errors, and our own I/O. Nobody outside of worker/media includes this.
 */
#ifndef WORKER_MEDIA_AV_H
#define WORKER_MEDIA_AV_H

#include "common/auto.h"
#include "common/contract/plan.h"
#include "common/err.h"
#include "worker/media/compat.h"
#include "worker/media/frame.h"
#include "worker/media/source.h"
#include "worker/store/store.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/frame.h>

static inline void av_packet_auto_(AVPacket **packet) /* AUTO(av_packet) AVPacket *p */
{
    av_packet_free(packet);
}
static inline void av_frame_auto_(AVFrame **frame) /* AUTO(av_frame) AVFrame *f */
{
    av_frame_free(frame);
}
static inline void av_codec_auto_(AVCodecContext **ctx) /* AUTO(av_codec) AVCodecContext *c */
{
    avcodec_free_context(ctx);
}

static inline void av_parameters_auto_(AVCodecParameters **par) /* AUTO(av_parameters) */
{
    avcodec_parameters_free(par);
}

/* As err_set, ending in ": " and libav's words for rc; AVERROR(ENOMEM) becomes ERR_NOMEM and
 * AVERROR(ENOSPC) ERR_SPACE whatever `code` says. Always -1. */
int media_av_fail(struct err *err, enum err_code code, int rc, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static inline struct ratio media_ratio(AVRational q)
{
    return (struct ratio){ q.num, q.den ? q.den : 1 };
}
static inline AVRational media_rational(struct ratio r)
{
    return (AVRational){ (int)r.num, (int)r.den };
}

/* -1: `to` cannot say it exactly. */
int media_rescale_exactly(int64_t *out, int64_t time, AVRational from, AVRational to);

/* frame.c. The AVFrame is borrowed from the frame; its pts is the frame's. Read-only once the frame
 * is shared. _wrap moves the picture out of av (which is left blank): it must be YUV420P or
 * YUV420P10 of at least width x height, which may be smaller to crop at the right and bottom. */
AVFrame *media_frame_av(const struct media_frame *frame);
int media_frame_wrap(struct media_frame **out, AVFrame *av, int width, int height, struct err *err);
enum AVPixelFormat media_pix_fmt(int bit_depth); /* the working format: 8 or 10 */
enum AVPixelFormat media_pix_fmt_packed(int bit_depth, bool full_chroma); /* what is encoded */

/* captions.c: a picture's closed captions as A/53's triplets; 0 bytes: none. _set puts them in the
 * place of what was there. */
#define MEDIA_CAPTIONS_MAX 93 /* 31 triplets: what one message holds */
size_t media_captions_get(uint8_t out[MEDIA_CAPTIONS_MAX], const AVFrame *av);
int media_captions_set(AVFrame *av, const void *captions, size_t len, struct err *err);

/* packet.c. _wrap moves the packet out of av, which is left blank. */
AVPacket *media_packet_av(const struct media_packet *packet);
int media_packet_wrap(struct media_packet **out, AVPacket *av, struct err *err);

/* io.c: an AVIOContext over a reader or a writer. */
struct media_span { /* bytes start <= at < end */
    uint64_t start, end;
};
struct media_io {
    AVIOContext *avio;           /* owned; what a format context's pb is set to */
    struct store_reader *reader; /* borrowed, or NULL */
    struct store_writer *writer; /* borrowed, or NULL */
    struct media_span *holes;    /* owned; answered with zeros, unread; ascending */
    size_t hole_count;
    uint64_t pos;
    bool failed; /* the store failed: err says how, and outranks what libav made of it */
    struct err err;
};
/* holes (may be NULL) are taken over. ERR_NOMEM. */
int media_io_open_read(struct media_io **out, struct store_reader *reader, struct media_span *holes,
                       size_t hole_count, struct err *err);
/* Seeks back and writes go to store_writer_rewrite; seekable=false tells libav that it cannot. */
int media_io_open_write(struct media_io **out, struct store_writer *writer, bool seekable,
                        struct err *err);
void media_io_free(struct media_io *io); /* does not flush: avio_flush first when writing */
AUTO_DEFINE(media_io, struct media_io *, media_io_free)
/* As media_av_fail, but the store's own error where there is one. */
int media_io_fail(const struct media_io *io, struct err *err, enum err_code code, int rc,
                  const char *what);
/* AVFormatContext.io_open: refuses; nothing but our own I/O is opened. */
int media_io_refuse(struct AVFormatContext *ctx, AVIOContext **pb, const char *url, int flags,
                    AVDictionary **options);

/* boxes.c: the top-level boxes of an MP4/MOV. *count is 0 and *holes NULL when the film is no such
 * file, or fragmented: then it cannot be read by its index alone. Caller frees *holes. */
int media_boxes_holes(struct media_span **holes, size_t *count, struct store_reader *reader,
                      struct err *err);

/* sps.c: what an H.264 sequence header (avcC or Annex B extradata) says. 0, or -1: not there. */
struct media_sps {
    int width, height;     /* after cropping */
    int bit_depth, chroma; /* chroma_format_idc: 0 grey, 1 4:2:0, 2 4:2:2, 3 4:4:4 */
    bool progressive;      /* frame_mbs_only_flag */
    int sar_num, sar_den;  /* 0 when not told */
    int range, primaries, trc, space, chroma_location; /* libav's values */
};
int media_sps_parse(struct media_sps *out, const uint8_t *extradata, size_t size);

/* timeline.c: one clock for containers whose clock may jump. Off until streams is set. */
struct media_timeline {
    struct media_timeline_stream {
        bool leads; /* its jumps count: video and audio */
        bool seen;
        int64_t next; /* where its next packet is expected */
    } * streams;      /* owned */
    int count;
    int64_t back_limit, on_limit; /* a packet further off than this has jumped */
    int64_t offset, previous;
    const struct media_timeline_stream *jumper; /* where the last jump was seen; or NULL */
    int jumps;
};
void media_timeline_init(struct media_timeline *timeline, const AVFormatContext *ctx);
void media_timeline_clear(struct media_timeline *timeline);
void media_timeline_restart(struct media_timeline *timeline); /* after a seek */
void media_timeline_apply(struct media_timeline *timeline, AVPacket *packet);

/* facts.c: what one stream is. header_only: nothing but the container's header was read. */
void media_facts(struct media_stream *out, AVFormatContext *ctx, const AVStream *stream,
                 bool header_only);

/* hdr.c: mastering display and content light level. _of_frame leaves what is known already;
 * _mark gives both to an output stream: ERR_INTERNAL where they are not what was written. */
void media_hdr_of_stream(struct plan_hdr *out, const AVStream *stream);
void media_hdr_of_frame(struct plan_hdr *out, const AVFrame *frame);
int media_hdr_mark(AVStream *out, const struct plan_hdr *hdr, struct err *err);

/* source.c: to some keyframe at or before target, or to the start (*start set, or asked for). */
int media_source_seek_near(struct media_source *source, int stream, int64_t target, bool *start,
                           struct err *err);

/* source.c: after a seek: is the packet found one that is decoded but never shown? */
bool media_source_found_hidden(const struct media_source *source);

/* deinterlace.c: whole pictures from interlaced ones, one for each. A picture is given out when the
 * one after it is known, and depends on the one before, itself and the one after only. */
struct media_deinterlacer;
int media_deinterlacer_new(struct media_deinterlacer **out, struct err *err);
void media_deinterlacer_free(struct media_deinterlacer *deinterlacer);
AUTO_DEFINE(media_deinterlacer, struct media_deinterlacer *, media_deinterlacer_free)
void media_deinterlacer_reset(struct media_deinterlacer *deinterlacer); /* after a seek */
/* Takes the picture out of av (blank: the film has ended) and, if *ready, puts into it the one
 * before: made progressive, or as it was where it is not marked as interlaced. */
int media_deinterlacer_run(struct media_deinterlacer *deinterlacer, AVFrame *av, bool *ready,
                           struct err *err);

/* pixels.c: any picture to the working format. */
struct media_converter;
struct media_converter_opts {
    int width, height; /* of what is given out, after rotation; even */
    int bit_depth, rotation;
    bool flipped; /* left and right change places, then the picture is turned */
};
int media_converter_new(struct media_converter **out, const struct media_converter_opts *opts,
                        struct err *err);
void media_converter_free(struct media_converter *converter);
AUTO_DEFINE(media_converter, struct media_converter *, media_converter_free)
int64_t media_converter_scaled(const struct media_converter *converter); /* of another size */
/* Takes the picture out of av. No copy where the format fits already. */
int media_converter_run(struct media_converter *converter, struct media_frame **out, AVFrame *av,
                        struct err *err);
#endif
