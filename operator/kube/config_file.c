/* SPDX-License-Identifier: Apache-2.0
 *
 * A person mends a kubeconfig once, so all that is wrong on the way to the chosen context is told
 * at once: "FILE: line 12: clusters[0].cluster.server: ...; line 20: ...". Users and clusters that
 * the context does not name may be as broken as they like, lists and names may not.
 */
#include "operator/kube/config_file.h"

#include "common/buf.h"
#include "common/mem.h"
#include "operator/kube/base64.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TOLD_MAX = 380, KEY_MAX = 160 };

/* A named thing: contexts[2].context of one of the files. */
struct entry {
    const struct config_file *file; /* borrowed; NULL: there is none */
    const cJSON *body;              /* borrowed; NULL: "user:" with nothing behind */
    char path[KEY_MAX];
};

struct resolver {
    const struct config_file *files; /* borrowed */
    size_t count;
    bool look;
    struct kube_config *config; /* being filled */
    const struct config_file *told_of;
    struct buf told;
    unsigned problems, untold;
};

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

/* Of what is missing: where it should be. 0: not known. */
static int line_of(const struct config_file *file, const char *key)
{
    AUTO_FREE char *path = xstrdup(key);
    int line = 0, column;

    for (char *dot = path; dot && !line; dot = strrchr(path, '.')) {
        if (dot != path)
            *dot = '\0';
        yaml_place(file->places, path, &line, &column);
    }
    return line;
}

__attribute__((format(printf, 4, 5))) static void problem(struct resolver *r,
                                                          const struct config_file *file,
                                                          const char *key, const char *fmt, ...)
{
    char what[200];
    int line;
    struct err ignored;
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    r->problems++;
    if (r->told.len > TOLD_MAX) {
        r->untold++;
        return;
    }
    line = line_of(file, key);
    if (r->told.len)
        (void)buf_append(&r->told, "; ", 2, &ignored);
    if (file != r->told_of)
        (void)buf_printf(&r->told, &ignored, "%.200s: ", file->path);
    r->told_of = file;
    if (line)
        (void)buf_printf(&r->told, &ignored, "line %d: ", line);
    (void)buf_printf(&r->told, &ignored, "%s%s%s", key, *key ? ": " : "", what);
}

static const cJSON *item_of(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

    return cJSON_IsNull(item) ? NULL : item;
}

static void key_of(char out[KEY_MAX], const struct entry *entry, const char *key)
{
    int len = snprintf(out, KEY_MAX, "%s%s%s", entry->path, *entry->path ? "." : "", key);

    if (len < 0 || len >= KEY_MAX) /* no key of ours is as long */
        *out = '\0';
}

/* NULL: absent, empty, or told. */
static const char *text_of(struct resolver *r, const struct entry *entry, const char *key)
{
    const cJSON *item = item_of(entry->body, key);
    char path[KEY_MAX];

    key_of(path, entry, key);
    if (item && !cJSON_IsString(item))
        problem(r, entry->file, path, "must be text (in quotes when it looks like a number)");
    return cJSON_IsString(item) && *item->valuestring ? item->valuestring : NULL;
}

static bool bool_of(struct resolver *r, const struct entry *entry, const char *key)
{
    const cJSON *item = item_of(entry->body, key);
    char path[KEY_MAX];

    key_of(path, entry, key);
    if (item && !cJSON_IsBool(item))
        problem(r, entry->file, path, "must be true or false");
    return cJSON_IsTrue(item);
}

static bool has_control(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return true;
    }
    return false;
}

/* --- lists with names --- */

static const char *name_of(const cJSON *item)
{
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(item, "name");

    return cJSON_IsString(name) ? name->valuestring : NULL;
}

static bool has_before(const cJSON *list, const cJSON *item, const char *name)
{
    const cJSON *other; /* borrowed from list */

    cJSON_ArrayForEach(other, list)
    {
        const char *its = name_of(other);

        if (other == item)
            return false;
        if (its && strcmp(its, name) == 0)
            return true;
    }
    return false;
}

