/* SPDX-License-Identifier: Apache-2.0
 *
 * What is left of sound, subtitles and chapters where only a part of the film is asked for: what
 * plays between the first frame and the end of the last. Packets stay whole. Sound begins with the
 * first packet that starts within; where the container can hide a beginning (MP4's edit list), with
 * those before that the decoder wants to be on its way: then it is cut to the sample. What lies
 * before all that is not read where the film's index leads past it.
 */
#include "common/failpoint.h"
#include "worker/media/output_parts.h"

#include <libavutil/mathematics.h>
#include <string.h>

#define WARM_PACKETS 2  /* AAC, MP3 and Opus overlap one packet with the next */
#define PATIENCE_S   10 /* streams are not interleaved more loosely than this */

struct range {
    int64_t start, end; /* INT64_MIN, INT64_MAX: open */
    AVRational tb;
};

static struct range range_of(const struct media_output *output)
{
    const struct plan *plan = output->plan;

    return (struct range){ plan->cut_start ? plan->video.start_pts : INT64_MIN,
                           plan->cut_end ? plan->video.end_pts : INT64_MAX,
                           media_rational(plan->video.time_base) };
}

static bool is_before(const struct range *range, int64_t time, AVRational tb)
{
    return range->start != INT64_MIN && av_compare_ts(time, tb, range->start, range->tb) < 0;
}

static bool is_behind(const struct range *range, int64_t time, AVRational tb)
{
    return range->end != INT64_MAX && av_compare_ts(time, tb, range->end, range->tb) >= 0;
}

bool output_cut_takes(const struct media_output *output, const struct output_track *track,
                      const AVPacket *packet)
{
    const struct range range = range_of(output);
    AVRational tb = track->tb;
    bool audio = track->in->codecpar->codec_type == AVMEDIA_TYPE_AUDIO;
    int64_t time = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
    int64_t length = packet->duration > 0 ? packet->duration : 0;

    if (time == AV_NOPTS_VALUE)
        return true;
    if (audio && time + length <= track->hidden)
        return false;
    if (audio)
        length = output->mp4 ? WARM_PACKETS * length : 0;
    if (is_behind(&range, time, tb))
        return false;
    return !is_before(&range, time, tb) ||
           (length > 0 && !is_before(&range, time + length - 1, tb));
}

void output_cut_trim(const struct media_output *output, AVRational tb, int64_t *time,
                     int64_t *duration)
{
    const struct range range = range_of(output);
    int64_t end = *time + *duration;

    if (is_before(&range, *time, tb))
        *time = av_rescale_q_rnd(range.start, range.tb, tb, AV_ROUND_UP);
    if (*duration > 0 && is_behind(&range, end, tb))
        end = av_rescale_q(range.end, range.tb, tb);
    *duration = end > *time ? end - *time : 0;
}

bool output_cut_is_over(const struct media_output *output, const AVPacket *packet)
{
    struct range range = range_of(output);
    AVRational tb = output_time_base_of(output, packet);
    int64_t time = packet->dts != AV_NOPTS_VALUE ? packet->dts : packet->pts;

    if (time == AV_NOPTS_VALUE || range.end == INT64_MAX)
        return false;
    range.end += av_rescale_q(PATIENCE_S, (AVRational){ 1, 1 }, range.tb);
    return is_behind(&range, time, tb);
}

static bool is_matroska(const struct media_output *output)
{
    return strncmp(output->in->iformat->name, "matroska,", 9) == 0;
}

/* How long before the part a packet may begin that plays into it; -1: nobody knows. An MP4's index
 * leads each stream by itself to the sample that lasts until there. */
static int64_t reach_ms(const struct media_output *output)
{
    int64_t most = 0;

    for (size_t i = 0; i < output->plan->copy_count; i++) {
        const struct plan_copy *copy = &output->plan->copies[i];

        if (output->tracks[i].remade_sound) /* its packets are counted from the film's start */
            return -1;
        if ((copy->type != 's' && copy->type != 'd') || !is_matroska(output))
            continue;
        if (copy->longest_ms <= 0)
            return -1;
        most = copy->longest_ms > most ? copy->longest_ms : most;
    }
    return most;
}

/* The stream whose index is asked, or -1: there is nothing to read. Matroska's is of pictures; of
 * an MP4's streams the densest is best, as the others go to where that one came to. */
static int leader(const struct media_output *output)
{
    int found = -1;

    for (size_t i = 0; i < output->plan->copy_count; i++) {
        const struct plan_copy *copy = &output->plan->copies[i];

        if (copy->type == 'v' || copy->type == 't' || (found >= 0 && copy->type != 'a'))
            continue;
        found = copy->stream;
        if (copy->type == 'a')
            break;
    }
    return found >= 0 && is_matroska(output) ? output->plan->video.stream : found;
}

int output_cut_skip(struct media_output *output, struct err *err)
{
    const struct range range = range_of(output);
    int64_t reach = reach_ms(output), first, time;
    int stream = leader(output);
    const AVStream *in;

    if (range.start == INT64_MIN || reach < 0 || reach > INT32_MAX || stream < 0 ||
        FP("output.no_skip"))
        return 0;
    in = output->in->streams[stream];
    first = in->start_time != AV_NOPTS_VALUE ? in->start_time : 0;
    time = av_rescale_q(range.start, range.tb, in->time_base) -
           av_rescale_q(PATIENCE_S * 1000 + reach, (AVRational){ 1, 1000 }, in->time_base);
    if (time <= first)
        return 0;
    return media_source_skip(output->source, stream, time, err);
}

bool output_cut_takes_chapter(const struct media_output *output, const AVChapter *chapter)
{
    const struct range range = range_of(output);

    if (is_behind(&range, chapter->start, chapter->time_base))
        return false;
    return chapter->end == AV_NOPTS_VALUE ||
           !is_before(&range, chapter->end - 1, chapter->time_base);
}
