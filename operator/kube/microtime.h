/* SPDX-License-Identifier: Apache-2.0
 *
 * microtime.h - inside kube: metav1.MicroTime, RFC 3339 in UTC with six digits.
 */
#ifndef OPERATOR_KUBE_MICROTIME_H
#define OPERATOR_KUBE_MICROTIME_H

#include <stdint.h>

#define KUBE_MICROTIME_SIZE 32
void kube_microtime(char out[KUBE_MICROTIME_SIZE], int64_t unix_ms);
#endif
