/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/kube/config.h"

#include "common/file.h"
#include "common/mem.h"
#include "operator/kube/config_file.h"

#include <stdlib.h>
#include <string.h>

enum { FILES_MAX = 64 };

static const char account_mount[] = "/var/run/secrets/kubernetes.io/serviceaccount";
static const size_t file_bytes_max = 1u << 20;

static void secret_clear(struct kube_secret_text *secret)
{
    free(secret->path);
    config_wipe(secret->text);
}

static void list_free(char **list)
{
    for (char **item = list; item && *item; item++)
        config_wipe(*item);
    free(list);
}

void kube_config_free(struct kube_config *config)
{
    if (!config)
        return;
    free(config->server);
    free(config->tls_server_name);
    config_wipe(config->proxy_url);
    secret_clear(&config->ca);
    secret_clear(&config->cert);
    secret_clear(&config->key);
    secret_clear(&config->token);
    config_wipe(config->username);
    config_wipe(config->password);
    list_free(config->exec.argv);
    list_free(config->exec.env);
    free(config->exec.api_version);
    free(config->exec.install_hint);
    config_wipe(config->exec.cluster_config);
    free(config->space);
    free(config->origin);
    free(config);
}

int kube_config_parse(struct kube_config **out, const char *text, size_t len, const char *base,
                      const char *context, struct err *err)
{
    struct config_file file;
    int rc = config_file_parse(&file, text, len, "kubeconfig", base, err);

    if (rc == 0)
        rc = config_resolve(out, &file, 1, false, context, err);
    config_file_clear(&file);
    return rc;
}

/* --- in a pod --- */

static char *space_of(const char *mount)
{
    AUTO_FREE char *path = xasprintf("%s/namespace", mount), *text = NULL;
    struct err ignored;
    size_t len;

    if (file_read(&text, &len, path, 4096, &ignored) < 0)
        return xstrdup("default");
    text[strcspn(text, " \r\n")] = '\0';
    return xstrdup(*text ? text : "default");
}

int config_in_cluster(struct kube_config **out, const char *mount, const char *host,
                      const char *port, struct err *err)
{
    AUTO(kube_config) struct kube_config *config = xcalloc(1, sizeof(*config));
    bool is_v6 = strchr(host, ':') && *host != '[';

    if (!port || !*port || port[strspn(port, "0123456789")])
        return err_set(err, ERR_CONFIG, "KUBERNETES_SERVICE_PORT: must be a port, like 443");
    if (!*host || strpbrk(host, "/?#@ \t\r\n"))
        return err_set(err, ERR_CONFIG, "KUBERNETES_SERVICE_HOST: must be an address");
    config->server = xasprintf("https://%s%s%s:%s", is_v6 ? "[" : "", host, is_v6 ? "]" : "", port);
    config->ca.path = xasprintf("%s/ca.crt", mount);
    config->token.path = xasprintf("%s/token", mount);
    if (!file_exists(config->token.path))
        return err_set(err, ERR_CONFIG, "%s: no service account is mounted here",
                       config->token.path);
    if (!file_exists(config->ca.path))
        return err_set(err, ERR_CONFIG, "%s: the mounted service account has no CA",
                       config->ca.path);
    config->space = space_of(mount);
    config->origin = xstrdup("in-cluster");
    *out = TAKE(config);
    return 0;
}

static bool is_in_cluster(void)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST");
    AUTO_FREE char *token = xasprintf("%s/token", account_mount);

    return host && *host && file_exists(token);
}

/* --- files --- */

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == path)
        return xstrdup("/");
    return slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
}

static int load_file(struct config_file *out, const char *path, struct err *err)
{
    AUTO_FREE char *base = folder_of(path);
    char *text = NULL;
    size_t len = 0;
    int rc;

    if (file_read(&text, &len, path, file_bytes_max, err) < 0)
        return -1;
    rc = config_file_parse(out, text, len, path, base, err);
    explicit_bzero(text, len);
    free(text);
    return rc;
}

/* Of a list, files that are not there are passed over; one of them must be. */
static int load_files(struct config_file *files, size_t *count, const char *list, struct err *err)
{
    AUTO_FREE char *copy = xstrdup(list);
    char *rest = copy, *path;

    while ((path = strsep(&rest, ":"))) {
        if (!*path || !file_exists(path))
            continue;
        if (*count == FILES_MAX)
            return err_set(err, ERR_CONFIG, "KUBECONFIG: has more than %d files", FILES_MAX);
        if (load_file(&files[(*count)++], path, err) < 0)
            return err->code == ERR_CONFIG ? -1 : err_set(err, ERR_CONFIG, "%.300s", err->msg);
    }
    if (!*count)
        return err_set(err, ERR_CONFIG, "KUBECONFIG: none of its files exists: %.200s", list);
    return 0;
}

static int load_list(struct kube_config **out, const char *list, const char *context,
                     struct err *err)
{
    struct config_file files[FILES_MAX] = { 0 };
    size_t count = 0;
    int rc = load_files(files, &count, list, err);

    if (rc == 0)
        rc = config_resolve(out, files, count, true, context, err);
    for (size_t i = 0; i < count; i++)
        config_file_clear(&files[i]);
    return rc;
}

static int load_one(struct kube_config **out, const char *path, const char *context,
                    struct err *err)
{
    struct config_file file = { 0 };
    int rc = load_file(&file, path, err);

    if (rc < 0)
        err->code = ERR_CONFIG;
    else
        rc = config_resolve(out, &file, 1, true, context, err);
    config_file_clear(&file);
    return rc;
}

int kube_config_load(struct kube_config **out, const char *kubeconfig, const char *context,
                     struct err *err)
{
    const char *list = getenv("KUBECONFIG"), *home = getenv("HOME");
    AUTO_FREE char *path = xasprintf("%s/.kube/config", home ? home : "");

    if (kubeconfig)
        return load_one(out, kubeconfig, context, err);
    if (list && *list)
        return load_list(out, list, context, err);
    if (!context && is_in_cluster())
        return config_in_cluster(out, account_mount, getenv("KUBERNETES_SERVICE_HOST"),
                                 getenv("KUBERNETES_SERVICE_PORT"), err);
    if (!home || !file_exists(path))
        return err_set(err, ERR_CONFIG,
                       "no Kubernetes cluster is known: name a kubeconfig, set KUBECONFIG, have "
                       "~/.kube/config, or run in a pod with a service account");
    return load_one(out, path, context, err);
}
