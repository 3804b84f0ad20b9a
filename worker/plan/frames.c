/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/plan/film.h"

#define LONGEST_FRAME_S 10 /* a longer duration of the last frame is not believed */

static int compare(const void *a, const void *b)
{
    const struct plan_frame *x = a, *y = b;

    if (x->pts != y->pts)
        return x->pts < y->pts ? -1 : 1;
    return x->dts < y->dts ? -1 : x->dts > y->dts;
}

/* Frames cannot be told apart by a pts they share: the first in decode order stays. */
static void drop_shared(struct film *film)
{
    size_t n = 0;

    film->shared = 0;
    for (size_t i = 0; i < film->frame_count; i++) {
        if (n > 0 && film->frames[n - 1].pts == film->frames[i].pts)
            film->shared++;
        else
            film->frames[n++] = film->frames[i];
    }
    film->frame_count = n;
}

static int64_t last_duration(const struct film *film)
{
    const struct media_stream *video = film_video(film);
    const struct plan_frame *last = &film->frames[film->frame_count - 1];
    int64_t told = film->packets[last->dts].duration;
    int64_t second = video->time_base.den / video->time_base.num;

    if (told > 0 && told <= LONGEST_FRAME_S * second)
        return told;
    if (film->frame_count > 1)
        return last->pts - last[-1].pts;
    if (video->frame_rate.num > 0)
        told = second * video->frame_rate.den / video->frame_rate.num;
    return told > 0 && told <= LONGEST_FRAME_S * second ? told : 1;
}

int film_build_frames(struct film *film, struct err *err)
{
    free(film->frames);
    film->frame_count = film->untimed = 0;
    film->frames = calloc(film->packet_count, sizeof(*film->frames));
    if (!film->frames)
        return err_set(err, ERR_NOMEM, "no memory for %zu frames", film->packet_count);
    for (size_t i = 0; i < film->packet_count; i++) {
        const struct film_packet *packet = &film->packets[i];

        if (!packet->shown)
            continue;
        if (packet->pts == FILM_NO_TIME)
            film->untimed++;
        else
            film->frames[film->frame_count++] =
                (struct plan_frame){ packet->pts, (int64_t)i, packet->key };
    }
    qsort(film->frames, film->frame_count, sizeof(*film->frames), compare);
    drop_shared(film);
    if (film->frame_count == 0 && film->untimed == 0)
        return err_set(err, ERR_INPUT, "%s: its video shows no frame", film->what);
    if (film->frame_count > 0)
        film->end = film->frames[film->frame_count - 1].pts + last_duration(film);
    return 0;
}
