/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/sei.h"

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

int sei_prepend_hevc_packing(AVPacket *packet, bool top_bottom)
{
    const uint8_t *message = top_bottom ? top_and_bottom : side_by_side;
    const int len = (int)sizeof(side_by_side), old = packet->size;
    int rc = av_grow_packet(packet, len);

    if (rc == 0)
        rc = av_packet_make_writable(packet);
    if (rc < 0)
        return rc;
    memmove(packet->data + len, packet->data, (size_t)old);
    memcpy(packet->data, message, (size_t)len);
    return 0;
}
