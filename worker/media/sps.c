/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/av.h"

#include <libavutil/pixfmt.h>
#include <string.h>

#define SPS_MAX 1024

struct bits {
    const uint8_t *data;
    size_t size, at; /* size in bits */
    bool over;
};

static uint32_t read_bits(struct bits *b, int count)
{
    uint32_t v = 0;

    for (; count > 0; count--, b->at++) {
        if (b->at >= b->size) {
            b->over = true;
            return 0;
        }
        v = v << 1 | (b->data[b->at / 8] >> (7 - b->at % 8) & 1u);
    }
    return v;
}

static uint32_t read_ue(struct bits *b)
{
    int zeros = 0;

    while (!b->over && read_bits(b, 1) == 0)
        if (++zeros > 31) {
            b->over = true;
            return 0;
        }
    return (uint32_t)((1ull << zeros) - 1 + read_bits(b, zeros));
}

static int32_t read_se(struct bits *b)
{
    uint32_t v = read_ue(b);

    return v & 1 ? (int32_t)(v / 2 + 1) : -(int32_t)(v / 2);
}

/* The bytes of a NAL unit without emulation prevention. */
static size_t unescape(uint8_t *out, const uint8_t *nal, size_t size)
{
    size_t n = 0;
    int zeros = 0;

    for (size_t i = 0; i < size && n < SPS_MAX; i++) {
        if (zeros >= 2 && nal[i] == 3) {
            zeros = 0;
            continue;
        }
        zeros = nal[i] ? 0 : zeros + 1;
        out[n++] = nal[i];
    }
    return n;
}

/* The first SPS: length-prefixed in avcC (version byte 1), else behind a start code. */
static const uint8_t *find_sps(const uint8_t *extradata, size_t size, size_t *len)
{
    if (size > 8 && extradata[0] == 1 && (extradata[5] & 31) >= 1) {
        *len = (size_t)extradata[6] << 8 | extradata[7];
        return *len >= 4 && *len <= size - 8 ? extradata + 8 : NULL;
    }
    for (size_t i = 0; i + 4 < size; i++) {
        if (extradata[i] == 0 && extradata[i + 1] == 0 && extradata[i + 2] == 1 &&
            (extradata[i + 3] & 31) == 7) {
            *len = size - i - 3; /* what follows the SPS is not read */
            return extradata + i + 3;
        }
    }
    return NULL;
}

static void skip_scaling_lists(struct bits *b, int lists)
{
    for (int i = 0; i < lists; i++) {
        int next = 8, last = 8, count = i < 6 ? 16 : 64;

        if (!read_bits(b, 1))
            continue;
        for (int k = 0; k < count && !b->over; k++) {
            if (next)
                next = (last + read_se(b)) & 255;
            last = next ? next : last;
        }
    }
}

static bool is_high(uint32_t profile)
{
    static const uint8_t high[] = { 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135 };

    return profile < 256 && memchr(high, (int)profile, sizeof(high)) != NULL;
}

static void read_high(struct media_sps *out, struct bits *b)
{
    out->chroma = (int)read_ue(b);
    if (out->chroma == 3)
        (void)read_bits(b, 1);
    out->bit_depth = 8 + (int)(read_ue(b) & 15);
    (void)read_ue(b);      /* chroma's depth */
    (void)read_bits(b, 1); /* lossless */
    if (read_bits(b, 1))
        skip_scaling_lists(b, out->chroma == 3 ? 12 : 8);
}

static void skip_order(struct bits *b)
{
    uint32_t type = read_ue(b);

    if (type == 0) {
        (void)read_ue(b);
    } else if (type == 1) {
        uint32_t count;

        (void)read_bits(b, 1);
        (void)read_se(b);
        (void)read_se(b);
        count = read_ue(b);
        for (uint32_t i = 0; i < count && !b->over; i++)
            (void)read_se(b);
    }
    (void)read_ue(b);      /* reference frames */
    (void)read_bits(b, 1); /* gaps allowed */
}

