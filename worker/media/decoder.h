/* SPDX-License-Identifier: Apache-2.0
 *
 * decoder.h - frames of one video stream in presentation order in the working format (4:2:0, 8 or
 * 10 bit; other formats are converted by swscale, rotation is applied). Damaged packets are
 * skipped and counted, not fatal. One thread (libav may use more inside).
 */
#ifndef WORKER_MEDIA_DECODER_H
#define WORKER_MEDIA_DECODER_H

#include "worker/media/source.h"

struct media_decoder;

struct media_decoder_opts {
    int stream;
    int bit_depth;     /* of the frames given: 8 or 10 */
    int threads;       /* 0 = all cores */
    int rotation;      /* degrees clockwise, applied to pixels */
    bool flipped;      /* mirrored left to right before that */
    bool deinterlace;  /* pictures marked as interlaced become whole ones, one for one; each needs
                        * its neighbours, so the first one after a seek is not as in the film */
    int width, height; /* of the frames given, after rotation; 0 = the stream's, made even by
                        * cropping. Pictures of another size are scaled. Give the plan's. */
    bool ordinals; /* a frame's pts is the ordinal of its packet since opening, whatever the film
                    * says, and need not ascend: to learn which packets are shown, and when */
};

/* source is borrowed and must outlive the decoder; the decoder reads its packets. */
int media_decoder_open(struct media_decoder **out, struct media_source *source,
                       const struct media_decoder_opts *opts, struct err *err);
void media_decoder_free(struct media_decoder *decoder);
AUTO_DEFINE(media_decoder, struct media_decoder *, media_decoder_free)
/* Starts again at a keyframe (plan_segment.seek_pts, seek_dts). Frames before it (leading pictures)
 * are not given. Where the keyframe turns out not to decode by itself (intra refresh), decoding
 * starts further back. */
int media_decoder_seek(struct media_decoder *decoder, int64_t pts, int64_t dts, struct err *err);
/* Next frame, *out NULL at the end. Its pts is in the stream's time base; frames without a pts
 * get the decoder's best guess. pts ascend strictly: of frames that share one, the first is given.
 */
int media_decoder_next(struct media_decoder *decoder, struct media_frame **out, struct err *err);
/* Packets that failed, and pictures given that the decoder had to mend. Grows before the picture
 * that shows it is given. */
int64_t media_decoder_damaged(const struct media_decoder *decoder);

struct media_seen { /* in the pictures given so far */
    bool fields;    /* some are interlaced */
    int64_t scaled; /* were of another size than asked for, and were scaled to it */
    bool captions;  /* some carry closed captions */
    struct plan_hdr hdr;
};
void media_decoder_seen(const struct media_decoder *decoder, struct media_seen *out);
#endif
