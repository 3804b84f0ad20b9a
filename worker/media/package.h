/* SPDX-License-Identifier: Apache-2.0
 *
 * package.h - a finished MP4 taken apart for HLS: each picture and sound track becomes a fragmented
 * MP4 of its own (CMAF, ISO/IEC 23000-19: one track, no edit list, times on one clock from zero
 * on), each text track WebVTT. Packets are copied. One thread; each written file has a second.
 *
 *     open -> write_to every track -> step until the end -> check every track
 */
#ifndef WORKER_MEDIA_PACKAGE_H
#define WORKER_MEDIA_PACKAGE_H

#include "common/contract/plan.h"
#include "worker/store/store.h"

struct media_package;

enum media_package_kind { PACKAGE_VIDEO, PACKAGE_SOUND, PACKAGE_TEXT };

struct media_package_piece { /* one media segment: bytes of the track's file */
    uint64_t offset, bytes;
    int64_t duration_us;
};

struct media_package_track {
    enum media_package_kind kind;
    char codecs[64];   /* RFC 6381: "avc1.640028"; "" for text */
    char language[16]; /* ISO 639-2, or what the film says; "": it does not say */
    char title[128];   /* UTF-8; "": none */
    bool is_default, forced, hearing_impaired, visual_impaired;
    int channels;                 /* sound */
    int width, height, color_trc; /* picture; pixels of the packed frame, H.273 */
    struct ratio frame_rate;      /* picture; 0/1: not even */
    /* filled by _step */
    uint64_t init_bytes;                /* at the file's front, before the first piece */
    struct media_package_piece *pieces; /* owned by the package */
    size_t count;
};

/* film is borrowed: finished, not committed; it holds what media_output wrote as "mp4". */
int media_package_open(struct media_package **out, struct store_writer *film, struct err *err);
void media_package_free(struct media_package *package);
AUTO_DEFINE(media_package, struct media_package *, media_package_free)
size_t media_package_count(const struct media_package *package);
/* The picture is track 0. Borrowed. */
const struct media_package_track *media_package_track(const struct media_package *package,
                                                      size_t track);
/* Where the track goes; writer is borrowed. Every track, before the first step. */
int media_package_write_to(struct media_package *package, size_t track, struct store_writer *writer,
                           struct err *err);
/* One packet further; *bytes is its size, or -1 at the end: then all is with the writers. */
int media_package_step(struct media_package *package, int64_t *bytes, struct err *err);
/* The file read back: its packets and their times are those of the film. ERR_INTERNAL: not so. */
int media_package_check(struct media_package *package, size_t track, struct err *err);
/* Does HLS take what this encoder ("libx264") makes? */
bool media_package_takes(const char *encoder);
#endif
