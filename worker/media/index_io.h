/* SPDX-License-Identifier: Apache-2.0
 *
 * index_io.h - an MP4 or MOV that was just written, read without its media: the moov as it is, the
 * mdat's payload as zeros, or as anything where it is large, unless asked for. For readback.c and
 * package.c only. One thread.
 */
#ifndef WORKER_MEDIA_INDEX_IO_H
#define WORKER_MEDIA_INDEX_IO_H

#include "worker/media/av.h"

struct index_io;

/* writer is borrowed. ERR_INTERNAL: its boxes do not fill the file, or there is no mdat. */
int index_io_open(struct index_io **out, struct store_writer *writer, struct err *err);
void index_io_free(struct index_io *io);
AUTO_DEFINE(index_io, struct index_io *, index_io_free)
AVIOContext *index_io_avio(const struct index_io *io);
bool index_io_failed(const struct index_io *io, struct err *err); /* the store's error */
/* Bytes of the payload as they are; all of them must lie in the mdat. */
int index_io_payload(struct index_io *io, int64_t pos, void *out, size_t len, struct err *err);
#endif
