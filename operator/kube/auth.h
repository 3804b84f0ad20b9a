/* SPDX-License-Identifier: Apache-2.0
 *
 * auth.h - inside kube: who we are, as it is now. Token, CA and client certificate from files that
 * rotate, from the kubeconfig's text, or from an exec plugin. Files are read and plugins are run in
 * libuv's pool; all else is the loop thread's.
 */
#ifndef OPERATOR_KUBE_AUTH_H
#define OPERATOR_KUBE_AUTH_H

#include "operator/kube/config.h"

#include <curl/curl.h>
#include <stdint.h>
#include <uv.h>

struct kube_auth;

/* changed: kube_auth_ready may say something else now; err (NULL: none) is why a plugin gave
 * nothing. Never from within a call. loop and config are borrowed until the loop has run empty. */
struct kube_auth *kube_auth_open(uv_loop_t *loop, const struct kube_config *config,
                                 void (*changed)(void *ctx, const struct err *err), void *ctx);
void kube_auth_close(struct kube_auth *auth); /* wipes; changed does not come any more */

/* Whether a request may go now. False: something is being read or run, changed will come. Files
 * are read anew when a minute has passed; what cannot be read or parsed stays as it was, with a
 * line in the log. */
bool kube_auth_ready(struct kube_auth *auth);
/* Goes up whenever something is another than before. */
uint32_t kube_auth_generation(const struct kube_auth *auth);
/* The server did not believe what was sent at this generation, or we did not believe the server:
 * all is read anew, unless that has happened since. */
void kube_auth_doubt(struct kube_auth *auth, uint32_t generation);
/* TLS, proxy and Authorization of one request; headers grow. curl keeps copies. */
struct curl_slist *kube_auth_apply(const struct kube_auth *auth, CURL *easy,
                                   struct curl_slist *headers);
#endif
