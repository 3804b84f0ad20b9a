/* SPDX-License-Identifier: Apache-2.0
 *
 * transport.h - inside kube: curl_multi on a libuv loop. Knows sockets and time, no requests.
 */
#ifndef OPERATOR_KUBE_TRANSPORT_H
#define OPERATOR_KUBE_TRANSPORT_H

#include "common/err.h"

#include <curl/curl.h>
#include <uv.h>

struct transport;

/* stirred: curl did something: transfers may have ended, data may have come. Called outside of
 * curl, so that it may start, remove and free. */
int transport_open(struct transport **out, uv_loop_t *loop, void (*stirred)(void *ctx), void *ctx,
                   struct err *err);
/* Frees itself when libuv has closed its handles; freed is called then. */
void transport_close(struct transport *transport, void (*freed)(void *ctx));
void transport_add(struct transport *transport, CURL *easy);
void transport_remove(struct transport *transport, CURL *easy);
/* The next transfer that ended, NULL: none. Still added. */
CURL *transport_ended(struct transport *transport, CURLcode *result);
#endif
