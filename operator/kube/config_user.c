/* SPDX-License-Identifier: Apache-2.0
 *
 * Who we are, as a kubeconfig says it.
 */
#include "operator/kube/config_read.h"

#include "common/mem.h"

#include <string.h>

/* A header would end at a line end, and another begin. */
static char *copy_line(struct config_reader *r, const struct config_entry *entry, const char *key)
{
    const char *text = config_text(r, entry, key);
    char path[CONFIG_KEY_MAX];

    if (!text)
        return NULL;
    if (!config_has_control(text))
        return xstrdup(text);
    config_key(path, entry, key);
    config_problem(r, entry->file, path, "must be one line");
    return NULL;
}

static void read_arguments(struct config_reader *r, const struct config_entry *exec,
                           const char *command)
{
    const cJSON *list = config_item(exec->body, "args"), *item; /* borrowed from body */
    size_t count = 0;
    char key[CONFIG_KEY_MAX];

    config_key(key, exec, "args");
    r->config->exec.argv = xcalloc((size_t)cJSON_GetArraySize(list) + 2, sizeof(char *));
    /* A bare name is looked for in PATH; "./plugin" lies beside the kubeconfig. */
    r->config->exec.argv[count++] =
        strchr(command, '/') ? config_path(exec->file, command) : xstrdup(command);
    if (list && !cJSON_IsArray(list)) {
        config_problem(r, exec->file, key, "must be a list");
        return;
    }
    cJSON_ArrayForEach(item, list)
    {
        if (cJSON_IsString(item))
            r->config->exec.argv[count++] = xstrdup(item->valuestring);
        else
            config_problem(r, exec->file, key, "must be a list of texts");
    }
}

static void read_environment(struct config_reader *r, const struct config_entry *exec)
{
    const cJSON *list = config_item(exec->body, "env"), *item; /* borrowed from body */
    size_t count = 0;
    char key[CONFIG_KEY_MAX];

    config_key(key, exec, "env");
    if (list && !cJSON_IsArray(list)) {
        config_problem(r, exec->file, key, "must be a list");
        return;
    }
    r->config->exec.env = xcalloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(char *));
    cJSON_ArrayForEach(item, list)
    {
        const char *name = config_name(item);
        const cJSON *value = config_item(item, "value");

        if (!name || !*name || strchr(name, '=') || (value && !cJSON_IsString(value)))
            config_problem(r, exec->file, key, "must be a list of name and value, which are texts");
        else
            r->config->exec.env[count++] =
                xasprintf("%s=%s", name, value ? value->valuestring : "");
    }
}

static void read_exec_words(struct config_reader *r, const struct config_entry *exec)
{
    const char *version = config_text(r, exec, "apiVersion"),
               *hint = config_text(r, exec, "installHint");
    const char *mode = config_text(r, exec, "interactiveMode");
    char key[CONFIG_KEY_MAX];

    config_key(key, exec, "apiVersion");
    if (!version || (strcmp(version, "client.authentication.k8s.io/v1") != 0 &&
                     strcmp(version, "client.authentication.k8s.io/v1beta1") != 0))
        config_problem(r, exec->file, key, "must be client.authentication.k8s.io/v1 or /v1beta1");
    else
        r->config->exec.api_version = xstrdup(version);
    r->config->exec.install_hint = hint ? xstrdup(hint) : NULL;
    r->config->exec.provide_cluster_info = config_bool(r, exec, "provideClusterInfo");
    config_key(key, exec, "interactiveMode");
    if (mode && strcmp(mode, "Never") != 0 && strcmp(mode, "IfAvailable") != 0)
        config_problem(r, exec->file, key,
                       "must be Never or IfAvailable: nobody is there to be asked");
}

static void read_exec(struct config_reader *r, const struct config_entry *user)
{
    const cJSON *body = config_item(user->body, "exec"); /* borrowed from user */
    struct config_entry exec = { .file = user->file, .body = body };
    char key[CONFIG_KEY_MAX];
    const char *command;

    if (!body)
        return;
    config_key(exec.path, user, "exec");
    if (!cJSON_IsObject(body)) {
        config_problem(r, user->file, exec.path, "must be a map");
        return;
    }
    command = config_text(r, &exec, "command");
    config_key(key, &exec, "command");
    if (command)
        read_arguments(r, &exec, command);
    else if (!config_item(body, "command") || cJSON_IsString(config_item(body, "command")))
        config_problem(r, exec.file, key, "is missing: the plugin's program");
    read_environment(r, &exec);
    read_exec_words(r, &exec);
}

static void read_token(struct config_reader *r, const struct config_entry *user)
{
    const char *path = config_text(r, user, "tokenFile");
    char key[CONFIG_KEY_MAX];

    config_key(key, user, "tokenFile");
    if (path) { /* the file may be newer than a token beside it */
        r->config->token.path = config_path(user->file, path);
        config_check_readable(r, user->file, key, r->config->token.path);
    } else {
        r->config->token.text = copy_line(r, user, "token");
    }
}

/* KEY or KEY-data, right or wrong. */
static bool says(const struct config_entry *user, const char *key, const char *data_key)
{
    return config_item(user->body, key) || config_item(user->body, data_key);
}

/* Two ways to say who one is are one too many; a client certificate goes beside any. */
static void check_user(struct config_reader *r, const struct config_entry *user)
{
    const struct kube_config *config = r->config;
    bool has_cert = says(user, "client-certificate", "client-certificate-data");
    bool has_key = says(user, "client-key", "client-key-data");
    int ways = (config->token.path || config->token.text) + (config->username != NULL) +
               (config->exec.argv != NULL);

    if (has_cert && !has_key)
        config_problem(r, user->file, user->path, "has a client-certificate without client-key");
    if (!has_cert && has_key)
        config_problem(r, user->file, user->path, "has a client-key without client-certificate");
    if (config->password && !config->username)
        config_problem(r, user->file, user->path, "has a password without username");
    if (ways > 1)
        config_problem(r, user->file, user->path,
                       "has more than one of token, username and exec: keep one");
    if (config_item(user->body, "auth-provider") && !ways && !has_cert)
        config_problem(r, user->file, user->path,
                       "auth-provider is gone from Kubernetes: use exec");
}

void config_user(struct config_reader *r, const struct config_entry *user)
{
    struct kube_config *config = r->config;

    config_secret(r, user, "client-certificate", &config->cert);
    config_secret(r, user, "client-key", &config->key);
    read_token(r, user);
    config->username = copy_line(r, user, "username");
    config->password = copy_line(r, user, "password");
    read_exec(r, user);
    check_user(r, user);
}
