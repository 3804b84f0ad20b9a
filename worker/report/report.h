/* SPDX-License-Identifier: Apache-2.0
 *
 * report.h - what a worker tells the world while it runs and when it ends: heartbeats and the done
 * record to Redis (a thread of its own; Redis away is never an error), the termination message to
 * its file. Progress functions are called from any thread. Every function but _open takes NULL:
 * then nobody is told.
 */
#ifndef WORKER_REPORT_H
#define WORKER_REPORT_H

#include "common/contract/record.h"
#include "common/err.h"

struct report;

struct report_opts {
    const char *url, *password, *token_hex; /* url NULL or "": no tracking; copied */
    const char *uid;
    const char *pod;
    struct attempt_id id;
    uint32_t beat_ms;
    const char *termination_path; /* copied */
};

int report_open(struct report **out, const struct report_opts *opts, struct err *err);
void report_free(struct report *report);
void report_step(struct report *report, const char *step);   /* "decode"; also counts as progress */
void report_progress(struct report *report, int64_t amount); /* adds; bytes, frames, steps */
void report_frames(struct report *report, int64_t done, int64_t total);
/* After the commit: termination message, HSET done, PUBLISH. Waits for Redis at most 2 s. */
void report_done(struct report *report, const struct record *record);
/* The termination message of a failure. */
void report_failure(struct report *report, enum attempt_class cls, const char *message);
#endif
