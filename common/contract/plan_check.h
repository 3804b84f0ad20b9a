/* SPDX-License-Identifier: Apache-2.0
 *
 * plan_check.h - inside contract: what every reader of a plan relies on. Pure.
 */
#ifndef CONTRACT_PLAN_CHECK_H
#define CONTRACT_PLAN_CHECK_H

#include "common/contract/plan.h"

/* ERR_INTERNAL naming the place. */
int plan_check(const struct plan *plan, struct err *err);
#endif
