/* SPDX-License-Identifier: Apache-2.0
 *
 * manifest.h - a StereoJob manifest from a file, checked by the field table.
 */
#ifndef CLI_MANIFEST_H
#define CLI_MANIFEST_H

#include "cli/problems.h"
#include "common/json.h"

#include <stdbool.h>

/* file "-" is stdin. All that is wrong goes to problems, "FILE: line L, column C: field: why".
 * local: by the rules of one machine, with its notes on stderr. *job is the caller's; set even when
 * it has problems, NULL when it could not be read at all. */
void manifest_load(cJSON **job, const char *file, bool local, struct problems *problems);
#endif
