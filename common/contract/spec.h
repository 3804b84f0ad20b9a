/* SPDX-License-Identifier: Apache-2.0
 *
 * spec.h - a StereoJob's spec as a struct, after checks and defaults by the field table
 * (contract/fields.h). What the local machine does not use (resources, tolerations, ...) stays in
 * the JSON. Pure.
 */
#ifndef CONTRACT_SPEC_H
#define CONTRACT_SPEC_H

#include "common/auto.h"
#include "common/err.h"
#include "common/json.h"

#include <stdbool.h>
#include <stdint.h>

enum layout { /* in the order of the field table */
              LAYOUT_FULL_SBS,
              LAYOUT_HALF_SBS,
              LAYOUT_FULL_TB,
              LAYOUT_HALF_TB,
              LAYOUT_LEFT,
              LAYOUT_RIGHT,
              LAYOUT_DEPTH,
              LAYOUT_CROSS_SBS,
              LAYOUT_ANAGLYPH_DUBOIS,
              LAYOUT_ANAGLYPH_COLOR,
              LAYOUT_ANAGLYPH_HALF_COLOR,
              LAYOUT_ANAGLYPH_GRAY,
              LAYOUT_RGBD,
              LAYOUT_LEFT_RIGHT,
#define LAYOUT_COUNT (LAYOUT_LEFT_RIGHT + 1)
};
enum synthetic_view { SYNTHETIC_BOTH, SYNTHETIC_LEFT, SYNTHETIC_RIGHT };
enum convergence_mode { CONVERGENCE_FIXED, CONVERGENCE_AUTO };
enum segment_mode { SEGMENT_INDEX, SEGMENT_COPY };
enum depth_kind { DEPTH_CLASSICAL, DEPTH_VIDEO };

struct spec_opt { /* an optional count: absence is not zero */
    bool set;
    int64_t value;
};

struct job_spec {
    char *source_uri, *output_uri, *work_uri; /* owned; work_uri may be NULL */
    bool overwrite;                           /* spec.output.overwrite */
    double from_s, to_s; /* of the film, from its first frame; to_s 0 = to its end */

    enum layout layout;
    double divergence; /* % of one view's width, 0..10 */
    enum convergence_mode convergence_mode;
    double convergence;      /* CONVERGENCE_FIXED: the depth that stays on the screen, 0..1 */
    double ipd_offset;       /* % of one view's width, -10..10; above 0 nearer */
    double foreground_scale; /* -3..3 */
    int edge_dilation;       /* samples of depth, 0..8 */
    bool preserve_border;
    enum synthetic_view synthetic_view;

    enum depth_kind depth;
    char *depth_uri; /* owned; for DEPTH_VIDEO, else NULL */

    char codec[32];   /* "auto", "libx264", "libx265", ... */
    char preset[32];  /* "" = the encoder's own default */
    int crf;          /* -1 = the codec's default here (20 for libx264, 22 for libx265) */
    char pix_fmt[16]; /* "" = as the source: yuv420p or yuv420p10le; with 444 for anaglyphs */
    double max_fps;   /* 0 = every frame */

    double segment_seconds; /* 0 = chosen by plan (60 locally) */
    enum segment_mode segment_mode;

    uint32_t parallelism; /* >= 1 */
    uint32_t backoff_limit_per_index;
    struct spec_opt max_failed_indexes;
    struct spec_opt active_deadline_s, segment_deadline_s, pending_deadline_s;
    uint32_t stall_s;
    struct spec_opt ttl_s;
    bool suspend, cancel;
    uint32_t pod_retention; /* failed pods kept */
};

/* From a whole StereoJob document that fields_check accepted and fields_default completed. On
 * success *out is owned. Errors: ERR_CONFIG naming the field. */
int spec_parse(struct job_spec **out, const cJSON *job, struct err *err);
void spec_free(struct job_spec *spec);
AUTO_DEFINE(job_spec, struct job_spec *, spec_free)

#define CONTAINER_HLS "hls"
/* "mp4", "mov", "matroska" or CONTAINER_HLS by the output's name; NULL: none of them. Static. */
const char *output_container(const char *uri);
/* NULL is none. */
bool container_is_hls(const char *container);
#define OUTPUT_ENDINGS ".mp4, .mov, .mkv or .m3u8"

/* Kebab-case values as the CLI shows them ("full-sbs"). Static. */
const char *layout_flag(enum layout layout);
/* The player's file-name suffix: "_LRF_Full_SBS", "_Half_TB", "_L", "_depth". Static. */
const char *layout_suffix(enum layout layout);
/* Both eyes in one picture, by colour: its colour is worth having at full resolution. */
bool layout_is_anaglyph(enum layout layout);
/* Size of the packed frame for one view of w x h. */
void layout_packed_size(enum layout layout, int w, int h, int *packed_w, int *packed_h);

/* Films that a job makes: one, or the left and the right eye's. Film i shows the i-th part of the
 * packed frame, which has them one above the other. */
#define LAYOUT_FILMS_MAX 2
int layout_films(enum layout layout);
/* Where the right eye's film goes when the left eye's goes to uri: film_L.mkv -> film_R.mkv,
 * film.mkv -> film_R.mkv. Caller frees. */
char *output_right(const char *uri);
/* Why a job of this layout cannot write to out: it makes two films, and out is HLS, or the second
 * would take the place of one of the others (which may be NULL). NULL: it can. Static. */
const char *output_fault(enum layout layout, const char *out, const char *const *others,
                         size_t count);

/* "/a/b" and "file:///a/b" -> "/a/b" (percent-decoded; caller frees); other schemes: ERR_CONFIG
 * "s3:// ... needs a cluster". what names the field in the message. */
int uri_to_path(char **out, const char *uri, const char *what, struct err *err);
#endif