static void check_list(struct resolver *r, const struct config_file *file, const char *list_name,
                       const char *body_name)
{
    const cJSON *list = item_of(file->doc, list_name), *item; /* borrowed from doc */
    char path[KEY_MAX];
    int index = 0;

    if (list && !cJSON_IsArray(list)) {
        problem(r, file, list_name, "must be a list");
        return;
    }
    cJSON_ArrayForEach(item, list)
    {
        const char *name = name_of(item);
        const cJSON *body = item_of(item, body_name);

        (void)snprintf(path, sizeof(path), "%s[%d]", list_name, index++);
        if (!cJSON_IsObject(item) || !name)
            problem(r, file, path, "must have a name, which is text");
        else if (has_before(list, item, name))
            problem(r, file, path, "the name \"%.60s\" is there twice", name);
        else if (body && !cJSON_IsObject(body))
            problem(r, file, path, "%s must be a map", body_name);
    }
}

static void check_file(struct resolver *r, const struct config_file *file)
{
    const struct entry top = { .file = file, .body = file->doc };
    const char *kind = text_of(r, &top, "kind"), *version = text_of(r, &top, "apiVersion");

    if (kind && strcmp(kind, "Config") != 0)
        problem(r, file, "kind", "must be Config");
    if (version && strcmp(version, "v1") != 0)
        problem(r, file, "apiVersion", "must be v1");
    check_list(r, file, "clusters", "cluster");
    check_list(r, file, "contexts", "context");
    check_list(r, file, "users", "user");
}

static bool find_in(struct entry *out, const struct config_file *file, const char *list_name,
                    const char *body_name, const char *name)
{
    const cJSON *item; /* borrowed from doc */
    int index = 0;

    cJSON_ArrayForEach(item, item_of(file->doc, list_name))
    {
        const char *its = name_of(item);

        if (its && strcmp(its, name) == 0) {
            out->file = file;
            out->body = item_of(item, body_name);
            (void)snprintf(out->path, sizeof(out->path), "%s[%d].%s", list_name, index, body_name);
            return true;
        }
        index++;
    }
    return false;
}

static bool find(const struct resolver *r, struct entry *out, const char *list_name,
                 const char *body_name, const char *name)
{
    *out = (struct entry){ 0 };
    for (size_t i = 0; i < r->count; i++) {
        if (find_in(out, &r->files[i], list_name, body_name, name))
            return true;
    }
    return false;
}

/* "a, b, c": what could have been meant. */
static void names_of(const struct resolver *r, const char *list_name, char *out, size_t size)
{
    const cJSON *item; /* borrowed from the documents */
    size_t used = 0;

    (void)snprintf(out, size, "none");
    for (size_t i = 0; i < r->count; i++) {
        cJSON_ArrayForEach(item, item_of(r->files[i].doc, list_name))
        {
            const char *name = name_of(item);

            if (name && used < size)
                used +=
                    (size_t)snprintf(out + used, size - used, "%s%.40s", used ? ", " : "", name);
        }
    }
}

/* --- values --- */

static char *path_from(const struct config_file *file, const char *path)
{
    return *path == '/' ? xstrdup(path) : xasprintf("%s/%s", file->base, path);
}

static void check_readable(struct resolver *r, const struct config_file *file, const char *key,
                           const char *path)
{
    if (r->look && access(path, R_OK) < 0)
        problem(r, file, key, "%.120s cannot be read: %s", path, strerror(errno));
}

/* KEY-data, decoded. */
static void read_data(struct resolver *r, const struct entry *entry, const char *key,
                      const char *data, struct kube_secret_text *out)
{
    size_t len = 0;
    char *text = base64_decode(data, &len);

    if (!text) {
        problem(r, entry->file, key, "is not base64");
    } else if (strlen(text) != len || !strstr(text, "-----BEGIN ")) {
        problem(r, entry->file, key, "holds no PEM");
        explicit_bzero(text, len);
        free(text);
    } else {
        out->text = text;
    }
}

