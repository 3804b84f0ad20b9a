/* SPDX-License-Identifier: Apache-2.0
 *
 * config_file.h - inside of operator/kube/config: kubeconfig documents and what they say together.
 */
#ifndef OPERATOR_KUBE_CONFIG_FILE_H
#define OPERATOR_KUBE_CONFIG_FILE_H

#include "common/yaml.h"
#include "operator/kube/config.h"

struct config_file {
    char *path;                 /* owned; for messages */
    char *base;                 /* owned; the folder of relative paths */
    cJSON *doc;                 /* owned; an object */
    struct yaml_places *places; /* owned */
};

/* Takes nothing; *out is cleared by config_file_clear, also after an error. */
int config_file_parse(struct config_file *out, const char *text, size_t len, const char *path,
                      const char *base, struct err *err);
void config_file_clear(struct config_file *file); /* wipes secrets */

/* The first file to name a context, cluster or user says all about it; the first current-context
 * that is not empty is it. look: files that are named must be readable. */
int config_resolve(struct kube_config **out, const struct config_file *files, size_t count,
                   bool look, const char *context, struct err *err);

/* In a pod: mount is the service account's folder. */
int config_in_cluster(struct kube_config **out, const char *mount, const char *host,
                      const char *port, struct err *err);

void config_wipe(char *text); /* and frees; NULL is fine */
#endif
