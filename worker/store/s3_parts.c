/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/store/s3_parts.h"

#include "common/s3.h"

#define STEP_PARTS 2500
#define STEPS      (S3_PARTS_MAX / STEP_PARTS)

/* 19 GiB, 156 GiB, 1.2 TiB and 4.8 TiB. */
static const uint64_t step_bytes[STEPS] = { S3_PART_FIRST, 64ull << 20, 512ull << 20, 2ull << 30 };

uint64_t s3_part_start(uint32_t part)
{
    uint64_t start = 0;

    for (int i = 0; i < STEPS; i++) {
        uint32_t here = part < STEP_PARTS || i == STEPS - 1 ? part : STEP_PARTS;

        start += here * step_bytes[i];
        part -= here;
    }
    return start;
}

uint64_t s3_part_size(uint32_t part)
{
    uint32_t step = part / STEP_PARTS;

    return step_bytes[step < STEPS ? step : STEPS - 1];
}

uint32_t s3_part_at(uint64_t offset)
{
    uint32_t part = 0;

    for (int i = 0; i < STEPS; i++) {
        uint64_t here = offset / step_bytes[i];

        if (here < STEP_PARTS || i == STEPS - 1)
            return part + (uint32_t)here;
        part += STEP_PARTS;
        offset -= STEP_PARTS * step_bytes[i];
    }
    return part;
}
