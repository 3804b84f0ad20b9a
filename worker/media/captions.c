/* SPDX-License-Identifier: Apache-2.0
 *
 * Closed captions travel with the picture that they were coded with, as A/53's triplets: a byte
 * that says which channel and whether the two bytes behind it are any. Nothing here reads the text.
 */
#include "worker/media/av.h"

#include <string.h>

#define TRIPLET  3
#define IS_VALID 4 /* cc_valid; else the triplet fills up the channel's rate */

static size_t gather(uint8_t *out, size_t room, const AVFrame *av, bool padding)
{
    const AVFrameSideData *data = av_frame_get_side_data(av, AV_FRAME_DATA_A53_CC);
    size_t len = 0;

    for (size_t at = 0; data && at + TRIPLET <= data->size && len + TRIPLET <= room; at += TRIPLET)
        if (padding || data->data[at] & IS_VALID) {
            memcpy(out + len, data->data + at, TRIPLET);
            len += TRIPLET;
        }
    return len;
}

static size_t size_of(const AVFrame *av)
{
    const AVFrameSideData *data = av_frame_get_side_data(av, AV_FRAME_DATA_A53_CC);

    return data ? data->size / TRIPLET * TRIPLET : 0;
}

size_t media_captions_get(uint8_t out[MEDIA_CAPTIONS_MAX], const AVFrame *av)
{
    return gather(out, MEDIA_CAPTIONS_MAX, av, size_of(av) <= MEDIA_CAPTIONS_MAX);
}

int media_captions_set(AVFrame *av, const void *captions, size_t len, struct err *err)
{
    AVFrameSideData *data;

    av_frame_remove_side_data(av, AV_FRAME_DATA_A53_CC);
    if (len == 0)
        return 0;
    data = av_frame_new_side_data(av, AV_FRAME_DATA_A53_CC, len);
    if (!data)
        return err_set(err, ERR_NOMEM, "no memory for captions");
    memcpy(data->data, captions, len);
    return 0;
}

int media_frame_add_captions(struct media_frame *to, const struct media_frame *from,
                             struct err *err)
{
    AVFrame *av = media_frame_av(to);
    const AVFrame *more = media_frame_av(from);
    bool padding = size_of(av) + size_of(more) <= MEDIA_CAPTIONS_MAX;
    uint8_t both[MEDIA_CAPTIONS_MAX];
    size_t len;

    if (size_of(more) == 0)
        return 0;
    len = gather(both, sizeof(both), av, padding);
    len += gather(both + len, sizeof(both) - len, more, padding);
    return media_captions_set(av, both, len, err);
}
