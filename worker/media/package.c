/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/package.h"

#include "common/mem.h"
#include "worker/media/index_io.h"
#include "worker/media/package_parts.h"

#include <libavutil/mathematics.h>
#include <stdio.h>
#include <string.h>

struct media_package {
    AVFormatContext *ctx;         /* owned */
    struct index_io *index;       /* owned; outlives ctx */
    AVPacket *packet;             /* owned */
    struct package_track *tracks; /* owned */
    size_t count;
    bool ended;
};

static void track_clear(struct package_track *track)
{
    avformat_free_context(track->ctx);
    output_io_free(track->io);
    media_subtitle_free(track->subtitle);
    free(track->facts.pieces);
}

void media_package_free(struct media_package *package)
{
    if (!package)
        return;
    for (size_t i = 0; i < package->count; i++)
        track_clear(&package->tracks[i]);
    free(package->tracks);
    av_packet_free(&package->packet);
    avformat_close_input(&package->ctx);
    index_io_free(package->index);
    free(package);
}

static int fail(const struct media_package *package, int rc, struct err *err)
{
    if (index_io_failed(package->index, err))
        return err_wrap(err, "reading the film");
    return media_av_fail(err, ERR_INTERNAL, rc, "reading the film");
}

static int open_film(struct media_package *package, struct store_writer *film, struct err *err)
{
    int rc;

    if (index_io_open(&package->index, film, err) < 0)
        return err_wrap(err, "reading the film");
    package->ctx = avformat_alloc_context();
    package->packet = av_packet_alloc();
    if (!package->ctx || !package->packet)
        return err_set(err, ERR_NOMEM, "no memory to read the film");
    package->ctx->pb = index_io_avio(package->index);
    package->ctx->io_open = media_io_refuse;
    package->ctx->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_NOPARSE | AVFMT_FLAG_NOFILLIN;
    rc = avformat_open_input(&package->ctx, NULL, av_find_input_format("mov"), NULL);
    return rc < 0 ? fail(package, rc, err) : 0;
}

static void fill_text(char *out, size_t size, const AVStream *in, const char *tag)
{
    const AVDictionaryEntry *found = av_dict_get(in->metadata, tag, NULL, 0);

    (void)snprintf(out, size, "%s", found ? found->value : "");
}

/* What libav calls a track that nobody gave a name. */
static bool is_handler(const char *title)
{
    return strcmp(title, "VideoHandler") == 0 || strcmp(title, "SoundHandler") == 0 ||
           strcmp(title, "SubtitleHandler") == 0;
}

static int fill_facts(struct package_track *track, struct err *err)
{
    const AVStream *in = track->in;
    const AVCodecParameters *par = in->codecpar;
    struct media_package_track *facts = &track->facts;

    facts->kind = par->codec_type == AVMEDIA_TYPE_VIDEO   ? PACKAGE_VIDEO
                  : par->codec_type == AVMEDIA_TYPE_AUDIO ? PACKAGE_SOUND
                                                          : PACKAGE_TEXT;
    fill_text(facts->language, sizeof(facts->language), in, "language");
    if (strcmp(facts->language, "und") == 0)
        facts->language[0] = '\0';
    fill_text(facts->title, sizeof(facts->title), in, "handler_name");
    if (is_handler(facts->title))
        facts->title[0] = '\0';
    facts->is_default = in->disposition & AV_DISPOSITION_DEFAULT;
    facts->forced = in->disposition & AV_DISPOSITION_FORCED;
    facts->hearing_impaired = in->disposition & AV_DISPOSITION_HEARING_IMPAIRED;
    facts->visual_impaired = in->disposition & AV_DISPOSITION_VISUAL_IMPAIRED;
    facts->channels = par->ch_layout.nb_channels;
    facts->width = par->width;
    facts->height = par->height;
    facts->color_trc = (int)par->color_trc;
    facts->frame_rate = media_ratio(in->avg_frame_rate);
    return facts->kind == PACKAGE_TEXT
               ? 0
               : package_codec(facts->codecs, sizeof(facts->codecs), par, err);
}

static bool is_wanted(const AVStream *in)
{
    enum AVMediaType type = in->codecpar->codec_type;

    return type == AVMEDIA_TYPE_VIDEO || type == AVMEDIA_TYPE_AUDIO ||
           type == AVMEDIA_TYPE_SUBTITLE;
}

/* Pictures are decoded, and a sound's priming played, before zero, where no fragment can begin:
 * everything moves by as much. */
