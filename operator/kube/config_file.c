/* SPDX-License-Identifier: Apache-2.0
 *
 * A person mends a kubeconfig once, so all that is wrong on the way to the chosen context is told
 * at once: "FILE: line 12: clusters[0].cluster.server: ...; line 20: ...". Users and clusters that
 * the context does not name may be as broken as they like, lists and names may not.
 */
#include "operator/kube/config_file.h"

#include "common/mem.h"
#include "operator/kube/config_read.h"

#include <stdio.h>
#include <string.h>

enum { TOLD_MAX = 380, KEY_MAX = 160 };

void config_wipe(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

static void wipe_tree(cJSON *node)
{
    cJSON *item;

    if (cJSON_IsString(node))
        explicit_bzero(node->valuestring, strlen(node->valuestring));
    cJSON_ArrayForEach(item, node) wipe_tree(item);
}

void config_file_clear(struct config_file *file)
{
    free(file->path);
    free(file->base);
    wipe_tree(file->doc);
    cJSON_Delete(file->doc);
    yaml_places_free(file->places);
    memset(file, 0, sizeof(*file));
}

/* Nothing but space and comments. */
static bool is_blank(const char *text, size_t len)
{
    bool comment = false;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n')
            comment = false;
        else if (text[i] == '#')
            comment = true;
        else if (!comment && (!text[i] || !strchr(" \t\r", text[i])))
            return false;
    }
    return true;
}

int config_file_parse(struct config_file *out, const char *text, size_t len, const char *path,
                      const char *base, struct err *err)
{
    *out = (struct config_file){ .path = xstrdup(path), .base = xstrdup(base) };
    if (is_blank(text, len)) { /* says nothing, as a file just touched */
        text = "{}";
        len = 2;
    }
    if (yaml_parse(&out->doc, &out->places, text, len, err) < 0)
        return err_wrap(err, "%.200s", path);
    if (!cJSON_IsObject(out->doc))
        return err_set(err, ERR_CONFIG, "%.200s: is not a kubeconfig", path);
    return 0;
}

/* --- lists with names --- */

static bool has_before(const cJSON *list, const cJSON *item, const char *name)
{
    const cJSON *other; /* borrowed from list */

    cJSON_ArrayForEach(other, list)
    {
        const char *its = config_name(other);

        if (other == item)
            return false;
        if (its && strcmp(its, name) == 0)
            return true;
    }
    return false;
}

static void check_list(struct config_reader *r, const struct config_file *file,
                       const char *list_name, const char *body_name)
{
    const cJSON *list = config_item(file->doc, list_name), *item; /* borrowed from doc */
    char path[CONFIG_KEY_MAX];
    int index = 0;

    if (list && !cJSON_IsArray(list)) {
        config_problem(r, file, list_name, "must be a list");
        return;
    }
    cJSON_ArrayForEach(item, list)
    {
        const char *name = config_name(item);
        const cJSON *body = config_item(item, body_name);

        (void)snprintf(path, sizeof(path), "%s[%d]", list_name, index++);
        if (!cJSON_IsObject(item) || !name)
            config_problem(r, file, path, "must have a name, which is text");
        else if (has_before(list, item, name))
            config_problem(r, file, path, "the name \"%.60s\" is there twice", name);
        else if (body && !cJSON_IsObject(body))
            config_problem(r, file, path, "%s must be a map", body_name);
    }
}

static void check_file(struct config_reader *r, const struct config_file *file)
{
    const struct config_entry top = { .file = file, .body = file->doc };
    const char *kind = config_text(r, &top, "kind"), *version = config_text(r, &top, "apiVersion");

    if (kind && strcmp(kind, "Config") != 0)
        config_problem(r, file, "kind", "must be Config");
    if (version && strcmp(version, "v1") != 0)
        config_problem(r, file, "apiVersion", "must be v1");
    check_list(r, file, "clusters", "cluster");
    check_list(r, file, "contexts", "context");
    check_list(r, file, "users", "user");
}

