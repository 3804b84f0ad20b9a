/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/output_parts.h"

#include "worker/media/encoder.h"

#include <libavutil/stereo3d.h>
#include <string.h>
#include <strings.h>

/* Tags that say how the source was made, not what the film is. */
static const char *const container_tags[] = { "major_brand", "minor_version", "compatible_brands",
                                              "encoder",     "stereo_mode",   "variant_bitrate",
                                              NULL };
/* Tags that were true of the flat video only, also with a language: "BPS-eng". */
static const char *const video_tags[] = { "BPS",
                                          "DURATION",
                                          "NUMBER_OF_FRAMES",
                                          "NUMBER_OF_BYTES",
                                          "_STATISTICS_",
                                          "rotate",
                                          "SOURCE_ID",
                                          "alpha_mode",
                                          NULL };
static const char *const mp4_tags[] = { "handler_name", "vendor_id", NULL };
static const char *const matroska_tags[] = { "DURATION", NULL }; /* the muxer writes its own */

static bool starts_with_one(const char *key, const char *const *list)
{
    for (; *list; list++)
        if (strncasecmp(key, *list, strlen(*list)) == 0)
            return true;
    return false;
}

static bool is_one(const char *key, const char *const *list)
{
    for (; *list; list++)
        if (strcasecmp(key, *list) == 0)
            return true;
    return false;
}

int output_marks_tags(AVDictionary **out, const AVDictionary *in, bool mp4, bool copied,
                      struct err *err)
{
    const AVDictionaryEntry *tag = NULL;

    while ((tag = av_dict_get(in, "", tag, AV_DICT_IGNORE_SUFFIX))) {
        if (is_one(tag->key, container_tags) || (!mp4 && is_one(tag->key, mp4_tags)) ||
            (!copied && starts_with_one(tag->key, video_tags)) ||
            (copied && starts_with_one(tag->key, matroska_tags)))
            continue;
        if (av_dict_set(out, tag->key, tag->value, 0) < 0)
            return err_set(err, ERR_NOMEM, "no memory for a tag");
    }
    return 0;
}

/* MOV has a table of languages with codes of its own choice; others would be lost. */
void output_marks_language(const struct media_output *output, AVStream *stream)
{
    static const struct {
        const char *code, *mov;
    } same[] = { { "deu", "ger" }, { "fre", "fra" }, { "nld", "dut" }, { "swe", "sve" },
                 { "ell", "gre" }, { "isl", "ice" }, { "zho", "chi" }, { "fas", "per" },
                 { "sqi", "alb" }, { "rum", "ron" }, { "cze", "ces" }, { "slo", "slk" } };
    const AVDictionaryEntry *tag = av_dict_get(stream->metadata, "language", NULL, 0);

    for (size_t i = 0; output->mov && tag && i < sizeof(same) / sizeof(same[0]); i++) {
        if (strcmp(tag->value, same[i].code) == 0) {
            (void)av_dict_set(&stream->metadata, "language", same[i].mov, 0);
            return;
        }
    }
}

/* Most players show the handler's name of an MP4's track as its title. */
void output_marks_title(const struct media_output *output, AVStream *stream)
{
    const AVDictionaryEntry *title = av_dict_get(stream->metadata, "title", NULL, 0);

    if (output->mp4 && title && *title->value)
        (void)av_dict_set(&stream->metadata, "handler_name", title->value, 0);
}

static void mark_colour(AVCodecParameters *par, const struct plan_video *video)
{
    par->color_range = (enum AVColorRange)video->color_range;
    par->color_primaries = (enum AVColorPrimaries)video->color_primaries;
    par->color_trc = (enum AVColorTransferCharacteristic)video->color_trc;
    par->color_space = (enum AVColorSpace)video->color_space;
    par->chroma_location = (enum AVChromaLocation)video->chroma_location;
    par->field_order = AV_FIELD_PROGRESSIVE;
}

/* Matroska's name for it; NULL: a flat film to a player, as left, right, depth and RGBD are, and
 * anaglyphs, which no player must take apart. */
