/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"
#include "common/mem.h"
#include "worker/media/output_parts.h"

#include <libavutil/mathematics.h>
#include <string.h>

#define LONGEST_S     3600 /* of a subtitle that is believed */
#define SAMPLES_GUESS 1024 /* of a sound's packet, where nothing says how many */

static bool is_cover(const AVStream *stream)
{
    return stream->disposition & AV_DISPOSITION_ATTACHED_PIC;
}

void output_tracks_free(struct media_output *output)
{
    for (size_t i = 0; output->tracks && i < output->plan->copy_count; i++) {
        struct output_track *track = &output->tracks[i];

        for (size_t k = 0; k < track->run_len; k++)
            av_packet_free(&track->run[k]);
        free(track->run);
    }
    free(output->tracks);
    output->tracks = NULL;
}

/* A cover picture becomes an attachment in Matroska, as its readers want it. */
static int add_cover_attachment(struct output_track *track, struct err *err)
{
    const AVPacket *picture = &track->in->attached_pic;
    AVCodecParameters *par = track->out->codecpar;
    bool png = track->in->codecpar->codec_id == AV_CODEC_ID_PNG;

    par->codec_type = AVMEDIA_TYPE_ATTACHMENT;
    par->codec_id = track->in->codecpar->codec_id;
    par->extradata = av_mallocz((size_t)picture->size + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!par->extradata)
        return err_set(err, ERR_NOMEM, "no memory for a cover picture");
    memcpy(par->extradata, picture->data, (size_t)picture->size);
    par->extradata_size = picture->size;
    if (!av_dict_get(track->out->metadata, "filename", NULL, 0))
        (void)av_dict_set(&track->out->metadata, "filename", png ? "cover.png" : "cover.jpg", 0);
    (void)av_dict_set(&track->out->metadata, "mimetype", png ? "image/png" : "image/jpeg", 0);
    track->packets = 1;
    return 0;
}

static int remake_sound(struct media_output *output, struct output_track *track,
                        const char *becomes, struct err *err)
{
    const AVCodecDescriptor *codec = avcodec_descriptor_get_by_name(becomes);
    AVCodecParameters *par = track->out->codecpar;

    if (!codec || codec->type != AVMEDIA_TYPE_AUDIO || track->in->codecpar->sample_rate <= 0)
        return err_set(err, ERR_INTERNAL, "plan.json: a sound that becomes '%s'", becomes);
    if (media_source_remake(output->source, track->in->index, (int)codec->id, par, err) < 0)
        return -1;
    track->remade_sound = true;
    track->tb = (AVRational){ 1, par->sample_rate };
    return 0;
}

static int remake_text(struct media_output *output, struct output_track *track, struct err *err)
{
    enum AVCodecID to = output->mp4 ? AV_CODEC_ID_MOV_TEXT : AV_CODEC_ID_SUBRIP;

    return media_source_remake(output->source, track->in->index, (int)to, track->out->codecpar,
                               err);
}

static int add_parameters(struct media_output *output, struct output_track *track,
                          const struct plan_copy *copy, struct err *err)
{
    const AVCodecParameters *par_in = track->in->codecpar;
    AVCodecParameters *par = track->out->codecpar;
    int rc;

    if (is_cover(track->in) && track->in->attached_pic.size <= 0)
        return err_set(err, ERR_INPUT, "the cover picture is empty");
    if (is_cover(track->in) && !output->mp4)
        return add_cover_attachment(track, err);
    if (*copy->becomes) {
        if (remake_sound(output, track, copy->becomes, err) < 0)
            return -1;
    } else if (copy->convert) {
        if (remake_text(output, track, err) < 0)
            return -1;
    } else {
        rc = avcodec_parameters_copy(par, par_in);
        if (rc < 0)
            return media_av_fail(err, ERR_NOMEM, rc, "stream parameters");
    }
    par->codec_tag = 0; /* the muxer's own */
    track->out->disposition = track->in->disposition;
    track->out->time_base = track->tb;
    track->out->avg_frame_rate = track->in->avg_frame_rate;
    track->out->sample_aspect_ratio = track->in->sample_aspect_ratio;
    if (par->codec_type == AVMEDIA_TYPE_ATTACHMENT)
        track->packets = 1;
    return 0;
}

