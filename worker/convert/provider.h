/* SPDX-License-Identifier: Apache-2.0
 *
 * provider.h - the depth that a spec asks for, with its screen plane laid: for conversions and for
 * previews of them. One thread.
 */
#ifndef WORKER_CONVERT_PROVIDER_H
#define WORKER_CONVERT_PROVIDER_H

#include "common/contract/plan.h"
#include "common/contract/spec.h"
#include "worker/convert/depth_video.h"
#include "worker/depth/depth.h"

/* Caller owns *out. *film is *out's own where the depth comes from a film, and is told of every
 * frame (depth_video_at); else NULL. The plan's window has to be of the same provider and
 * convergenceMode. Errors: those of the depth film, ERR_NOMEM. */
int provider_open(struct depth **out, struct depth_video **film, const struct job_spec *spec,
                  const struct plan *plan, const struct plan_segment *segment, struct err *err);
#endif
