/* SPDX-License-Identifier: Apache-2.0
 *
 * seek.h - inside media: what an AVIOContext's seek function answers. Pure.
 */
#ifndef WORKER_MEDIA_SEEK_H
#define WORKER_MEDIA_SEEK_H

#include <libavformat/avio.h>
#include <libavutil/error.h>
#include <stdint.h>
#include <stdio.h>

/* Moves *pos, in an object of `size` bytes, or behind its end. The new place, the size where that
 * was asked for, or AVERROR(EINVAL). */
static inline int64_t media_seek(uint64_t *pos, uint64_t size, int64_t offset, int whence)
{
    int64_t base = 0;

    if (whence & AVSEEK_SIZE)
        return (int64_t)size;
    whence &= ~AVSEEK_FORCE;
    if (whence == SEEK_CUR)
        base = (int64_t)*pos;
    else if (whence == SEEK_END)
        base = (int64_t)size;
    else if (whence != SEEK_SET)
        return AVERROR(EINVAL);
    if (offset < -base || offset > INT64_MAX - base)
        return AVERROR(EINVAL);
    *pos = (uint64_t)(base + offset);
    return base + offset;
}
#endif
