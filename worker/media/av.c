/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/av.h"

#include <libavutil/error.h>
#include <libavutil/mathematics.h>
#include <libavutil/pixfmt.h>
#include <stdarg.h>
#include <stdio.h>

int media_av_fail(struct err *err, enum err_code code, int rc, const char *fmt, ...)
{
    char what[400], words[AV_ERROR_MAX_STRING_SIZE];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    (void)av_strerror(rc, words, sizeof(words));
    if (rc == AVERROR(ENOMEM))
        code = ERR_NOMEM;
    else if (rc == AVERROR(ENOSPC))
        code = ERR_SPACE;
    else if (code == ERR_INPUT &&
             (rc == AVERROR(EAGAIN) || rc == AVERROR(EMFILE) || rc == AVERROR(ENFILE)))
        code = ERR_INTERNAL; /* no thread or no file to be had: the film is not to blame */
    return err_set(err, code, "%s: %s", what, words);
}

enum AVPixelFormat media_pix_fmt(int bit_depth)
{
    return bit_depth > 8 ? AV_PIX_FMT_YUV420P10 : AV_PIX_FMT_YUV420P;
}

enum AVPixelFormat media_pix_fmt_packed(int bit_depth, bool full_chroma)
{
    if (!full_chroma)
        return media_pix_fmt(bit_depth);
    return bit_depth > 8 ? AV_PIX_FMT_YUV444P10 : AV_PIX_FMT_YUV444P;
}

int media_rescale_exactly(int64_t *out, int64_t time, AVRational from, AVRational to)
{
    int64_t there = av_rescale_q(time, from, to);

    if (there == AV_NOPTS_VALUE || av_rescale_q(there, to, from) != time)
        return -1;
    *out = there;
    return 0;
}
