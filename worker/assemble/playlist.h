/* SPDX-License-Identifier: Apache-2.0
 *
 * playlist.h - the texts of an HLS presentation (RFC 8216): a media playlist for each track, by
 * byte ranges of one file, and the multivariant playlist that names them. Pure.
 */
#ifndef WORKER_ASSEMBLE_PLAYLIST_H
#define WORKER_ASSEMBLE_PLAYLIST_H

#include "common/buf.h"
#include "worker/media/package.h"

#define PLAYLIST_MAX_BYTES (64 << 20) /* a piece takes some 60; a day has 14,400 */

/* The longest piece of picture and sounds, in whole seconds: their playlists must all say the same
 * (RFC 8216, 6.2.4). */
int64_t playlist_target(const struct media_package_track *const *tracks, size_t count);
/* target: as found so; a text has its own. file: what the ranges are of, relative to the playlist
 * ("video.mp4"). */
int playlist_media(struct buf *out, const struct media_package_track *track, int64_t target,
                   const char *file, struct err *err);
/* tracks: the picture first. names: of the tracks' playlists without their ending ("sound-1");
 * folder: where they are, relative to this playlist. Sounds of different
 * codecs are in groups of their own, each with a variant, so that a player that lacks one codec
 * still plays. */
int playlist_main(struct buf *out, const struct media_package_track *const *tracks,
                  const char *const *names, size_t count, const char *folder, struct err *err);
#endif
