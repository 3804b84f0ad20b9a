/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/plan/select.h"

#include "common/contract/pace.h"

#include <math.h>
#include <string.h>

/* Times are told in milliseconds at best: half of one forgives what rounding did to 1/3 s. */
#define FORGIVEN_S  0.0005
#define REORDER_MAX 256 /* frames; codecs allow 16 */

static double seconds_at(const struct film *film, size_t i)
{
    const struct ratio *tb = &film_video(film)->time_base;

    return (double)(film->frames[i].pts - film->frames[0].pts) * (double)tb->num / (double)tb->den;
}

/* The first frame at or after so many seconds; frame_count: none. */
static size_t frame_from(const struct film *film, double seconds)
{
    size_t low = 0, high = film->frame_count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (seconds_at(film, mid) < seconds - FORGIVEN_S)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static int find_range(const struct film *film, const struct job_spec *spec, size_t *first,
                      size_t *behind, struct err *err)
{
    *first = spec->from_s > 0 ? frame_from(film, spec->from_s) : 0;
    *behind = spec->to_s > 0 ? frame_from(film, spec->to_s) : film->frame_count;
    if (*first == film->frame_count)
        return err_set(err, ERR_CONFIG,
                       "spec.source.fromSeconds: %g s is behind the film's last picture, at %.3f s",
                       spec->from_s, seconds_at(film, film->frame_count - 1));
    if (*behind <= *first)
        return err_set(err, ERR_CONFIG,
                       "spec.source.toSeconds: no picture is between %g s and %g s", spec->from_s,
                       spec->to_s);
    return 0;
}

int plan_select(struct selection *out, struct plan *plan, const struct film *film,
                const struct job_spec *spec, struct err *err)
{
    size_t first, behind;
    struct pace pace;

    if (find_range(film, spec, &first, &behind, err) < 0)
        return -1;
    plan->cut_start = first > 0;
    plan->cut_end = behind < film->frame_count;
    plan->max_fps = spec->max_fps > 0 ? pace_fps(spec->max_fps) : (struct ratio){ 0, 1 };
    pace = pace_of(plan);
    pace.start = film->frames[first].pts;
    out->frames = calloc(behind - first, sizeof(*out->frames));
    if (!out->frames)
        return err_set(err, ERR_NOMEM, "no memory for %zu frames", behind - first);
    for (size_t i = first; i < behind; i++)
        if (pace_takes(&pace, film->frames[i].pts))
            out->frames[out->count++] = film->frames[i];
    if (out->count == behind - first) /* a slow film's plan is that of an unpaced one */
        plan->max_fps = (struct ratio){ 0, 1 };
    out->end = behind < film->frame_count ? film->frames[behind].pts : film->end;
    return 0;
}

/* Of the frames from pts on, the first in decode order. */
static size_t first_decoded(const struct film *film, int64_t pts)
{
    size_t low = 0, high = film->frame_count, least = film->packet_count - 1;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (film->frames[mid].pts < pts)
            low = mid + 1;
        else
            high = mid;
    }
    for (high = low + REORDER_MAX; low < film->frame_count && low < high; low++)
        if ((size_t)film->frames[low].dts < least)
            least = (size_t)film->frames[low].dts;
    return least;
}

size_t plan_select_seek(const struct film *film, size_t known, int64_t lead_pts)
{
    for (size_t at = first_decoded(film, lead_pts); at > known; at--) {
        const struct film_packet *packet = &film->packets[at];

        if (packet->key && packet->pts != FILM_NO_TIME && packet->pts <= lead_pts)
            return at;
    }
    while (known > 0 && (!film->packets[known].key || film->packets[known].pts > lead_pts))
        known--;
    return known;
}