static const char *packing_mode(enum layout layout)
{
    if (layout == LAYOUT_FULL_TB || layout == LAYOUT_HALF_TB)
        return "top_bottom";
    if (layout == LAYOUT_FULL_SBS || layout == LAYOUT_HALF_SBS)
        return "left_right";
    return layout == LAYOUT_CROSS_SBS ? "right_left" : NULL;
}

/* MP4 takes the mark from side data, Matroska from a tag (and then halves the display size, which
 * is that of one eye). MP4 has no word for the right eye first. */
static int mark_stereo(struct media_output *output, struct err *err)
{
    const char *mode = packing_mode(output->layout);
    size_t size;
    AVStereo3D *stereo;
    uint8_t *data;

    if (!mode || (output->mp4 && output->layout == LAYOUT_CROSS_SBS))
        return 0;
    if (!output->mp4) {
        if (av_dict_set(&output->video->metadata, "stereo_mode", mode, 0) < 0)
            return err_set(err, ERR_NOMEM, "no memory for a tag");
        return 0;
    }
    stereo = compat_stereo3d_alloc(&size);
    data = stereo ? compat_stream_side_data_new(output->video, AV_PKT_DATA_STEREO3D, size) : NULL;
    if (data) {
        stereo->type = *mode == 't' ? AV_STEREO3D_TOPBOTTOM : AV_STEREO3D_SIDEBYSIDE;
        memcpy(data, stereo, size);
    }
    av_free(stereo);
    return data ? 0 : err_set(err, ERR_NOMEM, "no memory for the 3D mark");
}

int output_marks_video(struct media_output *output, struct err *err)
{
    const struct plan_video *video = &output->plan->video;
    const AVStream *in = output->in->streams[video->stream];
    AVStream *out = output->video;
    struct ratio sar = media_packed_sar(output->layout, video->sar);

    out->sample_aspect_ratio = media_rational(sar);
    out->codecpar->sample_aspect_ratio = out->sample_aspect_ratio;
    if (video->frame_rate.num > 0)
        out->avg_frame_rate = out->r_frame_rate = media_rational(video->frame_rate);
    out->disposition = in->disposition & ~AV_DISPOSITION_TIMED_THUMBNAILS;
    mark_colour(out->codecpar, video);
    if (output_marks_tags(&out->metadata, in->metadata, output->mp4, false, err) < 0 ||
        media_hdr_mark(out, &video->hdr, err) < 0)
        return -1;
    output_marks_language(output, out);
    return mark_stereo(output, err);
}

static int copy_chapter(struct media_output *output, const AVChapter *in, AVChapter **slot,
                        struct err *err)
{
    AVChapter *out = av_mallocz(sizeof(*out));
    int64_t shift = output_times_shift(output, in->time_base);
    int64_t start = in->start, length = in->end != AV_NOPTS_VALUE ? in->end - in->start : 0;

    if (!out)
        return err_set(err, ERR_NOMEM, "no memory for a chapter");
    *slot = out;
    output_cut_trim(output, in->time_base, &start, &length);
    out->id = in->id;
    out->time_base = in->time_base;
    out->start = start + shift > 0 ? start + shift : 0;
    out->end = start + length + shift;
    return output_marks_tags(&out->metadata, in->metadata, output->mp4, true, err);
}

int output_marks_film(struct media_output *output, struct err *err)
{
    const AVFormatContext *in = output->in;
    AVFormatContext *out = output->ctx;

    if (output_marks_tags(&out->metadata, in->metadata, output->mp4, true, err) < 0)
        return -1;
    if (in->nb_chapters == 0)
        return 0;
    out->chapters = av_calloc(in->nb_chapters, sizeof(AVChapter *));
    if (!out->chapters)
        return err_set(err, ERR_NOMEM, "no memory for chapters");
    for (unsigned i = 0; i < in->nb_chapters; i++) {
        unsigned at = out->nb_chapters;

        if (!output_cut_takes_chapter(output, in->chapters[i]))
            continue;
        out->nb_chapters++;
        if (copy_chapter(output, in->chapters[i], &out->chapters[at], err) < 0)
            return -1;
    }
    return 0;
}
