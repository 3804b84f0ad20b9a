/* SPDX-License-Identifier: Apache-2.0
 *
 * view.h - how a running conversion is shown: one tidy live block on a terminal, plain lines
 * elsewhere, JSON lines with --json. All on stdout; errors go to stderr by the verbs.
 */
#ifndef CLI_VIEW_H
#define CLI_VIEW_H

#include "cli/progress.h"

struct view;

struct view_ops {
    void (*begin)(struct view *view);
    void (*update)(struct view *view, const struct progress *progress, int64_t now_us);
    void (*note)(struct view *view, const char *text); /* one line a person should see */
    /* The last word of this run: the live block goes away. */
    void (*end)(struct view *view, const struct progress *progress);
};

struct view {
    const struct view_ops *ops;
    const char *in, *out, *layout; /* borrowed */
    const char *right;             /* the right eye's film, or NULL; borrowed */
    /* tty */
    int lines; /* of the live block on the screen now */
    /* plain, json */
    bool phase_shown;
    enum phase phase;
    uint32_t done;
    int64_t shown_us;
};

/* The kind that fits: --json, a terminal, or neither. Strings are borrowed for its life. */
void view_init(struct view *view, bool json, const char *in, const char *out, const char *layout);

extern const struct view_ops view_tty, view_plain, view_json;

/* "0:42", "1:02:03"; "-" when seconds < 0. */
void view_duration(char out[24], int64_t seconds);
/* Of all work, 0..100. */
int view_percent(const struct progress *progress);
/* "segment 7", "plan", "assemble": what a worker works at. */
void view_work(char out[32], const struct attempt_id *id);
#endif
