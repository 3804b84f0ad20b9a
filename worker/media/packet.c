/* SPDX-License-Identifier: Apache-2.0 */
#include "common/mem.h"
#include "worker/media/av.h"

struct media_packet {
    AVPacket *av; /* owned */
};

int media_packet_wrap(struct media_packet **out, AVPacket *av, struct err *err)
{
    AUTO(media_packet) struct media_packet *packet = xcalloc(1, sizeof(*packet));

    packet->av = av_packet_alloc();
    if (!packet->av)
        return err_set(err, ERR_NOMEM, "no memory for a packet");
    av_packet_move_ref(packet->av, av);
    *out = TAKE(packet);
    return 0;
}

void media_packet_free(struct media_packet *packet)
{
    if (!packet)
        return;
    av_packet_free(&packet->av);
    free(packet);
}

AVPacket *media_packet_av(const struct media_packet *packet)
{
    return packet->av;
}

int64_t media_packet_pts(const struct media_packet *packet)
{
    return packet->av->pts; /* AV_NOPTS_VALUE is INT64_MIN */
}

int64_t media_packet_dts(const struct media_packet *packet)
{
    return packet->av->dts;
}

void media_packet_set_times(struct media_packet *packet, int64_t pts, int64_t dts)
{
    packet->av->pts = pts;
    packet->av->dts = dts;
}

int64_t media_packet_duration(const struct media_packet *packet)
{
    return packet->av->duration;
}

int media_packet_stream(const struct media_packet *packet)
{
    return packet->av->stream_index;
}

bool media_packet_is_key(const struct media_packet *packet)
{
    return packet->av->flags & AV_PKT_FLAG_KEY;
}

bool media_packet_is_discarded(const struct media_packet *packet)
{
    return packet->av->flags & AV_PKT_FLAG_DISCARD;
}

size_t media_packet_size(const struct media_packet *packet)
{
    return packet->av->size > 0 ? (size_t)packet->av->size : 0;
}

const uint8_t *media_packet_data(const struct media_packet *packet)
{
    return packet->av->data;
}
