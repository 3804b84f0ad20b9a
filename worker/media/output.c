/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/output.h"

#include "common/mem.h"
#include "worker/media/output_parts.h"

#include <libavutil/mathematics.h>
#include <string.h>

#define TRACK_BYTES 4096 /* boxes of a track that hold no table, and then some */
#define TAG_BYTES   96   /* headers of a tag's boxes; values may be written twice */

void media_output_free(struct media_output *output)
{
    if (!output)
        return;
    output_tracks_free(output);
    av_packet_free(&output->ahead);
    avformat_free_context(output->ctx);
    output_io_free(output->io);
    free(output);
}

static int add_video(struct media_output *output, struct segment_reader *first, struct err *err)
{
    const AVCodecParameters *par = segment_reader_parameters(first);
    AVCodecParameters *out;
    int rc;

    output->video = avformat_new_stream(output->ctx, NULL);
    if (!output->video)
        return err_set(err, ERR_NOMEM, "no memory for a stream");
    out = output->video->codecpar;
    rc = avcodec_parameters_copy(out, par);
    if (rc < 0)
        return media_av_fail(err, ERR_NOMEM, rc, "video parameters");
    out->codec_tag = 0;
    if (output->mp4 && out->codec_id == AV_CODEC_ID_HEVC)
        out->codec_tag = MKTAG('h', 'v', 'c', '1'); /* Apple's players refuse hev1 */
    output->video->time_base = media_rational(output->plan->video.time_base);
    return 0;
}

static int alloc_ctx(struct media_output *output, struct store_writer *writer,
                     const char *container, struct err *err)
{
    int rc = avformat_alloc_output_context2(&output->ctx, NULL, container, NULL);

    if (rc < 0)
        return media_av_fail(err, ERR_INTERNAL, rc, "the %s writer", container);
    if (output_io_open_write(&output->io, writer, err) < 0)
        return -1;
    output->ahead = av_packet_alloc();
    if (!output->ahead)
        return err_set(err, ERR_NOMEM, "no memory for a packet");
    output->ctx->pb = output_io_avio(output->io);
    output->ctx->io_open = media_io_refuse;
    /* BITEXACT: no random ids, no version strings: the same input gives the same file. */
    output->ctx->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT;
    output->ctx->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL; /* st3d; FLAC in MP4 */
    output->ctx->avoid_negative_ts = AVFMT_AVOID_NEG_TS_DISABLED;    /* output_times.c does it */
    return 0;
}

static int write_header(struct media_output *output, struct err *err)
{
    AVDictionary *options = NULL;
    int rc = 0;

    if (output->mp4) {
        rc |= av_dict_set_int(&options, "video_track_timescale",
                              output_times_scale(output->plan->video.time_base), 0);
        rc |= av_dict_set_int(&options, "movie_timescale", output_times_movie_scale(output), 0);
        if (output->moov_bytes)
            rc |= av_dict_set_int(&options, "moov_size", (int64_t)output->moov_bytes, 0);
    }
    if (rc >= 0)
        rc = avformat_write_header(output->ctx, &options);
    av_dict_free(&options);
    if (rc < 0)
        return output_io_fail(output->io, err, ERR_INTERNAL, rc, "the output's header");
    output->header = true;
    return 0;
}

int media_output_open(struct media_output **out, struct store_writer *writer,
                      struct media_source *source, struct segment_reader *first,
                      const struct media_output_opts *opts, struct err *err)
{
    AUTO(media_output) struct media_output *output = xcalloc(1, sizeof(*output));

    output->plan = opts->plan;
    output->writer = writer;
    output->source = source;
    output->in = media_source_context(source);
    output->layout = opts->layout;
    output->mp4 = strcmp(opts->container, "matroska") != 0;
    output->mov = strcmp(opts->container, "mov") == 0;
    output->moov_bytes = opts->moov_bytes;
    if (opts->plan->video.stream < 0 || opts->plan->video.stream >= (int)output->in->nb_streams)
        return err_set(err, ERR_INTERNAL, "the source has no stream %d", opts->plan->video.stream);
    if (alloc_ctx(output, writer, opts->container, err) < 0 || add_video(output, first, err) < 0 ||
        output_tracks_add(output, err) < 0)
        return -1;
    output->video->codecpar->video_delay = opts->reorder;
    output_times_set_shift(output);
    if (output_marks_video(output, err) < 0 || output_marks_film(output, err) < 0 ||
        write_header(output, err) < 0)
        return -1;
    output->video_shift = output_times_shift(output, output->video->time_base);
    if (output_tracks_start(output, err) < 0 || output_cut_skip(output, err) < 0)
        return -1;
    *out = TAKE(output);
    return 0;
}

