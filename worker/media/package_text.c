/* SPDX-License-Identifier: Apache-2.0 */
#include "common/buf.h"
#include "common/log.h"
#include "common/mem.h"
#include "worker/media/package_parts.h"

#include <inttypes.h>
#include <libavutil/mathematics.h>
#include <stdio.h>
#include <string.h>

#define STAMP_SIZE 32
#define CUE_MAX    (1 << 20)

static const AVRational milliseconds = { 1, 1000 };

int package_text_open(struct package_track *track, struct err *err)
{
    /* Cues count on the clock that the tracks' first decode time counts on (RFC 8216, 3.5). */
    static const char head[] = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n\n";

    if (media_subtitle_open(&track->subtitle, track->in, AV_CODEC_ID_WEBVTT, err) < 0)
        return -1;
    return store_writer_write(track->writer, head, sizeof(head) - 1, err);
}

static void stamp(char out[STAMP_SIZE], int64_t ms)
{
    (void)snprintf(out, STAMP_SIZE, "%02" PRId64 ":%02d:%02d.%03d", ms / 3600000,
                   (int)(ms / 60000 % 60), (int)(ms / 1000 % 60), (int)(ms % 1000));
}

/* The encoder's own; it lets all other text through as it is. */
static size_t tag_len(const char *text, const char *end)
{
    static const char *const tags[] = { "<b>", "</b>", "<i>", "</i>", "<u>", "</u>" };

    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        size_t len = strlen(tags[i]);

        if ((size_t)(end - text) >= len && memcmp(text, tags[i], len) == 0)
            return len;
    }
    return 0;
}

/* A cue's text (WebVTT, 3.1): an empty line would end it, "-->" too, and "<3" begin a tag. */
static int put_text(struct buf *out, const char *text, size_t size, struct err *err)
{
    const char *end = text + size;

    while (text < end) {
        size_t tag = tag_len(text, end), len = tag ? tag : 1;
        const char *put = !tag && *text == '<'   ? "&lt;"
                          : !tag && *text == '>' ? "&gt;"
                          : *text == '&'         ? "&amp;"
                                                 : NULL;
        bool empty = *text == '\n' && (out->len == 0 || out->data[out->len - 1] == '\n');

        if (!empty && buf_append(out, put ? put : text, put ? strlen(put) : len, err) < 0)
            return -1;
        text += len;
    }
    return 0;
}

int package_text_write(struct package_track *track, AVPacket *packet, struct err *err)
{
    AVRational tb = track->in->time_base;
    AUTO_FREE char *cue = NULL;
    AUTO_BUF struct buf text;
    char from[STAMP_SIZE], to[STAMP_SIZE];
    int64_t begin, end;
    bool some;

    buf_init(&text, CUE_MAX);
    if (media_subtitle_convert(track->subtitle, packet, &some, err) < 0) {
        if (err->code != ERR_INPUT)
            return -1;
        log_warn("left out: %s", err->msg);
        return 0;
    }
    begin = av_rescale_q(packet->pts + track->shift, tb, milliseconds);
    end = av_rescale_q(packet->pts + track->shift + packet->duration, tb, milliseconds);
    if (!some || begin < 0 || end <= begin)
        return 0;
    stamp(from, begin);
    stamp(to, end);
    if (put_text(&text, (const char *)packet->data, (size_t)packet->size, err) < 0)
        return -1;
    cue = xasprintf("%s --> %s\n%s\n\n", from, to, text.len ? text.data : "");
    return store_writer_write(track->writer, cue, strlen(cue), err);
}

void package_text_finish(struct package_track *track, int64_t film_us)
{
    package_piece(&track->facts, 0, store_writer_size(track->writer), film_us);
}
