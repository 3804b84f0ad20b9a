/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/output_parts.h"

#include <libavutil/mathematics.h>

#define SCALE_MIN       1000
#define SCALE_FALLBACK  90000
#define PRIMING_MS      100     /* no codec needs more to get going */
#define MOVIE_SCALE_MAX 1000000 /* a 32-bit duration still holds an hour; larger ones take 64 */

int output_times_scale(struct ratio time_base)
{
    int64_t gcd = av_gcd(time_base.num, time_base.den);
    int64_t scale = gcd > 0 ? time_base.den / gcd : 0;

    if (scale < 1 || scale > INT32_MAX)
        return SCALE_FALLBACK;
    if (scale < SCALE_MIN) /* a multiple stays exact */
        scale *= (SCALE_MIN + scale - 1) / scale;
    return (int)scale;
}

static uint32_t crc_on(uint32_t crc, int64_t value)
{
    uint8_t bytes[8];

    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)((uint64_t)value >> (8 * i));
    return hash_crc32(crc, bytes, sizeof(bytes));
}

void output_times_note_end(struct media_output_times *times, int64_t pos)
{
    times->end_crc = crc_on(times->end_crc, pos);
}

void output_times_note(struct media_output_times *times, int64_t pts, int64_t duration)
{
    times->pts_crc = crc_on(times->pts_crc, pts);
    if (times->packets == 0 || pts < times->first_pts)
        times->first_pts = pts;
    if (times->packets == 0 || pts + duration > times->last_end)
        times->last_end = pts + duration;
    times->packets++;
}

/* Edit lists count in the movie's ticks: fine enough for the video exactly, and for every audio
 * rate too where that stays small. */
int output_times_movie_scale(const struct media_output *output)
{
    int64_t scale = output_times_scale(output->plan->video.time_base);

    for (size_t i = 0; i < output->plan->copy_count; i++) {
        const AVStream *in = output->tracks[i].in;
        int64_t rate =
            in->codecpar->codec_type == AVMEDIA_TYPE_AUDIO ? in->codecpar->sample_rate : 0;
        int64_t lcm = rate > 0 ? scale / av_gcd(scale, rate) * rate : 0;

        if (lcm > 0 && lcm <= MOVIE_SCALE_MAX)
            scale = lcm;
    }
    return (int)scale;
}

int64_t output_times_shift(const struct media_output *output, AVRational tb)
{
    return av_rescale_q(output->shift, output->shift_tb, tb);
}

static void earlier(int64_t pts, AVRational tb, int64_t *least, AVRational *least_tb)
{
    if (av_compare_ts(pts, tb, *least, *least_tb) >= 0)
        return;
    *least = pts;
    *least_tb = tb;
}

/* Ticks of an audio packet; 0 when not known. */
static int64_t packet_length(const AVStream *in)
{
    AVCodecParameters *par = in->codecpar;
    int samples = av_get_audio_frame_duration2(par, 0);

    if (samples <= 0)
        samples = par->frame_size;
    if (samples <= 0 || par->sample_rate <= 0)
        return 0;
    return av_rescale_q(samples, (AVRational){ 1, par->sample_rate }, in->time_base);
}

/* Of an MP4: what the decoder needs to get going stands before the first sample that is heard. */
static int64_t first_packet_time(AVStream *in)
{
    const AVIndexEntry *entry =
        in->codecpar->codec_type == AVMEDIA_TYPE_AUDIO ? avformat_index_get_entry(in, 0) : NULL;

    return entry && entry->timestamp < in->start_time ? entry->timestamp : in->start_time;
}

int64_t output_times_hidden(const struct media_output *output, AVStream *in)
{
    int64_t limit = av_rescale_q(PRIMING_MS, (AVRational){ 1, 1000 }, in->time_base);

    if (output->mp4 || in->start_time == AV_NOPTS_VALUE ||
        in->start_time - first_packet_time(in) <= limit)
        return INT64_MIN;
    return in->start_time;
}

static int64_t first_time(const struct media_output *output, AVStream *in)
{
    int64_t hidden = output_times_hidden(output, in);

    return hidden == INT64_MIN ? first_packet_time(in) : hidden - packet_length(in);
}

/* Matroska stores times later by the codec delay that its readers take off again. */
static int64_t stored_start(const struct media_output *output, AVStream *in)
{
    const AVCodecParameters *par = in->codecpar;
    int64_t start = first_time(output, in);
    int delay =
        output->mp4 || par->codec_type != AVMEDIA_TYPE_AUDIO ? 0 : compat_matroska_delay(par);

    if (delay <= 0 || par->sample_rate <= 0)
        return start;
    return start + av_rescale_q(delay, (AVRational){ 1, par->sample_rate }, in->time_base);
}

/*
 * Times stay as they are, except that MPEG streams start at an arbitrary time, which is taken off;
 * so is what is before a cut (all of it is left out: the video starts the film).
 * MP4 cannot show video before zero (an edit list would hide it), and Matroska has no times before
 * zero at all: then everything moves by the same amount, whole milliseconds for Matroska.
 */
void output_times_set_shift(struct media_output *output)
{
    AVRational video_tb = media_rational(output->plan->video.time_base);
    AVRational least_tb = video_tb, ms = { 1, 1000 };
    int64_t least = output->plan->video.start_pts;
    bool arbitrary = output->plan->cut_start || output->in->iformat->flags & AVFMT_TS_DISCONT;
    bool looks = !output->plan->cut_start && (arbitrary || !output->mp4);

    for (size_t i = 0; i < output->plan->copy_count && looks; i++) {
        AVStream *in = output->tracks[i].in;

        if (in->start_time != AV_NOPTS_VALUE && !(in->disposition & AV_DISPOSITION_ATTACHED_PIC))
            earlier(stored_start(output, in), in->time_base, &least, &least_tb);
    }
    output->shift_tb = video_tb;
    if (least >= 0 && !arbitrary)
        return;
    if (output->mp4) { /* in the video's own ticks: its times stay exact */
        output->shift = -av_rescale_q_rnd(least, least_tb, video_tb, AV_ROUND_DOWN);
    } else {
        output->shift = -av_rescale_q_rnd(least, least_tb, ms, AV_ROUND_DOWN);
        output->shift_tb = ms;
    }
}
