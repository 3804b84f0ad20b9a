/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/av.h"

#include <libavutil/mastering_display_metadata.h>
#include <libavutil/mathematics.h>
#include <stdio.h>
#include <string.h>

#define PLACES   50000 /* of a chromaticity of 1, as H.264 and HEVC count them */
#define CANDELAS 10000 /* of 1 cd/m2 */

static unsigned scaled(AVRational value, int scale)
{
    int64_t n = value.den > 0 ? av_rescale(value.num, scale, value.den) : 0;

    return n < 0 ? 0 : n > UINT32_MAX ? UINT32_MAX : (unsigned)n;
}

static void format_mastering(struct plan_hdr *out, const AVMasteringDisplayMetadata *display)
{
    const AVRational(*rgb)[2] = display->display_primaries, *white = display->white_point;

    if (!display->has_primaries || !display->has_luminance)
        return;
    (void)snprintf(out->mastering, sizeof(out->mastering),
                   "G(%u,%u)B(%u,%u)R(%u,%u)WP(%u,%u)L(%u,%u)", scaled(rgb[1][0], PLACES),
                   scaled(rgb[1][1], PLACES), scaled(rgb[2][0], PLACES), scaled(rgb[2][1], PLACES),
                   scaled(rgb[0][0], PLACES), scaled(rgb[0][1], PLACES), scaled(white[0], PLACES),
                   scaled(white[1], PLACES), scaled(display->max_luminance, CANDELAS),
                   scaled(display->min_luminance, CANDELAS));
}

static void format_light(struct plan_hdr *out, const AVContentLightMetadata *light)
{
    if (light->MaxCLL > 0 || light->MaxFALL > 0)
        (void)snprintf(out->light, sizeof(out->light), "%u,%u", light->MaxCLL & 0xffff,
                       light->MaxFALL & 0xffff);
}

void media_hdr_of_stream(struct plan_hdr *out, const AVStream *stream)
{
    size_t size;
    const void *data =
        compat_stream_side_data(stream, AV_PKT_DATA_MASTERING_DISPLAY_METADATA, &size);

    if (data && size >= sizeof(AVMasteringDisplayMetadata))
        format_mastering(out, data);
    data = compat_stream_side_data(stream, AV_PKT_DATA_CONTENT_LIGHT_LEVEL, &size);
    if (data && size >= sizeof(AVContentLightMetadata))
        format_light(out, data);
}

void media_hdr_of_frame(struct plan_hdr *out, const AVFrame *frame)
{
    const AVFrameSideData *data =
        av_frame_get_side_data(frame, AV_FRAME_DATA_MASTERING_DISPLAY_METADATA);

    if (data && !*out->mastering)
        format_mastering(out, (const AVMasteringDisplayMetadata *)(const void *)data->data);
    data = av_frame_get_side_data(frame, AV_FRAME_DATA_CONTENT_LIGHT_LEVEL);
    if (data && !*out->light)
        format_light(out, (const AVContentLightMetadata *)(const void *)data->data);
}

static bool read_mastering(AVMasteringDisplayMetadata *out, const char *text)
{
    unsigned v[10];
    char behind;

    if (sscanf(text, "G(%5u,%5u)B(%5u,%5u)R(%5u,%5u)WP(%5u,%5u)L(%10u,%10u)%c", &v[0], &v[1], &v[2],
               &v[3], &v[4], &v[5], &v[6], &v[7], &v[8], &v[9], &behind) != 10)
        return false;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 2; j++)
            out->display_primaries[(i + 1) % 3][j] = (AVRational){ (int)v[2 * i + j], PLACES };
    out->white_point[0] = (AVRational){ (int)v[6], PLACES };
    out->white_point[1] = (AVRational){ (int)v[7], PLACES };
    out->max_luminance = (AVRational){ (int)v[8], CANDELAS };
    out->min_luminance = (AVRational){ (int)v[9], CANDELAS };
    out->has_primaries = out->has_luminance = 1;
    return v[8] <= INT32_MAX && v[9] <= INT32_MAX;
}

static int add(AVStream *stream, enum AVPacketSideDataType type, const void *data, size_t size)
{
    uint8_t *copy = compat_stream_side_data_new(stream, type, size);

    if (copy)
        memcpy(copy, data, size);
    return copy ? 0 : -1;
}

int media_hdr_mark(AVStream *out, const struct plan_hdr *hdr, struct err *err)
{
    AVMasteringDisplayMetadata display = { .has_luminance = 0 };
    AVContentLightMetadata light = { 0 };
    char behind;

    if (*hdr->mastering) {
        if (!read_mastering(&display, hdr->mastering))
            return err_set(err, ERR_INTERNAL, "plan.json: mastering display '%s'", hdr->mastering);
        if (add(out, AV_PKT_DATA_MASTERING_DISPLAY_METADATA, &display, sizeof(display)) < 0)
            return err_set(err, ERR_NOMEM, "no memory for HDR metadata");
    }
    if (*hdr->light) {
        if (sscanf(hdr->light, "%5u,%5u%c", &light.MaxCLL, &light.MaxFALL, &behind) != 2)
            return err_set(err, ERR_INTERNAL, "plan.json: content light '%s'", hdr->light);
        if (add(out, AV_PKT_DATA_CONTENT_LIGHT_LEVEL, &light, sizeof(light)) < 0)
            return err_set(err, ERR_NOMEM, "no memory for HDR metadata");
    }
    return 0;
}
