/* SPDX-License-Identifier: Apache-2.0
 *
 * compare.h - whether a stored StereoJob and the wanted one are the same conversion. Pure.
 */
#ifndef OPERATOR_LOCAL_COMPARE_H
#define OPERATOR_LOCAL_COMPARE_H

#include "common/json.h"

/* 0, or -1: ERR_CONFIG names each immutable field that differs, with both values, and what to do
 * about it: "spec.stereo.divergence: was 2, now 3; use another --work-dir or delete WORK". */
int local_compare(const cJSON *was, const cJSON *now, const char *work_dir, struct err *err);
#endif
