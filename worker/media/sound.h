/* SPDX-License-Identifier: Apache-2.0
 *
 * sound.h - one sound of a film made anew in a codec that the output's container takes. It is
 * decoded and encoded where the film is read (remote.h: in the child). Nothing is resampled or
 * mixed: samples stay where they are in time, to the sample; what is missing is silent. One thread.
 */
#ifndef WORKER_MEDIA_SOUND_H
#define WORKER_MEDIA_SOUND_H

#include "worker/media/av.h"

struct media_sound;

/* in is borrowed: its parameters and time base. ERR_INPUT: cannot be decoded. */
int media_sound_open(struct media_sound **out, const AVStream *in, enum AVCodecID to,
                     struct err *err);
void media_sound_free(struct media_sound *sound);
AUTO_DEFINE(media_sound, struct media_sound *, media_sound_free)
/* What comes out is described by this, in any process. Its times count samples: 1/sample_rate. */
int media_sound_parameters(AVCodecParameters *out, const AVCodecParameters *in, enum AVCodecID to,
                           struct err *err);
/* packet (borrowed) is of `in`; NULL: that was all. Damage is silence. ERR_NOMEM, ERR_INTERNAL. */
int media_sound_send(struct media_sound *sound, const AVPacket *packet, struct err *err);
/* The next packet that was made, owned by the caller; NULL: more has to be sent. */
AVPacket *media_sound_receive(struct media_sound *sound);
#endif