static int add(struct media_output *output, size_t at, struct err *err)
{
    const struct plan_copy *copy = &output->plan->copies[at];
    struct output_track *track = &output->tracks[at];

    if (copy->stream < 0 || copy->stream >= (int)output->in->nb_streams ||
        copy->stream == output->plan->video.stream)
        return err_set(err, ERR_INTERNAL, "the source has no such stream");
    track->in = output->in->streams[copy->stream];
    track->tb = track->in->time_base;
    track->last_dts = track->rescale_last = AV_NOPTS_VALUE;
    track->in->discard = is_cover(track->in) ? AVDISCARD_ALL : AVDISCARD_DEFAULT;
    track->out = avformat_new_stream(output->ctx, NULL);
    if (!track->out)
        return err_set(err, ERR_NOMEM, "no memory for a stream");
    if (output_marks_tags(&track->out->metadata, track->in->metadata, output->mp4, true, err) < 0)
        return -1;
    output_marks_language(output, track->out);
    output_marks_title(output, track->out);
    return add_parameters(output, track, copy, err);
}

int output_tracks_add(struct media_output *output, struct err *err)
{
    bool jumps = output->in->iformat->flags & AVFMT_TS_DISCONT;

    /* A clock that jumps is put right by what all streams say of it. */
    output->tracks = xcalloc(output->plan->copy_count + 1, sizeof(*output->tracks));
    for (unsigned i = 0; i < output->in->nb_streams; i++)
        output->in->streams[i]->discard = jumps ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    for (size_t i = 0; i < output->plan->copy_count; i++)
        if (add(output, i, err) < 0)
            return err_wrap(err, "stream %d (%s)", output->plan->copies[i].stream,
                            output->plan->copies[i].codec);
    return 0;
}

static int write_cover(struct media_output *output, struct output_track *track, struct err *err)
{
    AUTO(av_packet) AVPacket *packet = av_packet_clone(&track->in->attached_pic);

    if (!packet)
        return err_set(err, ERR_NOMEM, "no memory for a cover picture");
    packet->stream_index = track->out->index;
    packet->pts = packet->dts = 0;
    packet->flags |= AV_PKT_FLAG_KEY;
    track->packets = 1;
    return output_write(output, packet, ERR_INPUT, err);
}

int output_tracks_start(struct media_output *output, struct err *err)
{
    for (size_t i = 0; i < output->plan->copy_count; i++) {
        struct output_track *track = &output->tracks[i];
        const AVCodecParameters *par = track->in->codecpar;

        track->shift = output_times_shift(output, track->out->time_base);
        track->hidden =
            av_rescale_q_rnd(output_times_hidden(output, track->in), track->in->time_base,
                             track->tb, AV_ROUND_NEAR_INF | AV_ROUND_PASS_MINMAX);
        if (par->codec_type == AVMEDIA_TYPE_AUDIO && !track->remade_sound && !output->mp4 &&
            par->sample_rate > 0)
            track->shift +=
                av_rescale_q(compat_matroska_delay_missing(par),
                             (AVRational){ 1, par->sample_rate }, track->out->time_base);
        if (is_cover(track->in) && output->mp4 && write_cover(output, track, err) < 0)
            return err_wrap(err, "stream %d", output->plan->copies[i].stream);
    }
    return 0;
}

/* 0: not known. */
static int samples_of(const struct output_track *track, const AVPacket *packet)
{
    AVCodecParameters *par = track->in->codecpar;
    int samples = av_get_audio_frame_duration2(par, packet->size);

    return samples > 0 ? samples : par->frame_size;
}

/* A last packet that lasts no time would lie behind the end of an MP4's edit list, never heard. */
static void mend_duration(const struct output_track *track, AVPacket *packet)
{
    const AVCodecParameters *par = track->in->codecpar;
    int samples = samples_of(track, packet);

    if (par->codec_type == AVMEDIA_TYPE_AUDIO && packet->duration <= 0 && par->sample_rate > 0)
        packet->duration = av_rescale_q(samples > 0 ? samples : SAMPLES_GUESS,
                                        (AVRational){ 1, par->sample_rate }, track->tb);
}

/* Audio whose source clock is coarser than its samples (Matroska's milliseconds) is laid on the
 * sample grid, as long as that stays within a tick of what the source says. */
