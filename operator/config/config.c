/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/config/config.h"

#include "common/buf.h"
#include "common/file.h"
#include "common/mem.h"
#include "common/suggest.h"
#include "operator/config/table.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PROBLEMS_MAX_BYTES = 1 << 20, SHOWN_MAX = 200 };

struct loading {
    struct operator_config *config;
    struct buf problems;
    const char *flags[CONFIG_ROWS_MAX]; /* what each row was given; borrowed */
};

/* NAME is the setting's, or the argument that is none. */
static void problem(struct loading *loading, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void problem(struct loading *loading, const char *name, const char *fmt, ...)
{
    char why[1024];
    struct err full;
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    for (char *c = why; *c; c++) {
        if (iscntrl((unsigned char)*c))
            *c = '?'; /* what was given begins no line of its own */
    }
    /* The megabyte is more than a command line holds; what is above it is not told. */
    (void)buf_printf(&loading->problems, &full, "config error: %s: %s\n", name, why);
}

static void *field_of(const struct config_row *row, struct operator_config *config)
{
    return (char *)config + row->offset;
}

/* The command line -----------------------------------------------------------------------------*/

static const struct config_row *row_find(const char *name, size_t len)
{
    for (size_t i = 0; i < config_row_count; i++) {
        if (strlen(config_rows[i].name) == len && strncmp(config_rows[i].name, name, len) == 0)
            return &config_rows[i];
    }
    return NULL;
}

static void unknown_flag(struct loading *loading, const char *argument)
{
    const char *names[CONFIG_ROWS_MAX], *near;
    AUTO_FREE char *name = xstrndup(argument + 2, strcspn(argument + 2, "="));
    AUTO_FREE char *flag = xasprintf("--%.*s", SHOWN_MAX, name);

    for (size_t i = 0; i < config_row_count; i++)
        names[i] = config_rows[i].name;
    near = suggest_nearest(name, names, config_row_count);
    if (near)
        problem(loading, flag, "there is no such flag; did you mean --%s?", near);
    else
        problem(loading, flag, "there is no such flag; see --help");
}

/* Takes argv[at] and perhaps the next; the index of the last taken. */
static int flag_take(struct loading *loading, int at, int argc, char *const *argv)
{
    const char *name = argv[at] + 2, *value = strchr(name, '=');
    size_t len = value ? (size_t)(value - name) : strlen(name);
    const struct config_row *row = row_find(name, len);

    if (!row) {
        unknown_flag(loading, argv[at]);
        return at;
    }
    if (value)
        value++;
    else if (row->type == CONFIG_BOOL)
        value = "true";
    else if (at + 1 < argc && strncmp(argv[at + 1], "--", 2) != 0)
        value = argv[++at];
    else
        problem(loading, row->name, "--%s needs a value", row->name);
    if (value && loading->flags[row - config_rows])
        problem(loading, row->name, "--%s is given twice; once is right", row->name);
    loading->flags[row - config_rows] = value;
    return at;
}

static enum config_ask find_ask(int argc, char *const *argv)
{
    static const char *const words[] = { "--help", "-h", "--version", "--table" };
    static const enum config_ask asks[] = { CONFIG_HELP, CONFIG_HELP, CONFIG_VERSION,
                                            CONFIG_TABLE };

    for (int i = 1; i < argc; i++) {
        for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
            if (strcmp(argv[i], words[w]) == 0)
                return asks[w];
        }
    }
    return CONFIG_RUN;
}

static void flags_read(struct loading *loading, int argc, char *const *argv)
{
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) == 0 && argv[i][2])
            i = flag_take(loading, i, argc, argv);
        else
            problem(loading, "arguments", "\"%.*s\" is no flag; settings are given as --NAME VALUE",
                    SHOWN_MAX, argv[i]);
    }
}

/* Values ---------------------------------------------------------------------------------------*/

static const char *env_find(char *const *env, const char *name)
{
    size_t len = strlen(name);

    for (; env && *env; env++) {
        if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
            return (*env)[len + 1] ? *env + len + 1 : NULL;
    }
    return NULL;
}

/* What is wrong with a URL is not repeated: it may hold a password. */
static bool is_shown(const struct config_row *row)
{
    return row->wrong != config_wrong_redis_url && row->wrong != config_wrong_proxy_url;
}

