/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/plan/draft.h"

#include <string.h>

#define MIB           (1024u * 1024u)
#define BASE_MIB      128 /* the program, its libraries, tables, depth planes */
#define RING_FRAMES   24  /* full frames that wait for the look-ahead */
#define DECODE_FRAMES 24  /* references, reordering, threads */
#define QUEUE_FRAMES  8   /* bounded queues between the stages, views and packed frames each */
#define CHECK_FRAMES  10  /* the decoder that checks the encoder */
#define X264_FRAMES   150 /* rc-lookahead, references, threads, with planes between samples */
#define X265_FRAMES   100 /* its frames carry more beside the picture */

/* Counts fitted to what the worker and its decoding child hold together (bench: memory): 1080p by
 * libx264 medium 1140 MiB, slow 1300; 4K by libx265 medium 3590; 480x270 150. */
static uint64_t frame_bytes(int width, int height, int bit_depth)
{
    return (uint64_t)width * (uint64_t)height * 3 / 2 * (bit_depth > 8 ? 2 : 1);
}

uint64_t plan_memory(const struct plan *plan, const struct media_stream *video, bool full_chroma)
{
    uint64_t view = frame_bytes(plan->video.width, plan->video.height, plan->video.bit_depth);
    uint64_t packed = frame_bytes(plan->packed_width, plan->packed_height, plan->video.bit_depth) *
                      (full_chroma ? 2 : 1);
    uint64_t source = frame_bytes(video->width, video->height, video->bit_depth) * 4 / 3;
    uint64_t encoder = strcmp(plan->codec, "libx265") == 0 ? X265_FRAMES : X264_FRAMES;
    uint64_t sum = (uint64_t)BASE_MIB * MIB + source * DECODE_FRAMES +
                   view * (RING_FRAMES + QUEUE_FRAMES) +
                   packed * (QUEUE_FRAMES + CHECK_FRAMES + encoder);

    return (sum + MIB - 1) / MIB * MIB;
}
