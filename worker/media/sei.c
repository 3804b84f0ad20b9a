/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/sei.h"

#include "worker/media/av.h"

#include <string.h>

/*
 * A prefix SEI NAL unit, payload 45 of 6 bytes: id ue(0), cancel 0, type u(7) 3 or 4, quincunx 0,
 * interpretation u(6) 1 = the left view first, six flags 0, four grid positions u(4) 0, reserved
 * u(8) 0, persistence 1, upsampled aspect ratio 0. The 03 keeps 00 00 00 out of the bytes.
 */
static const uint8_t side_by_side[] = { 0,    0,    0, 1, 0x4e, 0x01, 45,   6,
                                        0x81, 0x81, 0, 0, 3,    0,    0x02, 0x80 };
static const uint8_t top_and_bottom[] = { 0,    0,    0, 1, 0x4e, 0x01, 45,   6,
                                          0x82, 0x01, 0, 0, 3,    0,    0x02, 0x80 };

static int prepend(AVPacket *packet, const uint8_t *message, int len)
{
    const int old = packet->size;
    int rc = av_grow_packet(packet, len);

    if (rc == 0)
        rc = av_packet_make_writable(packet);
    if (rc < 0)
        return rc;
    memmove(packet->data + len, packet->data, (size_t)old);
    memcpy(packet->data, message, (size_t)len);
    return 0;
}

int sei_prepend_hevc_packing(AVPacket *packet, bool top_bottom)
{
    return prepend(packet, top_bottom ? top_and_bottom : side_by_side, sizeof(side_by_side));
}

/* No start code may come about: behind two zeros a byte of 0 to 3 gets a 3 in front of it. */
static int escape(uint8_t *out, const uint8_t *payload, size_t len)
{
    int at = 0, zeros = 0;

    for (size_t i = 0; i < len; i++) {
        if (zeros == 2 && payload[i] <= 3) {
            out[at++] = 3;
            zeros = 0;
        }
        out[at++] = payload[i];
        zeros = payload[i] ? 0 : zeros + 1;
    }
    return at;
}

int sei_prepend_captions(AVPacket *packet, enum AVCodecID codec, const uint8_t *captions,
                         size_t len)
{
    /* Type 4, size; country, provider, "GA94", captions; process them, how many; reserved. */
    uint8_t payload[2 + 10 + MEDIA_CAPTIONS_MAX + 2] = { 4,   0,   0xb5, 0, 0x31, 'G',
                                                         'A', '9', '4',  3, 0x40, 0xff };
    uint8_t nal[6 + 2 * sizeof(payload)] = { 0, 0, 0, 1 };
    int at = 4;

    if (len > MEDIA_CAPTIONS_MAX)
        return AVERROR(EINVAL);
    payload[1] = (uint8_t)(10 + len + 1);
    payload[10] |= (uint8_t)(len / 3);
    memcpy(payload + 12, captions, len);
    payload[12 + len] = 0xff;     /* A/53's marker */
    payload[12 + len + 1] = 0x80; /* the end of the NAL unit */
    if (codec == AV_CODEC_ID_HEVC) {
        nal[at++] = 0x4e;
        nal[at++] = 1;
    } else {
        nal[at++] = 6;
    }
    at += escape(nal + at, payload, 12 + len + 2);
    return prepend(packet, nal, at);
}
