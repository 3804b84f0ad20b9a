/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/plan/pieces.h"

#include "common/mem.h"
#include "worker/media/piece.h"

#include <string.h>

#define MAX_OPEN 128 /* pieces that hold one packet: keyframes far apart make many */

struct span {
    size_t first, last;               /* packets, in decode order */
    int64_t base;                     /* no pts of the piece is below it */
    size_t hidden;                    /* packets so far that are not shown */
    struct store_writer *store;       /* owned while open */
    struct media_piece_writer *piece; /* owned while open */
};

struct cutter {
    struct span *spans; /* owned; first ascends */
    uint32_t count;
    uint32_t next, oldest;       /* first not yet opened; first that may be open */
    struct media_source *source; /* borrowed */
};

static void span_close(struct span *span)
{
    media_piece_free(span->piece);
    span->piece = NULL;
    store_writer_free(span->store);
    span->store = NULL;
}

static void cutter_auto_(struct cutter *cutter)
{
    for (uint32_t i = 0; i < cutter->count; i++)
        span_close(&cutter->spans[i]);
    free(cutter->spans);
}

/* The packet to seek to. */
static size_t seek_packet(const struct film *film, const struct plan_segment *segment)
{
    for (size_t i = 0; i < film->packet_count; i++)
        if (film->packets[i].pts == segment->seek_pts && film->packets[i].key)
            return i;
    return 0;
}

/* H.264's keyframes may be the beginning of an intra refresh only: the decoder finds that out and
 * goes back to the one before, so that has to be there. */
static size_t first_packet(const struct film *film, size_t seek)
{
    if (strcmp(film_video(film)->codec, "h264") != 0)
        return seek;
    while (seek > 0 && !film->packets[--seek].key)
        ;
    return seek;
}

/* Up to the last packet, in decode order, that is shown before the tail ends, and what belongs to
 * it (second fields). */
static size_t last_packet(const struct film *film, const struct plan_segment *segment, size_t first)
{
    size_t last = first;

    for (size_t i = first; i < film->packet_count; i++)
        if (film->packets[i].shown && film->packets[i].pts < segment->tail_pts)
            last = i;
    while (last + 1 < film->packet_count && !film->packets[last + 1].shown)
        last++;
    return last;
}

/* Hidden packets get times below all shown ones, so that nobody takes them for owned. */
static void place_base(struct span *span, const struct film *film)
{
    int64_t least = INT64_MAX, hidden = 0;

    for (size_t i = span->first; i <= span->last; i++) {
        if (!film->packets[i].shown)
            hidden++;
        else if (film->packets[i].pts < least)
            least = film->packets[i].pts;
    }
    span->base = (least == INT64_MAX ? 0 : least) - hidden;
}

static int64_t hidden_between(const struct film *film, size_t first, size_t behind)
{
    int64_t count = 0;

    for (size_t i = first; i < behind; i++)
        count += !film->packets[i].shown;
    return count;
}

static int span_open(struct span *span, struct store *store, const char *key,
                     struct media_source *source, int stream, struct err *err)
{
    if (store_writer_open(&span->store, store, key, err) < 0)
        return -1;
    return media_piece_open(&span->piece, span->store, source, stream, span->base, err);
}

static int span_finish(struct span *span, struct err *err)
{
    if (media_piece_finish(span->piece, err) < 0 || store_writer_commit(span->store, NULL, err) < 0)
        return -1;
    span_close(span);
    return 0;
}

static int span_write(struct span *span, const struct film *film, size_t at,
                      struct media_packet *packet, struct err *err)
{
    const struct film_packet *known = &film->packets[at];
    int64_t pts = known->pts;

    /* What is not shown (edit lists, second fields) goes by a time of its own below all others. */
    if (!known->shown && !film->restamped)
        pts = span->base + (int64_t)span->hidden++;
    media_packet_set_times(packet, pts < span->base ? span->base : pts, FILM_NO_TIME);
    return media_piece_write(span->piece, packet, err);
}

static int open_due(struct cutter *cutter, const struct job *job, const struct plan *plan,
                    size_t at, struct err *err)
{
    while (cutter->next < cutter->count && cutter->spans[cutter->next].first <= at) {
        uint32_t i = cutter->next;

        if (i - cutter->oldest >= MAX_OPEN)
            return err_set(err, ERR_INPUT,
                           "keyframes are too far apart to cut the film into %u pieces; ask for "
                           "longer segments (spec.segment.seconds)",
                           plan->segment_count);
        if (span_open(&cutter->spans[i], job->store, plan->piece[i], cutter->source,
                      plan->video.stream, err) < 0)
            return err_wrap(err, "piece %u", i);
        cutter->next++;
    }
    return 0;
}

static int write_packet(struct cutter *cutter, const struct film *film, size_t at,
                        struct media_packet *packet, struct err *err)
{
    for (uint32_t i = cutter->oldest; i < cutter->next; i++) {
        struct span *span = &cutter->spans[i];

        if (!span->piece || at < span->first)
            continue;
        if (span_write(span, film, at, packet, err) < 0 ||
            (at == span->last && span_finish(span, err) < 0))
            return err_wrap(err, "piece %u", i);
    }
    while (cutter->oldest < cutter->next && !cutter->spans[cutter->oldest].piece)
        cutter->oldest++;
    return 0;
}

static int copy_packets(struct cutter *cutter, const struct job *job, const struct film *film,
                        const struct plan *plan, struct err *err)
{
    for (size_t at = 0; cutter->oldest < cutter->count; at++) {
        AUTO(media_packet) struct media_packet *packet = NULL;

        if (film_check_stop(film, err) < 0 || media_source_read(cutter->source, &packet, err) < 0)
            return -1;
        if (!packet)
            return err_set(err, ERR_DEPENDENCY, "the film ended early while it was cut");
        if (open_due(cutter, job, plan, at, err) < 0 ||
            write_packet(cutter, film, at, packet, err) < 0)
            return -1;
        if (film->report)
            report_progress(film->report, (int64_t)media_packet_size(packet));
    }
    return 0;
}

int plan_write_pieces(const struct job *job, const struct film *film, struct plan *plan,
                      struct err *err)
{
    AUTO(media_source) struct media_source *source = NULL;
    __attribute__((cleanup(cutter_auto_))) struct cutter cutter = { .count = plan->segment_count };

    if (film_source(film, &source, err) < 0)
        return -1;
    media_source_want(source, film->video);
    cutter.source = source;
    cutter.spans = xcalloc(cutter.count, sizeof(*cutter.spans));
    plan->piece = xcalloc(cutter.count, sizeof(*plan->piece));
    for (uint32_t i = 0; i < cutter.count; i++) {
        struct span *span = &cutter.spans[i];
        char key[NAME_KEY_SIZE];
        size_t seek;

        name_piece(key, &job->id, i);
        plan->piece[i] = xstrdup(key);
        seek = seek_packet(film, &plan->segments[i]);
        span->first = first_packet(film, seek);
        span->last = last_packet(film, &plan->segments[i], seek);
        place_base(span, film);
        if (!film->packets[seek].shown && !film->restamped) /* as span_write will call it */
            plan->segments[i].seek_pts = span->base + hidden_between(film, span->first, seek);
    }
    return copy_packets(&cutter, job, film, plan, err);
}