/* KEY is a path, KEY-data is base64; not both. */
static void read_secret(struct resolver *r, const struct entry *entry, const char *key,
                        struct kube_secret_text *out)
{
    char path_key[KEY_MAX], data_name[64], data_key[KEY_MAX];
    const char *path, *data;

    (void)snprintf(data_name, sizeof(data_name), "%s-data", key);
    key_of(path_key, entry, key);
    key_of(data_key, entry, data_name);
    path = text_of(r, entry, key);
    data = text_of(r, entry, data_name);
    if (path && data) {
        problem(r, entry->file, path_key, "is there beside %s: keep one", data_name);
    } else if (path) {
        out->path = path_from(entry->file, path);
        check_readable(r, entry->file, path_key, out->path);
    } else if (data) {
        read_data(r, entry, data_key, data, out);
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
           (may_login || !strchr(host, '@')) && !has_control(host);
}

static void read_server(struct resolver *r, const struct entry *cluster)
{
    static const char *const schemes[] = { "https", "http", NULL };
    const char *server = text_of(r, cluster, "server");
    char key[KEY_MAX];
    size_t len;

    key_of(key, cluster, "server");
    if (!server) {
        if (!item_of(cluster->body, "server") || cJSON_IsString(item_of(cluster->body, "server")))
            problem(r, cluster->file, key, "is missing: a URL like https://host:6443");
        return;
    }
    if (!is_url(server, schemes, false)) {
        problem(r, cluster->file, key, "must be a URL like https://host:6443");
        return;
    }
    for (len = strlen(server); server[len - 1] == '/';)
        len--;
    r->config->server = xstrndup(server, len);
}

static void read_proxy(struct resolver *r, const struct entry *cluster)
{
    static const char *const schemes[] = { "http", "https", "socks5", "socks5h", NULL };
    const char *proxy = text_of(r, cluster, "proxy-url");
    char key[KEY_MAX];

    key_of(key, cluster, "proxy-url");
    if (proxy && !is_url(proxy, schemes, true))
        problem(r, cluster->file, key,
                "must be a URL like http://, https:// or socks5://host:port");
    else if (proxy)
        r->config->proxy_url = xstrdup(proxy);
}

static void read_cluster(struct resolver *r, const struct entry *cluster)
{
    const char *name = text_of(r, cluster, "tls-server-name");
    char key[KEY_MAX];

    read_server(r, cluster);
    read_proxy(r, cluster);
    key_of(key, cluster, "tls-server-name");
    if (name && strpbrk(name, " /:@\t\r\n"))
        problem(r, cluster->file, key, "must be a host name");
    else if (name)
        r->config->tls_server_name = xstrdup(name);
    read_secret(r, cluster, "certificate-authority", &r->config->ca);
    r->config->insecure = bool_of(r, cluster, "insecure-skip-tls-verify");
    key_of(key, cluster, "insecure-skip-tls-verify");
    if (r->config->insecure && (r->config->ca.path || r->config->ca.text))
        problem(r, cluster->file, key, "is true beside a certificate-authority: keep one");
}

/* --- users --- */

/* A header would end at a line end, and another begin. */
static char *copy_line(struct resolver *r, const struct entry *entry, const char *key)
{
    const char *text = text_of(r, entry, key);
    char path[KEY_MAX];

    if (!text)
        return NULL;
    if (!has_control(text))
        return xstrdup(text);
    key_of(path, entry, key);
    problem(r, entry->file, path, "must be one line");
    return NULL;
}

static void read_arguments(struct resolver *r, const struct entry *exec, const char *command)
{
    const cJSON *list = item_of(exec->body, "args"), *item; /* borrowed from body */
    size_t count = 0;
    char key[KEY_MAX];

    key_of(key, exec, "args");
    r->config->exec.argv = xcalloc((size_t)cJSON_GetArraySize(list) + 2, sizeof(char *));
    /* A bare name is looked for in PATH; "./plugin" lies beside the kubeconfig. */
    r->config->exec.argv[count++] =
        strchr(command, '/') ? path_from(exec->file, command) : xstrdup(command);
    if (list && !cJSON_IsArray(list)) {
        problem(r, exec->file, key, "must be a list");
        return;
    }
    cJSON_ArrayForEach(item, list)
    {
        if (cJSON_IsString(item))
            r->config->exec.argv[count++] = xstrdup(item->valuestring);
        else
            problem(r, exec->file, key, "must be a list of texts");
    }
}

static void read_environment(struct resolver *r, const struct entry *exec)
{
    const cJSON *list = item_of(exec->body, "env"), *item; /* borrowed from body */
    size_t count = 0;
    char key[KEY_MAX];

    key_of(key, exec, "env");
    if (list && !cJSON_IsArray(list)) {
        problem(r, exec->file, key, "must be a list");
        return;
    }
    r->config->exec.env = xcalloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(char *));
    cJSON_ArrayForEach(item, list)
    {
        const char *name = name_of(item);
        const cJSON *value = item_of(item, "value");

        if (!name || !*name || strchr(name, '=') || (value && !cJSON_IsString(value)))
            problem(r, exec->file, key, "must be a list of name and value, which are texts");
        else
            r->config->exec.env[count++] =
                xasprintf("%s=%s", name, value ? value->valuestring : "");
    }
}

