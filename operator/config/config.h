/* SPDX-License-Identifier: Apache-2.0
 *
 * config.h - the operator's settings, from flags, the environment and defaults, in this order. An
 * environment variable that is empty is not set. Secrets are read from files and are in neither.
 * The rows are in table.c; --help and the chart's values follow from them.
 */
#ifndef OPERATOR_CONFIG_H
#define OPERATOR_CONFIG_H

#include "common/auto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config_secret {
    char *path; /* owned; NULL: not given */
    char *data; /* owned; the file's bytes and a NUL that is not counted */
    size_t len;
};

/* Texts and lists are owned; a text that is not set is NULL, a list that is not set is empty (its
 * first element NULL). */
struct operator_config {
    char **spaces; /* namespaces watched; empty: all */
    char *worker_image, *pull_policy, *worker_account, *ca_configmap;
    char **pull_secrets;
    char *redis_url, *redis_user;
    struct config_secret redis_password; /* a newline at its end is not part of it */
    char *worker_redis_url; /* the operator's unless set; user and password too, without a user */
    char *worker_redis_user;
    struct config_secret worker_redis_password;
    struct config_secret key; /* at least 32 bytes, all of the file */
    char *listen_host;        /* "0.0.0.0", "::", an address */
    int listen_port;          /* 0: any that is free */
    char *lease_space;        /* NULL: the operator's own namespace */
    char *lease_name, *pod_name;
    char *kubeconfig, *context;
    char *proxy_http, *proxy_https, *no_proxy;
    char *log_level, *log_format; /* one of the table's words */
    int64_t in_flight;            /* at least 1 */
    int64_t resync_ms;
    bool leader_elect;
    char *listen; /* as given */
};

enum config_ask { CONFIG_RUN, CONFIG_HELP, CONFIG_VERSION, CONFIG_TABLE };

/* argv and env as main has them (argv[0] is passed over; env ends in NULL). 0 with *out owned when
 * *ask is CONFIG_RUN; for --help, --version and --table nothing else is looked at. Else -1 with
 * *problems (owned): each problem a line "config error: NAME: why" with its newline. The caller
 * prints them and exits 64. */
int operator_config_load(struct operator_config **out, enum config_ask *ask, int argc,
                         char *const *argv, char *const *env, char **problems);
void operator_config_free(struct operator_config *config); /* wipes secrets; NULL is fine */
AUTO_DEFINE(operator_config, struct operator_config *, operator_config_free)

/* The URL with the user in it, as redis_open takes it. Caller frees. */
char *operator_config_redis_url(const char *url, const char *user);

char *operator_config_help(void); /* caller frees */
/* [{"name", "flag", "env", "value", "type", "default", "required", "min", "max", "choices",
 * "doc"}]: what a chart must be able to set. Caller frees. */
char *operator_config_table(void);
#endif
