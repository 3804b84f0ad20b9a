/* SPDX-License-Identifier: Apache-2.0
 *
 * manifest.h - a StereoJob manifest from a file, checked by the field table.
 */
#ifndef CLI_MANIFEST_H
#define CLI_MANIFEST_H

#include "cli/problems.h"
#include "common/json.h"

#include <stdbool.h>

/* By whose rules: one machine's, with its notes on stderr; a cluster's; or of the two those that
 * fit the scheme of spec.output.uri. */
enum manifest_rules { MANIFEST_LOCAL, MANIFEST_CLUSTER, MANIFEST_BY_OUTPUT };

/* Whether an output URI is a cluster's: s3:// or pvc://. */
bool manifest_is_cluster(const cJSON *job);
/* file "-" is stdin. All that is wrong goes to problems, "FILE: line L, column C: field: why". *job
 * is the caller's; set even when it has problems, NULL when it could not be read at all. */
void manifest_load(cJSON **job, const char *file, enum manifest_rules rules,
                   struct problems *problems);
#endif