static int64_t audio_time(struct output_track *track, const AVPacket *packet, int64_t time)
{
    const AVCodecParameters *par = track->in->codecpar;
    int duration = samples_of(track, packet);

    if (track->remade_sound || duration <= 0 || par->sample_rate <= 0)
        return av_rescale_q(time, track->tb, track->out->time_base);
    return av_rescale_delta(track->tb, time, (AVRational){ 1, par->sample_rate }, duration,
                            &track->rescale_last, track->out->time_base);
}

/* A bitmap subtitle may claim to stay for ever, which MP4 cannot write: until the film ends. */
static void tame_duration(const struct media_output *output, const struct output_track *track,
                          AVPacket *packet)
{
    const struct plan_video *video = &output->plan->video;
    AVRational tb = track->in->time_base;
    int64_t end = av_rescale_q(video->end_pts, media_rational(video->time_base), tb);

    if (packet->pts == AV_NOPTS_VALUE || packet->duration <= end - packet->pts ||
        av_compare_ts(packet->duration, tb, LONGEST_S, (AVRational){ 1, 1 }) <= 0)
        return;
    packet->duration = end > packet->pts ? end - packet->pts : 0;
}

static void to_output_times(struct output_track *track, AVPacket *packet)
{
    AVRational in = track->tb, out = track->out->time_base;
    int64_t dts = packet->dts != AV_NOPTS_VALUE ? packet->dts : packet->pts;
    int64_t late = packet->pts != AV_NOPTS_VALUE && packet->pts > dts ? packet->pts - dts : 0;
    bool audio = track->in->codecpar->codec_type == AVMEDIA_TYPE_AUDIO;

    if (dts == AV_NOPTS_VALUE) /* untimed: after the one before */
        dts = track->last_dts == AV_NOPTS_VALUE ? 0 : track->last_dts + 1;
    else
        dts = track->shift + (audio ? audio_time(track, packet, dts) : av_rescale_q(dts, in, out));
    if (track->last_dts != AV_NOPTS_VALUE && dts <= track->last_dts)
        dts = track->last_dts + (audio ? 1 : 0);
    packet->dts = track->last_dts = dts;
    packet->pts = dts + av_rescale_q(late, in, out);
    packet->duration = av_rescale_q(packet->duration > 0 ? packet->duration : 0, in, out);
    packet->stream_index = track->out->index;
    packet->pos = -1;
}

static int flush_run(struct media_output *output, struct output_track *track, struct err *err)
{
    for (size_t i = 0; i < track->run_len; i++) {
        int rc = output_write(output, track->run[i], ERR_INPUT, err);

        av_packet_free(&track->run[i]);
        if (rc < 0) {
            memmove(track->run, track->run + i + 1, (track->run_len - i - 1) * sizeof(*track->run));
            track->run_len -= i + 1;
            return rc;
        }
    }
    track->run_len = track->run_bytes = 0;
    return 0;
}

static bool run_is_due(const struct output_track *track, int64_t time, AVRational tb)
{
    int64_t ms;

    if (track->run_len == 0)
        return false;
    ms = av_rescale_q(OUTPUT_RUN_MS, (AVRational){ 1, 1000 }, track->out->time_base);
    return track->run_bytes >= OUTPUT_RUN_BYTES ||
           av_compare_ts(track->run[0]->dts + ms, track->out->time_base, time, tb) <= 0 ||
           track->run[track->run_len - 1]->dts >= track->run[0]->dts + ms;
}

static int add_to_run(struct output_track *track, AVPacket *packet, struct err *err)
{
    AVPacket *kept = av_packet_alloc();

    if (!kept)
        return err_set(err, ERR_NOMEM, "no memory for a packet");
    if (track->run_len == track->run_cap) {
        track->run_cap = track->run_cap ? 2 * track->run_cap : 32;
        track->run = xrealloc(track->run, track->run_cap * sizeof(*track->run));
    }
    track->run_bytes += packet->size > 0 ? (size_t)packet->size : 0;
    av_packet_move_ref(kept, packet);
    track->run[track->run_len++] = kept;
    return 0;
}

static struct output_track *track_of(const struct media_output *output, int stream)
{
    for (size_t i = 0; i < output->plan->copy_count; i++)
        if (output->plan->copies[i].stream == stream)
            return &output->tracks[i];
    return NULL;
}

AVRational output_time_base_of(const struct media_output *output, const AVPacket *packet)
{
    const struct output_track *track = track_of(output, packet->stream_index);

    return track ? track->tb : output->in->streams[packet->stream_index]->time_base;
}

