/* SPDX-License-Identifier: Apache-2.0
 *
 * fit.h - whether the kind that the API server serves knows every field this program writes or
 * reads. What it does not know it drops without a word: Helm never upgrades CRDs. Pure.
 */
#ifndef OPERATOR_FIT_H
#define OPERATOR_FIT_H

#include "common/err.h"
#include "common/json.h"

#define FIT_PATH "/openapi/v3/apis/stereojob.io/v1" /* what may be read by everybody */

/* openapi: the document at FIT_PATH. ERR_CONFIG names the first field that is not known there. */
int fit_check(const cJSON *openapi, struct err *err);
#endif
