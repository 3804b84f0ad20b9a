/* SPDX-License-Identifier: Apache-2.0
 *
 * moov.h - how large an MP4's moov can become at most, from what is known before the first packet:
 * it is kept free at the front of the file. A true upper bound for the writer in media/output.c,
 * which writes a copied track in runs of at least MOOV_RUN_MS. Pure.
 */
#ifndef WORKER_ASSEMBLE_MOOV_H
#define WORKER_ASSEMBLE_MOOV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MOOV_RUN_MS 500

struct moov_track {
    int64_t packets; /* at most */
    uint64_t bytes;  /* at most; 0 = not known */
    bool text;       /* the writer adds samples of its own where nothing is shown */
    bool heavy;      /* one more table: how much is to be decoded before a packet (Opus) */
};

struct moov_film {
    uint64_t fixed_bytes; /* what does not grow with packets */
    int64_t duration_ms;  /* of the longest track */
    struct moov_track video;
    const struct moov_track *copies;
    size_t copy_count;
    int64_t chapters;
};

uint64_t moov_bound(const struct moov_film *film);
#endif
