/* SPDX-License-Identifier: Apache-2.0
 *
 * orphans.h - inside control: pods that hold our finalizer and whose job is not in the cache. When
 * the API server says that the job is gone, they are released, so that nothing ever hangs on us.
 */
#ifndef OPERATOR_CONTROL_ORPHANS_H
#define OPERATOR_CONTROL_ORPHANS_H

#include "operator/control/job.h"

struct orphans;

struct orphans *orphans_new(void);
void orphans_free(struct orphans *orphans); /* what is under way ends by itself */
/* Pods of this job in the area's cache; again while it is under way is fine. */
void orphans_look(struct orphans *orphans, struct area *area, const char *space,
                  const char *job_name, const char *uid);
#endif
