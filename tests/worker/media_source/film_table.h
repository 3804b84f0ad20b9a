/* SPDX-License-Identifier: Apache-2.0
 *
 * film_table.h - the films, and how each must be seen.
 */
#ifndef TESTS_WORKER_FILM_TABLE_H
#define TESTS_WORKER_FILM_TABLE_H

#include <stdbool.h>

enum seen { INDEX, FULL, DECODED };

struct film_row {
    const char *name;
    enum seen seen;      /* how plan has to learn its frames */
    bool pieces;         /* it cannot be sought */
    bool unlike_tool;    /* ffprobe names other times (says why below); they are not compared */
    int frames;          /* 0: as many as ffprobe lists */
    const char *options; /* of ffprobe */
};

static const struct film_row short_films[] = {
    { .name = "h264.mp4", .seen = INDEX, .frames = 50 },
    { .name = "h264_open.mp4", .seen = INDEX, .frames = 50 },
    { .name = "h264_one_key.mp4", .seen = INDEX, .frames = 50 },
    { .name = "h264_intra.mp4", .seen = INDEX, .frames = 50 },
    { .name = "h264_open.mkv", .seen = FULL, .frames = 50 },
    { .name = "h264_open.ts", .seen = FULL, .frames = 50 },
    { .name = "hevc_open.mp4", .seen = INDEX, .frames = 50 },
    { .name = "mpeg2.ts", .seen = FULL, .frames = 50 },
    { .name = "mpeg4.avi", .seen = FULL, .frames = 50 },
    { .name = "vfr.mp4", .seen = INDEX },
    { .name = "cut_start.mp4", .seen = INDEX },
    { .name = "jump.ts", .seen = FULL, .pieces = true, .unlike_tool = true, .frames = 100 },
};

static const struct film_row long_films[] = {
    { .name = "faststart.mp4", .seen = INDEX, .frames = 50 },
    { .name = "fragmented.mp4", .seen = FULL, .frames = 50 },
    { .name = "no_editlist.mov", .seen = INDEX, .frames = 50 },
    { .name = "negative_cts.mp4", .seen = INDEX, .frames = 50 },
    { .name = "offset.mp4", .seen = INDEX, .frames = 50 },
    { .name = "offset.ts", .seen = FULL, .frames = 50 },
    { .name = "wrap.ts", .seen = FULL, .frames = 50 },
    { .name = "cut_open.mp4", .seen = INDEX },
    { .name = "cut_copyts.mkv", .seen = FULL },
    { .name = "h264.avi", .seen = DECODED, .pieces = true, .unlike_tool = true, .frames = 50 },
    { .name = "h264.flv", .seen = FULL, .frames = 50 },
    { .name = "h264.nut", .seen = FULL, .frames = 50 },
    { .name = "cut_anywhere.ts", .seen = FULL },
    { .name = "cut_mpeg2.ts", .seen = FULL },
    { .name = "refresh.mp4", .seen = INDEX, .frames = 50 },
    { .name = "interlaced.mp4", .seen = INDEX, .frames = 50 },
    { .name = "woven.mp4", .seen = INDEX, .frames = 50 },
    { .name = "woven_422.mov", .seen = INDEX, .frames = 50 },
    { .name = "woven_bottom.ts", .seen = FULL, .frames = 50 },
    { .name = "h264_10.mp4", .seen = INDEX, .frames = 50 },
    { .name = "h264_full.mp4", .seen = INDEX, .frames = 50 },
    { .name = "odd.mp4", .seen = INDEX, .frames = 25 },
    { .name = "turned_90.mp4", .seen = INDEX, .frames = 50 },
    { .name = "two_videos.mp4", .seen = INDEX, .frames = 50 },
    { .name = "vfr.mkv", .seen = FULL },
    { .name = "ntsc.mkv", .seen = FULL },
    { .name = "sound.mp4", .seen = INDEX, .frames = 50 },
    { .name = "sound.ts", .seen = FULL, .frames = 50 },
    { .name = "sound.mkv", .seen = FULL, .frames = 50 },
    { .name = "jumps.ts", .seen = FULL, .pieces = true, .unlike_tool = true, .frames = 150 },
    { .name = "hevc_open.mkv", .seen = FULL, .frames = 50 },
    { .name = "hevc_open.ts", .seen = FULL, .frames = 50 },
    { .name = "hevc_cut.mp4", .seen = INDEX },
    { .name = "hevc_10.mp4", .seen = INDEX, .frames = 50 },
    { .name = "vp9.webm", .seen = FULL, .frames = 50 },
    { .name = "vp9_altref.webm", .seen = FULL, .frames = 50 },
    { .name = "vp9.mp4", .seen = INDEX, .frames = 50 },
    { .name = "vp8.webm", .seen = FULL, .frames = 50 },
    { .name = "av1.mkv", .seen = FULL, .frames = 50 },
    { .name = "av1.mp4", .seen = INDEX, .frames = 50 },
    { .name = "mpeg2.mpg", .seen = FULL, .frames = 50 },
    { .name = "mpeg2_closed.mkv", .seen = FULL, .frames = 50 },
    { .name = "mpeg2_interlaced.ts", .seen = FULL, .frames = 50 },
    { .name = "mpeg1.mpg", .seen = FULL, .frames = 50 },
    { .name = "mpeg4_b.avi", .seen = FULL, .frames = 50 },
    { .name = "mpeg4_b.mp4", .seen = INDEX, .frames = 50 },
    { .name = "mjpeg.avi", .seen = FULL, .frames = 50 },
    { .name = "mjpeg.mov", .seen = INDEX, .frames = 50 },
    { .name = "prores.mov", .seen = INDEX, .frames = 50 },
    { .name = "ffv1.mkv", .seen = FULL, .frames = 50 },
    { .name = "dnxhr.mov", .seen = INDEX, .frames = 50 },
    { .name = "mpeg2.mxf", .seen = FULL, .frames = 50 },
    { .name = "wmv2.asf", .seen = FULL, .frames = 50 },
    { .name = "theora.ogv", .seen = FULL, .frames = 50 },
    { .name = "png.mov", .seen = INDEX, .frames = 50 },
    { .name = "gray.mkv", .seen = FULL, .frames = 50 },
    { .name = "raw.y4m", .seen = FULL, .frames = 50 },
};
#endif
