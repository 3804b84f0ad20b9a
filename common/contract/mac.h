/* SPDX-License-Identifier: Apache-2.0
 *
 * mac.h - inside contract: JSON text whose last member is "mac", the HMAC-SHA256 under the job's
 * token of the compact text without it. The bytes are what is proven, not their meaning. Pure.
 */
#ifndef CONTRACT_MAC_H
#define CONTRACT_MAC_H

#include "common/err.h"
#include "common/json.h"

#include <stdbool.h>
#include <stddef.h>

/* Compact text of obj with its mac; without one when token_hex is NULL, "" or not hex (readers
 * with a token will not believe it). Caller frees. */
char *mac_print(const cJSON *obj, const char *token_hex);
/* False also when token_hex is "" or not hex. */
bool mac_is_right(const char *text, size_t len, const char *token_hex);
#endif
