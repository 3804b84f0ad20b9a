/* SPDX-License-Identifier: Apache-2.0
 *
 * absolute.h - a job's paths made absolute, so that its work folder survives a change of folder.
 */
#ifndef CLI_ABSOLUTE_H
#define CLI_ABSOLUTE_H

#include "common/json.h"

/* spec.source.uri, output.uri, work.uri, depth.uri; URIs with a scheme stay as they are. */
void absolute_uris(cJSON *job);
#endif
