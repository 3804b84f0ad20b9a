/* SPDX-License-Identifier: Apache-2.0
 *
 * report.h - what was measured, as tables for people, as JSON, and as pictures.
 */
#ifndef BENCH_QUALITY_REPORT_H
#define BENCH_QUALITY_REPORT_H

#include "bench/quality/run.h"

#include <stdio.h>

struct report {
    const struct run_opts *opts;
    const struct run *runs[GIVEN_KINDS]; /* [WORLDS] each; NULL: not measured */
};

const char *report_row_name(const struct report *r, int row);
void report_tables(FILE *out, const struct report *r);
void report_json(FILE *out, const struct report *r);
/* DIR/worst-KIND.pgm: a line for each method's worst place (ours first, no film twice), in columns
 * the true right view and what each method made of it. */
void report_pictures(FILE *says, const char *dir, const struct report *r);
#endif
