/* SPDX-License-Identifier: Apache-2.0
 *
 * base64.h - inside of operator/kube: the base64 of kubeconfig's *-data and of exec plugins.
 */
#ifndef OPERATOR_KUBE_BASE64_H
#define OPERATOR_KUBE_BASE64_H

#include <stddef.h>

/* Line ends are passed over, all else must be whole: NULL when it is not base64. Caller frees; a
 * NUL that is not counted follows. */
char *base64_decode(const char *text, size_t *len);
char *base64_encode(const void *data, size_t len); /* caller frees */
#endif
