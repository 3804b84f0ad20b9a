/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/remake.h"

#include "common/failpoint.h"
#include "common/mem.h"
#include "worker/media/sound.h"
#include "worker/media/subtitle.h"

#include <string.h>
#include <sys/socket.h>

struct media_remake {
    struct media_sound *sound;       /* owned; or */
    struct media_subtitle *subtitle; /* owned */
    AVPacket *made;                  /* owned; the subtitle's, waiting; or NULL */
};

void media_remake_free(struct media_remake *remake)
{
    if (!remake)
        return;
    media_sound_free(remake->sound);
    media_subtitle_free(remake->subtitle);
    av_packet_free(&remake->made);
    free(remake);
}

static bool is_sound(enum AVCodecID to)
{
    return avcodec_get_type(to) == AVMEDIA_TYPE_AUDIO;
}

int media_remake_open(struct media_remake **out, const AVStream *in, enum AVCodecID to,
                      struct err *err)
{
    AUTO(media_remake) struct media_remake *remake = xcalloc(1, sizeof(*remake));

    if ((is_sound(to) ? media_sound_open(&remake->sound, in, to, err)
                      : media_subtitle_open(&remake->subtitle, in, to, err)) < 0)
        return -1;
    *out = TAKE(remake);
    return 0;
}

const uint8_t *media_remake_extradata(const struct media_remake *remake, size_t *len)
{
    *len = 0; /* a sound's is computed */
    return remake->subtitle ? media_subtitle_extradata(remake->subtitle, len) : NULL;
}

int media_remake_parameters(AVCodecParameters *out, const AVCodecParameters *in, enum AVCodecID to,
                            const uint8_t *extradata, size_t len, struct err *err)
{
    if (is_sound(to))
        return media_sound_parameters(out, in, to, err);
    if (len > REMAKE_EXTRADATA_MAX)
        return err_set(err, ERR_INPUT, "a subtitle's header of %zu bytes", len);
    out->codec_type = AVMEDIA_TYPE_SUBTITLE;
    out->codec_id = to;
    if (len == 0)
        return 0;
    out->extradata = av_mallocz(len + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!out->extradata)
        return err_set(err, ERR_NOMEM, "no memory for a subtitle's header");
    memcpy(out->extradata, extradata, len);
    out->extradata_size = (int)len;
    return 0;
}

static int send_text(struct media_remake *remake, const AVPacket *packet, struct err *err)
{
    AUTO(av_packet) AVPacket *text = av_packet_clone(packet);
    bool some = true;

    if (!text)
        return err_set(err, ERR_NOMEM, "no memory for a subtitle");
    if (FP("film.text.socket"))
        (void)socketpair(AF_UNIX, SOCK_STREAM, 0, (int[2]){ 0, 0 });
    if (media_subtitle_convert(remake->subtitle, text, &some, err) < 0) {
        if (err->code != ERR_INPUT)
            return -1;
        av_buffer_unref(&text->buf);
        text->data = NULL;
        text->size = 0;
        text->flags |= AV_PKT_FLAG_CORRUPT;
        some = true;
    }
    if (some)
        remake->made = TAKE(text);
    return 0;
}

int media_remake_send(struct media_remake *remake, const AVPacket *packet, struct err *err)
{
    if (remake->sound)
        return media_sound_send(remake->sound, packet, err);
    return packet ? send_text(remake, packet, err) : 0;
}

AVPacket *media_remake_receive(struct media_remake *remake)
{
    return remake->sound ? media_sound_receive(remake->sound) : TAKE(remake->made);
}
