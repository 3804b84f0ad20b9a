/* SPDX-License-Identifier: Apache-2.0
 *
 * A packet is not always a frame: fields come in two packets, leading pictures of a film cut at an
 * open GOP do not decode, AVI knows no presentation times. Decoding tells.
 */
#include "common/mem.h"
#include "worker/media/decoder.h"
#include "worker/plan/film.h"

#define CHECK_FRAMES 64
#define LOOK_FRAMES  4
#define TRC_PQ       16 /* H.273: HDR10, whose pictures say more than most containers */
#define STOP_EVERY   16

enum verdict { AGREES, DIFFERS };

/* Pictures that come before the first keyframe, in decode order or on the screen. */
static bool is_leading(const struct film *film, const struct plan_frame *frame)
{
    for (size_t i = 0; i < film->packet_count; i++) {
        if (film->packets[i].key)
            return frame->dts < (int64_t)i || frame->pts < film->packets[i].pts;
    }
    return true;
}

static bool starts_clean(const struct film *film)
{
    return film->frame_count > 0 && !is_leading(film, &film->frames[0]);
}

/* MP4 and MOV keep one picture a packet and know when each is shown. Where an edit list hides the
 * first packets, leading pictures are among those. */
static bool is_certain(const struct film *film)
{
    return film->indexed && film->untimed == 0 && (starts_clean(film) || !film->packets[0].shown);
}

static int open_decoder(const struct film *film, struct media_source **source,
                        struct media_decoder **decoder, bool ordinals, struct err *err)
{
    struct media_decoder_opts opts = { .stream = film->video,
                                       .bit_depth = 8,
                                       .ordinals = ordinals };

    if (film_source(film, source, err) < 0 || media_decoder_open(decoder, *source, &opts, err) < 0)
        return err_wrap(err, "%s", film->what);
    return 0;
}

static int next_pts(struct media_decoder *decoder, int64_t *pts, bool *end, struct err *err)
{
    AUTO(media_frame) struct media_frame *frame = NULL;

    if (media_decoder_next(decoder, &frame, err) < 0)
        return -1;
    *end = !frame;
    *pts = frame ? media_frame_pts(frame) : 0;
    return 0;
}

/* What the container did not say of the pictures. */
static void learn(struct film *film, const struct media_decoder *decoder)
{
    struct media_stream *video = &film->streams[film->video];
    struct media_seen seen;

    media_decoder_seen(decoder, &seen);
    video->interlaced |= seen.fields;
    film->captions |= seen.captions;
    if (!*video->hdr.mastering)
        video->hdr = seen.hdr;
}

/* Compares the first frames with the packets; leading ones that do not come are marked. */
static int check_start(struct film *film, enum verdict *verdict, struct err *err)
{
    AUTO(media_source) struct media_source *source = NULL;
    AUTO(media_decoder) struct media_decoder *decoder = NULL;
    size_t at = 0, seen = 0;

    if (open_decoder(film, &source, &decoder, false, err) < 0)
        return -1;
    *verdict = DIFFERS;
    for (; seen < CHECK_FRAMES; seen++, at++) {
        int64_t pts;
        bool end;

        if (next_pts(decoder, &pts, &end, err) < 0)
            return -1;
        if (end)
            break;
        for (; at < film->frame_count && film->frames[at].pts < pts; at++) {
            if (!is_leading(film, &film->frames[at]))
                return 0;
            film->packets[film->frames[at].dts].shown = false;
            film->undecodable++;
        }
        if (at == film->frame_count || film->frames[at].pts != pts)
            return 0;
    }
    learn(film, decoder);
    if (seen == CHECK_FRAMES || at == film->frame_count)
        *verdict = AGREES;
    return 0;
}

/* Which packets give frames, in presentation order: *shown is caller-owned. */
static int decode_all(struct film *film, size_t **shown, size_t *count, struct err *err)
{
    AUTO(media_source) struct media_source *source = NULL;
    AUTO(media_decoder) struct media_decoder *decoder = NULL;
    AUTO_FREE size_t *order = calloc(film->packet_count, sizeof(*order));
    size_t n = 0;

    if (!order)
        return err_set(err, ERR_NOMEM, "no memory for %zu frames", film->packet_count);
    if (open_decoder(film, &source, &decoder, true, err) < 0)
        return -1;
    if (film->report)
        report_step(film->report, "decode");
    for (;;) {
        int64_t ordinal;
        bool end;

        if (n % STOP_EVERY == 0 && film_check_stop(film, err) < 0)
            return -1;
        if (next_pts(decoder, &ordinal, &end, err) < 0)
            return -1;
        if (end)
            break;
        if (ordinal < 0 || ordinal >= (int64_t)film->packet_count || n == film->packet_count)
            return err_set(err, ERR_INPUT, "%s: its packets cannot be told apart", film->what);
        order[n++] = (size_t)ordinal;
        if (film->report)
            report_progress(film->report, 1);
    }
    learn(film, decoder);
    *shown = TAKE(order);
    *count = n;
    return 0;
}