static bool find_in(struct config_entry *out, const struct config_file *file, const char *list_name,
                    const char *body_name, const char *name)
{
    const cJSON *item; /* borrowed from doc */
    int index = 0;

    cJSON_ArrayForEach(item, config_item(file->doc, list_name))
    {
        const char *its = config_name(item);

        if (its && strcmp(its, name) == 0) {
            out->file = file;
            out->body = config_item(item, body_name);
            (void)snprintf(out->path, sizeof(out->path), "%s[%d].%s", list_name, index, body_name);
            return true;
        }
        index++;
    }
    return false;
}

static bool find(const struct config_reader *r, struct config_entry *out, const char *list_name,
                 const char *body_name, const char *name)
{
    *out = (struct config_entry){ 0 };
    for (size_t i = 0; i < r->count; i++) {
        if (find_in(out, &r->files[i], list_name, body_name, name))
            return true;
    }
    return false;
}

/* "a, b, c": what could have been meant. */
static void names_of(const struct config_reader *r, const char *list_name, char *out, size_t size)
{
    const cJSON *item; /* borrowed from the documents */
    size_t used = 0;

    (void)snprintf(out, size, "none");
    for (size_t i = 0; i < r->count; i++) {
        cJSON_ArrayForEach(item, config_item(r->files[i].doc, list_name))
        {
            const char *name = config_name(item);

            if (name && used < size)
                used +=
                    (size_t)snprintf(out + used, size - used, "%s%.40s", used ? ", " : "", name);
        }
    }
}

static const char *after_scheme(const char *url, const char *const *schemes)
{
    for (; *schemes; schemes++) {
        size_t len = strlen(*schemes);

        if (strncasecmp(url, *schemes, len) == 0 && strncmp(url + len, "://", 3) == 0)
            return url + len + 3;
    }
    return NULL;
}

static bool is_url(const char *url, const char *const *schemes, bool may_login)
{
    const char *host = after_scheme(url, schemes);

    return host && *host && !strchr("/:?#", *host) && !strpbrk(host, "?# \"<>\\") &&
           (may_login || !strchr(host, '@')) && !config_has_control(host);
}

static void read_server(struct config_reader *r, const struct config_entry *cluster)
{
    static const char *const schemes[] = { "https", "http", NULL };
    const char *server = config_text(r, cluster, "server");
    char key[CONFIG_KEY_MAX];
    size_t len;

    config_key(key, cluster, "server");
    if (!server) {
        if (!config_item(cluster->body, "server") ||
            cJSON_IsString(config_item(cluster->body, "server")))
            config_problem(r, cluster->file, key, "is missing: a URL like https://host:6443");
        return;
    }
    if (!is_url(server, schemes, false)) {
        config_problem(r, cluster->file, key, "must be a URL like https://host:6443");
        return;
    }
    for (len = strlen(server); server[len - 1] == '/';)
        len--;
    r->config->server = xstrndup(server, len);
}

static void read_proxy(struct config_reader *r, const struct config_entry *cluster)
{
    static const char *const schemes[] = { "http", "https", "socks5", "socks5h", NULL };
    const char *proxy = config_text(r, cluster, "proxy-url");
    char key[CONFIG_KEY_MAX];

    config_key(key, cluster, "proxy-url");
    if (proxy && !is_url(proxy, schemes, true))
        config_problem(r, cluster->file, key,
                       "must be a URL like http://, https:// or socks5://host:port");
    else if (proxy)
        r->config->proxy_url = xstrdup(proxy);
}

/* What a cluster says to exec plugins alone. */
static void read_extension(struct config_reader *r, const struct config_entry *cluster)
{
    const cJSON *item; /* borrowed from cluster */

    cJSON_ArrayForEach(item, config_item(cluster->body, "extensions"))
    {
        const char *name = config_name(item);
        const cJSON *extension = config_item(item, "extension");

        if (name && strcmp(name, "client.authentication.k8s.io/exec") == 0 && extension) {
            free(r->config->exec.cluster_config);
            r->config->exec.cluster_config = json_print(extension);
        }
    }
}