static void read_exec_words(struct resolver *r, const struct entry *exec)
{
    const char *version = text_of(r, exec, "apiVersion"), *hint = text_of(r, exec, "installHint");
    const char *mode = text_of(r, exec, "interactiveMode");
    char key[KEY_MAX];

    key_of(key, exec, "apiVersion");
    if (!version || (strcmp(version, "client.authentication.k8s.io/v1") != 0 &&
                     strcmp(version, "client.authentication.k8s.io/v1beta1") != 0))
        problem(r, exec->file, key, "must be client.authentication.k8s.io/v1 or /v1beta1");
    else
        r->config->exec.api_version = xstrdup(version);
    r->config->exec.install_hint = hint ? xstrdup(hint) : NULL;
    r->config->exec.provide_cluster_info = bool_of(r, exec, "provideClusterInfo");
    key_of(key, exec, "interactiveMode");
    if (mode && strcmp(mode, "Never") != 0 && strcmp(mode, "IfAvailable") != 0)
        problem(r, exec->file, key, "must be Never or IfAvailable: nobody is there to be asked");
}

static void read_exec(struct resolver *r, const struct entry *user)
{
    const cJSON *body = item_of(user->body, "exec"); /* borrowed from user */
    struct entry exec = { .file = user->file, .body = body };
    char key[KEY_MAX];
    const char *command;

    if (!body)
        return;
    key_of(exec.path, user, "exec");
    if (!cJSON_IsObject(body)) {
        problem(r, user->file, exec.path, "must be a map");
        return;
    }
    command = text_of(r, &exec, "command");
    key_of(key, &exec, "command");
    if (command)
        read_arguments(r, &exec, command);
    else if (!item_of(body, "command") || cJSON_IsString(item_of(body, "command")))
        problem(r, exec.file, key, "is missing: the plugin's program");
    read_environment(r, &exec);
    read_exec_words(r, &exec);
}

static void read_token(struct resolver *r, const struct entry *user)
{
    const char *path = text_of(r, user, "tokenFile");
    char key[KEY_MAX];

    key_of(key, user, "tokenFile");
    if (path) { /* the file may be newer than a token beside it */
        r->config->token.path = path_from(user->file, path);
        check_readable(r, user->file, key, r->config->token.path);
    } else {
        r->config->token.text = copy_line(r, user, "token");
    }
}

/* KEY or KEY-data, right or wrong. */
static bool says(const struct entry *user, const char *key, const char *data_key)
{
    return item_of(user->body, key) || item_of(user->body, data_key);
}

