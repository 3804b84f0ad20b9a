/* SPDX-License-Identifier: Apache-2.0
 *
 * encoder.h - frames in, packets out, with the job's exact encoder options. Closed GOP, constant
 * quality, fixed threads (x264: 4; x265: pools=4, frame-threads=1, open-gop=0, info=0), global
 * headers, marked with the stereo layout. One thread (libav may use more inside).
 */
#ifndef WORKER_MEDIA_ENCODER_H
#define WORKER_MEDIA_ENCODER_H

#include "common/contract/plan.h"
#include "common/contract/record.h"
#include "common/contract/spec.h"
#include "worker/media/frame.h"

struct media_encoder;

struct media_encoder_opts {
    const char *codec;  /* "libx264": resolved, never auto */
    const char *preset; /* "" = the encoder's own */
    int crf;            /* -1 = ours for the codec */
    int bit_depth;
    bool full_chroma;               /* 4:4:4 */
    int width, height;              /* packed; of one film, where two are made */
    int films;                      /* that are made; 0 as 1. It is part of the facts */
    struct ratio sar;               /* packed frame's sample aspect ratio */
    const struct plan_video *video; /* time base, rate, colour; borrowed while opening */
    enum layout layout;
    int key_seconds; /* keyframes are no farther apart; 0: the encoder's own */
};

/* What a job's segments are encoded with. Borrows from both. */
struct media_encoder_opts media_encoder_opts_for(const struct plan *plan,
                                                 const struct job_spec *spec);
/* Whether the packed frames are 4:4:4: an anaglyph's, unless the format that was asked for or the
 * encoder speaks against it. */
bool media_encoder_full_chroma(const struct plan *plan, const struct job_spec *spec);
bool media_encoder_takes_full_chroma(const char *codec);
bool media_encoder_keeps_captions(const char *codec); /* closed ones, of the frames */
/* Whether this build of libavcodec has a video encoder of that name. */
bool media_encoder_is_known(const char *codec);

/* Errors: ERR_GPU: the encoder is not in this build or refused; ERR_CONFIG: an option is not one
 * of this encoder (names it). */
int media_encoder_open(struct media_encoder **out, const struct media_encoder_opts *opts,
                       struct err *err);
void media_encoder_free(struct media_encoder *encoder);
AUTO_DEFINE(media_encoder, struct media_encoder *, media_encoder_free)
void media_encoder_facts(const struct media_encoder *encoder, struct encoder_facts *out);
int media_encoder_reorder(const struct media_encoder *encoder); /* frames of reordering */
int media_encoder_send(struct media_encoder *encoder, struct media_frame *frame /* NULL = flush */,
                       struct err *err);
int media_encoder_receive(struct media_encoder *encoder,
                          struct media_packet **out /* NULL = none */, struct err *err);
/* The packed frame's SAR for a view's SAR: half-sbs doubles it, half-tb halves it. */
struct ratio media_packed_sar(enum layout layout, struct ratio view);
/* For other files of this room: the AVCodecParameters (borrowed), as void. */
void *media_encoder_parameters(struct media_encoder *encoder);
#endif
