/* SPDX-License-Identifier: Apache-2.0 */
#include "common/mem.h"
#include "worker/media/package_parts.h"

#include <inttypes.h>
#include <libavutil/mathematics.h>
#include <stdio.h>
#include <string.h>

#define STAMP_SIZE 32

static const AVRational milliseconds = { 1, 1000 };

int package_text_open(struct package_track *track, struct err *err)
{
    /* Cues count on the clock that the tracks' first decode time counts on (RFC 8216, 3.5). */
    static const char head[] = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n\n";

    if (output_sub_open(&track->sub, track->in, AV_CODEC_ID_WEBVTT, err) < 0)
        return -1;
    return store_writer_write(track->writer, head, sizeof(head) - 1, err);
}

static void stamp(char out[STAMP_SIZE], int64_t ms)
{
    (void)snprintf(out, STAMP_SIZE, "%02" PRId64 ":%02d:%02d.%03d", ms / 3600000,
                   (int)(ms / 60000 % 60), (int)(ms / 1000 % 60), (int)(ms % 1000));
}

/* An empty line would end the cue. Returns how much is left. */
static int drop_empty_lines(char *text, int len)
{
    int kept = 0;

    for (int i = 0; i < len; i++)
        if (text[i] != '\n' || (kept > 0 && text[kept - 1] != '\n'))
            text[kept++] = text[i];
    return kept;
}

int package_text_write(struct package_track *track, AVPacket *packet, struct err *err)
{
    AVRational tb = track->in->time_base;
    AUTO_FREE char *cue = NULL;
    char from[STAMP_SIZE], to[STAMP_SIZE];
    int64_t begin, end;
    bool some;
    int len;

    if (output_sub_convert(track->sub, packet, &some, err) < 0)
        return -1;
    begin = av_rescale_q(packet->pts + track->shift, tb, milliseconds);
    end = av_rescale_q(packet->pts + track->shift + packet->duration, tb, milliseconds);
    if (!some || begin < 0 || end <= begin)
        return 0;
    stamp(from, begin);
    stamp(to, end);
    if (av_packet_make_writable(packet) < 0)
        return err_set(err, ERR_NOMEM, "no memory for a text");
    len = drop_empty_lines((char *)packet->data, packet->size);
    cue = xasprintf("%s --> %s\n%.*s\n\n", from, to, len, (const char *)packet->data);
    return store_writer_write(track->writer, cue, strlen(cue), err);
}

void package_text_finish(struct package_track *track, int64_t film_us)
{
    package_piece(&track->facts, 0, store_writer_size(track->writer), film_us);
}