/* MP4 fills the time between two texts with empty ones; the muxer makes its own. */
static bool is_filler(const struct output_track *track, const AVPacket *packet)
{
    return track->in->codecpar->codec_id == AV_CODEC_ID_MOV_TEXT && packet->size == 2 &&
           packet->data[0] == 0 && packet->data[1] == 0;
}

static void tell_unreadable(const struct output_track *track, const AVPacket *packet)
{
    if (track->in->codecpar->codec_type == AVMEDIA_TYPE_SUBTITLE &&
        packet->flags & AV_PKT_FLAG_CORRUPT && packet->pts != AV_NOPTS_VALUE)
        log_warn("stream %d: the subtitle at %.3f s cannot be read and is left out",
                 track->in->index, (double)packet->pts * av_q2d(track->tb));
}

/* One packet of the source, in its own times. */
static int take(struct media_output *output, AVPacket *packet, struct err *err)
{
    struct output_track *track = track_of(output, packet->stream_index);

    if (!output_cut_takes(output, track, packet) || is_filler(track, packet))
        return 0;
    if (packet->size == 0) { /* readers pass over it, where it can be written at all */
        tell_unreadable(track, packet);
        return 0;
    }
    if (track->in->codecpar->codec_type == AVMEDIA_TYPE_SUBTITLE && packet->pts != AV_NOPTS_VALUE) {
        output_cut_trim(output, track->in->time_base, &packet->pts, &packet->duration);
        packet->dts = packet->pts;
        tame_duration(output, track, packet);
    }
    mend_duration(track, packet);
    to_output_times(track, packet);
    track->packets++;
    if (!output->mp4)
        return output_write(output, packet, ERR_INPUT, err);
    if (add_to_run(track, packet, err) < 0)
        return -1;
    if (run_is_due(track, packet->dts, track->out->time_base))
        return flush_run(output, track, err);
    return 0;
}

/* What was read while the source was opened comes too, whatever is discarded since. */
static bool is_wanted(const struct media_output *output, const AVPacket *packet)
{
    const struct output_track *track = track_of(output, packet->stream_index);

    return track && !is_cover(track->in);
}

static int read_ahead(struct media_output *output, struct err *err)
{
    while (!output->waiting) {
        AUTO(media_packet) struct media_packet *packet = NULL;

        if (media_source_read(output->source, &packet, err) < 0)
            return -1;
        output->ended = !packet || output_cut_is_over(output, media_packet_av(packet));
        if (output->ended)
            return 0;
        output->waiting = is_wanted(output, media_packet_av(packet));
        if (output->waiting)
            av_packet_move_ref(output->ahead, media_packet_av(packet));
    }
    return 0;
}

static bool is_later(const struct media_output *output, int64_t time, AVRational tb)
{
    const AVPacket *packet = output->ahead;
    AVRational in = output_time_base_of(output, packet);
    int64_t dts = packet->dts != AV_NOPTS_VALUE ? packet->dts : packet->pts;

    if (dts == AV_NOPTS_VALUE || time == INT64_MAX)
        return false;
    return av_compare_ts(dts + output_times_shift(output, in), in, time, tb) > 0;
}

int output_tracks_pump(struct media_output *output, int64_t time, AVRational tb, struct err *err)
{
    bool any = false;

    for (size_t i = 0; i < output->plan->copy_count; i++)
        any = any || (output->tracks[i].in->discard != AVDISCARD_ALL &&
                      output->tracks[i].in->codecpar->codec_type != AVMEDIA_TYPE_ATTACHMENT);
    while (any && !output->ended) {
        int rc;

        if (!output->waiting && read_ahead(output, err) < 0)
            return -1;
        if (!output->waiting || is_later(output, time, tb))
            break;
        rc = take(output, output->ahead, err);
        if (rc < 0)
            return err_wrap(err, "stream %d", output->ahead->stream_index);
        av_packet_unref(output->ahead);
        output->waiting = false;
    }
    for (size_t i = 0; i < output->plan->copy_count; i++) {
        struct output_track *track = &output->tracks[i];

        if ((time == INT64_MAX || run_is_due(track, time, tb)) && flush_run(output, track, err) < 0)
            return err_wrap(err, "stream %d", output->plan->copies[i].stream);
    }
    return 0;
}
