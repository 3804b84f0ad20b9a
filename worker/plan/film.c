/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/plan/film.h"

#include "common/mem.h"

#include <stdio.h>
#include <string.h>

#define MAX_PACKETS   (32u << 20) /* 6 days at 60 a second */
#define MAX_HOURS     1000
#define FIRST_PACKETS 16384u
#define STOP_EVERY    256

void film_free(struct film *film)
{
    if (!film)
        return;
    store_reader_free(film->reader);
    free(film->uri);
    free(film->streams);
    free(film->counts);
    free(film->packets);
    free(film->frames);
    free(film);
}

int film_check_stop(const struct film *film, struct err *err)
{
    if (film->should_stop && *film->should_stop)
        return err_set(err, ERR_INTERRUPTED, "told to stop while reading the film");
    return 0;
}

int film_source(const struct film *film, struct media_source **out, struct err *err)
{
    struct media_source_opts opts = { .format = film->format, .what = film->what };

    return media_source_open(out, film->reader, &opts, err);
}

static int add_packet(struct film *film, const struct media_packet *packet, struct err *err)
{
    struct film_packet *grown;

    if (film->packet_count == MAX_PACKETS)
        return err_set(err, ERR_INPUT, "%s: more than %u packets", film->what, MAX_PACKETS);
    if (film->packet_count == film->packet_room) {
        film->packet_room = film->packet_room ? 2 * film->packet_room : FIRST_PACKETS;
        grown = realloc(film->packets, film->packet_room * sizeof(*grown));
        if (!grown)
            return err_set(err, ERR_NOMEM, "no memory for %zu packets", film->packet_room);
        film->packets = grown;
    }
    film->packets[film->packet_count++] = (struct film_packet){
        .pts = media_packet_pts(packet),
        .dts = media_packet_dts(packet),
        .duration = media_packet_duration(packet),
        .key = media_packet_is_key(packet),
        .shown = !media_packet_is_discarded(packet),
    };
    return 0;
}

static void tell_progress(struct film *film, uint64_t *told)
{
    uint64_t bytes = store_reader_bytes(film->reader);

    if (film->report && bytes > *told)
        report_progress(film->report, (int64_t)(bytes - *told));
    *told = bytes;
}

static void note_end(struct film *film, const struct media_packet *packet)
{
    struct ratio tb = film->streams[media_packet_stream(packet)].time_base;
    int64_t at = media_packet_pts(packet), lasts = media_packet_duration(packet);
    int64_t end_us;

    if (at == FILM_NO_TIME)
        at = media_packet_dts(packet);
    if (at == FILM_NO_TIME || at > INT64_MAX / 2)
        return;
    at += lasts > 0 && lasts < INT32_MAX ? lasts : 0;
    end_us = (int64_t)((__int128)at * tb.num * 1000000 / tb.den);
    if (end_us > film->last_us)
        film->last_us = end_us;
}

static void note_longest(struct film *film, const struct media_packet *packet)
{
    int stream = media_packet_stream(packet);
    struct ratio tb = film->streams[stream].time_base;
    __int128 ms = (__int128)media_packet_duration(packet) * tb.num * 1000 / tb.den + 1;

    if (ms > film->counts[stream].longest_ms)
        film->counts[stream].longest_ms = ms < INT64_MAX ? (int64_t)ms : INT64_MAX;
}

static int scan(struct film *film, struct media_source *source, struct err *err)
{
    uint64_t told = 0;

    if (film->indexed)
        media_source_want(source, film->video);
    for (size_t n = 0;; n++) {
        AUTO(media_packet) struct media_packet *packet = NULL;
        int stream;

        if (n % STOP_EVERY == 0) {
            if (film_check_stop(film, err) < 0)
                return -1;
            tell_progress(film, &told);
        }
        if (media_source_read(source, &packet, err) < 0)
            return -1;
        if (!packet)
            break;
        stream = media_packet_stream(packet);
        note_end(film, packet);
        note_longest(film, packet);
        film->counts[stream].packets++;
        film->counts[stream].bytes += (int64_t)media_packet_size(packet);
        if (stream == film->video && add_packet(film, packet, err) < 0)
            return -1;
    }
    tell_progress(film, &told);
    film->jumps = media_source_jumps(source);
    return 0;
}

static void copy_streams(struct film *film, const struct media_source *source)
{
    film->stream_count = media_source_streams(source);
    film->streams = xcalloc((size_t)film->stream_count + 1, sizeof(*film->streams));
    film->counts = xcalloc((size_t)film->stream_count + 1, sizeof(*film->counts));
    for (int i = 0; i < film->stream_count; i++)
        film->streams[i] = *media_source_stream(source, i);
    film->video = media_source_video(source);
    film->chapters = media_source_chapters(source);
    film->told_us = media_source_duration_us(source);
    film->indexed = media_source_is_indexed(source);
    (void)snprintf(film->format, sizeof(film->format), "%s", media_source_format(source));
}