static void read_size(struct media_sps *out, struct bits *b)
{
    uint32_t mb_width = read_ue(b) + 1, map_height = read_ue(b) + 1, crop[4] = { 0 };
    uint32_t unit_x = out->chroma == 1 || out->chroma == 2 ? 2 : 1;
    uint32_t unit_y = out->chroma == 1 ? 2 : 1, fields;

    out->progressive = read_bits(b, 1);
    fields = out->progressive ? 1 : 2;
    if (!out->progressive)
        (void)read_bits(b, 1);
    (void)read_bits(b, 1);
    if (read_bits(b, 1))
        for (int i = 0; i < 4; i++)
            crop[i] = read_ue(b);
    if (mb_width > 4096 || map_height > 4096 || crop[0] > 65535 || crop[1] > 65535 ||
        crop[2] > 65535 || crop[3] > 65535) {
        b->over = true;
        return;
    }
    out->width = (int)(mb_width * 16 - (crop[0] + crop[1]) * unit_x);
    out->height = (int)(map_height * 16 * fields - (crop[2] + crop[3]) * unit_y * fields);
}

static void read_vui(struct media_sps *out, struct bits *b)
{
    static const uint8_t sars[][2] = {
        { 0, 0 },   { 1, 1 },    { 12, 11 }, { 10, 11 }, { 16, 11 }, { 40, 33 },
        { 24, 11 }, { 20, 11 },  { 32, 11 }, { 80, 33 }, { 18, 11 }, { 15, 11 },
        { 64, 33 }, { 160, 99 }, { 4, 3 },   { 3, 2 },   { 2, 1 },
    };

    if (read_bits(b, 1)) {
        uint32_t sar = read_bits(b, 8);

        if (sar == 255) {
            out->sar_num = (int)read_bits(b, 16);
            out->sar_den = (int)read_bits(b, 16);
        } else if (sar < sizeof(sars) / sizeof(sars[0])) {
            out->sar_num = sars[sar][0];
            out->sar_den = sars[sar][1];
        }
    }
    if (read_bits(b, 1))
        (void)read_bits(b, 1);
    if (read_bits(b, 1)) {
        (void)read_bits(b, 3);
        out->range = read_bits(b, 1) ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
        if (read_bits(b, 1)) {
            out->primaries = (int)read_bits(b, 8);
            out->trc = (int)read_bits(b, 8);
            out->space = (int)read_bits(b, 8);
        }
    }
    if (read_bits(b, 1))
        out->chroma_location = (int)read_ue(b) + 1;
}

int media_sps_parse(struct media_sps *out, const uint8_t *extradata, size_t size)
{
    uint8_t rbsp[SPS_MAX];
    size_t len = 0;
    const uint8_t *nal = extradata ? find_sps(extradata, size, &len) : NULL;
    struct bits b = { .data = rbsp };
    struct media_sps sps = {
        .bit_depth = 8,
        .chroma = 1,
        .range = AVCOL_RANGE_UNSPECIFIED,
        .primaries = AVCOL_PRI_UNSPECIFIED,
        .trc = AVCOL_TRC_UNSPECIFIED,
        .space = AVCOL_SPC_UNSPECIFIED,
        .chroma_location = AVCHROMA_LOC_LEFT,
    };
    uint32_t profile;

    if (!nal)
        return -1;
    b.size = 8 * unescape(rbsp, nal + 1, len - 1);
    profile = read_bits(&b, 8);
    (void)read_bits(&b, 16);
    (void)read_ue(&b);
    if (is_high(profile))
        read_high(&sps, &b);
    (void)read_ue(&b); /* frame number's length */
    skip_order(&b);
    read_size(&sps, &b);
    if (b.over || sps.width < 1 || sps.height < 1)
        return -1;
    if (read_bits(&b, 1))
        read_vui(&sps, &b);
    *out = sps;
    return 0;
}