static bool is_right(struct loading *loading, const struct config_row *row, const char *text)
{
    const char *why = row->wrong ? row->wrong(text) : NULL;

    if (why && is_shown(row))
        problem(loading, row->name, "%s; \"%.*s\" is not", why, SHOWN_MAX, text);
    else if (why)
        problem(loading, row->name, "%s", why);
    return !why;
}

static void list_set(struct loading *loading, const struct config_row *row, const char *text)
{
    char **list = *(char ***)field_of(row, loading->config);
    size_t count = 0;

    for (;;) {
        size_t len;
        AUTO_FREE char *part = NULL;

        text += strspn(text, " ");
        len = strcspn(text, ",");
        part = xstrndup(text, len);
        for (size_t end = len; end > 0 && part[end - 1] == ' '; end--)
            part[end - 1] = '\0';
        if (is_right(loading, row, part)) {
            list = xrealloc(list, (count + 2) * sizeof(*list));
            list[count++] = TAKE(part);
            list[count] = NULL;
            *(char ***)field_of(row, loading->config) = list;
        }
        if (!text[len])
            return;
        text += len + 1;
    }
}

static void number_set(struct loading *loading, const struct config_row *row, const char *text)
{
    bool is_seconds = row->type == CONFIG_SECONDS;
    int64_t value;
    bool parsed = is_seconds ? config_parse_seconds(text, &value) : config_parse_int(text, &value);

    if (!parsed || value < row->min || value > row->max) {
        problem(loading, row->name, "must be %s of %" PRId64 " to %" PRId64 "%s; \"%.*s\" is not",
                is_seconds ? "a time" : "a number", row->min, row->max,
                is_seconds ? " seconds (like 600, 600s or 10m)" : "", SHOWN_MAX, text);
        return;
    }
    *(int64_t *)field_of(row, loading->config) = is_seconds ? value * 1000 : value;
}

