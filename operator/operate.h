/* SPDX-License-Identifier: Apache-2.0
 *
 * operate.h - the operator as it runs: one loop with the client, the caches, the Lease, the server
 * and the controller on it, and the tracking thread beside it. Ends on SIGTERM and SIGINT in
 * order: not ready, no new pass, passes under way ended, Events sent, Lease released.
 */
#ifndef OPERATOR_OPERATE_H
#define OPERATOR_OPERATE_H

#include "common/err.h"
#include "operator/config/config.h"

/* The exit code: 0 after an orderly end; 1 when the Lease was lost; else the class of what could
 * not be begun, which was logged. */
int operate(const struct operator_config *config);
#endif