static void read_cluster(struct config_reader *r, const struct config_entry *cluster)
{
    const char *name = config_text(r, cluster, "tls-server-name");
    char key[CONFIG_KEY_MAX];

    read_server(r, cluster);
    read_proxy(r, cluster);
    read_extension(r, cluster);
    config_key(key, cluster, "tls-server-name");
    if (name && strpbrk(name, " /:@\t\r\n"))
        config_problem(r, cluster->file, key, "must be a host name");
    else if (name)
        r->config->tls_server_name = xstrdup(name);
    config_secret(r, cluster, "certificate-authority", &r->config->ca);
    r->config->insecure = config_bool(r, cluster, "insecure-skip-tls-verify");
    config_key(key, cluster, "insecure-skip-tls-verify");
    if (r->config->insecure && (r->config->ca.path || r->config->ca.text))
        config_problem(r, cluster->file, key, "is true beside a certificate-authority: keep one");
}

/* --- the context --- */

static void check_space(struct config_reader *r, const struct config_entry *context)
{
    const char *space = config_text(r, context, "namespace");
    char key[CONFIG_KEY_MAX];

    config_key(key, context, "namespace");
    if (space &&
        (strlen(space) > 63 || space[strspn(space, "abcdefghijklmnopqrstuvwxyz0123456789-")]))
        config_problem(r, context->file, key, "must be a namespace: at most 63 of a-z, 0-9 and -");
    r->config->space = xstrdup(space ? space : "default");
}

static void read_context(struct config_reader *r, const struct config_entry *context)
{
    const char *cluster_name = config_text(r, context, "cluster");
    const char *user_name = config_text(r, context, "user");
    struct config_entry cluster, user;
    char key[CONFIG_KEY_MAX], names[120];

    check_space(r, context);
    config_key(key, context, "cluster");
    if (cluster_name && find(r, &cluster, "clusters", "cluster", cluster_name)) {
        read_cluster(r, &cluster);
    } else {
        names_of(r, "clusters", names, sizeof(names));
        config_problem(r, context->file, key, "must be the name of a cluster: %s", names);
    }
    config_key(key, context, "user");
    if (user_name && find(r, &user, "users", "user", user_name)) {
        config_user(r, &user);
    } else if (user_name) {
        names_of(r, "users", names, sizeof(names));
        config_problem(r, context->file, key, "must be the name of a user: %s", names);
    }
}

static const char *current_of(struct config_reader *r)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct config_entry top = { .file = &r->files[i], .body = r->files[i].doc };
        const char *name = config_text(r, &top, "current-context");

        if (name)
            return name;
    }
    return NULL;
}

static void read_all(struct config_reader *r, const char *name)
{
    struct config_entry context;
    char names[160];

    for (size_t i = 0; i < r->count; i++)
        check_file(r, &r->files[i]);
    if (!name)
        name = current_of(r);
    names_of(r, "contexts", names, sizeof(names));
    if (!name) {
        config_problem(r, &r->files[0], "current-context", "is not set: one of %s", names);
    } else if (!find(r, &context, "contexts", "context", name)) {
        config_problem(r, &r->files[0], "contexts", "none is named \"%.80s\": there are %s", name,
                       names);
    } else {
        read_context(r, &context);
        r->config->origin = xasprintf("%s, context %s", context.file->path, name);
    }
}

int config_resolve(struct kube_config **out, const struct config_file *files, size_t count,
                   bool look, const char *context, struct err *err)
{
    AUTO(kube_config) struct kube_config *config = xcalloc(1, sizeof(*config));
    struct config_reader r = { .files = files, .count = count, .look = look, .config = config };
    AUTO_FREE char *told = NULL;

    buf_init(&r.told, 4096);
    read_all(&r, context);
    told = buf_take(&r.told);
    if (r.untold)
        return err_set(err, ERR_CONFIG, "%.*s; and %u more", CONFIG_TOLD_MAX + 60, told, r.untold);
    if (r.problems)
        return err_set(err, ERR_CONFIG, "%s", told);
    *out = TAKE(config);
    return 0;
}
