/* SPDX-License-Identifier: Apache-2.0
 *
 * remake.h - one stream of a film made anew in a codec that the output's container takes: a sound
 * (sound.h) or a text (subtitle.h). It happens where the film is read, in the child: what comes
 * with a film is decoded nowhere else. For source.c and remote*.c. One thread.
 */
#ifndef WORKER_MEDIA_REMAKE_H
#define WORKER_MEDIA_REMAKE_H

#include "worker/media/av.h"

#define REMAKE_EXTRADATA_MAX 65536

struct media_remake;

/* in is borrowed: its parameters and time base. ERR_INPUT: cannot be decoded. */
int media_remake_open(struct media_remake **out, const AVStream *in, enum AVCodecID to,
                      struct err *err);
void media_remake_free(struct media_remake *remake);
AUTO_DEFINE(media_remake, struct media_remake *, media_remake_free)
/* What _parameters needs from where it is made; borrowed. */
const uint8_t *media_remake_extradata(const struct media_remake *remake, size_t *len);
/* What comes out is described by this, in any process. Times count samples (1/sample_rate) for a
 * sound and are those of the stream for a text. ERR_INPUT: more extradata than there can be. */
int media_remake_parameters(AVCodecParameters *out, const AVCodecParameters *in, enum AVCodecID to,
                            const uint8_t *extradata, size_t len, struct err *err);
/* packet (borrowed) is of `in`; NULL: that was all. Damaged sound is silence; for a text that
 * cannot be read comes an empty packet, marked corrupt. ERR_NOMEM, ERR_INTERNAL. */
int media_remake_send(struct media_remake *remake, const AVPacket *packet, struct err *err);
/* The next packet that was made, owned by the caller; NULL: more has to be sent. */
AVPacket *media_remake_receive(struct media_remake *remake);
#endif
