/* SPDX-License-Identifier: Apache-2.0
 *
 * auth.h - inside kube: who we are, as it is now. Token, CA and client certificate from files that
 * rotate, from the kubeconfig's text, or from an exec plugin. Loop thread only.
 */
#ifndef OPERATOR_KUBE_AUTH_H
#define OPERATOR_KUBE_AUTH_H

#include "operator/kube/config.h"

#include <curl/curl.h>
#include <stdint.h>

struct kube_auth {
    const struct kube_config *config; /* borrowed */
    char *token, *ca, *cert, *key;    /* owned; NULL: none */
    int64_t read_us;                  /* when the files were read; 0: never */
    struct kube_credential plugin;    /* owned: what the exec plugin gave */
    bool plugin_given;
};

void kube_auth_init(struct kube_auth *auth, const struct kube_config *config);
void kube_auth_clear(struct kube_auth *auth); /* wipes */
/* Reads the files anew when a minute has passed, or forced. What cannot be read or parsed stays as
 * it was, with a line in the log. */
void kube_auth_read(struct kube_auth *auth, bool forced, int64_t now_us);
/* Whether the plugin must be run before the next request. */
bool kube_auth_wants_plugin(const struct kube_auth *auth, int64_t now_unix_ms);
void kube_auth_take(struct kube_auth *auth, struct kube_credential *credential); /* moved */
void kube_auth_drop(struct kube_auth *auth); /* 401: the plugin's credential is no good */
/* TLS, proxy and Authorization of one request; what curl borrows lives until kube_auth_read. */
struct curl_slist *kube_auth_apply(const struct kube_auth *auth, CURL *easy,
                                   struct curl_slist *headers);
#endif