static bool pts_ascend(const struct film *film, const size_t *shown, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t pts = film->packets[shown[i]].pts;

        if (pts == FILM_NO_TIME || (i > 0 && pts <= film->packets[shown[i - 1]].pts))
            return false;
    }
    return true;
}

static int compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* Decoders take packets at the pace at which frames are shown: the k-th frame gets the k-th dts. */
static int stamp_by_dts(struct film *film, const size_t *shown, size_t count, struct err *err)
{
    AUTO_FREE int64_t *times = calloc(count, sizeof(*times));

    if (!times)
        return err_set(err, ERR_NOMEM, "no memory for %zu frames", count);
    for (size_t i = 0; i < count; i++)
        times[i] = film->packets[shown[i]].dts;
    qsort(times, count, sizeof(*times), compare_times);
    for (size_t i = 0; i < count; i++) {
        if (times[i] == FILM_NO_TIME || (i > 0 && times[i] == times[i - 1]))
            return err_set(err, ERR_INPUT,
                           "%s: its frames have no usable times; give it some first, as "
                           "`ffmpeg -fflags +genpts -i IN -c copy OUT.mkv` does",
                           film->what);
    }
    for (size_t i = 0; i < count; i++)
        film->packets[shown[i]].pts = times[i];
    film->restamped = true;
    return 0;
}

/* What is not shown travels along in a piece under the time of what was before it. */
static void stamp_hidden(struct film *film)
{
    int64_t before = film->frame_count ? film->frames[0].pts : 0;

    for (size_t i = 0; i < film->packet_count; i++) {
        if (film->packets[i].shown)
            before = film->packets[i].pts;
        else if (film->packets[i].pts == FILM_NO_TIME)
            film->packets[i].pts = before;
    }
}

/* Where damage took the times of some frames: those that still have one, in the order shown. False,
 * and nothing is changed: too few of them. */
static bool leave_out(struct film *film, const size_t *shown, size_t count)
{
    int64_t last = FILM_NO_TIME;
    size_t kept = 0;

    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < count; i++) {
            struct film_packet *packet = &film->packets[shown[i]];
            bool fits = packet->pts != FILM_NO_TIME && packet->pts > last;

            last = fits ? packet->pts : last;
            kept += fits;
            if (pass == 1)
                packet->shown = fits;
        }
        if (pass == 0 && kept < count / 2 + 1)
            return false;
        last = FILM_NO_TIME;
    }
    film->left_out = count - kept / 2;
    film->restamped = true; /* only pieces keep a packet from being shown */
    return true;
}

static int decode_film(struct film *film, struct err *err)
{
    AUTO_FREE size_t *shown = NULL;
    size_t count = 0;

    if (decode_all(film, &shown, &count, err) < 0)
        return -1;
    if (count == 0)
        return err_set(err, ERR_INPUT, "%s: none of its pictures can be decoded", film->what);
    film->decoded = true;
    film->undecodable = 0;
    for (size_t i = 0; i < film->packet_count; i++)
        film->packets[i].shown = false;
    for (size_t i = 0; i < count; i++)
        film->packets[shown[i]].shown = true;
    if (!pts_ascend(film, shown, count) && stamp_by_dts(film, shown, count, err) < 0 &&
        !leave_out(film, shown, count))
        return -1;
    if (film_build_frames(film, err) < 0)
        return -1;
    stamp_hidden(film);
    return 0;
}

int film_look(struct film *film, struct err *err)
{
    AUTO(media_source) struct media_source *source = NULL;
    AUTO(media_decoder) struct media_decoder *decoder = NULL;
    bool end = false;
    int64_t pts;

    if (open_decoder(film, &source, &decoder, false, err) < 0)
        return -1;
    for (int i = 0; i < LOOK_FRAMES && !end; i++)
        if (next_pts(decoder, &pts, &end, err) < 0)
            return -1;
    learn(film, decoder);
    return 0;
}

int film_verify(struct film *film, struct err *err)
{
    const struct media_stream *video = film_video(film);
    bool known = video->scan_known && (video->color_trc != TRC_PQ || *video->hdr.mastering);
    enum verdict verdict = DIFFERS;

    if (is_certain(film))
        return known ? 0 : film_look(film, err);
    if (film->untimed == 0 && check_start(film, &verdict, err) < 0)
        return -1;
    if (verdict == DIFFERS)
        return decode_film(film, err);
    return film->undecodable ? film_build_frames(film, err) : 0;
}