static int no_video(const struct film *film, struct err *err)
{
    for (int i = 0; i < film->stream_count; i++) {
        if (film->streams[i].type == 'v')
            return err_set(err, ERR_INPUT, "%s: this build cannot decode its video (%s)",
                           film->what, film->streams[i].codec);
    }
    return err_set(err, ERR_INPUT, "%s: no video stream among its %d streams", film->what,
                   film->stream_count);
}

/* The header does not always tell what the pictures are (their bit depth, above all): then the film
 * is opened once more, reading some of it. The packets' times still come from the index. */
static int complete_facts(struct film *film, struct err *err)
{
    AUTO(media_source) struct media_source *plain = NULL;
    struct media_stream *video = &film->streams[film->video];

    if (!film->indexed || (video->bit_depth > 0 && video->width > 1 && video->height > 1))
        return 0;
    if (film_source(film, &plain, err) < 0)
        return -1;
    if (media_source_streams(plain) == film->stream_count)
        *video = *media_source_stream(plain, film->video);
    return 0;
}

static void use_index_counts(struct film *film)
{
    for (int i = 0; i < film->stream_count && film->indexed; i++)
        film->counts[i] =
            (struct film_count){ film->streams[i].packets, film->streams[i].bytes, 0 };
}

static int read_film(struct film *film, struct err *err)
{
    AUTO(media_source) struct media_source *source = NULL;
    struct media_source_opts opts = { .index_only = true, .what = film->what };
    const struct media_stream *video;

    if (media_source_open(&source, film->reader, &opts, err) < 0)
        return -1;
    copy_streams(film, source);
    if (film->video < 0)
        return no_video(film, err);
    if (scan(film, source, err) < 0)
        return err_wrap(err, "%s", film->what);
    use_index_counts(film);
    if (complete_facts(film, err) < 0)
        return -1;
    video = film_video(film);
    if (film->packet_count == 0)
        return err_set(err, ERR_INPUT,
                       "%s: its video stream is empty (pictures that lie in another file are not "
                       "looked for)",
                       film->what);
    if ((int64_t)video->width * video->height > MEDIA_MAX_PIXELS)
        return err_set(err, ERR_INPUT, "%s: pictures of %dx%d are more than can be converted",
                       film->what, video->width, video->height);
    if (video->width < 2 || video->height < 2)
        return err_set(err, ERR_INPUT,
                       "%s: its video (%s) does not say how large its pictures "
                       "are (%dx%d): it cannot be decoded",
                       film->what, video->codec, video->width, video->height);
    return 0;
}

static int open_reader(struct film *film, struct err *err)
{
    if (store_reader_open_uri(&film->reader, STORE_SOURCE, film->uri, film->what, err) < 0) {
        if (err->code == ERR_NOT_FOUND)
            err->code = ERR_CONFIG; /* the user's to mend */
        return -1;
    }
    if (store_reader_stat(film->reader)->size == 0)
        return err_set(err, ERR_INPUT, "%s: the file is empty", film->what);
    return store_reader_digest(film->reader, film->digest, err);
}

/* Times that nobody can mean, where a segment would be made for every minute of them. */
static int check_length(const struct film *film, struct err *err)
{
    struct ratio tb = film_video(film)->time_base;
    double hours =
        ((double)film->end - (double)film->frames[0].pts) * (double)tb.num / (double)tb.den / 3600;

    if (hours <= MAX_HOURS)
        return 0;
    return err_set(err, ERR_INPUT, "%s: its times span %.0f hours; %d are the limit", film->what,
                   hours, MAX_HOURS);
}

int film_open(struct film **out, const struct film_opts *opts, struct err *err)
{
    AUTO(film) struct film *film = xcalloc(1, sizeof(*film));

    film->uri = xstrdup(opts->uri);
    film->what = opts->what;
    film->should_stop = opts->should_stop;
    film->report = opts->report;
    if (open_reader(film, err) < 0 || read_film(film, err) < 0 ||
        film_build_frames(film, err) < 0 || film_verify(film, err) < 0 ||
        check_length(film, err) < 0)
        return -1;
    *out = TAKE(film);
    return 0;
}

bool film_needs_pieces(const struct film *film)
{
    return film->restamped || film->jumps > 0;
}

/* Containers round times to their clock: one tick of difference is no variable rate. */
bool film_is_vfr(const struct film *film)
{
    int64_t least = INT64_MAX, most = 0;

    for (size_t i = 1; i < film->frame_count; i++) {
        int64_t step = film->frames[i].pts - film->frames[i - 1].pts;

        least = step < least ? step : least;
        most = step > most ? step : most;
    }
    return film->frame_count > 2 && most - least > 1;
}