static void set_shift(struct media_package *package)
{
    AVRational unit = { 1, 1 };
    int64_t most = 0;

    for (size_t i = 0; i < package->count; i++) {
        AVStream *in = package->tracks[i].in;
        const AVIndexEntry *first = avformat_index_get_entry(in, 0);

        if (first && av_compare_ts(-first->timestamp, in->time_base, most, unit) > 0) {
            most = -first->timestamp;
            unit = in->time_base;
        }
    }
    for (size_t i = 0; i < package->count; i++)
        package->tracks[i].shift = av_rescale_q(most, unit, package->tracks[i].in->time_base);
}

int media_package_open(struct media_package **out, struct store_writer *film, struct err *err)
{
    AUTO(media_package) struct media_package *package = xcalloc(1, sizeof(*package));

    if (open_film(package, film, err) < 0)
        return -1;
    package->tracks = xcalloc(package->ctx->nb_streams, sizeof(*package->tracks));
    for (unsigned i = 0; i < package->ctx->nb_streams; i++) {
        AVStream *in = package->ctx->streams[i];

        in->discard = is_wanted(in) ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
        if (!is_wanted(in))
            continue;
        package->tracks[package->count].in = in;
        if (fill_facts(&package->tracks[package->count++], err) < 0)
            return -1;
    }
    if (package->count == 0 || package->tracks[0].facts.kind != PACKAGE_VIDEO)
        return err_set(err, ERR_INTERNAL, "the film's first track is no picture");
    set_shift(package);
    *out = TAKE(package);
    return 0;
}

size_t media_package_count(const struct media_package *package)
{
    return package->count;
}

const struct media_package_track *media_package_track(const struct media_package *package,
                                                      size_t track)
{
    return &package->tracks[track].facts;
}

void package_piece(struct media_package_track *facts, uint64_t offset, uint64_t end,
                   int64_t duration_us)
{
    facts->pieces = xrealloc(facts->pieces, (facts->count + 1) * sizeof(*facts->pieces));
    facts->pieces[facts->count++] =
        (struct media_package_piece){ offset, end - offset, duration_us };
}

int media_package_write_to(struct media_package *package, size_t track, struct store_writer *writer,
                           struct err *err)
{
    struct package_track *to = &package->tracks[track];

    to->writer = writer;
    return to->facts.kind == PACKAGE_TEXT ? package_text_open(to, err) : package_cmaf_open(to, err);
}

static int64_t film_us(const struct media_package *package)
{
    int64_t sum = 0;

    for (size_t i = 0; i < package->tracks[0].facts.count; i++)
        sum += package->tracks[0].facts.pieces[i].duration_us;
    return sum;
}

static int finish(struct media_package *package, struct err *err)
{
    package->ended = true;
    for (size_t i = 0; i < package->count; i++)
        if (package->tracks[i].ctx && package_cmaf_finish(&package->tracks[i], err) < 0)
            return err_wrap(err, "track %zu", i);
    for (size_t i = 0; i < package->count; i++)
        if (!package->tracks[i].ctx)
            package_text_finish(&package->tracks[i], film_us(package));
    return 0;
}

/* libavformat 59 does not say how long a picture out of order is; the index of the film does. */
static void set_duration(AVStream *in, AVPacket *packet)
{
    int at = av_index_search_timestamp(in, packet->dts, AVSEEK_FLAG_ANY);
    const AVIndexEntry *first = avformat_index_get_entry(in, 0);
    const AVIndexEntry *next = avformat_index_get_entry(in, at + 1);

    if (packet->duration > 0 || !first || at < 0)
        return;
    packet->duration = (next ? next->timestamp : first->timestamp + in->duration) - packet->dts;
    if (packet->duration < 0)
        packet->duration = 0;
}

static int write_packet(struct media_package *package, struct err *err)
{
    AVPacket *packet = package->packet;

    for (size_t i = 0; i < package->count; i++) {
        struct package_track *track = &package->tracks[i];

        if (track->in->index != packet->stream_index)
            continue;
        set_duration(track->in, packet);
        if (index_io_payload(package->index, packet->pos, packet->data, (size_t)packet->size, err) <
                0 ||
            (track->ctx ? package_cmaf_write(track, packet, err)
                        : package_text_write(track, packet, err)) < 0)
            return err_wrap(err, "track %zu", i);
        return 0;
    }
    return 0;
}

int media_package_step(struct media_package *package, int64_t *bytes, struct err *err)
{
    int rc = package->ended ? AVERROR_EOF : av_read_frame(package->ctx, package->packet);

    *bytes = -1;
    if (rc == AVERROR_EOF && !index_io_failed(package->index, err))
        return package->ended ? 0 : finish(package, err);
    if (rc < 0)
        return fail(package, rc, err);
    *bytes = package->packet->size;
    rc = write_packet(package, err);
    av_packet_unref(package->packet);
    return rc;
}

int media_package_check(struct media_package *package, size_t track, struct err *err)
{
    return package->tracks[track].ctx ? package_cmaf_check(&package->tracks[track], err) : 0;
}
