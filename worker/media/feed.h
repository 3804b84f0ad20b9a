/* SPDX-License-Identifier: Apache-2.0
 *
 * feed.h - a film that was just written, read once and in order: a thread of its own reads ahead.
 * What libav sees cannot be sought in. For readback.c and package_cmaf.c only. One thread on this
 * side.
 */
#ifndef WORKER_MEDIA_FEED_H
#define WORKER_MEDIA_FEED_H

#include "worker/media/av.h"

struct media_feed;

/* writer is borrowed until _free, and nobody else may use it meanwhile: finished, not committed. */
int media_feed_open(struct media_feed **out, struct store_writer *writer, struct err *err);
void media_feed_free(struct media_feed *feed); /* stops the thread */
AUTO_DEFINE(media_feed, struct media_feed *, media_feed_free)
AVIOContext *media_feed_avio(const struct media_feed *feed);
bool media_feed_failed(const struct media_feed *feed, struct err *err); /* the store's error */
#endif
