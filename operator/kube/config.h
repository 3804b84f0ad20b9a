/* SPDX-License-Identifier: Apache-2.0
 *
 * config.h - which API server and as whom: in a pod (service account), or from kubeconfig files.
 * Knows no kind of ours. Files are read here; what rotates (token, CA, client certificate) is kept
 * as paths and read again by the client.
 */
#ifndef OPERATOR_KUBE_CONFIG_H
#define OPERATOR_KUBE_CONFIG_H

#include "common/auto.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>

/* A file that may change, or text that does not (from *-data, decoded). Both NULL: none. */
struct kube_secret_text {
    char *path, *text; /* owned */
};

/* An exec plugin (client.authentication.k8s.io/v1 and v1beta1): argv, never a shell. */
struct kube_exec {
    char **argv; /* owned, NULL-terminated; NULL: no plugin */
    char **env;  /* owned "NAME=value", NULL-terminated; for the child only */
    char *api_version, *install_hint;
    char *cluster_config; /* JSON for it, from the cluster's extensions; or NULL */
    bool provide_cluster_info;
};

struct kube_config {
    char *server;          /* "https://host:port", no slash at the end */
    char *tls_server_name; /* or NULL */
    char *proxy_url;       /* or NULL: HTTPS_PROXY and NO_PROXY of the environment */
    bool insecure;         /* insecure-skip-tls-verify, from a kubeconfig only */
    struct kube_secret_text ca, cert, key, token;
    char *username, *password; /* or NULL */
    struct kube_exec exec;
    char *space;  /* namespace of the context, or of the pod; never NULL ("default") */
    char *origin; /* for messages: "in-cluster" or the kubeconfig's path and context */
};

/*
 * In this order: kubeconfig (may be NULL) if given; KUBECONFIG (a list of files, merged: the first
 * to say something wins); in-cluster when KUBERNETES_SERVICE_HOST is set and the service account is
 * mounted; ~/.kube/config. context NULL: current-context. Relative paths are relative to their
 * file. On success *out is owned. ERR_CONFIG names the file, key and what would be right.
 */
int kube_config_load(struct kube_config **out, const char *kubeconfig, const char *context,
                     struct err *err);
void kube_config_free(struct kube_config *config); /* wipes secrets */
AUTO_DEFINE(kube_config, struct kube_config *, kube_config_free)

/* One kubeconfig text; base is the folder of relative paths. Pure; fuzzed. */
int kube_config_parse(struct kube_config **out, const char *text, size_t len, const char *base,
                      const char *context, struct err *err);

/* What a plugin printed: token, client certificate, expiry. Pure; fuzzed. */
struct kube_credential {
    char *token, *cert, *key; /* owned; may be NULL */
    long long end_ms;         /* Unix ms; 0 = never */
};
int kube_credential_parse(struct kube_credential *out, const char *text, size_t len,
                          const char *api_version, struct err *err);
void kube_credential_clear(struct kube_credential *credential);
/* Runs the plugin and waits, at most timeout_ms: call it off the loop. KUBERNETES_EXEC_INFO and env
 * are set for the child only. ERR_CONFIG with its last words and the install hint. */
int kube_exec_run(struct kube_credential *out, const struct kube_config *config, int timeout_ms,
                  struct err *err);
#endif
