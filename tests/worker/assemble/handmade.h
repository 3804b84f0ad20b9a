/* SPDX-License-Identifier: Apache-2.0
 *
 * handmade.h - a job that is ready to be assembled: a source film made by the ffmpeg tool, its plan
 * and its converted segments made here, without the rooms plan and convert.
 */
#ifndef TESTS_WORKER_ASSEMBLE_HANDMADE_H
#define TESTS_WORKER_ASSEMBLE_HANDMADE_H

#include "tests/common/check.h"
#include "worker/job.h"
#include "worker/media/source.h"

struct handmade_opts {
    const char *ffmpeg; /* arguments of the tool up to the file name */
    const char *source; /* "in.mkv" */
    const char *output; /* "out.mp4" */
    uint32_t segments;
    enum layout layout;
    const char *codec; /* NULL: libx264 */
    int64_t uncounted; /* != 0: the plan does not know the packet counts of copied streams */
    bool large;        /* noise at a high bit rate, for measuring */
    bool hdr;          /* the source's container tells of a mastering display */
};

struct handmade {
    bool large;
    char folder[64];
    struct job_spec spec;
    struct job job;
    struct plan *plan;
    int64_t *pts; /* of the source's frames, ascending; plan->video.frames of them */
    volatile sig_atomic_t stop;
};

/* Fails the test when something cannot be made. */
void handmade_make(struct handmade *made, const struct handmade_opts *opts);
void handmade_clear(struct handmade *made);
/* The whole file name of something in the folder; static, overwritten by the next call. */
const char *handmade_path(const struct handmade *made, const char *name);
/* Stores the record of segment i again after fn changed it. */
void handmade_change_record(struct handmade *made, uint32_t i, void (*fn)(struct record *record));
/* Runs a shell command with "$1" the folder; its exit status. */
int handmade_shell(const struct handmade *made, const char *command);

/* Pts of the video of a file, ascending, in tb's ticks; *count of them. Caller frees. */
int64_t *handmade_read_pts(const char *path, size_t *count, struct ratio *tb);
#endif