/* Two ways to say who one is are one too many; a client certificate goes beside any. */
static void check_user(struct resolver *r, const struct entry *user)
{
    const struct kube_config *config = r->config;
    bool has_cert = says(user, "client-certificate", "client-certificate-data");
    bool has_key = says(user, "client-key", "client-key-data");
    int ways = (config->token.path || config->token.text) + (config->username != NULL) +
               (config->exec.argv != NULL);

    if (has_cert && !has_key)
        problem(r, user->file, user->path, "has a client-certificate without client-key");
    if (!has_cert && has_key)
        problem(r, user->file, user->path, "has a client-key without client-certificate");
    if (config->password && !config->username)
        problem(r, user->file, user->path, "has a password without username");
    if (ways > 1)
        problem(r, user->file, user->path,
                "has more than one of token, username and exec: keep one");
    if (item_of(user->body, "auth-provider") && !ways && !has_cert)
        problem(r, user->file, user->path, "auth-provider is gone from Kubernetes: use exec");
}

static void read_user(struct resolver *r, const struct entry *user)
{
    struct kube_config *config = r->config;

    read_secret(r, user, "client-certificate", &config->cert);
    read_secret(r, user, "client-key", &config->key);
    read_token(r, user);
    config->username = copy_line(r, user, "username");
    config->password = copy_line(r, user, "password");
    read_exec(r, user);
    check_user(r, user);
}

/* --- the context --- */

static void check_space(struct resolver *r, const struct entry *context)
{
    const char *space = text_of(r, context, "namespace");
    char key[KEY_MAX];

    key_of(key, context, "namespace");
    if (space &&
        (strlen(space) > 63 || space[strspn(space, "abcdefghijklmnopqrstuvwxyz0123456789-")]))
        problem(r, context->file, key, "must be a namespace: at most 63 of a-z, 0-9 and -");
    r->config->space = xstrdup(space ? space : "default");
}

static void read_context(struct resolver *r, const struct entry *context)
{
    const char *cluster_name = text_of(r, context, "cluster");
    const char *user_name = text_of(r, context, "user");
    struct entry cluster, user;
    char key[KEY_MAX], names[120];

    check_space(r, context);
    key_of(key, context, "cluster");
    if (cluster_name && find(r, &cluster, "clusters", "cluster", cluster_name)) {
        read_cluster(r, &cluster);
    } else {
        names_of(r, "clusters", names, sizeof(names));
        problem(r, context->file, key, "must be the name of a cluster: %s", names);
    }
    key_of(key, context, "user");
    if (user_name && find(r, &user, "users", "user", user_name)) {
        read_user(r, &user);
    } else if (user_name) {
        names_of(r, "users", names, sizeof(names));
        problem(r, context->file, key, "must be the name of a user: %s", names);
    }
}

static const char *current_of(struct resolver *r)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct entry top = { .file = &r->files[i], .body = r->files[i].doc };
        const char *name = text_of(r, &top, "current-context");

        if (name)
            return name;
    }
    return NULL;
}

static void read_all(struct resolver *r, const char *name)
{
    struct entry context;
    char names[160];

    for (size_t i = 0; i < r->count; i++)
        check_file(r, &r->files[i]);
    if (!name)
        name = current_of(r);
    names_of(r, "contexts", names, sizeof(names));
    if (!name) {
        problem(r, &r->files[0], "current-context", "is not set: one of %s", names);
    } else if (!find(r, &context, "contexts", "context", name)) {
        problem(r, &r->files[0], "contexts", "none is named \"%.80s\": there are %s", name, names);
    } else {
        read_context(r, &context);
        r->config->origin = xasprintf("%s, context %s", context.file->path, name);
    }
}

int config_resolve(struct kube_config **out, const struct config_file *files, size_t count,
                   bool look, const char *context, struct err *err)
{
    AUTO(kube_config) struct kube_config *config = xcalloc(1, sizeof(*config));
    struct resolver r = { .files = files, .count = count, .look = look, .config = config };
    AUTO_FREE char *told = NULL;

    buf_init(&r.told, 4096);
    read_all(&r, context);
    told = buf_take(&r.told);
    if (r.untold)
        return err_set(err, ERR_CONFIG, "%.*s; and %u more", TOLD_MAX + 60, told, r.untold);
    if (r.problems)
        return err_set(err, ERR_CONFIG, "%s", told);
    *out = TAKE(config);
    return 0;
}
