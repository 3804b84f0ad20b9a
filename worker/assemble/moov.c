/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/assemble/moov.h"

/* Bytes of one entry of each table. */
enum {
    STTS = 8,
    CTTS = 8,
    STSZ = 4,
    STSS = 4,
    SDTP = 1,
    STSC = 12,
    CO64 = 8,
    SBGP = 8,
    SGPD = 2,
    CHAPTER = STTS + STSZ + STSC + CO64 + 9 + 255, /* in the chapter track and in chpl */
};

#define CHUNK_BYTES (1u << 20) /* the writer starts a new chunk before one gets larger */
#define SPARE       16384

/* A text sample may be followed by an empty one; one more at each end. */
static uint64_t samples(const struct moov_track *track)
{
    uint64_t packets = track->packets > 0 ? (uint64_t)track->packets : 0;

    return track->text ? 2 * packets + 2 : packets;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Two chunks side by side are larger than CHUNK_BYTES together, else they would be one. */
static uint64_t chunks(const struct moov_track *track, uint64_t runs)
{
    if (track->bytes == 0)
        return samples(track);
    return least(samples(track), runs + 2 * (track->bytes / CHUNK_BYTES + 1));
}

/* How often a copied track's packets come together: not twice within MOOV_RUN_MS. Large ones are
 * written when they fill half a chunk. */
static uint64_t runs_of(const struct moov_film *film, const struct moov_track *track)
{
    uint64_t ms = film->duration_ms > 0 ? (uint64_t)film->duration_ms : 0;

    if (track->text || track->bytes == 0)
        return samples(track);
    return least(samples(track), ms / MOOV_RUN_MS + 2 + track->bytes / (CHUNK_BYTES / 2) + 1);
}

uint64_t moov_bound(const struct moov_film *film)
{
    uint64_t sum = film->fixed_bytes + SPARE, runs = 0, texts = 0;
    uint64_t chapters = film->chapters > 0 ? (uint64_t)film->chapters : 0;

    for (size_t i = 0; i < film->copy_count; i++) {
        runs += runs_of(film, &film->copies[i]);
        texts += film->copies[i].text ? samples(&film->copies[i]) : 0;
    }
    for (size_t i = 0; i < film->copy_count; i++) {
        const struct moov_track *track = &film->copies[i];
        uint64_t each = STTS + STSZ + STSS + (track->heavy ? SBGP + SGPD : 0);

        /* an empty text sample may fall into anyone's run */
        sum += samples(track) * each + chunks(track, runs_of(film, track) + texts) * (STSC + CO64);
    }
    sum += samples(&film->video) * (STTS + CTTS + STSZ + STSS + SDTP);
    sum += chunks(&film->video, runs + texts + 1) * (STSC + CO64);
    return sum + chapters * CHAPTER;
}
