/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WORKER_PLAN_PROBE_JSON_H
#define WORKER_PLAN_PROBE_JSON_H

#include "common/json.h"
#include "worker/plan/draft.h"

/* Everything that probe knows, as one object; caller frees. drafts: for mp4 and for matroska. */
cJSON *probe_document(const struct film *film, const struct plan *mp4, const struct plan *matroska,
                      double seconds);
#endif
