/* SPDX-License-Identifier: Apache-2.0
 *
 * feed.h - a file read once and in order: a thread of its own reads ahead and takes the CRC-32C of
 * the very bytes that the demuxer gets. What libav sees cannot be sought in. For the files of this
 * room only. One thread on this side.
 */
#ifndef WORKER_MEDIA_FEED_H
#define WORKER_MEDIA_FEED_H

#include "worker/media/av.h"

struct media_feed;

/* Borrowed until _free; nobody else may use them meanwhile. A writer is read from its beginning to
 * its end, finished and not committed. */
int media_feed_open_reader(struct media_feed **out, struct store_reader *reader, struct err *err);
int media_feed_open_writer(struct media_feed **out, struct store_writer *writer, struct err *err);
void media_feed_free(struct media_feed *feed); /* stops the thread */
AUTO_DEFINE(media_feed, struct media_feed *, media_feed_free)
AVIOContext *media_feed_avio(const struct media_feed *feed);
bool media_feed_failed(const struct media_feed *feed, struct err *err); /* the store's error */
/* Brings it to the end, whatever was read before; then the sum of all. At most once. */
int media_feed_crc32c(struct media_feed *feed, uint32_t *out, struct err *err);
#endif