static void enum_set(struct loading *loading, const struct config_row *row, const char *text)
{
    char all[256] = "";
    const char *near;
    size_t count = 0;

    for (; row->choices[count]; count++) {
        size_t len = strlen(all);

        if (strcmp(row->choices[count], text) == 0) {
            *(char **)field_of(row, loading->config) = xstrdup(text);
            return;
        }
        (void)snprintf(all + len, sizeof(all) - len, "%s%s", len ? ", " : "", row->choices[count]);
    }
    near = suggest_nearest(text, row->choices, count);
    problem(loading, row->name, "must be one of %s; \"%.*s\" is not%s%s%s", all, SHOWN_MAX, text,
            near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

static void file_set(struct loading *loading, const struct config_row *row, const char *text)
{
    struct config_secret *secret = field_of(row, loading->config);
    struct err err;
    size_t len;
    char *data;

    secret->path = xstrdup(text);
    if (file_read(&data, &len, text, (size_t)row->max, &err) < 0) {
        problem(loading, row->name, "must be a file to be read, of at most %" PRId64 " bytes: %s",
                row->max, err.msg);
        return;
    }
    secret->data = data;
    if (row->trim && len && data[len - 1] == '\n')
        data[--len] = '\0';
    secret->len = len;
    if ((int64_t)len < row->min)
        problem(loading, row->name, "%.*s holds %zu bytes; at least %" PRId64 " are needed",
                SHOWN_MAX, text, len, row->min);
    else if (row->trim && strlen(data) != len)
        problem(loading, row->name, "%.*s holds a zero byte; it must be text", SHOWN_MAX, text);
}

static void row_set(struct loading *loading, const struct config_row *row, const char *text)
{
    switch (row->type) {
    case CONFIG_TEXT:
        if (is_right(loading, row, text))
            *(char **)field_of(row, loading->config) = xstrdup(text);
        break;
    case CONFIG_LIST:
        list_set(loading, row, text);
        break;
    case CONFIG_INT:
    case CONFIG_SECONDS:
        number_set(loading, row, text);
        break;
    case CONFIG_BOOL:
        if (!config_parse_bool(text, field_of(row, loading->config)))
            problem(loading, row->name, "must be true or false; \"%.*s\" is not", SHOWN_MAX, text);
        break;
    case CONFIG_ENUM:
        enum_set(loading, row, text);
        break;
    case CONFIG_FILE:
        file_set(loading, row, text);
        break;
    }
}

static void row_load(struct loading *loading, const struct config_row *row, char *const *env)
{
    const char *text = loading->flags[row - config_rows];
    char name[64];

    config_env_name(name, sizeof(name), row->name);
    if (!text)
        text = env_find(env, name);
    if (!text)
        text = row->fallback;
    if (text && (*text || row->type == CONFIG_INT || row->type == CONFIG_SECONDS ||
                 row->type == CONFIG_BOOL || row->type == CONFIG_ENUM))
        row_set(loading, row, text);
    else if (row->required)
        problem(loading, row->name, "is needed: --%s or %s", row->name, name);
    if (row->type == CONFIG_LIST && !*(char ***)field_of(row, loading->config))
        *(char ***)field_of(row, loading->config) = xcalloc(1, sizeof(char *));
}

/* What follows from others ---------------------------------------------------------------------*/

static void secret_copy(struct config_secret *out, const struct config_secret *from)
{
    if (!from->data)
        return;
    *out = (struct config_secret){ .path = xstrdup(from->path),
                                   .data = xmalloc(from->len + 1),
                                   .len = from->len };
    memcpy(out->data, from->data, from->len + 1);
}

/* Without a user of their own, workers are the operator's user, with its password. */
static void workers_redis(struct loading *loading)
{
    struct operator_config *config = loading->config;

    if (config->redis_user && !config->redis_password.path)
        problem(loading, "redis-user", "needs redis-password-file with that user's password");
    if (config->worker_redis_user && !config->worker_redis_password.path)
        problem(loading, "worker-redis-user",
                "needs worker-redis-password-file with that user's password");
    if (!config->worker_redis_url && config->redis_url)
        config->worker_redis_url = xstrdup(config->redis_url);
    if (config->worker_redis_user)
        return;
    if (!config->worker_redis_password.path)
        secret_copy(&config->worker_redis_password, &config->redis_password);
    if (config->redis_user)
        config->worker_redis_user = xstrdup(config->redis_user);
}

static void identity_fill(struct loading *loading)
{
    char host[256];

    if (loading->config->pod_name)
        return;
    if (gethostname(host, sizeof(host)) < 0 || !host[0])
        problem(loading, "pod-name", "is needed: this host has no name");
    host[sizeof(host) - 1] = '\0';
    loading->config->pod_name = xstrdup(host);
}

static void finish(struct loading *loading)
{
    struct operator_config *config = loading->config;

    workers_redis(loading);
    identity_fill(loading);
    if (config->listen)
        (void)config_parse_listen(config->listen, &config->listen_host, &config->listen_port);
}

int operator_config_load(struct operator_config **out, enum config_ask *ask, int argc,
                         char *const *argv, char *const *env, char **problems)
{
    AUTO(operator_config) struct operator_config *config = xcalloc(1, sizeof(*config));
    struct loading loading = { .config = config };

    *ask = find_ask(argc, argv);
    if (*ask != CONFIG_RUN)
        return 0;
    buf_init(&loading.problems, PROBLEMS_MAX_BYTES);
    flags_read(&loading, argc, argv);
    for (size_t i = 0; i < config_row_count; i++)
        row_load(&loading, &config_rows[i], env);
    finish(&loading);
    if (loading.problems.len) {
        *problems = buf_take(&loading.problems);
        return -1;
    }
    buf_clear(&loading.problems);
    *out = TAKE(config);
    return 0;
}

static void row_clear(const struct config_row *row, struct operator_config *config)
{
    void *field = field_of(row, config);
    struct config_secret *secret = field;

    switch (row->type) {
    case CONFIG_TEXT:
    case CONFIG_ENUM:
        free(*(char **)field);
        break;
    case CONFIG_LIST:
        for (char **at = *(char ***)field; at && *at; at++)
            free(*at);
        free(*(char ***)field);
        break;
    case CONFIG_FILE:
        if (secret->data)
            explicit_bzero(secret->data, secret->len);
        free(secret->data);
        free(secret->path);
        break;
    case CONFIG_INT:
    case CONFIG_SECONDS:
    case CONFIG_BOOL:
        break;
    }
}

void operator_config_free(struct operator_config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < config_row_count; i++)
        row_clear(&config_rows[i], config);
    free(config->listen_host);
    free(config);
}

char *operator_config_redis_url(const char *url, const char *user)
{
    const char *host = strstr(url, "://");

    if (!user || strncmp(url, "unix:", 5) == 0 || !host)
        return xstrdup(url);
    return xasprintf("%.*s%s@%s", (int)(host + 3 - url), url, user, host + 3);
}
