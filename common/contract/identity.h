/* SPDX-License-Identifier: Apache-2.0
 *
 * identity.h - inside contract: who an attempt is, as members of its messages. Pure.
 */
#ifndef CONTRACT_IDENTITY_H
#define CONTRACT_IDENTITY_H

#include "common/contract/names.h"
#include "common/err.h"
#include "common/json.h"

void identity_add(cJSON *obj, const struct attempt_id *id);
int identity_read(struct attempt_id *out, const cJSON *obj, struct err *err);
#endif