int output_write(struct media_output *output, AVPacket *packet, enum err_code code, struct err *err)
{
    int rc;

    output_io_lend(output->io, packet);
    rc = av_write_frame(output->ctx, packet);
    output_io_lend(output->io, NULL);
    if (rc >= 0 && output->ctx->pb->error < 0)
        rc = output->ctx->pb->error;
    return rc < 0 ? output_io_fail(output->io, err, code, rc, "writing a packet") : 0;
}

int media_output_video(struct media_output *output, struct media_packet *packet, int64_t duration,
                       struct err *err)
{
    AVPacket *av = media_packet_av(packet);
    AVRational in = media_rational(output->plan->video.time_base);
    AVRational tb = output->video->time_base;

    av->pts = av_rescale_q(av->pts, in, tb) + output->video_shift;
    av->dts = av_rescale_q(av->dts, in, tb) + output->video_shift;
    av->duration = av_rescale_q(duration, in, tb);
    av->stream_index = 0;
    av->pos = -1;
    if (output_tracks_pump(output, av->dts, tb, err) < 0)
        return -1;
    output_times_note(&output->times, av->pts, av->duration);
    if (output_write(output, av, ERR_INTERNAL, err) < 0)
        return -1;
    if (output->mp4) /* it is written at once; empty samples of a text track may come before it */
        output_times_note_end(&output->times, avio_tell(output->ctx->pb));
    return 0;
}

static int mark_mov(struct media_output *output, struct err *err)
{
    enum layout layout = output->layout;
    bool across = layout == LAYOUT_FULL_SBS || layout == LAYOUT_HALF_SBS;
    bool down = layout == LAYOUT_FULL_TB || layout == LAYOUT_HALF_TB;

    if (!output->mov || output->moov_bytes == 0 || !(across || down))
        return 0;
    if (output_st3d_add(output->writer, down, err) < 0)
        return err_wrap(err, "marking the output as 3D");
    return 0;
}

int media_output_finish(struct media_output *output, struct err *err)
{
    int rc;

    if (output_tracks_pump(output, INT64_MAX, (AVRational){ 1, 1 }, err) < 0)
        return -1;
    rc = av_write_trailer(output->ctx);
    output->outgrown = rc == AVERROR(EINVAL) && output->mp4 && output->moov_bytes > 0;
    avio_flush(output->ctx->pb);
    if (output_io_finish(output->io, err) < 0)
        return err_wrap(err, "writing the output");
    if (rc >= 0 && output->ctx->pb->error < 0)
        rc = output->ctx->pb->error;
    if (rc < 0)
        return output_io_fail(output->io, err, ERR_INTERNAL, rc, "the output's end");
    return mark_mov(output, err);
}

bool media_output_outgrown(const struct media_output *output)
{
    return output->outgrown;
}

int64_t media_output_copied(const struct media_output *output, size_t copy)
{
    return output->tracks[copy].packets;
}

struct media_output_times media_output_times(const struct media_output *output)
{
    return output->times;
}

static uint64_t tag_bytes(const AVDictionary *tags)
{
    const AVDictionaryEntry *tag = NULL;
    uint64_t sum = 0;

    while ((tag = av_dict_get(tags, "", tag, AV_DICT_IGNORE_SUFFIX)))
        sum += TAG_BYTES + 2 * (strlen(tag->key) + strlen(tag->value));
    return sum;
}

uint64_t media_output_fixed_bytes(struct media_source *source, struct segment_reader *first)
{
    const AVFormatContext *in = media_source_context(source);
    const AVCodecParameters *video = segment_reader_parameters(first);
    /* the film's own boxes, the video, a chapter and a time code track */
    uint64_t sum = tag_bytes(in->metadata) + 4 * TRACK_BYTES + 2 * (uint64_t)video->extradata_size;

    for (unsigned i = 0; i < in->nb_streams; i++) {
        const AVStream *stream = in->streams[i];

        sum += tag_bytes(stream->metadata) + TRACK_BYTES +
               2 * (uint64_t)stream->codecpar->extradata_size;
        if (stream->disposition & AV_DISPOSITION_ATTACHED_PIC)
            sum += (uint64_t)stream->attached_pic.size;
    }
    for (unsigned i = 0; i < in->nb_chapters; i++)
        sum += tag_bytes(in->chapters[i]->metadata);
    return sum;
}
